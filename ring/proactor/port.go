package proactor

import (
	"time"

	"github.com/uringserve/uringserve/ring"
)

// Port is a kernel as the loop sees it: operations go in, completions come
// out. One loop owns one Port. io_uring is one, the simulated kernel another;
// a readiness API fits by doing the operation when it becomes ready.
//
// All methods are called with the loop held, by whichever thread leads it at
// that time, except Wake. Operations are buffered until Enter submits them.
// Every operation that was submitted completes, in the end with a Completion
// without More, unless it says otherwise. Completions of one socket come in
// the order in which the kernel did the work.
type Port interface {
	// Accept accepts connections from the listening descriptor until it fails
	// or is cancelled: a completion with More for each, Res the descriptor.
	Accept(listener int, ud UserData)

	// Recv receives from fd into provided buffers until the end, a failure or
	// a cancellation: a completion with More for each, Buf the buffer and Res
	// its bytes. Res 0 is the peer's FIN. ENOBUFS: no buffer was provided.
	Recv(fd int, ud UserData)

	// Send sends b, all of it. b must stay as it is until the send is over.
	//
	// With Skip, the send tries without waiting, inside the submitting Enter,
	// and posts a completion only if it did not take all: Res is how many
	// bytes it took, or an error (EAGAIN: none). It has succeeded when the
	// Enter that submitted it is over, everything has been reaped, and no
	// completion with its UserData came.
	//
	// Without Skip it waits for the peer and always completes once: Res is
	// len(b), or fewer or an error if the connection failed.
	Send(fd int, b []byte, ud UserData, skip bool)

	// PollHangup completes once, when fd is reset or closed by the peer in
	// both directions, not for a FIN alone.
	PollHangup(fd int, ud UserData)

	// Cancel cancels the operation that was submitted as target. It completes
	// itself only if it found none (ENOENT) or failed.
	Cancel(target, ud UserData)

	// Shutdown ends sending (or, with both, sending and receiving) on fd,
	// after the sends of the same Enter that were queued before it. It
	// completes only on failure.
	Shutdown(fd int, both bool, ud UserData)

	// Close closes fd, after the operations queued before it in the same
	// Enter. It completes only on failure. No operation of fd may be in
	// flight.
	Close(fd int, ud UserData)

	// Leave is Close of a descriptor whose socket lives on under another one:
	// nothing is heard of it any more.
	Leave(fd int, ud UserData)

	// ArmWake makes a Wake show as a completion with ud (with More while it
	// stays armed). A new leader arms its own.
	ArmWake(ud UserData)

	// Space is how many more operations can be queued before an Enter, at
	// first 8 or more. It is back at its first value when everything queued
	// has been submitted; while it is less after an Enter, the caller comes
	// again.
	Space() int

	// Enter submits what is queued and, with wait, waits until there is a
	// completion, a Wake, or until the timeout is over (negative: no
	// timeout). It may return earlier. EINTR, EAGAIN and EBUSY are not errors
	// here: the caller comes again. An error means that the port is lost.
	//
	// The success of a send with Skip shows only when Enter is over: an Enter
	// that submits one must not wait for long.
	Enter(wait Wait, timeout time.Duration) error

	// Reap copies completions to out and returns how many, 0 when there are
	// none left.
	Reap(out []Completion) int

	// Overflowed reports whether completions are waiting in the kernel for
	// room, or operations for the kernel to take them: the next Enter and
	// Reap bring them, and until then no skipped send has succeeded.
	Overflowed() bool

	// SendNow tries to send b at once, by a system call of its own that never
	// waits. It returns the bytes taken and 0 or an Errno.
	SendNow(fd int, b []byte) (int, Errno)

	// ResetOnClose makes closing fd send a reset (SO_LINGER 0).
	ResetOnClose(fd int)

	// Buffer is the memory of a provided buffer; its length is the buffer's
	// whole size.
	Buffer(id uint32) []byte

	// Provide gives a buffer to the kernel, for Recv to fill. Ids are 0 …
	// Buffers()-1; at first none is provided, and at most Provided() at a
	// time may be.
	Provide(id uint32)
	Buffers() int
	Provided() int

	// SendArena is memory that Send may take its bytes from, MaxSend bytes or
	// more, at a fixed address.
	SendArena() []byte

	// Allocate and Free manage further memory for sends that did not finish
	// at once. Allocate returns nil when there is none left.
	Allocate(n int) []byte
	Free(b []byte)

	// Wake makes a waiting Enter return. Safe from any goroutine. Wakes
	// coalesce.
	Wake()

	// ThreadBound reports whether operations depend on the thread that
	// submitted them, so that a new leader must arm its own.
	ThreadBound() bool

	// Now and Wall read the clocks.
	Now() ring.Instant
	Wall() time.Time

	// Dispose frees the port: memory, descriptors of its own. Nothing is in
	// flight any more but wake-ups that were armed.
	Dispose()
}

// Wait says how Enter waits.
type Wait uint8

const (
	// NoWait submits and returns.
	NoWait Wait = iota
	// WaitBrief waits for some tens of microseconds at most, keeping the
	// scheduler's resources: cheapest while traffic flows.
	WaitBrief
	// WaitLong waits as long as the timeout says, and lets other goroutines
	// run meanwhile.
	WaitLong
)

// Completion is the outcome of an operation, or one of several of it.
type Completion struct {
	UserData UserData
	Res      int32 // ≥ 0: result; < 0: -Errno
	More     bool  // the operation goes on
	HasBuf   bool  // Buf is a provided buffer, now the loop's
	Buf      uint32
}

// Errno is a Linux error number, on every system: the loop knows no other.
type Errno int32

// The error numbers that the loop tells apart.
const (
	EINTR      Errno = 4
	EIO        Errno = 5
	EBADF      Errno = 9
	EAGAIN     Errno = 11
	ENOMEM     Errno = 12
	EBUSY      Errno = 16
	EINVAL     Errno = 22
	ENFILE     Errno = 23
	EMFILE     Errno = 24
	EPIPE      Errno = 32
	ENOENT     Errno = 2
	ECONNABORT Errno = 103
	ECONNRESET Errno = 104
	ENOBUFS    Errno = 105
	ENOTCONN   Errno = 107
	ETIMEDOUT  Errno = 110
	EALREADY   Errno = 114
	ECANCELED  Errno = 125
)
