//go:build !race

package hpack

import "testing"

// Blocks of a connection that goes on do not allocate, in either direction,
// whether fields are indexed, literal, evicted or announced anew.
func TestNoAllocations(t *testing.T) {
	lim := DefaultLimits()
	e, d := NewEncoder(4096), NewDecoder(4096, &lim)
	var s Scratch
	second, out := 0, make([]byte, 0, 4096)
	name, value := []byte("x-request-id"), []byte("0123456789abcdef0123456789abcdef")
	exchange := func() {
		second++
		for range 2 {
			out = e.AppendStatus(out[:0], 200+second%7)
			for _, f := range benchResponse {
				out = e.AppendField(out, f.Name, f.Value, f.Sensitive)
			}
			value[second%16] ^= 1 // an entry that others give way to
			out = e.AppendField(out, name, value, false)
			out = e.AppendField(out, name, value, false)
			d.Begin(out, &s)
			for _, ok := d.Next(); ok; _, ok = d.Next() {
			}
			if d.Err() != nil || d.FieldCount() != len(benchResponse)+3 {
				t.Fatal(d.Err(), d.FieldCount())
			}
		}
	}
	for range 300 { // the tables and the scratch grow to their size
		exchange()
	}
	if n := testing.AllocsPerRun(500, exchange); n != 0 {
		t.Errorf("%v allocations in a steady connection", n)
	}
	if n := testing.AllocsPerRun(100, func() {
		e.Reset(4096)
		d.Reset(4096, &lim)
		exchange()
	}); n != 0 {
		t.Errorf("%v allocations in a connection that took over the memory of another", n)
	}
}

// Blocks over a limit do not allocate either.
func TestNoAllocationsBeyondLimits(t *testing.T) {
	lim := Limits{SectionBytes: 100, FieldCount: 2, StringBytes: 10}
	d := NewDecoder(4096, &lim)
	block := encodeLines(NewEncoder(4096), exampleCookie)
	var s Scratch
	if n := testing.AllocsPerRun(100, func() {
		d.Begin(block, &s)
		for _, ok := d.Next(); ok; _, ok = d.Next() {
		}
	}); n != 0 || d.Exceeded() == Within || d.Err() != nil {
		t.Errorf("%v allocations, %v, %v", n, d.Exceeded(), d.Err())
	}
}
