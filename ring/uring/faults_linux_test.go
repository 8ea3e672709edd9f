package uring

import (
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/uringserve/uringserve/ring/iouring"
	"github.com/uringserve/uringserve/ring/proactor"
	"github.com/uringserve/uringserve/ring/system"
)

// A completion queue of 8 for 40 connections: the kernel keeps what does not
// fit, ends multishot operations, and says so; nothing is lost or doubled.
func TestCompletionQueueOverflow(t *testing.T) {
	p := newTestPort(t, Options{Entries: 8, CQEntries: 8, Provided: 128, BufferSize: 64})
	p.provideAll()
	const conns, rounds = 40, 20
	var ours, peers [conns]int
	for i := range conns {
		ours[i], peers[i] = socketpair(t)
	}
	arm := func(i int) {
		if p.Space() == 0 {
			p.enter(proactor.NoWait, 0)
		}
		p.Recv(ours[i], ud(proactor.OpRecv, uint32(i)))
	}
	for i := range conns {
		arm(i)
	}
	p.enter(proactor.NoWait, 0)
	var got [conns][]byte
	overflows := 0
	handle := func() {
		for _, c := range p.reap() {
			i := int(c.UserData.Slot())
			if c.Res < 0 {
				t.Fatalf("recv: %+v", c)
			}
			got[i] = append(got[i], p.Buffer(c.Buf)[:c.Res]...)
			p.Provide(c.Buf)
			if !c.More {
				arm(i)
			}
		}
	}
	for round := range rounds {
		for i := range conns {
			write(t, peers[i], []byte{byte(round)})
		}
		deadline := time.Now().Add(5 * time.Second)
		for all := false; !all; {
			if time.Now().After(deadline) {
				t.Fatalf("round %d: bytes are missing", round)
			}
			p.enter(proactor.WaitLong, 10*time.Millisecond)
			if p.Overflowed() {
				overflows++
			}
			handle()
			all = true
			for i := range conns {
				all = all && len(got[i]) > round
			}
		}
	}
	if overflows == 0 {
		t.Error("the queue never overflowed: the test is void")
	}
	for i := range conns {
		if len(got[i]) != rounds {
			t.Fatalf("connection %d got %d bytes, want %d", i, len(got[i]), rounds)
		}
		for round, b := range got[i] {
			if int(b) != round {
				t.Fatalf("connection %d got %v", i, got[i])
			}
		}
	}
}

// A short skipped send whose completion finds the queue full shows after
// Overflowed has said so, not before: only then has a send without one
// succeeded.
func TestShortSendBehindAnOverflow(t *testing.T) {
	p := newTestPort(t, Options{Entries: 16, CQEntries: 16, Provided: 64, BufferSize: 64})
	p.provideAll()
	full, _ := socketpair(t)
	for errno := proactor.Errno(0); errno == 0; {
		_, errno = p.SendNow(full, p.SendArena()[:64<<10])
	}
	const conns = 16
	var peers [conns]int
	for i := range conns {
		var fd int
		fd, peers[i] = socketpair(t)
		p.Recv(fd, ud(proactor.OpRecv, uint32(i)))
	}
	p.enter(proactor.NoWait, 0)
	for i := range conns {
		write(t, peers[i], []byte{1})
	}
	p.enter(proactor.WaitLong, time.Second)
	if n := p.ring.Ready(); n != conns {
		t.Fatalf("%d completions are queued, want %d: the test is void", n, conns)
	}
	p.Send(full, p.SendArena()[:100], ud(proactor.OpSend, 99), true)
	p.enter(proactor.NoWait, 0)
	if !p.Overflowed() {
		t.Fatal("the short send's completion is not held back: the test is void")
	}
	failures := 0
	for range 10 {
		for _, c := range p.reap() {
			if c.UserData == ud(proactor.OpSend, 99) {
				failures++
				if proactor.Errno(-c.Res) != proactor.EAGAIN {
					t.Errorf("send to a full socket: %+v", c)
				}
			}
		}
		if !p.Overflowed() {
			break
		}
		p.enter(proactor.NoWait, 0)
	}
	if failures != 1 || p.Overflowed() {
		t.Errorf("the failure showed %d times, overflowed %v", failures, p.Overflowed())
	}
}

