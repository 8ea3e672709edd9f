package epoll

import (
	"time"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/proactor"
)

// Calls are the system calls that a Port makes: the real ones, or those of a
// simulated kernel. None but Wait ever waits. All are made with the loop held,
// by whichever thread leads it, except Wake. An Errno of 0 means success.
type Calls interface {
	// Watch adds fd to the interest list, or changes what it is watched for.
	// The events of fd carry token. With Edge an event is told once when it
	// begins, and when more of it comes; a change tells again what holds.
	// Hangup and Error are always told.
	Watch(fd int, events Events, token uint64) proactor.Errno

	// Unwatch takes fd off the interest list. Closing fd does that too, unless
	// another descriptor holds the same file open, a child's for instance:
	// then its events go on, with the old token.
	Unwatch(fd int) proactor.Errno

	// Wait fills out with what there is, at most len(out), and waits for it,
	// for a Wake, or until the timeout is over (negative: no timeout) as wait
	// says. 0 for nothing. EINTR may come at any time.
	Wait(out []Event, wait proactor.Wait, timeout time.Duration) (int, proactor.Errno)

	// Accept takes a connection from the queue of a listener: its descriptor;
	// EAGAIN if there is none.
	Accept(listener int) (fd int, errno proactor.Errno)

	// Recv takes received bytes, at most len(b), at least one; 0 is the
	// peer's FIN. EAGAIN if there is nothing.
	Recv(fd int, b []byte) (n int, errno proactor.Errno)

	// Send gives bytes to the socket: how many it took, perhaps fewer than
	// len(b). EAGAIN if none. b is not retained.
	Send(fd int, b []byte) (n int, errno proactor.Errno)

	// Shutdown ends sending or, with both, sending and receiving.
	Shutdown(fd int, both bool) proactor.Errno

	// ResetOnClose makes closing fd send a reset.
	ResetOnClose(fd int)

	// Close closes fd.
	Close(fd int) proactor.Errno

	// Wake makes a Wait that waits return, now or when it is called next.
	// Safe from any goroutine; wakes coalesce. It shows as no Event.
	Wake()

	// Woken reports whether there was a Wake since it was last called.
	Woken() bool

	// Memory that belongs to the loop: Map once, at start; Allocate and Free
	// as in proactor.Port.
	Map(bytes int) ([]byte, error)
	Allocate(n int) []byte
	Free(b []byte)

	// Now and Wall read the clocks; Now is never 0.
	Now() ring.Instant
	Wall() time.Time

	// Dispose frees all of it: memory, descriptors of its own.
	Dispose()
}

// Events are what a descriptor is watched for, or what has happened.
type Events uint8

const (
	Readable  Events = 1 << iota // bytes, a FIN, an error or a connection
	Writable                     // room for bytes, or an error
	ReadEnded                    // the peer's FIN (EPOLLRDHUP)
	Hangup                       // both directions have ended (EPOLLHUP)
	Error                        // the socket has failed (EPOLLERR)

	// Edge asks for edges rather than levels (EPOLLET).
	Edge
	// Exclusive wakes one of several loops that watch the same listener, not
	// all (EPOLLEXCLUSIVE). Such a watch can't be changed, only taken off.
	Exclusive
)

// Event is what has happened to the descriptor that was watched with Token.
type Event struct {
	Token  uint64
	Events Events
}
