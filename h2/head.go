package h2

import (
	"bytes"

	"github.com/uringserve/uringserve/app/field"
)

// Head is a request head. Slices are copies, in the memory of Fields: see
// Conn.TakeHead.
type Head struct {
	// Method is the method, case kept.
	Method string
	// Scheme is "http" or "https", as the client says; empty for CONNECT.
	Scheme string
	// Target is the request target: :path as sent, :authority for CONNECT.
	Target []byte
	// Path and Query are what is before and after the first '?' of :path,
	// undecoded; percent-encodings in Path are well formed, those in Query
	// may be not. Path is "*" for the asterisk form. Empty for CONNECT.
	Path, Query []byte
	// Host is :authority, or Host if there is none. Never empty.
	Host []byte
	// Protocol is :protocol of an extended CONNECT (RFC 8441), else empty.
	// With it, Target and Path are those of other methods.
	Protocol []byte
	// Fields are the header fields in order, without pseudo-header fields;
	// cookie crumbs are one field, the last.
	Fields field.Fields
	// Length is the length of the body in bytes, 0 if there is none, -1 if it
	// is not known.
	Length int64
	// Expect100 says that the peer waits for 100 (Continue) before it sends
	// the body.
	Expect100 bool
}

// maxKeptHead is how much memory for cookies and names is used again, in bytes.
const maxKeptHead = 4 << 10

// Reset empties h and keeps its memory, up to a bound.
func (h *Head) Reset() {
	if invariants {
		h.Fields.Spoil() // views are over
	}
	// One by one: copying the whole struct shows in profiles.
	h.Method, h.Scheme = "", ""
	h.Target, h.Path, h.Query, h.Host, h.Protocol = nil, nil, nil, nil, nil
	h.Fields.Reset()
	h.Length, h.Expect100 = 0, false
}

// splitPath splits Target into Path and Query.
func (h *Head) splitPath() Reason {
	h.Path = h.Target
	if i := bytes.IndexByte(h.Target, '?'); i >= 0 {
		h.Path, h.Query = h.Target[:i:i], h.Target[i+1:]
	}
	if i := bytes.IndexByte(h.Path, '%'); i >= 0 && !validEscapes(h.Path[i:]) {
		return BadTarget
	}
	return 0
}

// validEscapes: every '%' is followed by two hexadecimal digits (RFC 3986
// §2.1).
func validEscapes(b []byte) bool {
	for i, c := range b {
		if c == '%' && (i+2 >= len(b) || !field.IsHex(b[i+1]) || !field.IsHex(b[i+2])) {
			return false
		}
	}
	return true
}
