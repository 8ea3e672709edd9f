package uring

import (
	"bytes"
	"net"
	"path/filepath"
	"testing"

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
	p.Accept(fds[0], ud(proactor.OpAccept, 1))
	p.enter(proactor.NoWait, 0)
	for i := range 3 {
		c, err := net.Dial("tcp", addr.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		got := p.next()
		if got.UserData != ud(proactor.OpAccept, 1) || got.Res < 0 || !got.More {
			t.Fatalf("accept: %+v", got)
		}
		fd := int(got.Res)
		remote, local := s.Addrs(fd)
		if remote.String() != c.LocalAddr().String() || local.String() != addr.String() {
			t.Errorf("ends are %v and %v", remote, local)
		}
		p.Recv(fd, ud(proactor.OpRecv, uint32(i)))
		for _, text := range []string{"one", "two"} {
			c.Write([]byte(text))
			got = p.next()
			if got.UserData != ud(proactor.OpRecv, uint32(i)) || !got.More || !got.HasBuf || int(got.Res) != len(text) {
				t.Fatalf("recv: %+v", got)
			}
			if b := p.Buffer(got.Buf)[:got.Res]; string(b) != text {
				t.Fatalf("received %q, want %q", b, text)
			}
			p.Provide(got.Buf)
		}
		c.(*net.TCPConn).CloseWrite()
		if got = p.next(); got.Res != 0 || got.More || got.HasBuf {
			t.Fatalf("end: %+v", got)
		}
		p.Close(fd, ud(proactor.OpClose, uint32(i)))
		p.quiet("a close that succeeds does not complete")
	}
	p.Cancel(ud(proactor.OpAccept, 1), ud(proactor.OpCancel, 1))
	if got := p.next(); got.UserData != ud(proactor.OpAccept, 1) || proactor.Errno(-got.Res) != proactor.ECANCELED || got.More {
		t.Fatalf("cancelled accept: %+v", got)
	}
	p.quiet("a cancel that succeeds does not complete")
	p.Cancel(ud(proactor.OpAccept, 1), ud(proactor.OpCancel, 1))
	if got := p.next(); got.UserData != ud(proactor.OpCancel, 1) || proactor.Errno(-got.Res) != proactor.ENOENT {
		t.Fatalf("cancel of nothing: %+v", got)
	}
}

func TestSkippedSendCompletesOnlyWhenShort(t *testing.T) {
	for _, shows := range []bool{false, true} {
		name := map[bool]string{false: "kernel", true: "emulated"}[shows]
		t.Run(name, func(t *testing.T) {
			p := newTestPortConfig(t, portConfig{Options: Options{}.withDefaults(), showsSends: shows})
			fd, peer := tcpPair(t)
			defer closeAll([]int{fd})
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 4096)
			arena := p.SendArena()
			copy(arena, "hello")
			p.Send(fd, arena[:5], ud(proactor.OpSend, 1), true)
			p.enter(proactor.NoWait, 0)
			if got := p.reap(); len(got) != 0 {
				t.Fatalf("a whole send completed: %+v", got)
			}
			var b [5]byte
			if _, err := peer.Read(b[:]); err != nil || string(b[:]) != "hello" {
				t.Fatalf("peer read %q, %v", b, err)
			}
			// Fill the socket: in the end one send is taken in part, with its
			// completion right after the submitting Enter.
			var taken int32 = -1
			for i := range 200 {
				p.Send(fd, arena[:60<<10], ud(proactor.OpSend, 2), true)
				p.enter(proactor.NoWait, 0)
				if got := p.reap(); len(got) > 0 {
					if len(got) != 1 || got[0].UserData != ud(proactor.OpSend, 2) || got[0].More {
						t.Fatalf("short send %d: %+v", i, got)
					}
					taken = got[0].Res
					break
				}
			}
			if taken <= 0 || taken >= 60<<10 {
				t.Fatalf("no short send, last result %d", taken)
			}
			// The peer's kernel may make room once more; then it is full.
			for i := 0; ; i++ {
				p.Send(fd, arena[:60<<10], ud(proactor.OpSend, 3), true)
				p.enter(proactor.NoWait, 0)
				got := p.reap()
				if len(got) == 1 && proactor.Errno(-got[0].Res) == proactor.EAGAIN {
					break
				}
				if i == 200 {
					t.Fatalf("send to a full socket: %+v", got)
				}
			}
		})
	}
}

