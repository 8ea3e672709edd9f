package h2

import (
	"bytes"

	"github.com/uringserve/uringserve/app/field"
)

// validHost: uri-host [ ":" port ], neither of them empty (RFC 9110 §7.2, RFC
// 3986 §3.2.2). Stricter than RFC 3986, and as strict as h1: no user
// information (RFC 9113 §8.3.1 forbids it), no percent-encoding in names, no
// IPvFuture, no zone, and a port is 0 to 65535.
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
		if c < '0' || c > '9' || port > 6553 {
			return false
		}
		port = port*10 + int(c-'0')
	}
	return len(b) > 0 && port <= 65535
}

// validIPv6: groups of one to four hexadecimal digits, eight with what "::"
// stands for, of which the last two may be an IPv4 address.
func validIPv6(b []byte) bool {
	before, after, gap := bytes.Cut(b, []byte("::"))
	n, ok := ipv6Groups(before, !gap)
	if !ok || !gap {
		return ok && n == 8
	}
	m, ok := ipv6Groups(after, true)
	return ok && n+m < 8
}

// ipv6Groups counts the groups of a part of an address, which may be empty;
// last: it may end in an IPv4 address.
func ipv6Groups(b []byte, last bool) (n int, ok bool) {
	for more := len(b) > 0; more; n++ {
		var group []byte
		group, b, more = bytes.Cut(b, []byte(":"))
		if last && !more && bytes.IndexByte(group, '.') >= 0 {
			return n + 2, validIPv4(group)
		}
		if len(group) == 0 || len(group) > 4 {
			return 0, false
		}
		for _, c := range group {
			if !field.IsHex(c) {
				return 0, false
			}
		}
	}
	return n, true
}

// validIPv4: four decimal numbers up to 255, without leading zeros.
func validIPv4(b []byte) bool {
	for part := range 4 {
		number, rest, more := bytes.Cut(b, []byte("."))
		v := 0
		for _, c := range number {
			if c < '0' || c > '9' {
				return false
			}
			v = v*10 + int(c-'0')
		}
		if len(number) == 0 || len(number) > 3 || v > 255 || len(number) > 1 && number[0] == '0' || more != (part < 3) {
			return false
		}
		b = rest
	}
	return true
}

// portOf is the port of a valid host, nil if it has none.
func portOf(host []byte) []byte {
	i := bytes.LastIndexByte(host, ':')
	if i < 0 || host[len(host)-1] == ']' {
		return nil
	}
	return host[i+1:]
}

// sameAuthority reports whether two authorities name the same: the host in any
// case, the port as the scheme implies it.
func sameAuthority(a, b []byte, scheme string) bool {
	if bytes.Equal(a, b) {
		return true
	}
	if !validHost(a) || !validHost(b) {
		return false
	}
	p, q := portOf(a), portOf(b)
	if !bytes.EqualFold(nameOf(a, p), nameOf(b, q)) {
		return false
	}
	return portNumber(p, scheme) == portNumber(q, scheme)
}

// nameOf is host without its port.
func nameOf(host, port []byte) []byte {
	if port == nil {
		return host
	}
	return host[:len(host)-len(port)-1]
}

func portNumber(port []byte, scheme string) string {
	switch {
	case port != nil:
		return string(port)
	case scheme == "http":
		return "80"
	case scheme == "https":
		return "443"
	}
	return ""
}
