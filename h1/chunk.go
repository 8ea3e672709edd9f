package h1

import (
	"strconv"

	"github.com/uringserve/uringserve/app/field"
)

// AppendChunk appends data as one chunk to dst; nothing if data is empty, as a
// chunk without content would end the body.
func AppendChunk(dst, data []byte) []byte {
	if len(data) == 0 {
		return dst
	}
	dst = strconv.AppendUint(dst, uint64(len(data)), 16)
	dst = append(dst, crlf...)
	dst = append(dst, data...)
	return append(dst, crlf...)
}

// AppendLastChunk appends the end of a chunked body to dst, with trailers; nil:
// none. The error is a *ResponseError about a trailer, and dst is then
// unchanged; nil trailers always succeed.
func AppendLastChunk(dst []byte, trailers *field.Fields) ([]byte, error) {
	start := len(dst)
	dst = append(dst, "0\r\n"...)
	if trailers != nil {
		for i := range trailers.Len() {
			line := trailers.Line(i)
			if fault := judgeTrailer(line); fault != 0 {
				return dst[:start], responseError(fault, 0, line.Name)
			}
			dst = appendField(dst, line)
		}
	}
	return append(dst, crlf...), nil
}

func judgeTrailer(line field.Line) Fault {
	switch {
	case !field.ValidName(line.Name):
		return FaultName
	case field.ScanValue(line.Value, 0) < len(line.Value):
		return FaultValue
	case !field.AllowedTrailer(line.Name):
		return FaultTrailer
	}
	return 0
}

// AppendInformational appends an interim response to dst: status 100 to 199
// but 101, with fields; nil: none. Content-Length, Transfer-Encoding and
// Connection among them are left out. It must not be sent to HTTP/1.0 (RFC
// 9110 §15.2). The error is a *ResponseError, and dst is then unchanged.
func AppendInformational(dst []byte, status int, fields *field.Fields) ([]byte, error) {
	if status < 100 || status > 199 || status == 101 {
		return dst, &ResponseError{Fault: FaultStatus, Status: status}
	}
	start := len(dst)
	dst = appendStatusLine(dst, status)
	if fields != nil {
		for i := range fields.Len() {
			line := fields.Line(i)
			if !field.ValidName(line.Name) {
				return dst[:start], responseError(FaultName, status, line.Name)
			}
			if field.ScanValue(line.Value, 0) < len(line.Value) {
				return dst[:start], responseError(FaultValue, status, line.Name)
			}
			if r := roleOf(line.Name); r == rolePlain || r == roleDate {
				dst = appendField(dst, line)
			}
		}
	}
	return append(dst, crlf...), nil
}

// AppendError appends a whole response to dst that says the status in words
// and closes the connection: for requests that no handler sees. Date is as in
// ResponseMeta. For 405 it has an empty Allow: what is refused with it is a
// target that is no resource (RFC 9110 §15.5.6).
func AppendError(dst []byte, status int, date []byte) []byte {
	text := field.StatusText(status)
	dst = appendStatusLine(dst, status)
	if status == 405 {
		dst = append(dst, "Allow: \r\n"...)
	}
	if len(date) > 0 {
		dst = append(dst, "Date: "...)
		dst = append(dst, date...)
		dst = append(dst, crlf...)
	}
	dst = append(dst, "Content-Type: text/plain; charset=utf-8\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(len("000 \n")+len(text)), 10)
	dst = append(dst, "\r\nConnection: close\r\n\r\n"...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, ' ')
	dst = append(dst, text...)
	return append(dst, '\n')
}