func TestArmedSendWaitsForThePeer(t *testing.T) {
	p := newTestPort(t, Options{ArenaBytes: 4 << 20})
	fd, peer := tcpPair(t)
	defer closeAll([]int{fd})
	b := p.SendArena()[:4<<20]
	for i := range b {
		b[i] = byte(i * 7)
	}
	p.Send(fd, b, ud(proactor.OpSendRest, 1), false)
	p.quiet("the peer does not read")
	got := make(chan []byte)
	go func() {
		all := make([]byte, len(b))
		n := 0
		for n < len(all) {
			m, err := peer.Read(all[n:])
			if err != nil {
				break
			}
			n += m
		}
		got <- all[:n]
	}()
	if c := p.next(); int(c.Res) != len(b) || c.More {
		t.Fatalf("armed send: %+v", c)
	}
	if !bytes.Equal(<-got, b) {
		t.Error("the peer got other bytes")
	}
}

func TestSendFailureShows(t *testing.T) {
	p := newTestPort(t, Options{})
	a, b := socketpair(t)
	unix.Shutdown(b, unix.SHUT_RDWR)
	p.Send(a, p.SendArena()[:5], ud(proactor.OpSend, 1), true)
	p.enter(proactor.NoWait, 0)
	if got := p.reap(); len(got) != 1 || proactor.Errno(-got[0].Res) != proactor.EPIPE {
		t.Fatalf("send to a closed peer: %+v", got)
	}
}

func TestNoBuffersThenArmedAgain(t *testing.T) {
	p := newTestPort(t, Options{Provided: 2, Reserve: -1, BufferSize: 64})
	p.provideAll()
	a, b := socketpair(t)
	p.Recv(a, ud(proactor.OpRecv, 1))
	p.enter(proactor.NoWait, 0)
	text := bytes.Repeat([]byte("0123456789abcdef"), 10) // 160 bytes: 2½ buffers
	write(t, b, text)
	var got []byte
	var held []uint32
	for {
		c := p.next()
		if !c.HasBuf {
			if proactor.Errno(-c.Res) != proactor.ENOBUFS || c.More {
				t.Fatalf("without buffers: %+v", c)
			}
			break
		}
		got = append(got, p.Buffer(c.Buf)[:c.Res]...)
		held = append(held, c.Buf)
	}
	for _, id := range held {
		p.Provide(id)
	}
	p.Recv(a, ud(proactor.OpRecv, 1))
	c := p.next()
	got = append(got, p.Buffer(c.Buf)[:c.Res]...)
	if !bytes.Equal(got, text) {
		t.Errorf("received %q", got)
	}
}

func TestShutdownComesAfterSendsAndBeforeClose(t *testing.T) {
	p := newTestPort(t, Options{})
	for range 20 {
		fd, peer := tcpPair(t)
		arena := p.SendArena()
		copy(arena, "last words")
		p.Send(fd, arena[:10], ud(proactor.OpSend, 1), true)
		p.Shutdown(fd, false, ud(proactor.OpShutdown, 1))
		p.Close(fd, ud(proactor.OpClose, 1))
		p.enter(proactor.NoWait, 0)
		if got := p.reap(); len(got) != 0 {
			t.Fatalf("completions %+v", got)
		}
		var b bytes.Buffer
		if _, err := b.ReadFrom(peer); err != nil || b.String() != "last words" {
			t.Fatalf("peer read %q, %v", b.String(), err)
		}
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			t.Fatal("the descriptor is open")
		}
	}
	p.Shutdown(1<<20, true, ud(proactor.OpShutdown, 9))
	p.Close(1<<20, ud(proactor.OpClose, 9))
	p.enter(proactor.NoWait, 0)
	got := p.reap()
	if len(got) != 2 || got[0].UserData != ud(proactor.OpShutdown, 9) || got[1].UserData != ud(proactor.OpClose, 9) ||
		proactor.Errno(-got[0].Res) != proactor.EBADF || proactor.Errno(-got[1].Res) != proactor.EBADF {
		t.Fatalf("failures: %+v", got)
	}
}

