package ws

import "sync"

// A buffer is memory for a message that did not come in one piece. Buffers
// are pooled: a connection has one only while it needs it.
type buffer struct{ b []byte }

// keptBytes is the largest buffer that is used again, and so the most that a
// message of few bytes may hold, in bytes.
const keptBytes = 16 << 10

var buffers = sync.Pool{New: func() any { return new(buffer) }}

func newBuffer() *buffer { return buffers.Get().(*buffer) }

// free gives b back, which may be nil. What it held is void.
func (b *buffer) free() {
	if b == nil {
		return
	}
	if invariants {
		for i := range b.b {
			b.b[i] = 0xdb
		}
	}
	if b.b = b.b[:0]; cap(b.b) > keptBytes {
		b.b = nil
	}
	buffers.Put(b)
}

// extend appends p. The memory at most doubles what came, and is never more
// than promised, what there will be in the end, unless that was wrong.
func (b *buffer) extend(p []byte, promised int64) {
	if need := len(b.b) + len(p); need > cap(b.b) {
		room := max(int64(need), min(2*int64(need), promised))
		grown := make([]byte, len(b.b), room)
		copy(grown, b.b)
		b.b = grown
	}
	b.b = append(b.b, p...)
}

// size is the memory that b holds, in bytes. b may be nil.
func (b *buffer) size() int {
	if b == nil {
		return 0
	}
	return cap(b.b)
}
