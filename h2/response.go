package h2

import (
	"encoding/binary"
	"strconv"

	"github.com/uringserve/uringserve/app/field"
	"github.com/uringserve/uringserve/h2/hpack"
)

// ResponseMeta is what AppendResponse needs to know.
type ResponseMeta struct {
	// Status is 200 to 999.
	Status int
	// Fields are the handler's header fields, in any case; nil: none.
	Fields *field.Fields
	// Date is the time as an IMF-fixdate; empty: no date field. A Date of the
	// handler's wins.
	Date []byte
	// RequestMethod is the request's.
	RequestMethod string
	// Length is the length of the whole body in bytes if it is known, else
	// -1. For HEAD, of the body that GET would get; 0 there means unknown.
	Length int64
	// Trailers says that trailers may follow the body.
	Trailers bool
}

// frameBytes is the longest frame we send, though the peer may allow more:
// what comes between the frames of one stream waits for one of them.
const frameBytes = minFrameBytes

// AppendResponse appends the head of a stream's final response to dst, after
// the control frames that are due: :status, the handler's fields in their
// order, then what is ours.
//
// body says that DATA or trailers must follow, else the response has ended
// with its head. length is the declared length of the body, -1 if there is
// none, which the owner must hold the body to (RFC 9113 §8.1.1).
//
// Of the handler's fields, those about connections are left out (§8.2.2), and
// Content-Length where none may be (204, success to CONNECT).
//
// The error is a *ResponseError, ErrGone or a *StateError; out is then dst.
// Fields are not retained.
func (c *Conn) AppendResponse(dst []byte, id uint32, m *ResponseMeta) (out []byte, body bool, length int64, err error) {
	s, err := c.sendable("AppendResponse", id, false)
	if err != nil {
		return dst, false, 0, err
	}
	if m.Status < 200 || m.Status > 999 {
		return dst, false, 0, &ResponseError{Fault: FaultStatus, Status: m.Status}
	}
	w := headWriter{m: m, declared: -1}
	if err := w.judge(); err != nil {
		return dst, false, 0, err
	}
	w.decide()
	out, start := c.openBlock(dst)
	out = c.enc.AppendStatus(out, m.Status)
	out = c.appendFields(out, m.Fields)
	if len(m.Date) > 0 && !w.hasDate {
		out = c.enc.AppendNamed(out, hpack.Date, m.Date)
	}
	if w.sayLength {
		var buf [20]byte
		out = c.enc.AppendNamed(out, hpack.ContentLength, strconv.AppendInt(buf[:0], w.declared, 10))
	}
	in := sendHeaders
	if !w.body {
		in = sendHeadersEnd
	}
	s.headSent = true
	s.transit(in)
	c.settle(s)
	return closeBlock(out, start, id, !w.body), w.body, w.declared, nil
}

// AppendInterim appends an interim response (1xx other than 101, RFC 9113
// §8.1, §8.6) with fields, nil for none. Errors as AppendResponse.
func (c *Conn) AppendInterim(dst []byte, id uint32, status int, fields *field.Fields) ([]byte, error) {
	_, err := c.sendable("AppendInterim", id, false)
	if err != nil {
		return dst, err
	}
	if status < 100 || status > 199 || status == 101 {
		return dst, &ResponseError{Fault: FaultStatus, Status: status}
	}
	w := headWriter{m: &ResponseMeta{Status: status, Fields: fields}, declared: -1}
	if err := w.judge(); err != nil {
		return dst, err
	}
	out, start := c.openBlock(dst)
	out = c.appendFields(c.enc.AppendStatus(out, status), fields)
	return closeBlock(out, start, id, false), nil
}

// AppendTrailers appends the end of a response, with fields, nil for none.
// What Ready announced must have gone. Errors as AppendResponse.
func (c *Conn) AppendTrailers(dst []byte, id uint32, fields *field.Fields) ([]byte, error) {
	s, err := c.sendable("AppendTrailers", id, true)
	if err != nil {
		return dst, err
	}
	if s.ready > 0 {
		return dst, &StateError{"AppendTrailers", id, s.state}
	}
	if fields == nil || fields.Len() == 0 {
		return c.AppendData(dst, id, nil, true), nil
	}
	for i := range fields.Len() {
		name, value := fields.At(i)
		fault := judgeLine(name, value)
		if fault == 0 && !field.AllowedTrailer(name) {
			fault = FaultTrailer
		}
		if fault != 0 {
			return dst, responseError(fault, 0, name)
		}
	}
	out, start := c.openBlock(dst)
	out = c.appendFields(out, fields)
	s.transit(sendHeadersEnd)
	c.settle(s)
	return closeBlock(out, start, id, true), nil
}

// sendable is the stream of that id if we may send on it; head: the final head
// must have gone, else it must not.
func (c *Conn) sendable(call string, id uint32, head bool) (*stream, error) {
	state, s := c.stateOf(id)
	switch {
	case c.err != nil || s != nil && (state == StateResetByUs || state == StateResetByPeer):
		return nil, ErrGone
	case s == nil || !state.localOpen() || s.headSent != head:
		return nil, &StateError{call, id, state}
	}
	return s, nil
}