func TestPollHangup(t *testing.T) {
	t.Run("reset", func(t *testing.T) {
		p := newTestPort(t, Options{})
		fd, peer := tcpPair(t)
		defer closeAll([]int{fd})
		p.PollHangup(fd, ud(proactor.OpPoll, 1))
		p.quiet("nothing happened")
		peer.Write([]byte("data"))
		p.quiet("data came")
		peer.CloseWrite()
		p.quiet("a FIN alone")
		peer.SetLinger(0)
		peer.Close()
		if c := p.next(); c.UserData != ud(proactor.OpPoll, 1) || c.Res <= 0 || c.More {
			t.Fatalf("hang-up: %+v", c)
		}
		p.quiet("it completes once")
		if len(p.hangups) != 0 {
			t.Error("the port still watches")
		}
	})
	t.Run("reset already", func(t *testing.T) {
		p := newTestPort(t, Options{})
		fd, peer := tcpPair(t)
		defer closeAll([]int{fd})
		peer.SetLinger(0)
		peer.Close()
		p.PollHangup(fd, ud(proactor.OpPoll, 1))
		if c := p.next(); c.Res <= 0 || c.More {
			t.Fatalf("hang-up: %+v", c)
		}
	})
	t.Run("cancelled after a FIN", func(t *testing.T) {
		p := newTestPort(t, Options{})
		fd, peer := tcpPair(t)
		defer closeAll([]int{fd})
		peer.CloseWrite()
		p.PollHangup(fd, ud(proactor.OpPoll, 1))
		p.quiet("a FIN alone")
		p.Cancel(ud(proactor.OpPoll, 1), ud(proactor.OpCancel, 1))
		if c := p.next(); proactor.Errno(-c.Res) != proactor.ECANCELED || c.More {
			t.Fatalf("cancelled poll: %+v", c)
		}
		p.quiet("it completes once")
	})
	t.Run("both sides ended", func(t *testing.T) {
		p := newTestPort(t, Options{})
		fd, peer := tcpPair(t)
		defer closeAll([]int{fd})
		p.PollHangup(fd, ud(proactor.OpPoll, 1))
		p.Shutdown(fd, false, ud(proactor.OpShutdown, 1))
		p.quiet("our FIN alone")
		peer.CloseWrite()
		if c := p.next(); c.Res <= 0 || c.More {
			t.Fatalf("hang-up: %+v", c)
		}
	})
}

func TestWake(t *testing.T) {
	p := newTestPort(t, Options{})
	p.ArmWake(ud(proactor.OpWake, 0))
	p.quiet("nobody woke")
	// Not waiting: the flag does it, and wakes coalesce.
	p.Wake()
	p.Wake()
	if c := p.next(); c.UserData != ud(proactor.OpWake, 0) || !c.More {
		t.Fatalf("wake: %+v", c)
	}
	p.quiet("wakes coalesce")
	// Waiting: from another goroutine, many times.
	for range 200 {
		go p.Wake()
		p.enter(proactor.WaitLong, -1)
		for c := range 1000 {
			if got := p.reap(); len(got) == 1 && got[0].UserData.Op() == proactor.OpWake && got[0].More {
				break
			} else if len(got) != 0 || c == 999 {
				t.Fatalf("wake: %+v", got)
			}
			p.enter(proactor.WaitLong, -1)
		}
	}
	p.quiet("one completion for each")
}

func TestSendNow(t *testing.T) {
	p := newTestPort(t, Options{})
	a, b := socketpair(t)
	if n, errno := p.SendNow(a, []byte("abc")); n != 3 || errno != 0 {
		t.Fatalf("SendNow: %d, %d", n, errno)
	}
	big := make([]byte, 1<<20)
	n, errno := p.SendNow(a, big)
	if n <= 0 || n == len(big) || errno != 0 {
		t.Fatalf("SendNow of more than fits: %d, %d", n, errno)
	}
	if n, errno := p.SendNow(a, big); n != 0 || errno != proactor.EAGAIN {
		t.Fatalf("SendNow to a full socket: %d, %d", n, errno)
	}
	unix.Shutdown(b, unix.SHUT_RDWR)
	if n, errno := p.SendNow(a, big); n != 0 || errno != proactor.EPIPE {
		t.Fatalf("SendNow to a closed peer: %d, %d", n, errno)
	}
}

func TestResetOnClose(t *testing.T) {
	p := newTestPort(t, Options{})
	fd, peer := tcpPair(t)
	p.ResetOnClose(fd)
	p.Close(fd, ud(proactor.OpClose, 1))
	p.enter(proactor.NoWait, 0)
	var b [1]byte
	if _, err := peer.Read(b[:]); err == nil || !isReset(err) {
		t.Errorf("peer read: %v, want a reset", err)
	}
}

func isReset(err error) bool {
	return bytes.Contains([]byte(err.Error()), []byte("reset"))
}

// Multishot accepts work on non-blocking, on shared and on adopted sockets.
func TestMultishotAcceptOnSharedSockets(t *testing.T) {
	p := newTestPort(t, Options{})
	var s system.Sockets
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	adopted, addr, err := s.Adopt(l, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer closeListeners(&s, adopted)
	path := filepath.Join(t.TempDir(), "s")
	shared, _ := listen(t, &s, "unix", path, 2)
	defer closeListeners(&s, shared)
	for i, fd := range append(adopted, shared...) {
		p.Accept(fd, ud(proactor.OpAccept, uint32(i)))
	}
	p.enter(proactor.NoWait, 0)
	for _, to := range [][2]string{{"tcp", addr.String()}, {"unix", path}} {
		for range 6 {
			c, err := net.Dial(to[0], to[1])
			if err != nil {
				t.Fatal(err)
			}
			got := p.next()
			if got.Res < 0 || !got.More {
				t.Fatalf("accept: %+v", got)
			}
			unix.Close(int(got.Res))
			c.Close()
			p.quiet("one loop gets it")
		}
	}
}
