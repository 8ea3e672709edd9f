package h1

import (
	"bytes"

	"github.com/uringserve/uringserve/app/field"
)

const (
	// maxMethodBytes is the longest method; the longest registered one,
	// UPDATEREDIRECTREF, has 17.
	maxMethodBytes = 32
	// maxEmptyBytes is how many bytes of empty lines may precede a request
	// line. RFC 9112 §2.2 asks for at least one line.
	maxEmptyBytes = 8
)

// ParseHead parses the request head at the start of b into h, which it resets
// first.
//
// n > 0: the head takes the first n bytes of b, and h holds views into them.
//
// n == 0 and no error: it is not complete. Call again with the same bytes and
// more behind them, and with seen = scanned; h has no meaning until then. The
// bytes may have been moved in between. Seen is 0 for the first call. So heads
// that drip in cost linear time: a call that brings no LF looks at its new
// bytes only, and at most FieldCount+2 others bring one.
//
// An error ends the connection. Limits are judged as soon as they are
// exceeded; everything else about a line once its LF is in b, but for the
// method, which is judged at once. Lines that begin a request and are empty
// are passed over, 8 bytes of them (RFC 9112 §2.2).
func ParseHead(b []byte, seen int, lim *Limits, h *Head) (n, scanned int, err *Error) {
	if 0 < seen && seen <= len(b) && bytes.IndexByte(b[seen:], '\n') < 0 {
		return 0, len(b), judgeOpen(b, lim)
	}
	h.Reset()
	start, err := skipEmptyLines(b)
	if err != nil || start == len(b) {
		return 0, len(b), err
	}
	fields, err := parseRequestLine(b, start, lim, h)
	if err != nil {
		return 0, len(b), err
	}
	if fields == 0 {
		return 0, len(b), judgeOpen(b, lim)
	}
	var at landmarks
	n, err = parseFields(b, fields, lim, &h.Fields, &at)
	if err != nil {
		return 0, len(b), err
	}
	if n == 0 {
		return 0, len(b), judgeOpen(b, lim)
	}
	if r := h.conclude(&at); r != 0 {
		return 0, len(b), refuse(r, start)
	}
	return n, n, nil
}

// judgeOpen judges an incomplete head whose complete lines are good: the
// method, if it is still in the request line, and the limits.
func judgeOpen(b []byte, lim *Limits) *Error {
	start, err := skipEmptyLines(b)
	if err != nil || start == len(b) {
		return err
	}
	end := bytes.IndexByte(b[start:], '\n')
	if end < 0 {
		if _, err := parseMethod(b, start); err != nil {
			return err
		}
		if size := len(b) - start; size > lim.LineBytes+1 || size == lim.LineBytes+1 && b[len(b)-1] != '\r' {
			return refuse(LineTooLong, start+lim.LineBytes)
		}
		return nil
	}
	fields := start + end + 1
	size := len(b) - fields
	if last := len(b) - 1; b[last] == '\r' && b[last-1] == '\n' {
		size-- // of the empty line that ends the section, it may be
	}
	if size > lim.HeadBytes {
		return refuse(HeadTooLarge, fields+lim.HeadBytes)
	}
	return nil
}

// skipEmptyLines is where the request line begins; len(b) if that has not
// come.
func skipEmptyLines(b []byte) (int, *Error) {
	for i := 0; i < len(b); i += 2 {
		switch {
		case b[i] == '\n':
			return 0, refuse(BareLF, i)
		case b[i] != '\r':
			return i, nil
		case i >= maxEmptyBytes:
			return 0, refuse(BadRequestLine, i)
		case i+1 == len(b):
			return len(b), nil
		case b[i+1] != '\n':
			return 0, refuse(BareCR, i)
		}
	}
	return len(b), nil
}

// parseRequestLine parses the line that begins at start, and answers where the
// next one begins; 0: it is not complete.
func parseRequestLine(b []byte, start int, lim *Limits, h *Head) (int, *Error) {
	space, err := parseMethod(b, start)
	if err != nil || space == 0 {
		return 0, err
	}
	target := space + 1
	end := field.ScanTarget(b, target)
	next, minor := end+len(" HTTP/1.1\r\n"), 0
	if next <= len(b) && end > target {
		switch string(b[end:next]) {
		case " HTTP/1.1\r\n":
			minor = 1
		case " HTTP/1.0\r\n":
		default:
			next = 0
		}
	} else {
		next = 0
	}
	if next == 0 { // unusual, wrong or incomplete
		if next, err = judgeRequestLine(b, start, target, lim); err != nil || next == 0 {
			return 0, err
		}
		minor = 1
	}
	if next-2-start > lim.LineBytes {
		return 0, refuse(LineTooLong, start+lim.LineBytes)
	}
	h.Method = field.Method(b[start:space])
	h.Minor = minor
	h.Target = b[target:end:end]
	if r := h.parseTarget(); r != 0 {
		return 0, refuse(r, target)
	}
	return next, nil
}

