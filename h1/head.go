package h1

import "github.com/uringserve/uringserve/app/field"

// TargetForm is the form of a request target (RFC 9112 §3.2).
type TargetForm uint8

const (
	// FormOrigin is "/path?query".
	FormOrigin TargetForm = iota
	// FormAbsolute is "http://host/path?query".
	FormAbsolute
	// FormAuthority is "host:port", of CONNECT.
	FormAuthority
	// FormAsterisk is "*", of OPTIONS.
	FormAsterisk
)

// Head is a request head. The slices are views into what ParseHead was given,
// but for a Path that stands for an empty one; Method is not.
type Head struct {
	// Method is the method, case kept.
	Method string
	// Target is the request target as sent.
	Target []byte
	// Path and Query are what is before and after the first '?' of an origin-
	// or absolute-form target, undecoded; percent-encodings in Path are well
	// formed, those in Query may be not. Path is "*" for the asterisk form,
	// and "/" for an absolute form without one ("*" with OPTIONS, RFC 9112
	// §3.2.4). Both are empty for the authority form.
	Path, Query []byte
	// Host is the authority: the target's if it has one, else the Host field.
	// Empty only in HTTP/1.0.
	Host []byte
	Form TargetForm
	// Minor is 0 or 1; a higher one is treated as 1 (RFC 9110 §2.5).
	Minor int
	// Fields are the header fields in order. Its list is used again by the
	// next ParseHead.
	Fields field.Fields
	// Length is the length of the body in bytes, -1 if it is chunked.
	Length int64
	// KeepAlive says that the peer lets the connection go on: it did not say
	// close, and in HTTP/1.0 said keep-alive.
	KeepAlive bool
	// Expect100 says that the peer waits for 100 (Continue) before it sends
	// the body. Never with HTTP/1.0, never without a body.
	Expect100 bool
	// Upgrade says that the peer offers to change the protocol: Connection
	// has upgrade, there is an Upgrade field, and it is HTTP/1.1.
	Upgrade bool
}

// Reset empties h, so that it holds no view; the list's memory is kept.
func (h *Head) Reset() {
	// One by one: copying the whole struct showed in the profile.
	h.Method = ""
	h.Target, h.Path, h.Query, h.Host = nil, nil, nil, nil
	h.Form, h.Minor, h.Length = 0, 0, 0
	h.Fields.Reset()
	h.KeepAlive, h.Expect100, h.Upgrade = false, false, false
}
