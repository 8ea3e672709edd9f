package ws

import (
	"testing"
	"unicode/utf8"
)

// reference is RFC 3629 §4, byte by byte, written down as its grammar: state
// is the set of ranges that must follow.
func reference(s string) (prefix, whole bool) {
	type span struct{ lo, hi byte }
	tail := span{0x80, 0xbf}
	var due []span
	for i := range len(s) {
		b := s[i]
		if len(due) > 0 {
			if b < due[0].lo || b > due[0].hi {
				return false, false
			}
			due = due[1:]
			continue
		}
		switch {
		case b <= 0x7f:
		case b >= 0xc2 && b <= 0xdf:
			due = []span{tail}
		case b == 0xe0:
			due = []span{{0xa0, 0xbf}, tail}
		case b == 0xed:
			due = []span{{0x80, 0x9f}, tail}
		case b >= 0xe1 && b <= 0xef:
			due = []span{tail, tail}
		case b == 0xf0:
			due = []span{{0x90, 0xbf}, tail, tail}
		case b >= 0xf1 && b <= 0xf3:
			due = []span{tail, tail, tail}
		case b == 0xf4:
			due = []span{{0x80, 0x8f}, tail, tail}
		default:
			return false, false
		}
	}
	return true, len(due) == 0
}

// checkText holds text against the grammar, with s cut at a and at b.
func checkText(t *testing.T, s string, a, b int) {
	t.Helper()
	var x text
	ok := x.add([]byte(s[:a])) && x.add([]byte(s[a:b])) && x.add([]byte(s[b:]))
	prefix, whole := reference(s)
	if ok != prefix || ok && x.ended() != whole {
		t.Fatalf("%q cut at %d and %d: %v, ended %v; want %v, %v", s, a, b, ok, x.ended(), prefix, whole)
	}
	if whole != utf8.ValidString(s) {
		t.Fatalf("%q: the reference is wrong", s)
	}
}

// Every string of up to four bytes of those that matter, cut at every two
// places, alone and after eight others.
func TestText(t *testing.T) {
	edges := []byte{0x00, 'a', 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef,
		0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff}
	var all func(s string)
	all = func(s string) {
		for a := range len(s) + 1 {
			for b := a; b <= len(s); b++ {
				checkText(t, s, a, b)
			}
		}
		checkText(t, "12345678"+s, 8, 8+len(s)/2)
		checkText(t, s+"12345678", len(s)/2, len(s))
		if len(s) == 4 {
			return
		}
		if len(s) == 3 { // what ends it matters least
			for _, c := range []byte{'a', 0x80, 0xbf, 0xc2, 0xf0} {
				all(s + string([]byte{c}))
			}
			return
		}
		for _, c := range edges {
			all(s + string([]byte{c}))
		}
	}
	all("")
}

func FuzzText(f *testing.F) {
	f.Add("aé€𐍈", uint8(2), uint8(5))
	f.Add("12345678\xed\xa0", uint8(9), uint8(9))
	f.Fuzz(func(t *testing.T, s string, a, b uint8) {
		i, j := int(a)%(len(s)+1), int(b)%(len(s)+1)
		checkText(t, s, min(i, j), max(i, j))
	})
}
