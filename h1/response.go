package h1

import (
	"strconv"

	"github.com/uringserve/uringserve/app/field"
)

// Framing is how the end of a response's body is told.
type Framing uint8

const (
	// FramingNone: there is no body, whatever the handler wrote.
	FramingNone Framing = iota
	// FramingLength: by Content-Length. Exactly so many bytes must follow.
	FramingLength
	// FramingChunked: by AppendChunk and AppendLastChunk.
	FramingChunked
	// FramingClose: by the end of the connection (HTTP/1.0).
	FramingClose
)

// ResponseMeta is what AppendHead needs to know.
type ResponseMeta struct {
	// Status is 101 or 200 to 999.
	Status int
	// Fields are the handler's header fields; nil: none.
	Fields *field.Fields
	// Date is the time as an IMF-fixdate; empty: no Date field. A Date of
	// the handler's wins.
	Date []byte
	// RequestMethod and Minor are the request's; "" and 1 if there is none.
	RequestMethod string
	Minor         int
	// KeepAlive says that the request and the server let the connection go on.
	KeepAlive bool
	// Length is the length of the whole body in bytes if it is known, else
	// -1. For HEAD, of the body that GET would get; 0 there means unknown.
	Length int64
	// Trailers says that trailers may follow the body.
	Trailers bool
}

// HandsOver reports whether a final response of that status ends HTTP/1 on the
// connection: 101 (Switching Protocols), or success to CONNECT. Bytes after
// the request are then the other protocol's (RFC 9110 §7.8, §9.3.6).
func HandsOver(requestMethod string, status int) bool {
	return status == 101 || requestMethod == "CONNECT" && status/100 == 2
}

// AppendHead appends the head of a final response to dst: status line, the
// handler's fields in their order, then what is ours.
//
// It answers how the body is framed; the declared length of the body, -1 if
// there is none, which the caller must hold the body to, also where f is
// FramingChunked; and whether the connection may go on afterwards. If
// HandsOver, f is FramingNone and keepAlive false: what follows is not HTTP.
//
// Of the handler's fields, Transfer-Encoding is left out; Content-Length is
// kept if it is valid, and left out where none may be (1xx, 204, success to
// CONNECT) or the body is chunked because of Trailers; Connection is replaced
// by ours if all it says is close, which is obeyed, or keep-alive.
//
// The error is a *ResponseError; out is then dst. Fields are not retained.
func AppendHead(dst []byte, m *ResponseMeta) (out []byte, f Framing, length int64, keepAlive bool, err error) {
	if m.Status != 101 && (m.Status < 200 || m.Status > 999) {
		return dst, 0, 0, false, &ResponseError{Fault: FaultStatus, Status: m.Status}
	}
	w := headWriter{m: m, declared: -1}
	out, fault, name := w.appendFields(appendStatusLine(dst, m.Status))
	if fault != 0 {
		return dst, 0, 0, false, responseError(fault, m.Status, name)
	}
	w.decide()
	if len(m.Date) > 0 && !w.hasDate {
		out = append(out, "Date: "...)
		out = append(out, m.Date...)
		out = append(out, crlf...)
	}
	out = w.appendFraming(out)
	return append(out, crlf...), w.framing, w.declared, w.keepAlive, nil
}

const crlf = "\r\n"

// headWriter is AppendHead's view of one head.
type headWriter struct {
	m        *ResponseMeta
	declared int64 // the handler's Content-Length, -1: none; later ours
	framing  Framing

	hasDate   bool
	upgrades  bool // a Connection of the handler's was kept
	closeKept bool // and it has close
	saysClose bool // a Connection of the handler's has close
	keepAlive bool
	bare      bool // neither Content-Length nor Transfer-Encoding may go
}

// appendFields checks the handler's fields, sees what they say about framing,
// and appends those that are not ours to say.
func (w *headWriter) appendFields(dst []byte) ([]byte, Fault, []byte) {
	fields := w.m.Fields
	if fields == nil {
		return dst, 0, nil
	}
	for i := range fields.Len() {
		line := fields.Line(i)
		if !field.ValidName(line.Name) {
			return dst, FaultName, line.Name
		}
		if field.ScanValue(line.Value, 0) < len(line.Value) {
			return dst, FaultValue, line.Name
		}
		switch roleOf(line.Name) {
		case roleDate:
			w.hasDate = true
		case roleConnection:
			if !w.readConnection(line.Value) {
				continue
			}
		case roleLength:
			n, ok := parseLength(line.Value)
			if !ok || w.declared >= 0 {
				return dst, FaultLength, line.Name
			}
			w.declared = n
			continue
		case roleCoding:
			continue
		}
		dst = appendField(dst, line)
	}
	return dst, 0, nil
}

