package epoll

import (
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/uringserve/uringserve/ring/proactor"
	"github.com/uringserve/uringserve/ring/system"
)

func TestAcceptAndRecv(t *testing.T) {
	p := newTestPort(t, Options{})
	p.provideAll()
	var s system.Sockets
	fds, addr, err := s.Listen("tcp", "127.0.0.1:0", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer s.CloseListener(fds[0])
	accept := ud(proactor.OpAccept, 1)
	p.Accept(fds[0], accept)
	for i := range uint32(3) {
		c, err := net.Dial("tcp", addr.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		got := p.next()
		if got.UserData != accept || got.Res < 0 || !got.More {
			t.Fatalf("accept: %+v", got)
		}
		fd := int(got.Res)
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Error("children inherit the connection")
		}
		recv := ud(proactor.OpRecv, i)
		p.Recv(fd, recv)
		for _, text := range []string{"one", "two"} {
			c.Write([]byte(text))
			p.wantBytes(recv, text)
		}
		c.(*net.TCPConn).CloseWrite()
		p.want("FIN", recv, 0)
		p.Close(fd, ud(proactor.OpClose, i))
		p.quiet("a close that succeeds does not complete")
	}
	p.Cancel(accept, ud(proactor.OpCancel, 1))
	p.want("cancelled accept", accept, failure(proactor.ECANCELED))
	p.quiet("a cancel that succeeds does not complete")
	if c, err := net.Dial("tcp", addr.String()); err == nil {
		defer c.Close()
	}
	p.quiet("nobody accepts")
	p.Cancel(accept, ud(proactor.OpCancel, 1))
	p.want("cancel of nothing", ud(proactor.OpCancel, 1), failure(proactor.ENOENT))
	p.Accept(fds[0], accept)
	if c := p.next(); c.Res < 0 || !c.More {
		t.Fatalf("the connection that waited: %+v", c)
	} else {
		closeAll(int(c.Res))
	}
}

// One Enter takes so many connections of a listener, and the next the rest.
func TestAcceptIsBounded(t *testing.T) {
	for _, n := range []int{acceptBatch - 1, acceptBatch, acceptBatch + 1} {
		p := newTestPort(t, Options{})
		var s system.Sockets
		fds, addr, err := s.Listen("tcp", "127.0.0.1:0", 1)
		if err != nil {
			t.Fatal(err)
		}
		for range n {
			c, err := net.Dial("tcp", addr.String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
		}
		p.Accept(fds[0], ud(proactor.OpAccept, 1))
		p.enter(proactor.WaitLong, time.Second)
		first := p.reap()
		if want := min(n, acceptBatch); len(first) != want {
			t.Errorf("%d of %d in the first Enter, want %d", len(first), n, want)
		}
		p.enter(proactor.WaitLong, 0)
		second := p.reap()
		if len(first)+len(second) != n {
			t.Errorf("%d and then %d of %d", len(first), len(second), n)
		}
		for _, c := range append(first, second...) {
			closeAll(int(c.Res))
		}
		s.CloseListener(fds[0])
	}
}

func TestNothingOpen(t *testing.T) {
	p := newTestPort(t, Options{})
	const none = 1 << 20
	p.Accept(none, ud(proactor.OpAccept, 1))
	p.want("accept", ud(proactor.OpAccept, 1), failure(proactor.EBADF))
	p.Recv(none, ud(proactor.OpRecv, 2))
	p.want("recv", ud(proactor.OpRecv, 2), failure(proactor.EBADF))
	p.PollHangup(none, ud(proactor.OpPoll, 2))
	p.want("poll", ud(proactor.OpPoll, 2), failure(proactor.EBADF))
	p.Send(none, p.SendArena()[:1], ud(proactor.OpSend, 2), true)
	p.want("skipped send", ud(proactor.OpSend, 2), failure(proactor.EBADF))
	p.Send(none, p.SendArena()[:1], ud(proactor.OpSendRest, 2), false)
	p.want("send", ud(proactor.OpSendRest, 2), failure(proactor.EBADF))
	p.Shutdown(none, true, ud(proactor.OpShutdown, 2))
	p.want("shutdown", ud(proactor.OpShutdown, 2), failure(proactor.EBADF))
	p.Close(none, ud(proactor.OpClose, 2))
	p.want("close", ud(proactor.OpClose, 2), failure(proactor.EBADF))
	for op := proactor.OpAccept; op <= proactor.OpNone; op++ {
		p.Cancel(ud(op, 2), ud(proactor.OpCancel, 3))
		p.want("cancel", ud(proactor.OpCancel, 3), failure(proactor.ENOENT))
	}
}

// recorder remembers how the last Wait was asked to wait.
type recorder struct {
	*kernel
	wait proactor.Wait
}

func (r *recorder) Wait(out []Event, wait proactor.Wait, timeout time.Duration) (int, proactor.Errno) {
	r.wait = wait
	return r.kernel.Wait(out, wait, timeout)
}

// A buffer that was filled may not have held all: the next Enter does not
// wait. One that was not, did.
func TestFullBufferComesAgain(t *testing.T) {
	const size = 16
	for _, n := range []int{size - 1, size, size + 1, 3*size + 5} {
		var calls *recorder
		p := newTestPortOver(t, Options{BufferSize: size}, func(k *kernel) Calls {
			calls = &recorder{kernel: k}
			return calls
		})
		p.provideAll()
		fd, peer := socketpair(t)
		p.Recv(fd, ud(proactor.OpRecv, 1))
		text := strings.Repeat("x", n-1) + "y"
		write(t, peer, text)
		got := 0
		for rounds := 0; got < n; rounds++ {
			p.enter(proactor.WaitLong, time.Second)
			all := p.reap()
			if len(all) > 1 {
				t.Fatalf("%d receives in one round", len(all))
			}
			for _, c := range all {
				if want := min(size, n-got); int(c.Res) != want {
					t.Fatalf("%d bytes of %d, want %d", c.Res, n, want)
				}
				got += int(c.Res)
			}
			if rounds > n || len(all) == 0 {
				t.Fatal("the bytes do not come")
			}
			if waits := calls.wait != proactor.NoWait; waits != (rounds == 0) {
				t.Fatalf("round %d waits: %v", rounds, waits)
			}
		}
		p.quiet("all was received")
		closeAll(fd)
	}
}

// Everybody who is ready gets a buffer before anybody gets a second one.
func TestRoundsAreFair(t *testing.T) {
	const size, conns = 8, 5
	p := newTestPort(t, Options{BufferSize: size, Provided: conns})
	p.provideAll()
	for i := range uint32(conns) {
		fd, peer := socketpair(t)
		defer closeAll(fd)
		p.Recv(fd, ud(proactor.OpRecv, i))
		write(t, peer, strings.Repeat("x", 4*size))
	}
	for round := range 4 {
		p.enter(proactor.WaitLong, time.Second)
		seen := map[uint32]int{}
		for _, c := range p.reap() {
			if c.Res != size {
				t.Fatalf("%+v", c)
			}
			seen[c.UserData.Slot()]++
			p.Provide(c.Buf)
		}
		for i := range uint32(conns) {
			if seen[i] != 1 {
				t.Errorf("round %d: connection %d had %d receives", round, i, seen[i])
			}
		}
	}
}

func TestEndBehindTheBytes(t *testing.T) {
	p := newTestPort(t, Options{})
	p.provideAll()
	fd, peer := tcpPair(t)
	defer closeAll(fd)
	// Told in one event: there is no second edge for the FIN.
	peer.Write([]byte("bye"))
	peer.CloseWrite()
	recv := ud(proactor.OpRecv, 1)
	p.Recv(fd, recv)
	p.wantBytes(recv, "bye")
	p.want("FIN", recv, 0)
	p.quiet("the end comes once")
	// Armed again, it shows again.
	p.Recv(fd, recv)
	p.want("FIN", recv, 0)
}

func TestResetShows(t *testing.T) {
	p := newTestPort(t, Options{})
	p.provideAll()
	fd, peer := tcpPair(t)
	defer closeAll(fd)
	recv := ud(proactor.OpRecv, 1)
	p.Recv(fd, recv)
	p.enter(proactor.NoWait, 0)
	peer.SetLinger(0)
	peer.Close()
	p.want("reset", recv, failure(proactor.ECONNRESET))
}

// What became readable while nobody received is remembered.
func TestKnownReadableIsReadyAtOnce(t *testing.T) {
	p := newTestPort(t, Options{})
	p.provideAll()
	fd, peer := socketpair(t)
	defer closeAll(fd)
	recv := ud(proactor.OpRecv, 1)
	p.Recv(fd, recv)
	p.quiet("nothing was sent")
	p.Cancel(recv, ud(proactor.OpCancel, 1))
	p.want("cancelled receive", recv, failure(proactor.ECANCELED))
	write(t, peer, "edge")
	p.quiet("nobody receives")
	p.Recv(fd, recv)
	p.wantBytes(recv, "edge")
	p.quiet("drained")
	write(t, peer, "again")
	p.wantBytes(recv, "again")
	// Readable and cancelled in the same Enter: the bytes stay.
	write(t, peer, "kept")
	p.Cancel(recv, ud(proactor.OpCancel, 1))
	p.want("cancelled receive", recv, failure(proactor.ECANCELED))
	p.Recv(fd, recv)
	p.wantBytes(recv, "kept")
}

func TestNoBuffersThenArmedAgain(t *testing.T) {
	p := newTestPort(t, Options{Provided: 2, Reserve: -1, BufferSize: 64})
	p.provideAll()
	fd, peer := socketpair(t)
	defer closeAll(fd)
	recv := ud(proactor.OpRecv, 1)
	p.Recv(fd, recv)
	text := strings.Repeat("0123456789abcdef", 10) // 160 bytes: 2½ buffers
	write(t, peer, text)
	var got []byte
	var held []uint32
	for c := p.next(); c.HasBuf; c = p.next() {
		got = append(got, p.Buffer(c.Buf)[:c.Res]...)
		held = append(held, c.Buf)
		p.seen = append(p.seen, p.reap()...)
		if len(held) == 2 {
			p.want("without buffers", recv, failure(proactor.ENOBUFS))
			break
		}
	}
	p.quiet("it ended")
	for _, id := range held {
		p.Provide(id)
	}
	p.Recv(fd, recv)
	p.wantBytes(recv, text[len(got):])
}

func TestPollHangup(t *testing.T) {
	poll := ud(proactor.OpPoll, 1)
	for _, tt := range []struct {
		name string
		run  func(p *testPort, fd int, peer *net.TCPConn)
	}{
		{"reset", func(p *testPort, fd int, peer *net.TCPConn) {
			p.PollHangup(fd, poll)
			p.quiet("nothing happened")
			peer.Write([]byte("data"))
			p.quiet("data came")
			peer.CloseWrite()
			p.quiet("a FIN alone")
			peer.SetLinger(0)
			peer.Close()
			p.want("hang-up", poll, hungUp)
			p.quiet("it completes once")
		}},
		{"reset before the socket was watched", func(p *testPort, fd int, peer *net.TCPConn) {
			peer.SetLinger(0)
			peer.Close()
			p.PollHangup(fd, poll)
			p.want("hang-up", poll, hungUp)
		}},
		{"reset before it was armed", func(p *testPort, fd int, peer *net.TCPConn) {
			recv := ud(proactor.OpRecv, 1)
			p.Recv(fd, recv)
			p.Cancel(recv, ud(proactor.OpCancel, 1))
			p.want("cancelled receive", recv, failure(proactor.ECANCELED))
			peer.SetLinger(0)
			peer.Close()
			p.quiet("nobody asked")
			p.PollHangup(fd, poll)
			p.want("hang-up", poll, hungUp)
		}},
		{"cancelled after a FIN", func(p *testPort, fd int, peer *net.TCPConn) {
			peer.CloseWrite()
			p.PollHangup(fd, poll)
			p.quiet("a FIN alone")
			p.Cancel(poll, ud(proactor.OpCancel, 1))
			p.want("cancelled poll", poll, failure(proactor.ECANCELED))
			p.quiet("it completes once")
		}},
		{"both sides ended", func(p *testPort, fd int, peer *net.TCPConn) {
			p.PollHangup(fd, poll)
			p.Shutdown(fd, false, ud(proactor.OpShutdown, 1))
			p.quiet("our FIN alone")
			peer.CloseWrite()
			p.want("hang-up", poll, hungUp)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newTestPort(t, Options{})
			p.provideAll()
			fd, peer := tcpPair(t)
			defer closeAll(fd)
			tt.run(p, fd, peer)
		})
	}
}

func TestWake(t *testing.T) {
	p := newTestPort(t, Options{})
	wake := ud(proactor.OpWake, 0)
	p.Wake()
	p.quiet("nobody armed")
	p.ArmWake(wake)
	if c := p.next(); c.UserData != wake || !c.More {
		t.Fatalf("wake before the arm: %+v", c)
	}
	// Not waiting: the flag does it, and wakes coalesce.
	p.Wake()
	p.Wake()
	if c := p.next(); c.UserData != wake || !c.More {
		t.Fatalf("wake: %+v", c)
	}
	p.quiet("wakes coalesce")
	// Waiting: from another goroutine, many times.
	for range 200 {
		go p.Wake()
		for tries := 0; ; tries++ {
			p.enter(proactor.WaitLong, -1)
			if got := p.reap(); len(got) == 1 && got[0].UserData == wake && got[0].More {
				break
			} else if len(got) != 0 || tries == 1000 {
				t.Fatalf("wake: %+v", got)
			}
		}
	}
	p.quiet("one completion for each")
	p.Cancel(wake, ud(proactor.OpCancel, 0))
	p.want("cancelled wake", wake, failure(proactor.ECANCELED))
}

func TestSpace(t *testing.T) {
	for given, want := range map[int]int{1: 8, 8: 8, 9: 9} {
		p := newTestPort(t, Options{Queue: given})
		if n := p.Space(); n != want {
			t.Fatalf("Queue %d: space %d, want %d", given, n, want)
		}
		for n := want; n > 0; n-- {
			if p.Space() != n {
				t.Fatalf("space %d, want %d", p.Space(), n)
			}
			p.Shutdown(-1, false, ud(proactor.OpShutdown, 1))
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("more was queued than there was space")
				}
			}()
			p.Shutdown(-1, false, ud(proactor.OpShutdown, 1))
		}()
		p.enter(proactor.NoWait, 0)
		if n := len(p.reap()); n != want || p.Space() != want || p.Overflowed() {
			t.Errorf("%d completions, space %d", n, p.Space())
		}
	}
}

