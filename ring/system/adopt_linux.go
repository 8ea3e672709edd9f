package system

import (
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/uringserve/uringserve/ring"
)

// Adopt implements proactor.Sockets for *net.TCPListener and stream
// *net.UnixListener. All loops share the one socket.
func (s *Sockets) Adopt(ln net.Listener, loops int) (fds []int, addr net.Addr, err error) {
	switch l := ln.(type) {
	case *net.TCPListener:
		fds, err = adopt(l, loops)
		if err != nil {
			return nil, nil, err
		}
		// Accepted sockets inherit it. It cannot fail on a TCP socket.
		_ = unix.SetsockoptInt(fds[0], unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		// Our descriptors keep the socket open.
		if err := l.Close(); err != nil {
			closeAll(fds)
			return nil, nil, err
		}
		return fds, l.Addr(), nil
	case *net.UnixListener:
		if l.Addr().Network() != "unix" {
			return nil, nil, ring.ErrNotAdoptable
		}
		fds, err = adopt(l, loops)
		if err != nil {
			return nil, nil, err
		}
		// Whether the file goes with the listener only the listener knows
		// (one of systemd's must stay), so it closes with our last
		// descriptor.
		s.own(fds, func() { _ = l.Close() })
		return fds, l.Addr(), nil
	}
	return nil, nil, ring.ErrNotAdoptable
}

// adopt duplicates the descriptor of a listener, which package net has made
// non-blocking already.
func adopt(ln syscall.Conn, loops int) (fds []int, err error) {
	raw, err := ln.SyscallConn()
	if err != nil {
		return nil, err
	}
	var dupErr error
	err = raw.Control(func(fd uintptr) {
		var d int
		if d, dupErr = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0); dupErr == nil {
			fds, dupErr = duplicate(d, loops)
		}
	})
	if err != nil {
		return nil, err
	}
	return fds, os.NewSyscallError("dup", dupErr)
}
