package h1

import (
	"bytes"

	"github.com/uringserve/uringserve/app/field"
)

// What an absolute form with no path stands for. Never written.
var (
	rootPath     = []byte{'/'}
	asteriskPath = []byte{'*'}
)

// parseTarget finds the form of h.Target, not empty, and its parts.
func (h *Head) parseTarget() Reason {
	if h.Target[0] != '/' {
		return h.parseOtherForm()
	}
	h.Form = FormOrigin
	if h.Method == "CONNECT" {
		return MethodTargetMismatch
	}
	return h.splitPath(h.Target)
}

// splitPath splits path and query.
func (h *Head) splitPath(t []byte) Reason {
	h.Path = t
	if i := bytes.IndexByte(t, '?'); i >= 0 {
		h.Path, h.Query = t[:i:i], t[i+1:]
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

// parseOtherForm parses a target that is not in origin form.
func (h *Head) parseOtherForm() Reason {
	t := h.Target
	if len(t) == 1 && t[0] == '*' {
		h.Form, h.Path = FormAsterisk, t
		if h.Method != "OPTIONS" {
			return MethodTargetMismatch
		}
		return 0
	}
	if _, rest := cutScheme(t); rest != nil {
		return h.parseAbsolute(rest)
	}
	// RFC 9112 §3.2.3: authority-form = uri-host ":" port
	if !validHost(t) || hostEnd(t) == len(t) {
		return BadTarget
	}
	h.Form, h.Host = FormAuthority, t
	if h.Method != "CONNECT" {
		return MethodTargetMismatch
	}
	return 0
}

// cutScheme splits an absolute form into the default port of its scheme and
// what comes after "://"; nil: it is not one of ours.
func cutScheme(t []byte) (port string, rest []byte) {
	switch i := bytes.Index(t, schemeEnd); {
	case i < 0:
	case field.EqualFold(t[:i], "http"):
		return "80", t[i+len(schemeEnd):]
	case field.EqualFold(t[:i], "https"):
		return "443", t[i+len(schemeEnd):]
	}
	return "", nil
}

var schemeEnd = []byte("://")

// parseAbsolute parses what comes after "http://". User information is
// refused (RFC 9110 §4.2.4), as '@' is of no host.
func (h *Head) parseAbsolute(rest []byte) Reason {
	h.Form = FormAbsolute
	end := bytes.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	h.Host = rest[:end:end]
	if !validHost(h.Host) {
		return BadTarget
	}
	if h.Method == "CONNECT" {
		return MethodTargetMismatch
	}
	if r := h.splitPath(rest[end:]); r != 0 {
		return r
	}
	if len(h.Path) == 0 {
		h.Path = rootPath
		if h.Method == "OPTIONS" && end == len(rest) {
			h.Path = asteriskPath
		}
	}
	return 0
}

// judgeHost judges the Host field, and makes it h.Host unless the target has
// an authority. RFC 9112 §3.2.
func (h *Head) judgeHost(host []byte) Reason {
	if !validHost(host) {
		return BadHost
	}
	if h.Host == nil {
		h.Host = host
		return 0
	}
	name, port := h.Host[:hostEnd(h.Host)], portOf(h.Host)
	implied, _ := cutScheme(h.Target)
	if implied == "" { // CONNECT
		implied = string(port)
	}
	if !bytes.EqualFold(name, host[:hostEnd(host)]) || !samePort(port, portOf(host), implied) {
		return HostMismatch
	}
	return 0
}

func samePort(a, b []byte, implied string) bool {
	if len(a) == 0 {
		a = []byte(implied)
	}
	if len(b) == 0 {
		return string(a) == implied
	}
	return bytes.Equal(a, b)
}

// hostEnd is where the port of a valid host begins, with its colon; its length
// if it has none.
func hostEnd(host []byte) int {
	i := bytes.LastIndexByte(host, ':')
	if i < 0 || host[len(host)-1] == ']' {
		return len(host)
	}
	return i
}

func portOf(host []byte) []byte {
	if i := hostEnd(host); i < len(host) {
		return host[i+1:]
	}
	return nil
}

// validHost: uri-host [ ":" port ], neither of them empty (RFC 9110 §7.2).
// Stricter than RFC 3986: no percent-encoding in names, no IPvFuture, no zone,
// and a port is 0 to 65535.
func validHost(b []byte) bool {
	i := 0
	if len(b) > 0 && b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 0 || !validIPv6(b[1:end]) {
			return false
		}
		i = end + 1
	} else {
		for i < len(b) && field.IsHost(b[i]) {
			i++
		}
		if i == 0 {
			return false
		}
	}
	return i == len(b) || b[i] == ':' && validPort(b[i+1:])
}

func validPort(b []byte) bool {
	port := 0
	for _, c := range b {
		if !isDigit(c) || port > 6553 {
			return false
		}
		port = port*10 + int(c-'0')
	}
	return len(b) > 0 && port <= 65535
}

// validIPv6: eight groups of one to four hexadecimal digits, one run of which
// may be left out as "::", the last two of which may be an IPv4 address (RFC
// 3986 §3.2.2).
func validIPv6(b []byte) bool {
	groups, gap := 0, false
	if bytes.HasPrefix(b, doubleColon) {
		gap, b = true, b[2:]
	}
	for len(b) > 0 {
		if groups >= 8 {
			return false
		}
		n := 0
		for n < len(b) && field.IsHex(b[n]) {
			n++
		}
		if n < len(b) && b[n] == '.' {
			groups += 2
			if !validIPv4(b) {
				return false
			}
			break
		}
		if n == 0 || n > 4 {
			return false
		}
		groups++
		if b = b[n:]; len(b) == 0 {
			break
		}
		if b[0] != ':' || len(b) == 1 {
			return false
		}
		if b = b[1:]; b[0] == ':' {
			if gap {
				return false
			}
			gap, b = true, b[1:]
		}
	}
	return groups == 8 || gap && groups < 8
}

var doubleColon = []byte("::")

// validIPv4: four decimal numbers up to 255, without leading zeros.
func validIPv4(b []byte) bool {
	for part := range 4 {
		n, v := 0, 0
		for n < len(b) && n < 3 && isDigit(b[n]) {
			v = v*10 + int(b[n]-'0')
			n++
		}
		if n == 0 || v > 255 || n > 1 && b[0] == '0' {
			return false
		}
		if b = b[n:]; part == 3 {
			break
		}
		if len(b) == 0 || b[0] != '.' {
			return false
		}
		b = b[1:]
	}
	return len(b) == 0
}
