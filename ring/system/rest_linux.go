package system

import (
	"fmt"
	"math/bits"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/uringserve/uringserve/ring"
)

// Rest is the off-heap memory of sends that did not finish at once: slabs of
// ring.MaxSend bytes, each cut into blocks of one size. Address space is
// reserved once; pages of slabs that fall empty go back to the system beyond a
// small stock. Owned by the loop.
type Rest struct {
	mem   []byte
	slabs []slab
	// partial holds, per class, slabs with a free block; full and empty slabs
	// are in no list.
	partial [restClasses]slabList
	empty   []int32 // slabs of no class
	warm    int     // empty slabs whose pages were not given back
}

const (
	slabSize     = ring.MaxSend
	minBlock     = 4 << 10
	restClasses  = 5  // blocks of 4, 8, 16, 32, 64 KiB
	maxWarmSlabs = 16 // 1 MiB
)

type slab struct {
	used       uint16 // a bit per block
	class      uint8
	touched    bool // has pages
	prev, next int32
}

// slabList is a doubly linked list by index; -1 ends it.
type slabList struct{ first int32 }

// NewRest reserves address space for bytes, rounded down to whole slabs of
// ring.MaxSend; pages cost nothing before they are touched.
func NewRest(bytes int) (*Rest, error) {
	n := bytes / slabSize
	mem, err := Map(n * slabSize)
	if err != nil {
		return nil, fmt.Errorf("mapping memory for sends: %w", err)
	}
	r := &Rest{mem: mem, slabs: make([]slab, n), empty: make([]int32, 0, n)}
	for i := n - 1; i >= 0; i-- {
		r.empty = append(r.empty, int32(i))
	}
	for c := range r.partial {
		r.partial[c].first = -1
	}
	return r, nil
}

// Allocate returns n bytes, or nil if n is not 1 … ring.MaxSend or none are
// left.
func (r *Rest) Allocate(n int) []byte {
	if n < 1 || n > slabSize {
		return nil
	}
	class := classOf(n)
	i := r.partial[class].first
	if i < 0 {
		if len(r.empty) == 0 {
			return nil
		}
		i = r.takeEmpty(class)
	}
	s := &r.slabs[i]
	bit := bits.TrailingZeros16(^s.used)
	s.used |= 1 << bit
	if s.used == fullMask(class) {
		r.unlink(i)
	}
	off := int(i)*slabSize + bit*blockSize(class)
	return r.mem[off : off+n : off+blockSize(class)]
}

// Free takes back what Allocate returned, from its first byte on.
func (r *Rest) Free(b []byte) {
	// SAFETY: only the difference of two addresses of one mapping is used.
	off := uintptr(unsafe.Pointer(unsafe.SliceData(b))) - uintptr(unsafe.Pointer(unsafe.SliceData(r.mem)))
	if off >= uintptr(len(r.mem)) {
		panic("BUG: system: freeing memory that was not allocated")
	}
	i := int32(off / slabSize)
	s := &r.slabs[i]
	bit := int(off%slabSize) / blockSize(s.class)
	if s.used&(1<<bit) == 0 || int(off%slabSize)%blockSize(s.class) != 0 {
		panic("BUG: system: freeing memory that is not allocated")
	}
	if s.used == fullMask(s.class) {
		r.link(i)
	}
	s.used &^= 1 << bit
	if s.used == 0 {
		r.unlink(i)
		r.giveEmpty(i)
	}
}

func (r *Rest) takeEmpty(class uint8) int32 {
	i := r.empty[len(r.empty)-1]
	r.empty = r.empty[:len(r.empty)-1]
	s := &r.slabs[i]
	if s.touched {
		r.warm--
	}
	s.class, s.used, s.touched = class, 0, true
	r.link(i)
	return i
}

func (r *Rest) giveEmpty(i int32) {
	if r.warm < maxWarmSlabs {
		r.warm++
	} else {
		off := int(i) * slabSize
		// Advice: if it is not taken, the pages stay.
		_ = unix.Madvise(r.mem[off:off+slabSize], unix.MADV_DONTNEED)
		r.slabs[i].touched = false
	}
	r.empty = append(r.empty, i)
}

func (r *Rest) link(i int32) {
	s, l := &r.slabs[i], &r.partial[r.slabs[i].class]
	s.prev, s.next = -1, l.first
	if l.first >= 0 {
		r.slabs[l.first].prev = i
	}
	l.first = i
}

func (r *Rest) unlink(i int32) {
	s := &r.slabs[i]
	if s.prev >= 0 {
		r.slabs[s.prev].next = s.next
	} else {
		r.partial[s.class].first = s.next
	}
	if s.next >= 0 {
		r.slabs[s.next].prev = s.prev
	}
}

// Dispose gives the memory back. Nothing may use it any more.
func (r *Rest) Dispose() {
	Unmap(r.mem)
	r.mem = nil
}

func blockSize(class uint8) int { return minBlock << class }

// fullMask is the used word of a slab without a free block.
func fullMask(class uint8) uint16 { return uint16(1<<(slabSize/blockSize(class)) - 1) }

// classOf is the smallest class whose blocks hold n bytes, 1 ≤ n ≤ slabSize.
func classOf(n int) uint8 {
	return uint8(bits.Len(uint((n - 1) / minBlock)))
}
