package iouring

import (
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Ring is an io_uring instance. One caller at a time, on any thread.
type Ring struct {
	// Written at every operation.
	tail uint32 // of submissions, ours; the kernel sees it at Enter
	head uint32 // of completions, ours

	// Immutable: views of the kernel's memory.
	sqMask     uint32
	cqMask     uint32
	sqHead     *atomic.Uint32
	sqTail     *atomic.Uint32
	sqFlags    *atomic.Uint32
	sqDropped  *atomic.Uint32
	cqHead     *atomic.Uint32
	cqTail     *atomic.Uint32
	cqOverflow *atomic.Uint32
	sqes       []SQE
	cqes       []CQE
	arg        *enterArg

	fd     int
	params Params
	rings  []byte
	sqeMem []byte
	argMem []byte

	unrestricted error // why the ring is not restricted; nil if it is
}

// enterArg is what io_uring_enter reads from memory; it lies off-heap, so that
// no stack can move under the kernel.
type enterArg struct {
	events GetEventsArg
	ts     Timespec
}

// Mode says how Enter enters the kernel.
type Mode uint8

const (
	// Raw keeps the scheduler's P: cheapest, for bounds of microseconds.
	Raw Mode = iota
	// Scheduled lets the scheduler use the P for other goroutines.
	Scheduled
)

// word is the 32-bit word at an offset of a mapping.
func word(m []byte, off uint32) *atomic.Uint32 {
	// SAFETY: the kernel's offsets lie in the mapping (bounds-checked by the
	// index) and are 4-aligned; an atomic.Uint32 is one word.
	return (*atomic.Uint32)(unsafe.Pointer(&m[off]))
}

func littleEndian() bool {
	x := uint16(1)
	// SAFETY: the first byte of a local variable.
	return *(*byte)(unsafe.Pointer(&x)) == 1
}

// FD is the ring's descriptor, the Ring's own.
func (r *Ring) FD() int { return r.fd }

// Params are what the kernel answered at set-up: sizes, flags, features.
func (r *Ring) Params() Params { return r.params }

// Space is how many submissions GetSQE still has.
func (r *Ring) Space() int {
	return len(r.sqes) - int(r.tail-r.sqHead.Load())
}

// Unsubmitted is how many submissions the kernel has not taken yet.
func (r *Ring) Unsubmitted() int { return int(r.tail - r.sqHead.Load()) }

// GetSQE returns the next submission, zeroed whole, or nil if there is no
// space. It is submitted by the next Enter.
func (r *Ring) GetSQE() *SQE {
	if r.tail-r.sqHead.Load() >= uint32(len(r.sqes)) {
		return nil
	}
	sqe := &r.sqes[r.tail&r.sqMask]
	r.tail++
	*sqe = SQE{}
	return sqe
}

// Enter submits what GetSQE gave out, then waits for min completions in the
// ring, at most for timeout (negative: for ever; 0 or min 0: not at all). It
// returns how many the kernel took: check Unsubmitted, they may be fewer
// without an error. ETIME (the timeout), EINTR, EAGAIN and EBUSY are ordinary
// answers: look at the completions and come again.
func (r *Ring) Enter(min uint32, timeout time.Duration, mode Mode) (submitted int, errno unix.Errno) {
	r.sqTail.Store(r.tail)
	submit := r.tail - r.sqHead.Load()
	flags := uintptr(enterGetEvents)
	var arg, size uintptr
	if timeout == 0 {
		min = 0
	}
	if timeout > 0 && min > 0 {
		r.arg.ts = Timespec{Sec: int64(timeout / time.Second), Nsec: int64(timeout % time.Second)}
		flags |= enterExtArg
		// SAFETY: off-heap memory of this ring, alive until Close.
		arg, size = uintptr(unsafe.Pointer(&r.arg.events)), unsafe.Sizeof(r.arg.events)
	}
	var n uintptr
	if mode == Raw {
		n, _, errno = unix.RawSyscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(submit), uintptr(min), flags, arg, size)
	} else {
		n, _, errno = unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(submit), uintptr(min), flags, arg, size)
	}
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// Ready is how many completions are in the ring.
func (r *Ring) Ready() int { return int(r.cqTail.Load() - r.head) }

// PeekCQE returns the oldest completion without taking it.
func (r *Ring) PeekCQE() (CQE, bool) {
	if r.cqTail.Load() == r.head {
		return CQE{}, false
	}
	return r.cqes[r.head&r.cqMask], true
}

// CQEAt is the completion i behind the oldest, i < Ready().
func (r *Ring) CQEAt(i int) CQE { return r.cqes[(r.head+uint32(i))&r.cqMask] }

// AdvanceCQ takes n completions, n ≤ Ready().
func (r *Ring) AdvanceCQ(n int) {
	r.head += uint32(n)
	r.cqHead.Store(r.head)
}

// Overflowed reports whether the kernel holds completions that found the ring
// full. An Enter, after there is room, brings them; none is lost.
func (r *Ring) Overflowed() bool { return r.sqFlags.Load()&sqCQOverflow != 0 }

// Dropped is how many submissions the kernel refused for a bad index and how
// many completions it lost. Both stay 0 on kernels with FEAT_NODROP, unless it
// had no memory.
func (r *Ring) Dropped() (submissions, completions uint32) {
	return r.sqDropped.Load(), r.cqOverflow.Load()
}

// CancelEverything cancels all operations in flight and waits for them, at
// most for timeout.
func (r *Ring) CancelEverything(timeout time.Duration) unix.Errno {
	c := SyncCancelReg{
		FD:      -1,
		Flags:   CancelAny | CancelAll,
		Timeout: Timespec{Sec: int64(timeout / time.Second), Nsec: int64(timeout % time.Second)},
	}
	// SAFETY: c is alive during the call, its size is the kernel's (tested).
	return r.register(registerSyncCancel, unsafe.Pointer(&c), 1)
}

func (r *Ring) register(op uintptr, arg unsafe.Pointer, n uintptr) unix.Errno {
	_, _, errno := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(r.fd), op, uintptr(arg), n, 0, 0)
	return errno
}

// Close ends the ring and frees its memory. Operations in flight are cancelled
// by the kernel some time later: memory they use must outlive that, so nothing
// but polls may be in flight.
func (r *Ring) Close() {
	for _, m := range [...][]byte{r.rings, r.sqeMem, r.argMem} {
		Unmap(m)
	}
	r.rings, r.sqeMem, r.argMem = nil, nil, nil
	if r.fd >= 0 {
		// The descriptor is gone whatever close says.
		_ = unix.Close(r.fd)
		r.fd = -1
	}
}
