package system

import (
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/uringserve/uringserve/ring/proactor"
)

// Sockets implements proactor.Sockets on the system's sockets. The zero value
// is ready; it is safe for concurrent use.
type Sockets struct {
	mu    sync.Mutex
	files map[int]*socketFile // by listening descriptor; Unix sockets only
}

// socketFile is what goes when the last descriptor of a Unix socket closes.
// Guarded by Sockets.mu.
type socketFile struct {
	refs  int
	close func()
}

var _ proactor.Sockets = (*Sockets)(nil)

// own remembers what is to be done after the last of fds has closed.
func (s *Sockets) own(fds []int, atEnd func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files == nil {
		s.files = make(map[int]*socketFile)
	}
	f := &socketFile{refs: len(fds), close: atEnd}
	for _, fd := range fds {
		s.files[fd] = f
	}
}

// CloseListener implements proactor.Sockets.
func (s *Sockets) CloseListener(fd int) {
	s.mu.Lock()
	f := s.files[fd]
	delete(s.files, fd)
	last := false
	if f != nil {
		f.refs--
		last = f.refs == 0
	}
	s.mu.Unlock()
	if last {
		// The file first: a name without a socket behind it looks stale.
		f.close()
	}
	// The descriptor is gone whatever close says.
	_ = unix.Close(fd)
}

// AcceptNow implements proactor.Sockets.
func (s *Sockets) AcceptNow(listener int) (int, proactor.Errno) {
	for {
		fd, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
		if err == nil {
			return fd, 0
		}
		errno, ok := err.(unix.Errno)
		if !ok {
			return -1, proactor.EIO
		}
		if errno != unix.EINTR {
			return -1, proactor.Errno(errno)
		}
	}
}

// Addrs implements proactor.Sockets. An end that the system does not name is
// nil.
func (s *Sockets) Addrs(fd int) (remote, local net.Addr) {
	if sa, err := unix.Getpeername(fd); err == nil {
		remote = addrOf(sa)
	}
	if sa, err := unix.Getsockname(fd); err == nil {
		local = addrOf(sa)
	}
	return remote, local
}

// Conn implements proactor.Sockets: a *net.TCPConn or *net.UnixConn, which
// keeps the socket's TCP_NODELAY and has keep-alive probes, as those that
// package net accepts have by default.
func (s *Sockets) Conn(fd int) (net.Conn, error) {
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	f := os.NewFile(uintptr(dup), "connection")
	defer f.Close() // FileConn has a descriptor of its own
	delay := false
	if v, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY); err == nil {
		delay = v == 0
	}
	nc, err := net.FileConn(f)
	if tc, ok := nc.(*net.TCPConn); ok && delay {
		err = tc.SetNoDelay(false) // FileConn has set it
	}
	if err != nil && nc != nil {
		_ = nc.Close() // the caller gets the better error
		nc = nil
	}
	return nc, err
}

// addrOf is the net.Addr of a system address, nil for an unnamed one.
func addrOf(sa unix.Sockaddr) net.Addr {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port)))
	case *unix.SockaddrInet6:
		ip := netip.AddrFrom16(sa.Addr).Unmap()
		if sa.ZoneId != 0 && ip.Is6() {
			ip = ip.WithZone(zoneName(sa.ZoneId))
		}
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, uint16(sa.Port)))
	case *unix.SockaddrUnix:
		// x/sys spells an unnamed end "@".
		if sa.Name != "" && sa.Name != "@" {
			return &net.UnixAddr{Name: sa.Name, Net: "unix"}
		}
	}
	return nil
}

func zoneName(id uint32) string {
	if i, err := net.InterfaceByIndex(int(id)); err == nil {
		return i.Name
	}
	return strconv.Itoa(int(id))
}

// backlog is how many connections may wait to be accepted: as many as the
// system allows.
func backlog() int {
	const unknown = 4096 // the kernel's default since 5.4
	b, err := os.ReadFile("/proc/sys/net/core/somaxconn")
	if err != nil {
		return unknown
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || n < 1 {
		return unknown
	}
	return n
}
