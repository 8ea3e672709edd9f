package system

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Listen implements proactor.Sockets. Networks are tcp, tcp4, tcp6 and unix;
// an empty host means all addresses of both families, an empty port any port,
// and a Unix name with a leading @ is abstract. Errors are *net.OpError and
// wrap the system's.
func (s *Sockets) Listen(network, address string, loops int) (fds []int, addr net.Addr, err error) {
	switch network {
	case "tcp", "tcp4", "tcp6":
		return listenTCP(network, address, loops)
	case "unix":
		return s.listenUnix(address, loops)
	}
	return nil, nil, &net.OpError{Op: "listen", Net: network, Err: net.UnknownNetworkError(network)}
}

func listenTCP(network, address string, loops int) ([]int, net.Addr, error) {
	want, err := net.ResolveTCPAddr(network, address)
	if err != nil {
		return nil, nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	fds, err := bindAll(network, want, loops)
	if err != nil {
		return nil, nil, &net.OpError{Op: "listen", Net: network, Addr: want, Err: err}
	}
	n := backlog()
	for _, fd := range fds {
		if err := unix.Listen(fd, n); err != nil {
			closeAll(fds)
			return nil, nil, &net.OpError{Op: "listen", Net: network, Addr: want, Err: os.NewSyscallError("listen", err)}
		}
	}
	sa, err := unix.Getsockname(fds[0])
	if err != nil {
		closeAll(fds)
		return nil, nil, &net.OpError{Op: "listen", Net: network, Addr: want, Err: os.NewSyscallError("getsockname", err)}
	}
	return fds, addrOf(sa), nil
}

// bindAll binds one socket per loop to an address.
func bindAll(network string, want *net.TCPAddr, loops int) ([]int, error) {
	sa, family, dual, err := tcpSockaddr(network, want)
	if err != nil {
		return nil, err
	}
	first, err := bindTCP(sa, family, dual, false)
	if dual && (errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EADDRNOTAVAIL)) {
		// No IPv6 on this host.
		sa, family, dual = &unix.SockaddrInet4{Port: want.Port}, unix.AF_INET, false
		first, err = bindTCP(sa, family, dual, false)
	}
	if err != nil {
		return nil, err
	}
	fds := []int{first}
	if loops == 1 {
		return fds, nil
	}
	// The first has the port, alone; now it lets its siblings in.
	if err := unix.SetsockoptInt(first, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		closeAll(fds)
		return nil, os.NewSyscallError("setsockopt", err)
	}
	if sa, err = unix.Getsockname(first); err != nil {
		closeAll(fds)
		return nil, os.NewSyscallError("getsockname", err)
	}
	for len(fds) < loops {
		fd, err := bindTCP(sa, family, dual, true)
		if err != nil {
			closeAll(fds)
			return nil, err
		}
		fds = append(fds, fd)
	}
	return fds, nil
}

// tcpSockaddr is the address to bind: for no address at all, the IPv6 wildcard
// that takes IPv4 connections, too (dual).
func tcpSockaddr(network string, want *net.TCPAddr) (sa unix.Sockaddr, family int, dual bool, err error) {
	ip4 := want.IP.To4()
	switch {
	case len(want.IP) == 0 && network == "tcp4":
		return &unix.SockaddrInet4{Port: want.Port}, unix.AF_INET, false, nil
	case len(want.IP) == 0:
		return &unix.SockaddrInet6{Port: want.Port}, unix.AF_INET6, network == "tcp", nil
	case ip4 != nil:
		return &unix.SockaddrInet4{Port: want.Port, Addr: [4]byte(ip4)}, unix.AF_INET, false, nil
	}
	in6 := &unix.SockaddrInet6{Port: want.Port, Addr: [16]byte(want.IP.To16())}
	if want.Zone != "" {
		i, err := net.InterfaceByName(want.Zone)
		if err != nil {
			return nil, 0, false, fmt.Errorf("zone %q: %w", want.Zone, err)
		}
		in6.ZoneId = uint32(i.Index)
	}
	// As in package net, "[::]" is both families where "tcp" asks for either.
	return in6, unix.AF_INET6, network == "tcp" && want.IP.IsUnspecified(), nil
}

// bindTCP makes a non-blocking socket bound to sa.
func bindTCP(sa unix.Sockaddr, family int, dual, reusePort bool) (fd int, err error) {
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	options := []struct{ level, name, value int }{
		{unix.SOL_SOCKET, unix.SO_REUSEADDR, 1},
		// Accepted sockets inherit it.
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
	}
	if family == unix.AF_INET6 {
		only := 1
		if dual {
			only = 0
		}
		options = append(options, struct{ level, name, value int }{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only})
	}
	if reusePort {
		options = append(options, struct{ level, name, value int }{unix.SOL_SOCKET, unix.SO_REUSEPORT, 1})
	}
	for _, o := range options {
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
			closeAll([]int{fd})
			return -1, os.NewSyscallError("setsockopt", err)
		}
	}
	if err := unix.Bind(fd, sa); err != nil {
		closeAll([]int{fd})
		return -1, os.NewSyscallError("bind", err)
	}
	return fd, nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		// The descriptor is gone whatever close says.
		_ = unix.Close(fd)
	}
}

// listenUnix makes one listening socket, with a descriptor per loop. A file of
// that name is removed if it is a socket on which nobody listens any more.
func (s *Sockets) listenUnix(path string, loops int) ([]int, net.Addr, error) {
	addr := &net.UnixAddr{Name: path, Net: "unix"}
	fail := func(call string, err error) ([]int, net.Addr, error) {
		return nil, nil, &net.OpError{Op: "listen", Net: "unix", Addr: addr, Err: os.NewSyscallError(call, err)}
	}
	if path == "" {
		return fail("bind", unix.EINVAL)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fail("socket", err)
	}
	err = unix.Bind(fd, &unix.SockaddrUnix{Name: path})
	if errors.Is(err, unix.EADDRINUSE) && isStale(path) && os.Remove(path) == nil {
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: path})
	}
	if err != nil {
		closeAll([]int{fd})
		return fail("bind", err)
	}
	unlink := func() {
		if !isAbstract(path) {
			// Somebody else may have removed it.
			_ = os.Remove(path)
		}
	}
	if err := unix.Listen(fd, backlog()); err != nil {
		unlink()
		closeAll([]int{fd})
		return fail("listen", err)
	}
	fds, err := duplicate(fd, loops)
	if err != nil {
		unlink()
		return fail("dup", err)
	}
	s.own(fds, unlink)
	return fds, addr, nil
}

func isAbstract(path string) bool { return strings.HasPrefix(path, "@") }

// isStale reports whether path is a Unix socket that refuses connections: its
// process has gone.
func isStale(path string) bool {
	if isAbstract(path) {
		return false
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&fs.ModeSocket == 0 {
		return false
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer closeAll([]int{fd})
	return errors.Is(unix.Connect(fd, &unix.SockaddrUnix{Name: path}), unix.ECONNREFUSED)
}

// duplicate makes n descriptors of fd, itself the first. On failure all are
// closed.
func duplicate(fd, n int) ([]int, error) {
	fds := []int{fd}
	for len(fds) < n {
		d, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			closeAll(fds)
			return nil, err
		}
		fds = append(fds, d)
	}
	return fds, nil
}
