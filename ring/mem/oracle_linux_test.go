package mem

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/uringserve/uringserve/ring/epoll"
)

// TestAgainstLinux plays scripts on the simulated kernel and on the real one,
// over TCP, and demands that both tell the same after each step: all short
// scripts, and some long ones.
func TestAgainstLinux(t *testing.T) {
	real := newLinux(t)
	steps := []byte(scriptSteps)
	var scripts []string
	for a := range steps {
		for b := range steps {
			for c := range steps {
				scripts = append(scripts, string([]byte{steps[a], steps[b], steps[c]}))
			}
		}
	}
	random := rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		long := make([]byte, 12)
		for i := range long {
			long[i] = steps[random.IntN(len(steps))]
		}
		scripts = append(scripts, string(long))
	}
	for _, asked := range []epoll.Events{readable | readEnded | edge, readable | writable | readEnded | edge, readable, 0} {
		for _, script := range scripts {
			got := simulated(t, script, asked)
			want := real.play(t, script, asked)
			// An acknowledgement can be late, and is an edge of its own, if the
			// machine is busy.
			for range 3 {
				if got != want {
					want = real.play(t, script, asked)
				}
			}
			if got != want {
				t.Fatalf("script %q, watched for %d:\nsimulated %s\nLinux     %s", script, asked, got, want)
			}
		}
	}
}

// scriptSteps are: the client sends three bytes, ends sending, resets; the
// server receives two bytes or all, sends one, ends sending, ends both ways,
// has the watch changed to the same, and to one for room, too.
const scriptSteps = "sfxrRtFBmw"

// endpoint is one connection of a kernel, as a script needs it. Calls answer
// what is to be compared.
type endpoint interface {
	client(step byte)
	recv(room int) string
	send() string
	shutdown(both bool)
	watch(events epoll.Events)
	told() string // without waiting
}

// follow plays a script and writes down what is told.
func follow(e endpoint, script string, asked epoll.Events) (log string) {
	e.watch(asked)
	log = e.told()
	for _, step := range []byte(script) {
		result := ""
		switch step {
		case 's', 'f', 'x':
			e.client(step)
		case 'r':
			result = e.recv(2)
		case 'R':
			result = e.recv(100)
		case 't':
			result = e.send()
		case 'F', 'B':
			e.shutdown(step == 'B')
		case 'w':
			asked |= writable
			e.watch(asked)
		case 'm':
			e.watch(asked)
		}
		log += fmt.Sprintf(" %c%s:%s", step, result, e.told())
	}
	return log
}

func result(n int, errno int) string { return fmt.Sprintf("(%d,%d)", n, errno) }

// simulatedEnd is an endpoint of the simulated kernel.
type simulatedEnd struct {
	r      *callRig
	c      *socket
	fd     int
	closed bool
}

func simulated(t *testing.T, script string, asked epoll.Events) (log string) {
	r := newCallRig(t, Options{})
	r.run(func() {
		client, fd := r.connected()
		log = follow(&simulatedEnd{r: r, c: client, fd: fd}, script, asked)
	})
	return log
}

func (e *simulatedEnd) client(step byte) {
	switch {
	case e.closed:
	case step == 's':
		e.c.send([]byte("abc"))
	case step == 'f':
		e.c.shutdown(false)
	case step == 'x':
		e.closed, e.c.linger0 = true, true
		e.c.close()
	}
}

func (e *simulatedEnd) recv(room int) string {
	n, errno := e.r.c.Recv(e.fd, make([]byte, room))
	return result(n, int(errno))
}

func (e *simulatedEnd) send() string {
	n, errno := e.r.c.Send(e.fd, []byte("z"))
	return result(n, int(errno))
}

func (e *simulatedEnd) shutdown(both bool)        { e.r.c.Shutdown(e.fd, both) }
func (e *simulatedEnd) watch(events epoll.Events) { e.r.watch(e.fd, events) }

func (e *simulatedEnd) told() string {
	all := epoll.Events(0)
	for _, x := range poll(e.r.c) {
		all |= x.Events
	}
	return fmt.Sprint(all)
}

