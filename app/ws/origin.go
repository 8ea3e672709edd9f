package ws

import (
	"bytes"

	"github.com/uringserve/uringserve/app"
)

// SameOrigin reports whether req has no Origin, as those that do not come from
// a page, or that of the host that it is for. Scheme and port must fit the host
// as the client sees it: "https://example.com" is the origin of a request for
// "example.com" and of one for "example.com:443". Behind a proxy that changes
// Host it is false: name the origins that are allowed.
func SameOrigin(req *app.Request) bool {
	origin, n := only(req, "Origin")
	if n == 0 {
		return true
	}
	scheme, rest, ok := bytes.Cut(origin, []byte("://"))
	if !ok || n > 1 {
		return false // "null" among them
	}
	var port string
	switch string(bytes.ToLower(scheme)) {
	case "http":
		port = "80"
	case "https":
		port = "443"
	default:
		return false
	}
	name, at := splitPort(rest, port)
	hostName, hostAt := splitPort(req.Host, port)
	return len(name) > 0 && bytes.EqualFold(name, hostName) && at == hostAt
}

// splitPort splits an authority into host and port, that of the scheme if it
// has none.
func splitPort(authority []byte, scheme string) (host []byte, port string) {
	colon := bytes.LastIndexByte(authority, ':')
	if colon < 0 || bytes.IndexByte(authority[colon:], ']') >= 0 { // [::1]
		return authority, scheme
	}
	if colon == len(authority)-1 {
		return authority[:colon], scheme
	}
	return authority[:colon], string(authority[colon+1:])
}