// The kernel may take only a part of what was queued. Overflowed says so, no
// late call overtakes what was not taken, and the next Enter submits the rest.
func TestPartOfTheQueueIsTaken(t *testing.T) {
	p := newTestPort(t, Options{})
	p.bufs.Close()
	p.bufs = nil
	p.ring.Close()
	// Without SUBMIT_ALL an operation that does not exist stops the batch.
	var err error
	if p.ring, err = iouring.Setup(iouring.Config{Entries: 8, Flags: iouring.SetupCQSize}); err != nil {
		t.Fatal(err)
	}
	a, b := socketpair(t)
	bad := p.sqe(ud(proactor.OpNone, 7))
	bad.Opcode = 255
	p.Send(a, p.SendArena()[:5], ud(proactor.OpSend, 1), true)
	p.Shutdown(a, false, ud(proactor.OpShutdown, 1))
	before := p.Space()
	p.enter(proactor.WaitLong, time.Minute)
	if !p.Overflowed() || p.ring.Unsubmitted() != 1 {
		t.Fatalf("overflowed %v, %d not submitted: the test is void", p.Overflowed(), p.ring.Unsubmitted())
	}
	var buf [8]byte
	if n, _, err := unix.Recvfrom(b, buf[:], unix.MSG_DONTWAIT); err != unix.EAGAIN {
		t.Fatalf("the shutdown overtook the send: %d, %v", n, err)
	}
	if got := p.reap(); len(got) != 1 || got[0].UserData != ud(proactor.OpNone, 7) || got[0].Res >= 0 {
		t.Errorf("completions %+v", got)
	}
	p.enter(proactor.NoWait, 0)
	if p.Overflowed() || p.Space() <= before {
		t.Errorf("overflowed %v, space %d, before %d", p.Overflowed(), p.Space(), before)
	}
	if got := p.reap(); len(got) != 0 {
		t.Errorf("completions %+v", got)
	}
	for _, want := range []int{5, 0} {
		if n, err := unix.Read(b, buf[:]); n != want || err != nil {
			t.Errorf("peer read %d, %v; want %d", n, err, want)
		}
	}
}

