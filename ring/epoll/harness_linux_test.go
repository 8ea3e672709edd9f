package epoll

import (
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/uringserve/uringserve/ring/proactor"
	"github.com/uringserve/uringserve/ring/system"
)

// testPort is a Port on real sockets, driven by hand.
type testPort struct {
	*Port
	k    *kernel
	t    testing.TB
	seen []proactor.Completion
}

func newTestPort(t testing.TB, o Options) *testPort {
	t.Helper()
	return newTestPortOver(t, o, func(k *kernel) Calls { return k })
}

func newTestPortOver(t testing.TB, o Options, wrap func(*kernel) Calls) *testPort {
	t.Helper()
	o = o.withDefaults()
	k, err := newKernel(time.Now(), o.RestBytes)
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPort(wrap(k), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Dispose)
	return &testPort{Port: p, k: k, t: t}
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

// want is next, compared.
func (p *testPort) want(why string, ud proactor.UserData, res int32) {
	p.t.Helper()
	if c := p.next(); c.UserData != ud || c.Res != res || c.More || c.HasBuf {
		p.t.Fatalf("%s: %+v, want result %d of %x", why, c, res, ud)
	}
}

// wantBytes wants receives of text, in as many parts as it comes.
func (p *testPort) wantBytes(ud proactor.UserData, text string) {
	p.t.Helper()
	var got []byte
	for len(got) < len(text) {
		c := p.next()
		if c.UserData != ud || c.Res <= 0 || !c.More || !c.HasBuf {
			p.t.Fatalf("receive: %+v after %q", c, got)
		}
		got = append(got, p.Buffer(c.Buf)[:c.Res]...)
		p.Provide(c.Buf)
	}
	if string(got) != text {
		p.t.Fatalf("received %q, want %q", got, text)
	}
}

// quiet fails if completions come within a moment.
func (p *testPort) quiet(why string) {
	p.t.Helper()
	for end := time.Now().Add(20 * time.Millisecond); time.Now().Before(end); {
		p.enter(proactor.WaitLong, time.Until(end))
		if p.seen = append(p.seen, p.reap()...); len(p.seen) > 0 {
			p.t.Fatalf("%s: completions %+v", why, p.seen)
		}
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

func closeAll(fds ...int) {
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
}

// socketpair returns two connected stream sockets, the first the test's to
// close.
func socketpair(t testing.TB) (fd, peer int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeAll(fds[1]) })
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

func write(t testing.TB, fd int, text string) {
	t.Helper()
	if n, err := unix.Write(fd, []byte(text)); err != nil || n != len(text) {
		t.Fatalf("write: %d, %v", n, err)
	}
}

// fill sends to fd until it takes nothing more.
func (p *testPort) fill(fd int) (sent int) {
	p.t.Helper()
	for {
		n, errno := p.SendNow(fd, p.SendArena()[:60<<10])
		if errno == proactor.EAGAIN {
			return sent
		}
		if errno != 0 {
			p.t.Fatalf("fill: errno %d", errno)
		}
		sent += n
	}
}

func openFDs(t testing.TB) int {
	t.Helper()
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(d)
}

// listenOne is a listener, closed at the end.
func listenOne(t testing.TB) (fd int, addr net.Addr) {
	t.Helper()
	s := &system.Sockets{}
	fds, addr, err := s.Listen("tcp", "127.0.0.1:0", 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.CloseListener(fds[0]) })
	return fds[0], addr
}

func dial(addr net.Addr) (net.Conn, error) { return net.Dial(addr.Network(), addr.String()) }
