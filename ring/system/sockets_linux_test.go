package system

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/proactor"
)

func listen(t *testing.T, s *Sockets, network, address string, loops int) ([]int, net.Addr) {
	t.Helper()
	fds, addr, err := s.Listen(network, address, loops)
	if err != nil {
		t.Fatal(err)
	}
	if len(fds) != loops {
		t.Fatalf("%d descriptors, want %d", len(fds), loops)
	}
	return fds, addr
}

// accepted waits until one of fds has a connection, and returns it.
func accepted(t *testing.T, s *Sockets, fds []int) int {
	t.Helper()
	polls := make([]unix.PollFd, len(fds))
	for i, fd := range fds {
		polls[i] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	}
	if n, err := unix.Poll(polls, 5000); n < 1 || err != nil {
		t.Fatalf("poll: %d, %v", n, err)
	}
	for i, p := range polls {
		if p.Revents != 0 {
			fd, errno := s.AcceptNow(fds[i])
			if errno != 0 {
				t.Fatalf("accept: errno %d", errno)
			}
			t.Cleanup(func() { unix.Close(fd) })
			return fd
		}
	}
	return -1
}

func closeListeners(s *Sockets, fds []int) {
	for _, fd := range fds {
		s.CloseListener(fd)
	}
}

func option(t *testing.T, fd, level, name int) int {
	t.Helper()
	v, err := unix.GetsockoptInt(fd, level, name)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestListenTCP(t *testing.T) {
	var s Sockets
	fds, addr := listen(t, &s, "tcp", "127.0.0.1:0", 4)
	defer closeListeners(&s, fds)
	for i, fd := range fds {
		for j := range i {
			if fds[j] == fd {
				t.Error("loops share a descriptor")
			}
		}
		sa, err := unix.Getsockname(fd)
		if err != nil || addrOf(sa).String() != addr.String() {
			t.Errorf("socket %d is bound to %v, %v; want %v", i, addrOf(sa), err, addr)
		}
		if option(t, fd, unix.SOL_SOCKET, unix.SO_REUSEPORT) == 0 || option(t, fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN) == 0 {
			t.Errorf("socket %d does not share the port, or does not listen", i)
		}
		if _, errno := s.AcceptNow(fd); errno != proactor.EAGAIN {
			t.Errorf("accept without a connection: errno %d", errno)
		}
	}
	for range 20 {
		c, err := net.Dial("tcp", addr.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fd := accepted(t, &s, fds)
		if option(t, fd, unix.IPPROTO_TCP, unix.TCP_NODELAY) == 0 {
			t.Error("no TCP_NODELAY")
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Error("children inherit the connection")
		}
		remote, local := s.Addrs(fd)
		if remote.String() != c.LocalAddr().String() || local.String() != c.RemoteAddr().String() {
			t.Errorf("ends are %v, %v", remote, local)
		}
	}
}

func TestListenOnAllAddresses(t *testing.T) {
	for _, tt := range []struct {
		network, address string
		v4, v6           bool
	}{
		{"tcp", ":0", true, true},
		{"tcp", "[::]:0", true, true},
		{"tcp", "0.0.0.0:0", true, false},
		{"tcp4", ":0", true, false},
		{"tcp6", ":0", false, true},
	} {
		var s Sockets
		fds, addr := listen(t, &s, tt.network, tt.address, 2)
		port := strconv.Itoa(addr.(*net.TCPAddr).Port)
		for host, want := range map[string]bool{"127.0.0.1": tt.v4, "::1": tt.v6} {
			c, err := net.Dial("tcp", net.JoinHostPort(host, port))
			if (err == nil) != want {
				t.Errorf("%s %s from %s: %v", tt.network, tt.address, host, err)
			}
			if err != nil {
				continue
			}
			remote, _ := s.Addrs(accepted(t, &s, fds))
			if remote.String() != c.LocalAddr().String() {
				t.Errorf("%s %s: remote is %v, want %v", tt.network, tt.address, remote, c.LocalAddr())
			}
			c.Close()
		}
		closeListeners(&s, fds)
	}
}

// A port in use is seen, whoever holds it and with whatever options.
func TestPortInUse(t *testing.T) {
	var a, b Sockets
	for _, loops := range []int{1, 2} {
		fds, addr := listen(t, &a, "tcp", "127.0.0.1:0", loops)
		for _, mine := range []int{1, 2} {
			if _, _, err := b.Listen("tcp", addr.String(), mine); !errors.Is(err, unix.EADDRINUSE) {
				t.Errorf("%d loops beside %d: %v", mine, loops, err)
			}
		}
		if _, _, err := b.Listen("tcp", ":"+strconv.Itoa(addr.(*net.TCPAddr).Port), 2); !errors.Is(err, unix.EADDRINUSE) {
			t.Errorf("all addresses beside one: %v", err)
		}
		closeListeners(&a, fds)
		// The port is free at once.
		fds, _ = listen(t, &b, "tcp", addr.String(), loops)
		closeListeners(&b, fds)
	}
}

func TestListenErrors(t *testing.T) {
	var s Sockets
	for _, tt := range [][2]string{
		{"udp", "127.0.0.1:0"}, {"tcp", "127.0.0.1"}, {"tcp", "127.0.0.1:99999"}, {"tcp", "192.0.2.1:0"},
		{"unix", ""}, {"unix", "/nonexistent/socket"}, {"unix", "/tmp/" + strings.Repeat("x", 200)}, {"tcp", "[fe80::1%nosuch]:0"},
	} {
		fds, _, err := s.Listen(tt[0], tt[1], 2)
		var op *net.OpError
		if !errors.As(err, &op) || fds != nil {
			t.Errorf("%v: %v, %v", tt, fds, err)
		}
	}
	if fds := openFDs(t); fds > 200 {
		t.Errorf("%d descriptors are open", fds)
	}
}

func openFDs(t *testing.T) int {
	t.Helper()
	// The first socket of package net opens descriptors for ever.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(d)
}

func TestListenUnix(t *testing.T) {
	var s Sockets
	path := filepath.Join(t.TempDir(), "s")
	before := openFDs(t)
	fds, addr := listen(t, &s, "unix", path, 3)
	if addr.String() != path || addr.Network() != "unix" {
		t.Errorf("address %v", addr)
	}
	for _, fd := range fds {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		// One queue: whichever loop accepts gets it.
		conn := accepted(t, &s, []int{fd})
		remote, local := s.Addrs(conn)
		if remote != nil || local.String() != path {
			t.Errorf("ends are %v, %v", remote, local)
		}
		c.Close()
	}
	if _, _, err := s.Listen("unix", path, 1); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("a name in use: %v", err)
	}
	for i, fd := range fds {
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("the file went with %d of 3 descriptors", i)
		}
		s.CloseListener(fd)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file stays: %v", err)
	}
	if after := openFDs(t); after > before+3 { // the connections, closed at the end
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func TestStaleUnixSocket(t *testing.T) {
	var s Sockets
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	fds, _ := listen(t, &s, "unix", path, 1)
	s.CloseListener(fds[0])
	// What is not a socket is nobody's leftover.
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Listen("unix", path, 1); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("a file of that name: %v", err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "x" {
		t.Errorf("the file was touched: %q, %v", b, err)
	}
}

func TestAbstractUnixSocket(t *testing.T) {
	var s Sockets
	name := "@uringserve-test-" + strconv.Itoa(os.Getpid())
	fds, addr := listen(t, &s, "unix", name, 2)
	if addr.String() != name {
		t.Errorf("address %v", addr)
	}
	c, err := net.Dial("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if _, _, err := s.Listen("unix", name, 1); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("a name in use: %v", err)
	}
	closeListeners(&s, fds)
	fds, _ = listen(t, &s, "unix", name, 1)
	closeListeners(&s, fds)
}

func TestAdoptTCP(t *testing.T) {
	var s Sockets
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fds, addr, err := s.Adopt(l, 2)
	if err != nil || len(fds) != 2 || addr.String() != l.Addr().String() {
		t.Fatalf("%v, %v, %v", fds, addr, err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the caller's listener accepts: %v", err)
	}
	for _, fd := range fds {
		c, err := net.Dial("tcp", addr.String())
		if err != nil {
			t.Fatal(err)
		}
		conn := accepted(t, &s, []int{fd})
		if option(t, conn, unix.IPPROTO_TCP, unix.TCP_NODELAY) == 0 {
			t.Error("no TCP_NODELAY")
		}
		c.Close()
	}
	closeListeners(&s, fds)
	if c, err := net.DialTimeout("tcp", addr.String(), time.Second); err == nil {
		c.Close()
		t.Error("it still listens")
	}
	if _, _, err := s.Adopt(l, 1); err == nil {
		t.Error("a closed listener was adopted")
	}
}

func TestAdoptUnix(t *testing.T) {
	for _, unlink := range []bool{true, false} {
		var s Sockets
		path := filepath.Join(t.TempDir(), "s")
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(unlink)
		fds, addr, err := s.Adopt(l, 2)
		if err != nil || addr.String() != path {
			t.Fatalf("%v, %v", addr, err)
		}
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		accepted(t, &s, fds[1:])
		c.Close()
		closeListeners(&s, fds)
		if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) != unlink {
			t.Errorf("unlink %v: file %v", unlink, err)
		}
		if _, err := net.Dial("unix", path); err == nil {
			t.Error("it still listens")
		}
	}
}

type otherListener struct{ net.Listener }

func TestNotAdoptable(t *testing.T) {
	var s Sockets
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, _, err := s.Adopt(otherListener{l}, 1); !errors.Is(err, ring.ErrNotAdoptable) {
		t.Errorf("a wrapped listener: %v", err)
	}
	p, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "s"), Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, _, err := s.Adopt(p, 1); !errors.Is(err, ring.ErrNotAdoptable) {
		t.Errorf("a packet listener: %v", err)
	}
	if err := p.SetDeadline(time.Now()); err != nil {
		t.Errorf("it was touched: %v", err)
	}
}

// A net.Conn of a connection has a descriptor of its own, does not block its
// thread, and keeps TCP_NODELAY.
func TestConn(t *testing.T) {
	for _, delay := range []int{1, 0} {
		var s Sockets
		fds, addr := listen(t, &s, "tcp", "127.0.0.1:0", 1)
		client, err := net.Dial("tcp", addr.String())
		if err != nil {
			t.Fatal(err)
		}
		fd := accepted(t, &s, fds)
		closeListeners(&s, fds)
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, delay); err != nil {
			t.Fatal(err)
		}
		nc, err := s.Conn(fd)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := nc.(*net.TCPConn); !ok {
			t.Errorf("it is a %T", nc)
		}
		if got := option(t, fd, unix.IPPROTO_TCP, unix.TCP_NODELAY); got != delay {
			t.Errorf("TCP_NODELAY is %d, was %d", got, delay)
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK == 0 {
			t.Errorf("flags %#x, %v", flags, err)
		}
		unix.Close(fd)
		if err := nc.SetReadDeadline(time.Unix(1, 0)); err != nil {
			t.Error(err)
		}
		if _, err := nc.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a deadline that is over: %v", err)
		}
		nc.Close()
		if n, err := client.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("the client reads %d, %v", n, err)
		}
		client.Close()
	}
}

func TestConnWithoutDescriptors(t *testing.T) {
	var s Sockets
	if nc, err := s.Conn(-1); nc != nil || err == nil {
		t.Errorf("%v, %v of no descriptor", nc, err)
	}
}
