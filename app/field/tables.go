package field

import (
	"encoding/binary"
	"math/bits"
)

// The classes of octets, one bit each.
const (
	classToken  = 1 << iota // RFC 9110 §5.6.2: tchar
	classValue              // RFC 9110 §5.5: field-vchar, SP, HTAB
	classTarget             // octets a request target may hold, see IsTarget
	classHost               // RFC 3986 §3.2.2: reg-name without "%"
	classHex                // HEXDIG in either case
)

// classes is the class bits of every octet. It is never written after start.
var classes = makeClasses()

func makeClasses() (t [256]uint8) {
	for c := range t {
		alnum := '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
		if alnum {
			t[c] |= classToken | classHost
		}
		if '0' <= c && c <= '9' || 'A' <= c && c <= 'F' || 'a' <= c && c <= 'f' {
			t[c] |= classHex
		}
		if c == '\t' || c >= ' ' && c != 0x7f {
			t[c] |= classValue
		}
		if c > ' ' && c < 0x7f && c != '#' {
			t[c] |= classTarget
		}
	}
	for _, c := range "!#$%&'*+-.^_`|~" {
		t[c] |= classToken
	}
	for _, c := range "-._~!$&'()*+,;=" {
		t[c] |= classHost
	}
	return t
}

// IsToken reports whether c may stand in a token, and so in a field name or a
// method (RFC 9110 §5.6.2).
func IsToken(c byte) bool { return classes[c]&classToken != 0 }

// IsValue reports whether c may stand in a field value: visible ASCII, space,
// tab, and octets from 0x80 on, which are opaque (RFC 9110 §5.5).
func IsValue(c byte) bool { return classes[c]&classValue != 0 }

// IsTarget reports whether c may stand in a request target: visible ASCII but
// '#'. That is more than RFC 3986 says, as browsers send '|', '"' and others
// undisguised; nothing here can end a line or a word.
func IsTarget(c byte) bool { return classes[c]&classTarget != 0 }

// IsHost reports whether c may stand in a registered name, percent-encodings
// aside (RFC 3986 §3.2.2).
func IsHost(c byte) bool { return classes[c]&classHost != 0 }

// IsHex reports whether c is a hexadecimal digit.
func IsHex(c byte) bool { return classes[c]&classHex != 0 }

// ScanToken is the index of the first octet of b from i on that is not of a
// token; len(b) if there is none.
func ScanToken(b []byte, i int) int {
	for i < len(b) && classes[b[i]]&classToken != 0 {
		i++
	}
	return i
}

// ScanTarget is the index of the first octet of b from i on that is not of a
// request target; len(b) if there is none.
func ScanTarget(b []byte, i int) int {
	for i < len(b) && classes[b[i]]&classTarget != 0 {
		i++
	}
	return i
}

const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// ScanValue is the index of the first octet of b from i on that is not of a
// field value; len(b) if there is none. It looks at eight octets at a time.
func ScanValue(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		// The lowest bit set marks the first octet below 0x20, or 0x7f;
		// those above it may be false, as the subtraction borrows.
		del := x ^ 0x7f*ones
		stop := ((x-0x20*ones)&^x | (del-ones)&^del) & highs
		if stop != 0 {
			i += bits.TrailingZeros64(stop) / 8
			if b[i] != '\t' {
				return i
			}
			i -= 7 // and 8 more: on with the octet after the tab
		}
	}
	for i < len(b) && classes[b[i]]&classValue != 0 {
		i++
	}
	return i
}

// ValidName reports whether name is a field name: a token, not empty.
func ValidName[T []byte | string](name T) bool {
	for i := range len(name) {
		if classes[name[i]]&classToken == 0 {
			return false
		}
	}
	return len(name) > 0
}

// ValidValue reports whether value may be sent as a field value as it is: no
// control octet but tab, no white space at either end (RFC 9110 §5.5).
func ValidValue[T []byte | string](value T) bool {
	n := len(value)
	if n == 0 {
		return true
	}
	for i := range n {
		if classes[value[i]]&classValue == 0 {
			return false
		}
	}
	return !isSpace(value[0]) && !isSpace(value[n-1])
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

// TrimSpace is b without the spaces and tabs at its ends (RFC 9110 §5.6.3).
func TrimSpace(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}
