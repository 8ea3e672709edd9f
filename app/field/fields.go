package field

import "iter"

// Line is one field: its name as sent and its value without surrounding
// white space.
type Line struct{ Name, Value []byte }

// Fields is a list of fields in order. The zero value is empty and ready. It
// is not safe for concurrent use while it is changed.
type Fields struct {
	lines []Line
	arena []byte // what Add, Set and Keep copied
}

// Len is the number of field lines.
func (f *Fields) Len() int { return len(f.lines) }

// Line is the i-th field line.
func (f *Fields) Line(i int) Line { return f.lines[i] }

// At is Line as two values, which costs less.
func (f *Fields) At(i int) (name, value []byte) {
	line := &f.lines[i]
	return line.Name, line.Value
}

// All yields names and values in order.
func (f *Fields) All() iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for i := range f.lines {
			if !yield(f.lines[i].Name, f.lines[i].Value) {
				return
			}
		}
	}
}

// Get is the value of the first field of that name, in any case; nil if there
// is none, empty but not nil if it is empty.
func (f *Fields) Get(name string) []byte {
	for i := range f.lines {
		if EqualFold(f.lines[i].Name, name) {
			return f.lines[i].Value
		}
	}
	return nil
}

// Has reports whether there is a field of that name.
func (f *Fields) Has(name string) bool { return f.Get(name) != nil }

// Add appends a field. Both strings are copied.
func (f *Fields) Add(name, value string) {
	f.lines = append(f.lines, Line{f.copy(name), f.copy(value)})
}

// AddCopy appends a field. Both slices are copied.
func (f *Fields) AddCopy(name, value []byte) {
	f.lines = append(f.lines, Line{f.copyBytes(name), f.copyBytes(value)})
}

// AddView appends a field without copying: name and value must not change
// while f is used. A nil value is stored as an empty one.
func (f *Fields) AddView(name, value []byte) {
	if value == nil {
		value = empty
	}
	f.lines = append(f.lines, Line{name, value})
}

var empty = []byte{}

// Set replaces all fields of that name by one, in the place of the first.
func (f *Fields) Set(name, value string) {
	for i := range f.lines {
		if EqualFold(f.lines[i].Name, name) {
			f.lines[i].Value = f.copy(value)
			f.deleteFrom(i+1, name)
			return
		}
	}
	f.Add(name, value)
}

// Del removes all fields of that name.
func (f *Fields) Del(name string) { f.deleteFrom(0, name) }

func (f *Fields) deleteFrom(from int, name string) {
	kept := f.lines[:from]
	for _, line := range f.lines[from:] {
		if !EqualFold(line.Name, name) {
			kept = append(kept, line)
		}
	}
	f.lines = kept
}

// Keep copies b to where the copies of Add are: it is valid as long as they are,
// and no field. Not nil, even if b is empty.
func (f *Fields) Keep(b []byte) []byte { return f.copyBytes(b) }

// Swap exchanges f and g, with their memory.
func (f *Fields) Swap(g *Fields) {
	f.lines, g.lines = g.lines, f.lines
	f.arena, g.arena = g.arena, f.arena
}

// Spoil overwrites what Add, Set and Keep copied, so that tests find who uses it
// after its end.
func (f *Fields) Spoil() {
	for i := range f.arena {
		f.arena[i] = 0xdb
	}
}

// What Reset keeps at most, in bytes and lines: one large message must not make
// what is used again large for ever.
const (
	maxKeptArena = 16 << 10
	maxKeptLines = 256
)

// Reset empties f and keeps its memory, up to a bound, for further use.
func (f *Fields) Reset() {
	f.lines = f.lines[:0]
	if cap(f.lines) > maxKeptLines {
		f.lines = nil
	}
	f.arena = f.arena[:0]
	if cap(f.arena) > maxKeptArena {
		f.arena = nil
	}
}

// Clone copies the fields and their bytes.
func (f *Fields) Clone() (c Fields) {
	c.CopyFrom(f)
	return c
}

// CopyFrom makes f a copy of g and of its bytes, in the memory that f has, if it
// is enough.
func (f *Fields) CopyFrom(g *Fields) {
	f.Reset()
	size := 0
	for i := range g.lines {
		size += len(g.lines[i].Name) + len(g.lines[i].Value)
	}
	if cap(f.lines) < len(g.lines) {
		f.lines = make([]Line, 0, len(g.lines))
	}
	if cap(f.arena) < size {
		f.arena = make([]byte, 0, size)
	}
	for i := range g.lines {
		f.lines = append(f.lines, Line{f.copyBytes(g.lines[i].Name), f.copyBytes(g.lines[i].Value)})
	}
}

// copy puts s into the arena. Where the arena grows, earlier copies stay
// valid: they keep the old memory alive.
func (f *Fields) copy(s string) []byte {
	start := len(f.arena)
	f.arena = append(f.arena, s...)
	return f.copied(start)
}

func (f *Fields) copyBytes(b []byte) []byte {
	start := len(f.arena)
	f.arena = append(f.arena, b...)
	return f.copied(start)
}

// copied is what the arena got since start: not nil even if that is nothing,
// as Get tells an empty field from an absent one.
func (f *Fields) copied(start int) []byte {
	if start == len(f.arena) {
		return empty
	}
	return f.arena[start:len(f.arena):len(f.arena)]
}

// EqualFold compares a name with another in any ASCII case.
func EqualFold(a []byte, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] && lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}
