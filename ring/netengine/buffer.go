package netengine

import (
	"sync"

	"github.com/uringserve/uringserve/ring"
)

// The sizes of buffers, in bytes: most requests and responses fit a small one;
// whoever fills one gets a large one next.
const (
	smallBuffer = 4 << 10
	largeBuffer = ring.MaxSend
)

// A buffer holds received bytes, leased to the protocol layer, or bytes to be
// written.
type buffer struct {
	data []byte // all of it
	loop *loop  // that leased it out; nil: not leased
}

// pools are an engine's buffers.
type pools struct{ small, large sync.Pool }

// get gives a buffer of at least size bytes, size ≤ largeBuffer.
func (p *pools) get(size int) *buffer {
	pool, n := &p.small, smallBuffer
	if size > smallBuffer {
		pool, n = &p.large, largeBuffer
	}
	if b, ok := pool.Get().(*buffer); ok {
		return b
	}
	return &buffer{data: make([]byte, n)}
}

func (p *pools) put(b *buffer) {
	if invariants {
		for i := range b.data {
			b.data[i] = 0xdb
		}
	}
	if len(b.data) == smallBuffer {
		p.small.Put(b)
	} else {
		p.large.Put(b)
	}
}

// lease hands the first n bytes of b to the protocol layer. On loop.
func (l *loop) lease(b *buffer, n int) ring.Buf {
	b.loop = l
	l.leases++
	return ring.NewBuf(b.data[:n:n], b, 0)
}

// ReleaseBuf is ring.BufHome's.
func (b *buffer) ReleaseBuf(uint32) {
	l := b.loop
	if l == nil {
		panic("BUG: buffer released twice")
	}
	b.loop = nil
	l.leases--
	l.e.pools.put(b)
}
