package epoll

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/uringserve/uringserve/ring/proactor"
)

func TestSkippedSendCompletesOnlyWhenShort(t *testing.T) {
	p := newTestPort(t, Options{})
	fd, peer := tcpPair(t)
	defer closeAll(fd)
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 4096)
	arena := p.SendArena()
	copy(arena, "hello")
	p.Send(fd, arena[:5], ud(proactor.OpSend, 1), true)
	p.enter(proactor.NoWait, 0)
	if got := p.reap(); len(got) != 0 {
		t.Fatalf("a whole send completed: %+v", got)
	}
	var b [5]byte
	if _, err := io.ReadFull(peer, b[:]); err != nil || string(b[:]) != "hello" {
		t.Fatalf("peer read %q, %v", b, err)
	}
	var taken int32 = -1
	for i := 0; taken < 0; i++ {
		p.Send(fd, arena[:60<<10], ud(proactor.OpSend, 2), true)
		p.enter(proactor.NoWait, 0)
		if got := p.reap(); len(got) == 1 && got[0].UserData == ud(proactor.OpSend, 2) && !got[0].More {
			taken = got[0].Res
		} else if len(got) != 0 || i == 200 {
			t.Fatalf("short send %d: %+v", i, got)
		}
	}
	if taken == 0 || taken >= 60<<10 {
		t.Fatalf("a short send took %d", taken)
	}
	p.fill(fd)
	p.Send(fd, arena[:1<<10], ud(proactor.OpSend, 3), true)
	p.want("send to a full socket", ud(proactor.OpSend, 3), failure(proactor.EAGAIN))
	p.quiet("it does not wait")
}

func TestSendWaitsForThePeer(t *testing.T) {
	p := newTestPort(t, Options{ArenaBytes: 4 << 20})
	fd, peer := tcpPair(t)
	defer closeAll(fd)
	b := p.SendArena()[:4<<20]
	for i := range b {
		b[i] = byte(i * 7)
	}
	rest := ud(proactor.OpSendRest, 1)
	p.Send(fd, b, rest, false)
	p.quiet("the peer does not read")
	got := make(chan []byte)
	go func() {
		all := make([]byte, len(b))
		n, _ := io.ReadFull(peer, all)
		got <- all[:n]
	}()
	p.want("armed send", rest, int32(len(b)))
	if !bytes.Equal(<-got, b) {
		t.Error("the peer got other bytes")
	}
	// One that need not wait completes, too.
	p.Send(fd, b[:10], rest, false)
	p.want("small send", rest, 10)
}

func TestWaitingSendEnds(t *testing.T) {
	rest := ud(proactor.OpSendRest, 1)
	start := func(t *testing.T, full bool) (p *testPort, fd int, peer *net.TCPConn) {
		p = newTestPort(t, Options{ArenaBytes: 8 << 20})
		p.provideAll()
		fd, peer = tcpPair(t)
		t.Cleanup(func() { closeAll(fd) })
		if full {
			p.fill(fd)
		}
		p.Send(fd, p.SendArena()[:8<<20], rest, false)
		p.quiet("the peer does not read")
		return p, fd, peer
	}
	t.Run("cancelled after a part", func(t *testing.T) {
		p, _, _ := start(t, false)
		p.Cancel(rest, ud(proactor.OpCancel, 1))
		if c := p.next(); c.UserData != rest || c.Res <= 0 || c.Res >= 8<<20 {
			t.Fatalf("%+v", c)
		}
		p.quiet("it ends once")
	})
	t.Run("cancelled before any", func(t *testing.T) {
		p, _, _ := start(t, true)
		p.Cancel(rest, ud(proactor.OpCancel, 1))
		p.want("cancelled send", rest, failure(proactor.ECANCELED))
	})
	t.Run("reset", func(t *testing.T) {
		p, _, peer := start(t, true)
		peer.SetLinger(0)
		peer.Close()
		p.want("reset", rest, failure(proactor.ECONNRESET))
	})
	t.Run("closed under it", func(t *testing.T) {
		p, fd, _ := start(t, true)
		p.Close(fd, ud(proactor.OpClose, 1))
		p.quiet("nobody is told")
		if len(p.freeSends) != len(p.sends) {
			t.Error("the send's place is lost")
		}
	})
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
		if b, err := io.ReadAll(peer); err != nil || string(b) != "last words" {
			t.Fatalf("peer read %q, %v", b, err)
		}
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			t.Fatal("the descriptor is open")
		}
	}
}

func TestSendNow(t *testing.T) {
	p := newTestPort(t, Options{})
	fd, peer := socketpair(t)
	defer closeAll(fd)
	if n, errno := p.SendNow(fd, []byte("abc")); n != 3 || errno != 0 {
		t.Fatalf("SendNow: %d, %d", n, errno)
	}
	big := make([]byte, 1<<20)
	if n, errno := p.SendNow(fd, big); n <= 0 || n == len(big) || errno != 0 {
		t.Fatalf("SendNow of more than fits: %d, %d", n, errno)
	}
	if n, errno := p.SendNow(fd, big); n != 0 || errno != proactor.EAGAIN {
		t.Fatalf("SendNow to a full socket: %d, %d", n, errno)
	}
	unix.Shutdown(peer, unix.SHUT_RDWR)
	if n, errno := p.SendNow(fd, big); n != 0 || errno != proactor.EPIPE {
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
	if _, err := peer.Read(b[:]); err == nil || !strings.Contains(err.Error(), "reset") {
		t.Errorf("peer read: %v, want a reset", err)
	}
}
