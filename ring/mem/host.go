package mem

import (
	"time"

	"github.com/uringserve/uringserve/ring"
)

// host is what both styles of a loop's kernel have: the rule that one thread
// at a time is inside, memory for unfinished sends, and the clocks.
type host struct {
	k        *kernel
	index    int
	rest     rest
	inside   string // the call that a thread is in; empty: none is
	disposed bool
}

func newHost(k *kernel, index int) host {
	return host{k: k, index: index, rest: rest{k: k, sizes: map[*byte]int{}}}
}

// enter notes that a thread is in a call, until leave, and lets others run
// first.
func (h *host) enter(call string) (leave func()) {
	if h.inside != "" {
		h.k.violate("two threads entered loop %d: %s while in %s", h.index, call, h.inside)
	}
	if h.disposed {
		h.k.violate("loop %d: %s after it was disposed of", h.index, call)
	}
	h.inside = call
	h.k.rt.Yield(call)
	return func() { h.inside = "" }
}

// Allocate implements proactor.Port and epoll.Calls.
func (h *host) Allocate(n int) []byte { return h.rest.allocate(n) }

// Free implements proactor.Port and epoll.Calls.
func (h *host) Free(b []byte) { h.rest.free(b) }

// Now implements proactor.Port and epoll.Calls: the time since New, and one
// nanosecond, so that it is never 0.
func (h *host) Now() ring.Instant { return ring.Instant(h.k.now() + 1) }

// epoch is when simulations begin, by the wall clock.
var epoch = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// Wall implements proactor.Port and epoll.Calls.
func (h *host) Wall() time.Time { return epoch.Add(h.k.s.Now()) }

// dispose notes the end, and what was not freed before it.
func (h *host) dispose() {
	if n := len(h.rest.sizes); n > 0 {
		h.k.violate("loop %d disposed of with %d allocations", h.index, n)
	}
	h.disposed = true
}

// rest is a loop's memory for sends that did not finish at once.
type rest struct {
	k     *kernel
	sizes map[*byte]int // of what is allocated
	sum   int
}

func (r *rest) allocate(n int) []byte {
	if n <= 0 || r.sum+n > r.k.o.RestBytes {
		return nil
	}
	b := make([]byte, n)
	r.sizes[&b[0]] = n
	r.sum += n
	return b
}

func (r *rest) free(b []byte) {
	if cap(b) == 0 {
		r.k.violate("nothing freed")
		return
	}
	b = b[:cap(b)]
	n, ok := r.sizes[&b[0]]
	if !ok {
		r.k.violate("memory freed that was not allocated, or twice")
		return
	}
	delete(r.sizes, &b[0])
	r.sum -= n
	scramble(b[:n])
}

// scramble makes early reuse show.
func scramble(b []byte) {
	for i := range b {
		b[i] = 0xDB ^ byte(i)
	}
}
