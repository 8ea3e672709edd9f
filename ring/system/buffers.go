package system

// Buffers are the receive buffers of a loop, equal parts of one memory, and
// the account of which of them the kernel has. Owned by the loop.
type Buffers struct {
	mem   []byte
	size  int
	given []bool // by id: the kernel has it
	count int    // of given
	limit int    // of count
}

// NewBuffers cuts mem into buffers of size bytes, of which the kernel has
// limit at most at a time; at first it has none. mem stays the caller's.
func NewBuffers(mem []byte, size, limit int) Buffers {
	return Buffers{mem: mem, size: size, given: make([]bool, len(mem)/size), limit: limit}
}

// Len is how many buffers there are; their ids are 0 … Len()-1.
func (b *Buffers) Len() int { return len(b.given) }

// Limit is how many the kernel may have.
func (b *Buffers) Limit() int { return b.limit }

// At is the memory of a buffer, all of it.
func (b *Buffers) At(id uint32) []byte {
	off := int(id) * b.size
	return b.mem[off : off+b.size : off+b.size]
}

// Give notes that the kernel is given a buffer, and returns its memory. It
// panics if the kernel has it already, or has Limit of them.
func (b *Buffers) Give(id uint32) []byte {
	if b.given[id] {
		panic("BUG: system: buffer provided twice")
	}
	if b.count == b.limit {
		panic("BUG: system: more buffers provided than the limit")
	}
	b.given[id] = true
	b.count++
	m := b.At(id)
	if invariants {
		poison(m)
	}
	return m
}

// Taken notes that the kernel gave a buffer back, filled.
func (b *Buffers) Taken(id uint32) {
	if invariants && !b.given[id] {
		panic("BUG: system: a buffer came back that was not provided")
	}
	b.given[id] = false
	b.count--
}

// poison makes a use of returned bytes show.
func poison(b []byte) {
	for i := range b {
		b[i] = 0xDB
	}
}
