package field

import (
	"strings"
	"testing"
)

// Reset keeps memory up to a bound.
func TestResetIsBounded(t *testing.T) {
	for _, test := range []struct {
		n     int // bytes of one value
		lines int
		keeps bool
	}{{100, 1, true}, {maxKeptArena / 2, 1, true}, {maxKeptArena + 1, 1, false}, {1, 100, true}, {1, 4 * maxKeptLines, false}} {
		var f Fields
		for range test.lines {
			f.Add("", strings.Repeat("x", test.n))
		}
		f.Reset()
		if f.Len() != 0 {
			t.Fatal("not empty")
		}
		if keeps := cap(f.arena) > 0 && cap(f.lines) > 0; keeps != test.keeps {
			t.Errorf("%d bytes, %d lines: keeps %v", test.n, test.lines, keeps)
		}
		if cap(f.arena) > maxKeptArena || cap(f.lines) > maxKeptLines {
			t.Errorf("keeps %d bytes and %d lines", cap(f.arena), cap(f.lines))
		}
	}
}
