package h2

import (
	"strings"
	"testing"
)

// Names are lowered eight octets at a time: every ASCII octet, in every place.
func TestLower(t *testing.T) {
	var s Scratch
	for c := range 128 {
		for at := range 19 {
			name := strings.Repeat("aZ-", 7)[:at] + string(rune(c)) + strings.Repeat("Q@[", 7)[at:]
			if got := string(s.lower([]byte(name))); got != strings.ToLower(name) {
				t.Fatalf("%q: %q", name, got)
			}
		}
	}
	if s.lower([]byte(strings.Repeat("A", maxKeptHead+1))); s.name != nil {
		t.Error("a long name's memory is kept")
	}
}