// headWriter is AppendResponse's view of one head.
type headWriter struct {
	m         *ResponseMeta
	declared  int64 // the handler's Content-Length, -1: none; later ours
	hasDate   bool
	given     bool // the handler gave a Content-Length
	body      bool
	sayLength bool
}

// judge sees what the handler's fields say, and that they may be sent. Nothing
// is encoded before all are found good: what enters the table must go out.
func (w *headWriter) judge() error {
	if w.m.Fields == nil {
		return nil
	}
	for i := range w.m.Fields.Len() {
		name, value := w.m.Fields.At(i)
		fault := judgeLine(name, value)
		switch len(name) {
		case 4:
			w.hasDate = w.hasDate || field.EqualFold(name, "date")
		case 14:
			if field.EqualFold(name, "content-length") && fault == 0 {
				n, ok := parseLength(value)
				if !ok || w.given {
					fault = FaultLength
				}
				w.declared, w.given = n, true
			}
		}
		if fault != 0 {
			return responseError(fault, w.m.Status, name)
		}
	}
	return nil
}

func judgeLine(name, value []byte) Fault {
	switch {
	case !field.ValidName(name):
		return FaultName
	case field.ScanValue(value, 0) < len(value):
		return FaultValue
	}
	return 0
}

// responseError is the error about the field of that name.
func responseError(fault Fault, status int, name []byte) *ResponseError {
	return &ResponseError{Fault: fault, Status: status, Name: string(name[:min(len(name), 64)])}
}

// decide: RFC 9110 §8.6, RFC 9113 §8.1.
func (w *headWriter) decide() {
	m := w.m
	switch {
	case m.RequestMethod == "CONNECT" && m.Status/100 == 2:
		w.declared, w.body = -1, true // RFC 9113 §8.5: DATA is the tunnel's
	case m.Status == 204:
		w.declared = -1
	case m.Status == 205:
		w.declared, w.sayLength = 0, true // RFC 9110 §15.3.6: no content
	case m.Status == 304:
		w.sayLength = w.given
	case m.RequestMethod == "HEAD":
		if !w.given && m.Length > 0 {
			w.declared = m.Length
		}
		w.sayLength = w.declared >= 0
	default:
		if !w.given {
			w.declared = m.Length
		}
		w.sayLength = w.declared >= 0
		w.body = m.Length != 0 || w.declared > 0 || m.Trailers
	}
}

// appendFields encodes the handler's fields, but for those that are not the
// handler's to say.
func (c *Conn) appendFields(out []byte, fields *field.Fields) []byte {
	if fields == nil {
		return out
	}
	for i := range fields.Len() {
		name, value := fields.At(i)
		name = c.scratch.lower(name)
		switch len(name) {
		case 7, 10, 16, 17:
			if connectionSpecific(name) {
				continue
			}
		case 14:
			if string(name) == "content-length" {
				continue // said by sayLength
			}
		}
		// RFC 9113 §8.2.1: no white space at the ends.
		out = c.enc.AppendField(out, name, field.TrimSpace(value), false)
	}
	return out
}

// lower is name, a token, in lower case; valid until the next call.
func (s *Scratch) lower(name []byte) []byte {
	b := s.name[:0]
	for ; len(name) >= 8; name = name[8:] {
		b = binary.LittleEndian.AppendUint64(b, lower8(binary.LittleEndian.Uint64(name)))
	}
	for _, c := range name {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	if s.name = b; cap(b) > maxKeptHead {
		s.name = nil
	}
	return b
}

// lower8 is eight ASCII octets in lower case.
func lower8(x uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	from := x + (0x80-'A')*ones // no octet carries into the next: none is above 0x7f
	above := x + (0x7f-'Z')*ones
	return x | from&^above&highs>>2
}

// openBlock begins a field block: control frames first, since what they say
// may hold for it, then room for the header of its frame.
func (c *Conn) openBlock(dst []byte) (out []byte, start int) {
	out = c.AppendOutput(dst)
	return append(out, 0, 0, 0, 0, 0, 0, 0, 0, 0), len(out) // HeaderBytes
}

// closeBlock ends the block that begins at start with its frame's header, and
// cuts it up if it is too long for one frame.
func closeBlock(out []byte, start int, id uint32, end bool) []byte {
	block := out[start+HeaderBytes:]
	if len(block) > frameBytes {
		block = append([]byte(nil), block...)
		return AppendHeadersFrames(out[:start], id, block, end, frameBytes)
	}
	h := FrameHeader{Length: len(block), Type: FrameHeaders, Flags: FlagEndHeaders, ID: id}
	if end {
		h.Flags |= FlagEndStream
	}
	AppendFrameHeader(out[:start], h)
	return out
}
