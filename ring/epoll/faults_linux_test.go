package epoll

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/proactor"
	"github.com/uringserve/uringserve/ring/ringtest"
)

// faulty is the kernel with bad luck: everything that Linux may do, often. A
// call that is made to fall short is followed by an event, as Linux does it
// when more can be done.
type faulty struct {
	*kernel
	chance *rand.Rand
	owed   []Event        // events to be told sooner or later
	tokens map[int]uint64 // of watched connections
	past   []uint64       // of closed ones
	n      *tally
}

// tally counts the faults, so that a test knows that there were some.
type tally struct {
	interrupted, again, short, full, spurious, stale atomic.Int64
}

func newFaulty(seed uint64, n *tally) func(*kernel) Calls {
	return func(k *kernel) Calls {
		return &faulty{kernel: k, chance: rand.New(rand.NewPCG(seed, 1)), tokens: map[int]uint64{}, n: n}
	}
}

// one in n.
func (f *faulty) one(n int) bool { return f.chance.IntN(n) == 0 }

// owe has an event of fd come: it is told with one of the next Waits.
func (f *faulty) owe(fd int, e Events) {
	f.owed = append(f.owed, Event{f.tokens[fd], e})
}

func (f *faulty) interrupt() bool {
	if f.one(8) {
		f.n.interrupted.Add(1)
		return true
	}
	return false
}

func (f *faulty) Watch(fd int, events Events, token uint64) proactor.Errno {
	errno := f.kernel.Watch(fd, events, token)
	if errno == 0 && events&Edge != 0 {
		f.tokens[fd] = token
	}
	return errno
}

func (f *faulty) Close(fd int) proactor.Errno {
	if token, ok := f.tokens[fd]; ok {
		f.past = append(f.past, token)
		if len(f.past) > 64 {
			f.past = f.past[1:]
		}
		delete(f.tokens, fd)
	}
	return f.kernel.Close(fd)
}

// Wait is interrupted, returns early, tells in any order, tells what is not
// so, and tells of sockets that are closed.
func (f *faulty) Wait(out []Event, wait proactor.Wait, timeout time.Duration) (int, proactor.Errno) {
	if f.interrupt() {
		return 0, proactor.EINTR
	}
	n := 0
	for len(f.owed) > 0 && n < len(out)/2 {
		out[n] = f.owed[0]
		f.owed = f.owed[1:]
		n++
	}
	if f.one(4) {
		for _, token := range f.tokens {
			f.n.spurious.Add(1)
			out[n] = Event{token, Readable | Writable}
			n++
			break
		}
	}
	if len(f.past) > 0 && f.one(4) {
		f.n.stale.Add(1)
		out[n] = Event{f.past[f.chance.IntN(len(f.past))], Readable | Writable | ReadEnded | Hangup | Error}
		n++
	}
	if n > 0 {
		wait = proactor.NoWait
	}
	most := n + 1 + f.chance.IntN(len(out)-n)
	got, errno := f.kernel.Wait(out[n:most], wait, timeout)
	if errno != 0 && n == 0 {
		return 0, errno
	}
	n += got
	f.chance.Shuffle(n, func(i, j int) { out[i], out[j] = out[j], out[i] })
	return n, 0
}

func (f *faulty) Accept(listener int) (int, proactor.Errno) {
	switch f.chance.IntN(12) {
	case 0, 1:
		f.n.interrupted.Add(1)
		return -1, proactor.EINTR
	case 2:
		f.n.full.Add(1)
		return -1, proactor.EMFILE
	case 3:
		return -1, proactor.ECONNABORT
	case 4:
		return -1, proactor.EAGAIN // by level it is told again
	}
	return f.kernel.Accept(listener)
}

