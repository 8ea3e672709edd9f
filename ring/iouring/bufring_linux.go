package iouring

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// BufRing is a ring of provided buffers: the kernel takes one for each
// receive. Same concurrency as the Ring it is registered with.
type BufRing struct {
	ring    *Ring
	group   uint16
	mask    uint16
	tail    uint16
	bid0    uint16 // of entry 0, which shares its word with the tail
	entries []BufEntry
	word    *atomic.Uint32
	mem     []byte
}

// MaxBuffers bounds the entries of a BufRing.
const MaxBuffers = 1 << 15

// NewBufRing registers a ring of n entries, a power of two up to MaxBuffers,
// under the group id. Its memory is ours, not the kernel's to map.
func NewBufRing(r *Ring, n int, group uint16) (*BufRing, error) {
	if n < 1 || n > MaxBuffers || n&(n-1) != 0 {
		return nil, fmt.Errorf("iouring: %d buffers: not a power of two up to %d", n, MaxBuffers)
	}
	mem, err := Map(n * int(unsafe.Sizeof(BufEntry{})))
	if err != nil {
		return nil, fmt.Errorf("iouring: mapping a buffer ring: %w", err)
	}
	// SAFETY: n entries long and page-aligned.
	entries := unsafe.Slice((*BufEntry)(unsafe.Pointer(&mem[0])), n)
	reg := BufReg{
		// SAFETY: off-heap memory, which does not move.
		RingAddr:    uint64(uintptr(unsafe.Pointer(&mem[0]))),
		RingEntries: uint32(n),
		Group:       group,
	}
	// SAFETY: reg is alive during the call, its size is the kernel's (tested).
	if errno := r.register(registerPbufRing, unsafe.Pointer(&reg), 1); errno != 0 {
		Unmap(mem)
		return nil, unavailable(fmt.Errorf("registering a buffer ring: %w", errno))
	}
	return &BufRing{
		ring: r, group: group, mask: uint16(n - 1), entries: entries,
		// SAFETY: the last word of entry 0, 4-aligned.
		word: (*atomic.Uint32)(unsafe.Pointer(&entries[0].BIDTail)),
		mem:  mem,
	}, nil
}

// Provide gives b, which is off-heap, to the kernel under the id. At most as
// many as the ring has entries may be with the kernel at a time.
func (b *BufRing) Provide(mem []byte, id uint16) {
	i := b.tail & b.mask
	e := &b.entries[i]
	// SAFETY: off-heap by contract; the kernel writes up to len(mem) bytes.
	e.Addr = uint64(uintptr(unsafe.Pointer(unsafe.SliceData(mem))))
	e.Len = uint32(len(mem))
	if i == 0 {
		b.bid0 = id
	} else {
		e.BIDTail = uint32(id)
	}
	b.tail++
	// The tail is 16 bits wide and Go's atomics are not, so the word of entry
	// 0 is stored whole: the kernel never writes it. The store releases the
	// entry written above.
	b.word.Store(uint32(b.tail)<<16 | uint32(b.bid0))
}

// Close unregisters the ring, so that nothing is received into its buffers any
// more, and frees its own memory, not the buffers.
func (b *BufRing) Close() unix.Errno {
	reg := BufReg{Group: b.group}
	// SAFETY: reg is alive during the call.
	errno := b.ring.register(unregisterPbufRing, unsafe.Pointer(&reg), 1)
	Unmap(b.mem)
	b.mem, b.entries, b.word = nil, nil, nil
	return errno
}
