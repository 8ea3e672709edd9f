package ws

import "unicode/utf8"

// A text judges UTF-8 that comes in pieces. It holds the beginning of a
// character that is not all here, and finds what is wrong at the first byte
// that cannot be. The zero value is at the beginning of a text.
type text struct {
	begun [utf8.UTFMax]byte
	n     uint8 // bytes of begun
}

// add reports whether what came so far, with p, can be the beginning of UTF-8.
func (t *text) add(p []byte) bool {
	for t.n > 0 && len(p) > 0 {
		t.begun[t.n] = p[0]
		t.n++
		p = p[1:]
		// What cannot become a character counts as a full one, and is none.
		if b := t.begun[:t.n]; utf8.FullRune(b) {
			if !utf8.Valid(b) {
				return false
			}
			t.n = 0
		}
	}
	// A character that begins in the last three bytes may go on.
	for i := max(len(p)-utf8.UTFMax+1, 0); i < len(p); i++ {
		if utf8.RuneStart(p[i]) && !utf8.FullRune(p[i:]) {
			t.n = uint8(copy(t.begun[:], p[i:]))
			p = p[:i]
		}
	}
	return utf8.Valid(p)
}

// ended reports whether the text may end here.
func (t *text) ended() bool { return t.n == 0 }