// An operation does not care which thread leads the loop, nor whether the one
// that armed it lives.
func TestAnotherThreadLeads(t *testing.T) {
	p := newTestPort(t, Options{})
	p.provideAll()
	if p.ThreadBound() {
		t.Error("the port says that it is bound to threads")
	}
	fd, peer := socketpair(t)
	defer closeAll(fd)
	recv := ud(proactor.OpRecv, 1)
	p.Recv(fd, recv)
	p.ArmWake(ud(proactor.OpWake, 0))
	p.enter(proactor.NoWait, 0)
	for i := range 10 {
		done := make(chan struct{})
		go func() {
			defer close(done)
			write(t, peer, "x")
			c := p.next()
			if c.UserData != recv || c.Res != 1 {
				t.Errorf("thread %d: %+v", i, c)
			}
			p.Provide(c.Buf)
		}()
		<-done
	}
}

func TestIdleConnectionIsSmall(t *testing.T) {
	if n := reflect.TypeFor[descriptor]().Size(); n != 32 {
		t.Errorf("an idle connection costs %d bytes; the documentation says 32", n)
	}
}

func TestDisposeLeavesNothing(t *testing.T) {
	before := openFDs(t)
	p := newTestPort(t, Options{})
	fd, _ := socketpair(t)
	p.Recv(fd, ud(proactor.OpRecv, 1))
	p.enter(proactor.NoWait, 0)
	p.Close(fd, ud(proactor.OpClose, 1))
	p.enter(proactor.NoWait, 0)
	p.Dispose()
	p.Wake()                                    // does nothing
	if after := openFDs(t); after != before+1 { // the peer
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// A socket that lives on under another descriptor is not heard of any more,
// also when its slot has another user.
func TestLeave(t *testing.T) {
	p := newTestPort(t, Options{})
	p.provideAll()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[1])
	other, err := unix.Dup(pair[0])
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(other)
	recv := ud(proactor.OpRecv, 0)
	p.Recv(pair[0], recv)
	p.quiet("nothing is there")
	p.Cancel(recv, ud(proactor.OpCancel, 0))
	p.want("cancelled", recv, failure(proactor.ECANCELED))
	p.Leave(pair[0], ud(proactor.OpClose, 0))
	unix.Write(pair[1], []byte("x"))
	p.quiet("it has left")
	var events [8]Event
	if n, errno := p.calls.Wait(events[:], proactor.NoWait, 0); n != 0 || errno != 0 {
		t.Errorf("%d events of it, %d", n, errno)
	}
}
