package proactor

import (
	"net"
)

// Sockets makes and closes the listening sockets of an engine, and names the
// ends of its connections: the part of a kernel that is not on the hot path.
// Safe for concurrent use.
type Sockets interface {
	// Listen binds address and returns one listening descriptor per loop
	// (they may be the same one), non-blocking, and the bound address. The
	// first socket binds without SO_REUSEPORT, so that a port in use is seen.
	Listen(network, address string, loops int) (fds []int, addr net.Addr, err error)

	// Adopt makes descriptors of a listener that the caller made, which it
	// closes on success. ring.ErrNotAdoptable: ln is untouched.
	Adopt(ln net.Listener, loops int) (fds []int, addr net.Addr, err error)

	// AcceptNow accepts one queued connection without waiting: EAGAIN if
	// there is none.
	AcceptNow(listener int) (fd int, errno Errno)

	// CloseListener closes a listening descriptor; a Unix socket's file goes
	// with its last one.
	CloseListener(fd int)

	// Conn makes a net.Conn of a connection, under a descriptor of its own; fd
	// stays open, and the caller's.
	Conn(fd int) (net.Conn, error)

	// Addrs are the ends of a connection.
	Addrs(fd int) (remote, local net.Addr)
}