// With no descriptor left an accept fails and ends; it goes on when armed
// again, and no connection is lost.
func TestNoDescriptorForAnAccept(t *testing.T) {
	p := newTestPort(t, Options{})
	var s system.Sockets
	fds, addr := listen(t, &s, "tcp", "127.0.0.1:0", 1)
	defer closeListeners(&s, fds)
	var peers []net.Conn
	for range 2 {
		c, err := net.Dial("tcp", addr.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		peers = append(peers, c)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	p.Accept(fds[0], ud(proactor.OpAccept, 1))
	p.enter(proactor.NoWait, 0)
	got := p.reap()
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || proactor.Errno(-got[0].Res) != proactor.EMFILE || got[0].More {
		t.Fatalf("accept without descriptors: %+v", got)
	}
	p.Accept(fds[0], ud(proactor.OpAccept, 1))
	for range peers {
		c := p.next()
		if c.Res < 0 || !c.More {
			t.Fatalf("accept: %+v", c)
		}
		unix.Close(int(c.Res))
	}
}

// Signals end waits early; Enter is no error then, and nothing is lost.
func TestSignalsDuringWaits(t *testing.T) {
	p := newTestPort(t, Options{Provided: 16})
	p.provideAll()
	a, b := socketpair(t)
	p.Recv(a, ud(proactor.OpRecv, 1))
	p.enter(proactor.NoWait, 0)
	tid, pid := unix.Gettid(), unix.Getpid()
	var stop atomic.Bool
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for !stop.Load() {
			if err := unix.Tgkill(pid, tid, unix.SIGURG); err != nil {
				t.Error(err)
				return
			}
			runtime.Gosched()
		}
	}()
	got := 0
	for i := range 300 {
		write(t, b, []byte{byte(i)})
		for before := got; got == before; {
			w := proactor.WaitLong
			if i%2 == 0 {
				w = proactor.WaitBrief
			}
			p.enter(w, time.Second)
			for _, c := range p.reap() {
				if c.Res != 1 || !c.More || p.Buffer(c.Buf)[0] != byte(i) {
					t.Fatalf("byte %d: %+v", i, c)
				}
				got++
				p.Provide(c.Buf)
			}
		}
	}
	stop.Store(true)
	<-stopped
}

// Waits end by a signal even when nothing happens: the loop comes again.
func TestSignalEndsAnIdleWait(t *testing.T) {
	p := newTestPort(t, Options{})
	tid, pid := unix.Gettid(), unix.Getpid()
	waiting := make(chan struct{})
	done := make(chan struct{})
	go func() {
		<-waiting
		for {
			select {
			case <-done:
				return
			default:
				unix.Tgkill(pid, tid, unix.SIGURG)
				runtime.Gosched()
			}
		}
	}()
	close(waiting)
	p.enter(proactor.WaitLong, time.Minute)
	close(done)
	if got := p.reap(); len(got) != 0 {
		t.Errorf("completions %+v", got)
	}
}

// The sequence of a close: nothing is left in the kernel, no completion comes
// later, the peer sees the end.
func TestCancelThenClose(t *testing.T) {
	p := newTestPort(t, Options{Provided: 16})
	p.provideAll()
	for i := range 50 {
		fd, peer := tcpPair(t)
		p.Recv(fd, ud(proactor.OpRecv, uint32(i)))
		p.PollHangup(fd, ud(proactor.OpPoll, uint32(i)))
		p.enter(proactor.NoWait, 0)
		p.Cancel(ud(proactor.OpRecv, uint32(i)), ud(proactor.OpCancel, uint32(i)))
		p.Cancel(ud(proactor.OpPoll, uint32(i)), ud(proactor.OpCancel, uint32(i)))
		for ops := map[proactor.Op]bool{}; len(ops) < 2; {
			c := p.next()
			if ops[c.UserData.Op()] || c.More || proactor.Errno(-c.Res) != proactor.ECANCELED {
				t.Fatalf("cancelled: %+v", c)
			}
			ops[c.UserData.Op()] = true
		}
		p.Close(fd, ud(proactor.OpClose, uint32(i)))
		p.enter(proactor.NoWait, 0)
		var b [1]byte
		if n, err := peer.Read(b[:]); n != 0 || err == nil || err.Error() != "EOF" {
			t.Fatalf("peer read %d, %v", n, err)
		}
	}
	p.quiet("everything is closed")
}

// A new leader goes on with the port on another thread; its own arms deliver,
// and the old thread's, which sleeps interruptibly, too.
func TestAnotherThreadLeads(t *testing.T) {
	p := newTestPort(t, Options{Provided: 16})
	p.provideAll()
	a, b := socketpair(t)
	first, second := ud(proactor.OpRecv, 1), proactor.MakeUserData(proactor.OpRecv, 1, 1, 1)
	p.Recv(a, first)
	p.ArmWake(ud(proactor.OpWake, 0))
	p.enter(proactor.NoWait, 0)
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		p.ArmWake(proactor.MakeUserData(proactor.OpWake, 1, 0, 0))
		p.Recv(a, second)
		p.enter(proactor.NoWait, 0)
		for i := range 20 {
			if _, err := unix.Write(b, []byte{byte(i)}); err != nil {
				t.Error(err)
				return
			}
			c := p.next()
			if c.UserData != first && c.UserData != second || c.Res != 1 || p.Buffer(c.Buf)[0] != byte(i) {
				t.Errorf("byte %d: %+v", i, c)
				return
			}
			p.Provide(c.Buf)
			go p.Wake()
			if c := p.next(); c.UserData.Op() != proactor.OpWake || !c.More {
				t.Errorf("wake %d: %+v", i, c)
				return
			}
		}
	}()
	<-done
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	p := newTestPort(t, Options{Provided: 16})
	p.provideAll()
	p.ArmWake(ud(proactor.OpWake, 0))
	a, b := socketpair(t)
	p.Recv(a, ud(proactor.OpRecv, 1))
	p.enter(proactor.NoWait, 0)
	var out [16]proactor.Completion
	msg, arena := []byte("ping"), p.SendArena()
	var echo [16]byte
	allocs := testing.AllocsPerRun(1000, func() {
		if n, errno := p.SendNow(b, msg); n != 4 || errno != 0 {
			t.Fatal("write failed")
		}
		p.Wake()
		for got := false; !got; {
			p.enter(proactor.WaitBrief, time.Second)
			for n := p.Reap(out[:]); n > 0; n = p.Reap(out[:]) {
				for _, c := range out[:n] {
					if c.UserData.Op() == proactor.OpRecv {
						copy(arena, p.Buffer(c.Buf)[:c.Res])
						p.Provide(c.Buf)
						p.Send(a, arena[:c.Res], ud(proactor.OpSend, 1), true)
						got = true
					}
				}
			}
		}
		p.enter(proactor.NoWait, 0)
		p.Free(p.Allocate(5000))
		p.PollHangup(a, ud(proactor.OpPoll, 1))
		p.Cancel(ud(proactor.OpPoll, 1), ud(proactor.OpCancel, 1))
		p.enter(proactor.WaitBrief, time.Second)
		if n := p.Reap(out[:]); n != 1 {
			t.Fatalf("%d completions of a cancelled poll", n)
		}
		if n, err := unix.Read(b, echo[:]); n != 4 || err != nil {
			t.Fatal("read failed")
		}
		_, _ = p.Now(), p.Wall()
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