// parseMethod is where the space after the method that begins at start is; 0:
// not here yet.
func parseMethod(b []byte, start int) (int, *Error) {
	end := field.ScanToken(b, start)
	switch {
	case end-start > maxMethodBytes:
		return 0, refuse(MethodTooLong, start+maxMethodBytes)
	case end == len(b):
		return 0, nil
	case b[end] == ' ' && end > start:
		return end, nil
	case b[end] == '\r', b[end] == '\n':
		return 0, refuse(BadRequestLine, end)
	}
	return 0, refuse(BadMethod, end)
}

// judgeRequestLine says what is wrong with a request line whose method is
// good, or that it is HTTP/1.2 … 1.9 and where the next line begins; 0: it is
// not complete.
func judgeRequestLine(b []byte, start, target int, lim *Limits) (int, *Error) {
	lf := bytes.IndexByte(b[target:], '\n')
	if lf < 0 {
		return 0, nil
	}
	next := target + lf + 1
	line := bytes.TrimSuffix(b[target:next-1], cr)
	if target+len(line)-start > lim.LineBytes {
		return 0, refuse(LineTooLong, start+lim.LineBytes)
	}
	if target+len(line) == next-1 {
		return 0, refuse(BareLF, next-1)
	}
	if i := bytes.IndexByte(line, '\r'); i >= 0 {
		return 0, refuse(BareCR, target+i)
	}
	end := field.ScanTarget(line, 0)
	switch {
	case end == len(line), end == 0 && line[0] == ' ':
		return 0, refuse(BadRequestLine, target+end)
	case line[end] != ' ':
		return 0, refuse(BadTarget, target+end)
	}
	version := line[end+1:]
	if len(version) != 8 || string(version[:5]) != "HTTP/" || !isDigit(version[5]) ||
		version[6] != '.' || !isDigit(version[7]) {
		return 0, refuse(BadRequestLine, target+end+1)
	}
	if version[5] != '1' {
		return 0, refuse(BadVersion, target+end+1)
	}
	return next, nil
}

var cr = []byte{'\r'}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// parseFields parses the field section that begins at start, and answers where
// what follows it begins; 0: it is not complete.
func parseFields(b []byte, start int, lim *Limits, fields *field.Fields, at *landmarks) (int, *Error) {
	for i, count := start, 0; ; count++ {
		if i+1 < len(b) && b[i] == '\r' && b[i+1] == '\n' {
			return i + 2, nil
		}
		colon := field.ScanToken(b, i)
		if colon == len(b) || b[colon] != ':' || colon == i {
			return 0, judgeField(b, start, i, count, lim)
		}
		value := colon + 1
		for value < len(b) && (b[value] == ' ' || b[value] == '\t') {
			value++
		}
		end := field.ScanValue(b, value)
		next := end + 2
		if next > len(b) || b[end] != '\r' || b[end+1] != '\n' ||
			next-start > lim.HeadBytes || count >= lim.FieldCount {
			return 0, judgeField(b, start, i, count, lim)
		}
		for end > value && (b[end-1] == ' ' || b[end-1] == '\t') {
			end--
		}
		fields.AddView(b[i:colon:colon], b[value:end:end])
		at.note(b[i:colon], count)
		i = next
	}
}

// judgeField says what is wrong with the field line that begins at i, the
// count-th of the section that began at start; nil: it is not complete.
func judgeField(b []byte, start, i, count int, lim *Limits) *Error {
	lf := bytes.IndexByte(b[i:], '\n')
	if lf < 0 {
		return nil
	}
	next := i + lf + 1
	if next-start > lim.HeadBytes {
		return refuse(HeadTooLarge, start+lim.HeadBytes)
	}
	if count >= lim.FieldCount {
		return refuse(TooManyFields, i)
	}
	_, _, r, offset := splitField(b[i:next])
	if r == 0 {
		panic("BUG: h1: a good field line was judged")
	}
	return refuse(r, i+offset)
}

// splitField splits a field line, given with its LF, or says what is wrong
// with it and where. The slow twin of parseFields' loop.
func splitField(line []byte) (name, value []byte, r Reason, offset int) {
	end := len(line) - 2
	if end < 0 || line[end] != '\r' {
		return nil, nil, BareLF, len(line) - 1
	}
	if line[0] == ' ' || line[0] == '\t' {
		return nil, nil, ObsFold, 0
	}
	if i := bytes.IndexByte(line[:end], '\r'); i >= 0 {
		return nil, nil, BareCR, i
	}
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		return nil, nil, MissingColon, end
	}
	name, value = line[:colon], line[colon+1:end]
	if i := field.ScanToken(name, 0); i < colon || colon == 0 {
		if i > 0 && len(field.TrimSpace(name[i:])) == 0 {
			return nil, nil, SpaceBeforeColon, i
		}
		return nil, nil, BadFieldName, i
	}
	if i := field.ScanValue(value, 0); i < len(value) {
		return nil, nil, BadFieldValue, colon + 1 + i
	}
	return name, field.TrimSpace(value), 0, 0
}