func (f *faulty) Recv(fd int, b []byte) (int, proactor.Errno) {
	switch {
	case f.interrupt():
		return 0, proactor.EINTR
	case f.one(8):
		f.n.again.Add(1)
		f.owe(fd, Readable)
		return 0, proactor.EAGAIN
	case len(b) > 1 && f.one(4):
		f.n.short.Add(1)
		f.owe(fd, Readable)
		b = b[:1+f.chance.IntN(len(b)-1)]
	}
	return f.kernel.Recv(fd, b)
}

func (f *faulty) Send(fd int, b []byte) (int, proactor.Errno) {
	switch {
	case f.interrupt():
		return 0, proactor.EINTR
	case f.one(8):
		f.n.again.Add(1)
		if _, ok := f.tokens[fd]; ok {
			f.owe(fd, Writable)
		}
		return 0, proactor.EAGAIN
	case len(b) > 1 && f.one(4):
		f.n.short.Add(1)
		b = b[:1+f.chance.IntN(len(b)-1)]
	}
	return f.kernel.Send(fd, b)
}

// faultyEngine is an engine all of whose loops have bad luck.
func faultyEngine(o Options, seed uint64, n *tally) (ring.Engine, error) {
	o = o.withDefaults()
	start := time.Now()
	return newEngine(o, func() (Calls, error) {
		k, err := newKernel(start, o.RestBytes)
		if err != nil {
			return nil, err
		}
		return newFaulty(seed, n)(k), nil
	})
}

// The suite does not notice the faults.
func TestConformanceUnderFaults(t *testing.T) {
	var n tally
	for seed, o := range []Options{
		{Loops: 2},
		{Loops: 1, Queue: 8, BufferSize: 64, Provided: 3, Reserve: -1, ArenaBytes: 1},
	} {
		t.Run(map[int]string{0: "Default", 1: "Tight"}[seed], func(t *testing.T) {
			ringtest.Run(t, func(t *testing.T) ringtest.World {
				return ringtest.Sockets(t, func() (ring.Engine, error) { return faultyEngine(o, uint64(seed), &n) })
			})
		})
	}
	for what, count := range map[string]*atomic.Int64{
		"interrupted calls": &n.interrupted, "EAGAIN": &n.again, "short calls": &n.short,
		"accepts without descriptors": &n.full, "spurious events": &n.spurious, "stale events": &n.stale,
	} {
		if count.Load() < 10 {
			t.Errorf("%d %s: the test is void", count.Load(), what)
		}
	}
}