// readConnection reads what the handler says about the connection; true: there
// is more in it than we would say, and it is kept.
func (w *headWriter) readConnection(value []byte) (keep bool) {
	closes := false
	for member, rest := field.NextMember(value); member != nil; member, rest = field.NextMember(rest) {
		switch {
		case field.EqualFold(member, "close"):
			closes = true
		case !field.EqualFold(member, "keep-alive"):
			keep = true
		}
	}
	w.saysClose = w.saysClose || closes
	w.upgrades = w.upgrades || keep
	w.closeKept = w.closeKept || keep && closes
	return keep
}

// role is what a response field means to AppendHead.
type role uint8

const (
	rolePlain role = iota
	roleDate
	roleConnection
	roleLength
	roleCoding
)

func roleOf(name []byte) role {
	switch len(name) {
	case 4:
		if field.EqualFold(name, "date") {
			return roleDate
		}
	case 10:
		if field.EqualFold(name, "connection") {
			return roleConnection
		}
	case 14:
		if field.EqualFold(name, "content-length") {
			return roleLength
		}
	case 17:
		if field.EqualFold(name, "transfer-encoding") {
			return roleCoding
		}
	}
	return rolePlain
}

// decide chooses the framing: RFC 9112 §6.3, RFC 9110 §8.6.
func (w *headWriter) decide() {
	m := w.m
	w.keepAlive = m.KeepAlive && !w.saysClose
	switch {
	case HandsOver(m.RequestMethod, m.Status):
		w.bare, w.keepAlive, w.declared = true, false, -1
	case m.Status == 204:
		w.bare, w.declared = true, -1
	case m.Status == 205:
		w.declared = 0 // RFC 9110 §15.3.6: no content
	case m.Status == 304:
		w.bare = w.declared < 0
	case m.RequestMethod == "HEAD":
		if w.declared < 0 && m.Length > 0 {
			w.declared = m.Length
		}
		w.bare = w.declared < 0
	case m.Trailers && m.Minor >= 1:
		w.framing = FramingChunked
	case w.declared >= 0 || m.Length >= 0:
		w.framing = FramingLength
		if w.declared < 0 {
			w.declared = m.Length
		}
	case m.Minor >= 1:
		w.framing = FramingChunked
	default:
		w.framing, w.keepAlive = FramingClose, false
	}
}

func appendField(dst []byte, line field.Line) []byte {
	dst = append(dst, line.Name...)
	dst = append(dst, ": "...)
	dst = append(dst, line.Value...)
	return append(dst, crlf...)
}

// appendFraming appends Content-Length, Transfer-Encoding and Connection.
func (w *headWriter) appendFraming(dst []byte) []byte {
	switch {
	case w.bare:
	case w.framing == FramingChunked:
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	case w.declared >= 0:
		dst = append(dst, "Content-Length: "...)
		dst = strconv.AppendInt(dst, w.declared, 10)
		dst = append(dst, crlf...)
	}
	switch {
	case HandsOver(w.m.RequestMethod, w.m.Status):
		if w.m.Status == 101 && !w.upgrades {
			dst = append(dst, "Connection: Upgrade\r\n"...) // RFC 9110 §7.8
		}
	case w.keepAlive:
		if w.m.Minor == 0 {
			dst = append(dst, "Connection: keep-alive\r\n"...)
		}
	case !w.closeKept:
		dst = append(dst, "Connection: close\r\n"...)
	}
	return dst
}

// appendStatusLine appends the status line. We are HTTP/1.1, whatever the
// request was (RFC 9110 §6.2).
func appendStatusLine(dst []byte, status int) []byte {
	if status == 200 {
		return append(dst, "HTTP/1.1 200 OK\r\n"...)
	}
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, ' ')
	dst = append(dst, field.StatusText(status)...)
	return append(dst, crlf...)
}

// responseError is the error about the field of that name.
func responseError(fault Fault, status int, name []byte) *ResponseError {
	return &ResponseError{Fault: fault, Status: status, Name: string(name[:min(len(name), 64)])}
}
