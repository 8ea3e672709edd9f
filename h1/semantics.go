package h1

import (
	"math"

	"github.com/uringserve/uringserve/app/field"
)

// landmarks are where in the list the fields are that decide how a message is
// read: for each, the index of the last one plus 1, and how many there were.
type landmarks struct {
	host, length, coding, connection, upgrade, expect int32
	hosts, lengths, codings, connections              int32
}

// note records the index-th field if it is one of these.
func (at *landmarks) note(name []byte, index int) {
	i := int32(index + 1)
	switch len(name) {
	case 4:
		if field.EqualFold(name, "host") {
			at.host = i
			at.hosts++
		}
	case 6:
		if field.EqualFold(name, "expect") {
			at.expect = i
		}
	case 7:
		if field.EqualFold(name, "upgrade") {
			at.upgrade = i
		}
	case 10:
		if field.EqualFold(name, "connection") {
			at.connection = i
			at.connections++
		}
	case 14:
		if field.EqualFold(name, "content-length") {
			at.length = i
			at.lengths++
		}
	case 17:
		if field.EqualFold(name, "transfer-encoding") {
			at.coding = i
			at.codings++
		}
	}
}

// conclude judges the head as a whole, and derives what it means.
func (h *Head) conclude(at *landmarks) Reason {
	if at.length|at.coding != 0 {
		if r := h.frame(at); r != 0 {
			return r
		}
	}
	switch {
	case at.hosts == 1:
		if r := h.judgeHost(h.value(at.host)); r != 0 {
			return r
		}
	case at.hosts > 1:
		return DuplicateHost
	case h.Minor >= 1:
		return MissingHost
	}
	if at.expect != 0 && h.Minor >= 1 {
		if r := h.judgeExpect(); r != 0 {
			return r
		}
	}
	h.KeepAlive = h.Minor >= 1
	if at.connection != 0 {
		h.readConnection(at)
	}
	return 0
}

func (h *Head) value(index int32) []byte { return h.Fields.Line(int(index) - 1).Value }

// frame finds the length of the body (RFC 9112 §6.3). Whatever two recipients
// could see differently is refused.
func (h *Head) frame(at *landmarks) Reason {
	switch {
	case at.coding != 0 && at.length != 0:
		return LengthAndTransferEncoding
	case at.coding != 0 && h.Minor == 0:
		return TransferEncodingOn10
	case at.coding != 0:
		if at.codings > 1 {
			return BadTransferEncoding
		}
		if r := judgeCoding(h.value(at.coding)); r != 0 {
			return r
		}
		h.Length = -1
	case at.lengths > 1:
		return DuplicateContentLength
	default:
		n, ok := parseLength(h.value(at.length))
		if !ok {
			return BadContentLength
		}
		h.Length = n
	}
	if h.Length != 0 && h.Method == "CONNECT" {
		return UnexpectedBody
	}
	return 0
}

// judgeCoding accepts "chunked" alone. A list of other codings that ends in
// one "chunked" is understood but not supported.
func judgeCoding(value []byte) Reason {
	if field.EqualFold(value, "chunked") {
		return 0
	}
	r := BadTransferEncoding
	for member, rest := field.NextMember(value); member != nil; member, rest = field.NextMember(rest) {
		switch {
		case r == UnknownTransferCoding: // "chunked" was not the last one
			return BadTransferEncoding
		case field.EqualFold(member, "chunked"):
			r = UnknownTransferCoding
		case !field.IsToken(member[0]):
			return BadTransferEncoding
		}
	}
	if value := field.TrimSpace(value); len(value) == 0 || value[0] == ',' || value[len(value)-1] == ',' {
		return BadTransferEncoding
	}
	return r
}

// parseLength parses 1*DIGIT below 2^63 (RFC 9110 §8.6).
func parseLength[T []byte | string](b T) (n int64, ok bool) {
	for i := range len(b) {
		digit := int64(b[i]) - '0'
		if digit < 0 || digit > 9 || n > (math.MaxInt64-digit)/10 {
			return 0, false
		}
		n = n*10 + digit
	}
	return n, len(b) > 0
}

// judgeExpect: 100-continue is the only expectation there is (RFC 9110
// §10.1.1).
func (h *Head) judgeExpect() Reason {
	for value := range h.Fields.Values("expect") {
		if !field.EqualFold(value, "100-continue") {
			return UnknownExpectation
		}
	}
	h.Expect100 = h.Length != 0
	return 0
}

// readConnection reads the options of the connection (RFC 9110 §7.6.1, RFC
// 9112 §9.3).
func (h *Head) readConnection(at *landmarks) {
	var closes, keeps, upgrades bool
	read := func(value []byte) {
		for member, rest := field.NextMember(value); member != nil; member, rest = field.NextMember(rest) {
			switch len(member) {
			case 5:
				closes = closes || field.EqualFold(member, "close")
			case 7:
				upgrades = upgrades || field.EqualFold(member, "upgrade")
			case 10:
				keeps = keeps || field.EqualFold(member, "keep-alive")
			}
		}
	}
	if at.connections == 1 {
		read(h.value(at.connection))
	} else {
		for value := range h.Fields.Values("connection") {
			read(value)
		}
	}
	h.KeepAlive = !closes && (keeps || h.Minor >= 1)
	h.Upgrade = upgrades && h.Minor >= 1 && at.upgrade != 0 && len(h.value(at.upgrade)) > 0
}