// What epoll tells of a socket that is closed and still open elsewhere, as
// between a fork and an exec, is not taken for the slot's next connection.
func TestEventOfAClosedSocket(t *testing.T) {
	p := newTestPort(t, Options{})
	p.provideAll()
	fd, peer := tcpPair(t)
	child, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(child)
	p.Recv(fd, ud(proactor.OpRecv, 1))
	p.Cancel(ud(proactor.OpRecv, 1), ud(proactor.OpCancel, 1))
	p.Close(fd, ud(proactor.OpClose, 1))
	p.want("cancelled receive", ud(proactor.OpRecv, 1), failure(proactor.ECANCELED))
	// The next connection, in the same slot and with the same descriptor.
	again, other := tcpPair(t)
	if again != fd {
		if err := unix.Dup3(again, fd, unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		closeAll(again)
		again = fd
	}
	defer closeAll(again)
	recv := proactor.MakeUserData(proactor.OpRecv, 0, 2, 1)
	poll := proactor.MakeUserData(proactor.OpPoll, 0, 2, 1)
	p.Recv(again, recv)
	p.PollHangup(again, poll)
	peer.SetLinger(0)
	peer.Close()
	p.enter(proactor.WaitLong, time.Second)
	stale := false
	for _, e := range p.events {
		stale = stale || e.Events&Hangup != 0
	}
	if !stale {
		t.Fatal("nothing was told of the closed socket: the test is void")
	}
	p.quiet("a hang-up of the connection before")
	other.Write([]byte("mine"))
	p.wantBytes(recv, "mine")
}

// A process that has no descriptor left hears so, and accepts when it has.
func TestNoDescriptorForAnAccept(t *testing.T) {
	p := newTestPort(t, Options{})
	fds, addr := listenOne(t)
	client, err := dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	low := limit
	low.Cur = 3
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	accept := ud(proactor.OpAccept, 1)
	p.Accept(fds, accept)
	c := p.next()
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if c.UserData != accept || c.Res != failure(proactor.EMFILE) || c.More {
		t.Fatalf("accept without a descriptor: %+v", c)
	}
	p.quiet("it does not try for ever")
	p.Accept(fds, accept)
	if c := p.next(); c.Res < 0 || !c.More {
		t.Fatalf("accept: %+v", c)
	} else {
		closeAll(int(c.Res))
	}
}

// Signals end waits early, and nothing else.
func TestSignalsDuringWaits(t *testing.T) {
	p := newTestPort(t, Options{})
	p.provideAll()
	fd, peer := socketpair(t)
	defer closeAll(fd)
	recv := ud(proactor.OpRecv, 1)
	p.Recv(fd, recv)
	p.enter(proactor.NoWait, 0)
	var stop atomic.Bool
	var storm sync.WaitGroup
	self := syscall.Getpid()
	storm.Go(func() {
		for !stop.Load() {
			_ = unix.Kill(self, unix.SIGURG) // the runtime's own, ignored otherwise
		}
	})
	for range 2000 {
		write(t, peer, "x")
		p.wantBytes(recv, "x")
		p.enter(proactor.WaitLong, 100*time.Microsecond)
	}
	stop.Store(true)
	storm.Wait()
}

// A kernel without epoll_pwait2 is found out by the first wait; the loop goes
// on in whole milliseconds.
func TestWithoutPwait2(t *testing.T) {
	p := newTestPort(t, Options{})
	p.provideAll()
	p.k.pwait2 = 1 << 20 // no such call
	fd, peer := socketpair(t)
	defer closeAll(fd)
	recv := ud(proactor.OpRecv, 1)
	p.Recv(fd, recv)
	p.enter(proactor.NoWait, 0)
	write(t, peer, "x")
	p.wantBytes(recv, "x")
	if p.k.coarse != unix.ENOSYS {
		t.Errorf("coarse because of %v", p.k.coarse)
	}
	write(t, peer, "y")
	p.wantBytes(recv, "y")
	p.quiet("nothing more")
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	p := newTestPort(t, Options{Provided: 16})
	p.provideAll()
	p.ArmWake(ud(proactor.OpWake, 0))
	a, b := socketpair(t)
	defer closeAll(a)
	recv, poll := ud(proactor.OpRecv, 1), ud(proactor.OpPoll, 1)
	p.Recv(a, recv)
	p.enter(proactor.NoWait, 0)
	var out [16]proactor.Completion
	msg, arena := []byte("ping"), p.SendArena()
	var echo [16]byte
	wait := proactor.WaitBrief
	allocs := testing.AllocsPerRun(1000, func() {
		if n, errno := p.SendNow(b, msg); n != 4 || errno != 0 {
			t.Fatal("write failed")
		}
		p.Wake()
		wait = proactor.WaitBrief + proactor.WaitLong - wait
		for got := false; !got; {
			p.enter(wait, time.Second)
			for n := p.Reap(out[:]); n > 0; n = p.Reap(out[:]) {
				for _, c := range out[:n] {
					if c.UserData == recv {
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
		p.PollHangup(a, poll)
		p.Cancel(poll, ud(proactor.OpCancel, 1))
		p.Cancel(recv, ud(proactor.OpCancel, 1))
		p.Recv(a, recv)
		p.enter(proactor.WaitBrief, time.Second)
		if n := p.Reap(out[:]); n != 2 {
			t.Fatalf("%d completions of a cancelled poll and receive", n)
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
