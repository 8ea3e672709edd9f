package hpack

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// A slowTable is a dynamic table as RFC 7541 §4 tells it, without any thrift.
type slowTable struct {
	fields [][2]string // the newest first
	max    int
}

func (s *slowTable) size() (n int) {
	for _, f := range s.fields {
		n += len(f[0]) + len(f[1]) + 32
	}
	return n
}

func (s *slowTable) setMax(max int) {
	s.max = max
	for s.size() > s.max {
		s.fields = s.fields[:len(s.fields)-1]
	}
}

func (s *slowTable) add(name, value string) {
	s.fields = slices.Insert(s.fields, 0, [2]string{name, value})
	for s.size() > s.max { // the new one may go too
		s.fields = s.fields[:len(s.fields)-1]
	}
}

func (s *slowTable) lines() (lines []string) {
	for _, f := range s.fields {
		lines = append(lines, f[0]+": "+f[1])
	}
	return lines
}

// However fields come and sizes change, the table is the slow one, and within
// its bounds of memory.
func TestTableAgainstModel(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 7541))
		tab, slow := &table{}, &slowTable{}
		most := 1 << r.IntN(14)
		tab.setMax(most)
		slow.setMax(most)
		for step := range 2000 {
			if r.IntN(100) == 0 {
				n := r.IntN(most + 1)
				if r.IntN(5) == 0 {
					n = 0
				}
				tab.setMax(n)
				slow.setMax(n)
			}
			name := strings.Repeat("n", r.IntN(20))
			value := fmt.Sprint(step) + strings.Repeat("v", r.IntN(1+r.IntN(most+50)))
			tab.add([]byte(name), []byte(value))
			slow.add(name, value)
			tab.check()
			if got, want := contents(tab), slow.lines(); !slices.Equal(got, want) || tab.size != slow.size() {
				t.Fatalf("seed %d, step %d: %q of %d, want %q of %d", seed, step, got, tab.size, want, slow.size())
			}
			if len(tab.arena) > max(minArena, 2*most) || len(tab.entries) > max(minEntries, most/entryOverhead) {
				t.Fatalf("seed %d: %d octets and %d entries for a table of %d", seed, len(tab.arena), len(tab.entries), most)
			}
		}
	}
}

// An entry that fills the table stays; one of an octet more empties it.
func TestTableEntryAsLargeAsItself(t *testing.T) {
	for n, want := range map[int]uint32{99: 1, 100: 1, 101: 0} {
		tab := &table{}
		tab.setMax(100)
		tab.add([]byte("a"), []byte("b"))
		in := tab.add(make([]byte, 10), make([]byte, n-10-entryOverhead))
		if tab.count != want || in != (want == 1) {
			t.Errorf("an entry of %d octets in a table of 100: %d entries, in: %v", n, tab.count, in)
		}
	}
}

// Lowering evicts what is too much, and no more (RFC 7541 §4.3).
func TestTableLowered(t *testing.T) {
	for max, want := range map[int]uint32{100: 2, 68: 2, 67: 1, 34: 1, 33: 0, 0: 0} {
		tab := &table{}
		tab.setMax(100)
		tab.add([]byte("a"), []byte("b"))
		tab.add([]byte("c"), []byte("d"))
		if tab.setMax(max); tab.count != want {
			t.Errorf("lowered to %d: %d entries, want %d", max, tab.count, want)
		}
		if max == 0 && (tab.arena != nil || tab.entries != nil) {
			t.Error("no table, yet memory for one")
		}
	}
}

// Positions and ids are counted modulo 2^32; nothing happens when they wrap.
func TestTableWraps(t *testing.T) {
	tab, slow := &table{base: 1<<32 - 500, added: 1<<32 - 5}, &slowTable{}
	tab.setMax(300)
	slow.setMax(300)
	for i := range 100 {
		value := strings.Repeat("x", i%40)
		tab.add([]byte("n"), []byte(value))
		slow.add("n", value)
		if !slices.Equal(contents(tab), slow.lines()) {
			t.Fatalf("step %d: %q, want %q", i, contents(tab), slow.lines())
		}
	}
}

// Reset keeps memory only as far as the new maximum allows it.
func TestTableReset(t *testing.T) {
	tab := &table{}
	tab.setMax(4096)
	for i := range 300 {
		tab.add([]byte("name"), fmt.Append(nil, i))
	}
	arena := &tab.arena[0]
	if tab.reset(4096); tab.count != 0 || tab.size != 0 || len(tab.arena) == 0 || &tab.arena[0] != arena {
		t.Error("reset to the same maximum: not empty, or the memory is gone")
	}
	if tab.reset(100); tab.max != 100 || tab.arena != nil {
		t.Error("reset to a small maximum: a large arena is kept")
	}
}
