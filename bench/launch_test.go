package main

import (
	"slices"
	"testing"
)

// TestLineWriter: lines are shown whole and once, however they are written.
func TestLineWriter(t *testing.T) {
	const text = "one\n\nthree and more\nunfinished"
	for size := 1; size <= len(text); size++ {
		var seen []string
		w := &lineWriter{see: func(line string) { seen = append(seen, line) }}
		for part := range slices.Chunk([]byte(text), size) {
			if n, err := w.Write(part); n != len(part) || err != nil {
				t.Fatalf("wrote %d, %v", n, err)
			}
		}
		if want := []string{"one", "", "three and more"}; !slices.Equal(seen, want) || w.all.String() != text {
			t.Errorf("in pieces of %d: %q of %q", size, seen, w.all.String())
		}
	}
}