// linux makes connections of the real kernel.
type linux struct {
	listener, epoll int
	addr            unix.Sockaddr
}

func must[T any](t *testing.T, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func newLinux(t *testing.T) *linux {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	l := &linux{listener: must(t, fd, err)}
	t.Cleanup(func() { unix.Close(fd) })
	loopback := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	must(t, 0, unix.Bind(fd, loopback))
	must(t, 0, unix.Listen(fd, 8))
	l.addr, err = unix.Getsockname(fd)
	must(t, l.addr, err)
	l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	must(t, l.epoll, err)
	t.Cleanup(func() { unix.Close(l.epoll) })
	return l
}

func (l *linux) play(t *testing.T, script string, asked epoll.Events) string {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	client := must(t, fd, err)
	// Else small segments wait for each other.
	must(t, 0, unix.SetsockoptInt(client, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1))
	must(t, 0, unix.Connect(client, l.addr))
	server, _, err := unix.Accept4(l.listener, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
	e := &linuxEnd{l: l, t: t, c: client, fd: must(t, server, err)}
	defer func() {
		// Resets leave nothing behind; ends of both would leave a port each.
		abort(e.fd)
		if !e.closed {
			abort(e.c)
		}
	}()
	return follow(e, script, asked)
}

func abort(fd int) {
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	_ = unix.Close(fd)
}

// linuxEnd is an endpoint of the real kernel. What is sent over the loopback
// has arrived when the call is over: the kernel delivers it in the call.
type linuxEnd struct {
	l       *linux
	t       *testing.T
	c, fd   int
	closed  bool
	watched bool
}

func (e *linuxEnd) client(step byte) {
	switch {
	case e.closed:
	case step == 's': // may fail, after a reset
		_ = unix.Sendto(e.c, []byte("abc"), unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT, nil)
	case step == 'f':
		_ = unix.Shutdown(e.c, unix.SHUT_WR)
	case step == 'x':
		e.closed = true
		abort(e.c)
	}
}

func errnoOf(n int, err error) string {
	errno, _ := err.(unix.Errno)
	return result(max(n, 0), int(errno))
}

func (e *linuxEnd) recv(room int) string {
	n, _, err := unix.Recvfrom(e.fd, make([]byte, room), unix.MSG_DONTWAIT)
	return errnoOf(n, err)
}

func (e *linuxEnd) send() string {
	n, err := unix.SendmsgN(e.fd, []byte("z"), nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	return errnoOf(n, err)
}

func (e *linuxEnd) shutdown(both bool) {
	how := unix.SHUT_WR
	if both {
		how = unix.SHUT_RDWR
	}
	_ = unix.Shutdown(e.fd, how)
}

var linuxEvents = map[epoll.Events]uint32{
	readable: unix.EPOLLIN, writable: unix.EPOLLOUT, readEnded: unix.EPOLLRDHUP,
	hangup: unix.EPOLLHUP, failed: unix.EPOLLERR, edge: unix.EPOLLET,
}

func (e *linuxEnd) watch(events epoll.Events) {
	ev := unix.EpollEvent{Fd: int32(e.fd)}
	for ours, theirs := range linuxEvents {
		if events&ours != 0 {
			ev.Events |= theirs
		}
	}
	op := unix.EPOLL_CTL_ADD
	if e.watched {
		op = unix.EPOLL_CTL_MOD
	}
	e.watched = true
	must(e.t, 0, unix.EpollCtl(e.l.epoll, op, e.fd, &ev))
}

func (e *linuxEnd) told() string {
	out := make([]unix.EpollEvent, 4)
	n, err := unix.EpollWait(e.l.epoll, out, 0)
	for err == unix.EINTR {
		n, err = unix.EpollWait(e.l.epoll, out, 0)
	}
	must(e.t, n, err)
	all := epoll.Events(0)
	for _, x := range out[:n] {
		for ours, theirs := range linuxEvents {
			if x.Events&theirs != 0 {
				all |= ours
			}
		}
	}
	return fmt.Sprint(all)
}
