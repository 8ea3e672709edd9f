package uring

import (
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/uringserve/uringserve/ring/proactor"
	"github.com/uringserve/uringserve/ring/system"
)

// testPort is a Port driven by hand on the test's own, locked thread.
type testPort struct {
	*Port
	t    testing.TB
	seen []proactor.Completion
}

func newTestPort(t testing.TB, o Options) *testPort {
	t.Helper()
	return newTestPortConfig(t, portConfig{Options: o.withDefaults()})
}

func newTestPortConfig(t testing.TB, c portConfig) *testPort {
	t.Helper()
	runtime.LockOSThread()
	c.start = time.Now()
	p, err := newPort(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Dispose()
		runtime.UnlockOSThread()
	})
	return &testPort{Port: p, t: t}
}

func (p *testPort) enter(w proactor.Wait, timeout time.Duration) {
	p.t.Helper()
	if err := p.Enter(w, timeout); err != nil {
		p.t.Fatal(err)
	}
}

// reap returns all completions there are.
func (p *testPort) reap() []proactor.Completion {
	var all []proactor.Completion
	var out [8]proactor.Completion
	for {
		n := p.Reap(out[:])
		all = append(all, out[:n]...)
		if n == 0 {
			return all
		}
	}
}

// next returns the next completion, waiting for it.
func (p *testPort) next() proactor.Completion {
	p.t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for len(p.seen) == 0 {
		if time.Now().After(deadline) {
			p.t.Fatal("no completion came")
		}
		p.enter(proactor.WaitLong, time.Second)
		p.seen = p.reap()
	}
	c := p.seen[0]
	p.seen = p.seen[1:]
	return c
}

// quiet fails if completions come within a moment.
func (p *testPort) quiet(why string) {
	p.t.Helper()
	p.enter(proactor.WaitLong, 20*time.Millisecond)
	if p.seen = append(p.seen, p.reap()...); len(p.seen) > 0 {
		p.t.Fatalf("%s: completions %+v", why, p.seen)
	}
}

func (p *testPort) provideAll() {
	for id := range p.Provided() {
		p.Provide(uint32(id))
	}
}

func ud(op proactor.Op, slot uint32) proactor.UserData {
	return proactor.MakeUserData(op, 0, 1, slot)
}

// socketpair returns two connected stream sockets, closed at the end.
func socketpair(t testing.TB) (a, b int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeAll(fds[:]) })
	return fds[0], fds[1]
}

// tcpPair returns a server-side descriptor, the test's to close, and its peer.
func tcpPair(t testing.TB) (fd int, peer *net.TCPConn) {
	t.Helper()
	var s system.Sockets
	fds, addr, err := s.Listen("tcp", "127.0.0.1:0", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer s.CloseListener(fds[0])
	c, err := net.DialTCP("tcp", nil, addr.(*net.TCPAddr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	fd, errno := s.AcceptNow(fds[0])
	if errno != 0 {
		t.Fatalf("accept: errno %d", errno)
	}
	return fd, c
}

func write(t testing.TB, fd int, b []byte) {
	t.Helper()
	if n, err := unix.Write(fd, b); err != nil || n != len(b) {
		t.Fatalf("write: %d, %v", n, err)
	}
}

func closeAll(fds []int) {
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
}

func listen(t *testing.T, s *system.Sockets, network, address string, loops int) ([]int, net.Addr) {
	t.Helper()
	fds, addr, err := s.Listen(network, address, loops)
	if err != nil {
		t.Fatal(err)
	}
	return fds, addr
}

func closeListeners(s *system.Sockets, fds []int) {
	for _, fd := range fds {
		s.CloseListener(fd)
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
