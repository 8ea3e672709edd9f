package mem

import (
	"testing"
	"time"

	"github.com/uringserve/uringserve/ring/epoll"
	"github.com/uringserve/uringserve/ring/proactor"
	"github.com/uringserve/uringserve/ring/takeover/sched"
)

// callRig is a kernel with some loops' Calls and a listener that they share.
type callRig struct {
	t     *testing.T
	k     *kernel
	c     *Calls   // the first of
	calls []*Calls // one per loop
	l     int      // listening descriptor
}

func newCallRig(t *testing.T, o Options) *callRig {
	o = o.withDefaults()
	s := sched.New(o.Seed)
	s.Slowness = 0
	k := newKernel(s, o)
	s.Go("kernel", k.run)
	r := &callRig{t: t, k: k}
	for i := range o.Loops {
		r.calls = append(r.calls, newCalls(k, i))
	}
	r.c = r.calls[0]
	fds, _, err := sockets{k}.Listen("unix", "/run/socket", o.Loops)
	if err != nil {
		t.Fatal(err)
	}
	r.l = fds[0]
	return r
}

// play runs f on a simulated thread, and returns the violations.
func (r *callRig) play(f func()) []string {
	r.t.Helper()
	done := false
	r.k.s.Go("test", func() {
		defer func() { done = true }()
		f()
	})
	if err := r.k.s.Run(func() bool { return done }); err != nil {
		r.t.Fatal(err)
	}
	return r.k.violations
}

// run is play without violations.
func (r *callRig) run(f func()) {
	r.t.Helper()
	if v := r.play(f); len(v) > 0 {
		r.t.Errorf("violations: %q", v)
	}
}

// connected makes a connection: the client's end and the server's descriptor.
func (r *callRig) connected() (*socket, int) {
	client := r.k.connect("/run/socket")
	fd, e := r.c.Accept(r.l)
	if client == nil || e != 0 {
		r.t.Fatalf("no connection: %v", e)
	}
	return client, fd
}

// watched is connected, and the first loop watches it.
func (r *callRig) watched(events epoll.Events) (*socket, int) {
	client, fd := r.connected()
	r.watch(fd, events)
	return client, fd
}

func (r *callRig) watch(fd int, events epoll.Events) {
	r.t.Helper()
	if e := r.c.Watch(fd, events, uint64(fd)); e != 0 {
		r.t.Errorf("watch: %v", e)
	}
}

// poll is what c tells without waiting.
func poll(c *Calls) []epoll.Event {
	out := make([]epoll.Event, 8)
	n, _ := c.Wait(out, proactor.NoWait, 0)
	return out[:n]
}

// expect demands that the next Wait tells just that of fd; 0: nothing.
func (r *callRig) expect(why string, fd int, want epoll.Events) {
	r.t.Helper()
	got := poll(r.c)
	switch {
	case want == 0 && len(got) == 0:
	case want != 0 && len(got) == 1 && got[0] == epoll.Event{Token: uint64(fd), Events: want}:
	default:
		r.t.Errorf("%s: told %v, want %d", why, got, want)
	}
}

const (
	readable  = epoll.Readable
	writable  = epoll.Writable
	readEnded = epoll.ReadEnded
	hangup    = epoll.Hangup
	failed    = epoll.Error
	edge      = epoll.Edge
	exclusive = epoll.Exclusive
)

// A level is told until it does not hold.
func TestLevel(t *testing.T) {
	r := newCallRig(t, Options{})
	r.run(func() {
		client, fd := r.watched(readable)
		r.expect("nothing yet", fd, 0)
		client.send([]byte("ab"))
		r.expect("bytes", fd, readable)
		r.expect("bytes still", fd, readable)
		r.c.Recv(fd, make([]byte, 1))
		r.expect("one byte left", fd, readable)
		r.c.Recv(fd, make([]byte, 1))
		r.expect("all read", fd, 0)
		client.send([]byte("c"))
		r.expect("again", fd, readable)
	})
}

// An edge is told once, and again for new bytes, also if there were some, for
// a FIN and for an error; and it says all that holds.
func TestEdge(t *testing.T) {
	r := newCallRig(t, Options{})
	r.run(func() {
		client, fd := r.watched(readable | readEnded | edge)
		client.send([]byte("ab"))
		r.expect("bytes", fd, readable)
		r.expect("told already", fd, 0)
		client.send([]byte("c"))
		r.expect("new bytes behind old ones", fd, readable)
		client.send([]byte("d"))
		client.send([]byte("e"))
		r.expect("two edges are one event", fd, readable)
		r.expect("told already", fd, 0)
		r.c.Recv(fd, make([]byte, 2))
		r.expect("reading makes no edge", fd, 0)
		client.shutdown(false)
		r.expect("a FIN behind bytes", fd, readable|readEnded)
		r.expect("told already", fd, 0)
		client.linger0 = true
		client.close()
		r.expect("a reset", fd, readable|readEnded|hangup|failed)
	})
}

// What came and was read before Wait makes no event.
func TestEdgeThatHoldsNoMore(t *testing.T) {
	r := newCallRig(t, Options{})
	r.run(func() {
		client, fd := r.watched(readable | edge)
		client.send([]byte("ab"))
		r.c.Recv(fd, make([]byte, 9))
		r.expect("read before it was told", fd, 0)
	})
}

// A change tells what holds, with edges too; so does watching late.
func TestWatchTellsWhatHolds(t *testing.T) {
	r := newCallRig(t, Options{})
	r.run(func() {
		client, fd := r.connected()
		client.send([]byte("ab"))
		r.watch(fd, readable|edge)
		r.expect("watched late", fd, readable)
		r.watch(fd, readable|edge)
		r.expect("changed to the same", fd, readable)
		r.watch(fd, readable|writable|edge)
		r.expect("changed to more", fd, readable|writable)
		r.watch(fd, writable|edge)
		r.expect("changed to other", fd, writable)
		if e := r.c.Watch(fd, readable|edge, 77); e != 0 {
			t.Error(e)
		}
		if got := poll(r.c); len(got) != 1 || got[0].Token != 77 {
			t.Errorf("another token: %v", got)
		}
	})
}

// Room is told after it was lacking, when a third of the buffer is free.
func TestWritableEdge(t *testing.T) {
	for drain, want := range map[int]epoll.Events{32: 0, 33: writable, 34: writable} {
		r := newCallRig(t, Options{SendBuf: 100, PeerRecvBuf: 100})
		r.run(func() {
			client, fd := r.watched(writable | edge)
			r.expect("an empty buffer", fd, writable)
			if n, e := r.c.Send(fd, make([]byte, 200)); n != 100 || e != 0 {
				t.Errorf("sent %d, %v", n, e)
			}
			r.expect("all has gone on: the peer has room", fd, writable)
			if n, e := r.c.Send(fd, make([]byte, 200)); n != 100 || e != 0 {
				t.Errorf("sent %d, %v", n, e)
			}
			if _, e := r.c.Send(fd, []byte("x")); e != proactor.EAGAIN {
				t.Errorf("sent into a full buffer: %v", e)
			}
			r.expect("full", fd, 0)
			client.recv(make([]byte, drain))
			r.expect("some room", fd, want)
			r.expect("told already", fd, 0)
		})
	}
}

// Who was never short of room is not told of more.
func TestNoEdgeWithoutShortage(t *testing.T) {
	r := newCallRig(t, Options{SendBuf: 100, PeerRecvBuf: 100})
	r.run(func() {
		client, fd := r.watched(writable | edge)
		r.expect("at first", fd, writable)
		r.c.Send(fd, make([]byte, 100)) // all that there is room for
		client.recv(make([]byte, 20))
		r.expect("there was room all the time", fd, 0)
	})
}

// The ends of a connection, as Linux tells them. Hangup and Error come unasked.
func TestEnds(t *testing.T) {
	all := readable | writable | readEnded
	for name, c := range map[string]struct {
		do   func(r *callRig, client *socket, fd int)
		want epoll.Events
	}{
		"their FIN":      {func(_ *callRig, c *socket, _ int) { c.shutdown(false) }, all},
		"our FIN":        {func(r *callRig, _ *socket, fd int) { r.c.Shutdown(fd, false) }, writable},
		"both of ours":   {func(r *callRig, _ *socket, fd int) { r.c.Shutdown(fd, true) }, all | hangup},
		"theirs, ours":   {func(r *callRig, c *socket, fd int) { c.shutdown(false); r.c.Shutdown(fd, false) }, all | hangup},
		"their reset":    {func(_ *callRig, c *socket, _ int) { c.linger0 = true; c.close() }, all | hangup | failed},
		"closed unread":  {func(r *callRig, c *socket, fd int) { r.c.Send(fd, []byte("x")); c.close() }, all | hangup | failed},
		"their close":    {func(_ *callRig, c *socket, _ int) { c.close() }, all},
		"bytes then FIN": {func(_ *callRig, c *socket, _ int) { c.send([]byte("x")); c.shutdown(false) }, all},
	} {
		t.Run(name, func(t *testing.T) {
			for _, ask := range []epoll.Events{all, readable, readEnded, 0} {
				r := newCallRig(t, Options{})
				r.run(func() {
					client, fd := r.watched(ask | edge)
					poll(r.c)
					c.do(r, client, fd)
					r.expect(name, fd, c.want&(ask|hangup|failed))
				})
			}
		})
	}
}

// After a reset, one call says why; then there is the end, and no sending.
func TestErrorIsToldOnce(t *testing.T) {
	r := newCallRig(t, Options{})
	r.run(func() {
		client, fd := r.watched(readable | edge)
		client.send([]byte("ab"))
		client.linger0 = true
		client.close()
		b := make([]byte, 9)
		for _, want := range []struct {
			n int
			e proactor.Errno
		}{{2, 0}, {0, proactor.ECONNRESET}, {0, 0}} {
			if n, e := r.c.Recv(fd, b); n != want.n || e != want.e {
				t.Errorf("received %d, %v, want %v", n, e, want)
			}
		}
		if _, e := r.c.Send(fd, b); e != proactor.EPIPE {
			t.Errorf("sent: %v", e)
		}
		if e := r.c.Shutdown(fd, false); e != proactor.ENOTCONN {
			t.Errorf("shut down: %v", e)
		}
	})
}

// A Wait tells no more than there is room for; the rest comes next, in turn.
func TestBatch(t *testing.T) {
	for _, mode := range []epoll.Events{0, edge} {
		for room := 1; room <= 4; room++ {
			r := newCallRig(t, Options{})
			r.run(func() {
				for range 3 {
					client, _ := r.watched(readable | mode)
					client.send([]byte("x"))
				}
				told := map[uint64]bool{}
				out := make([]epoll.Event, room)
				for range 3 {
					n, e := r.c.Wait(out, proactor.NoWait, 0)
					if e != 0 || n > room {
						t.Fatalf("%d told in room for %d, %v", n, room, e)
					}
					for _, x := range out[:n] {
						if told[x.Token] && mode == edge {
							t.Errorf("an edge told twice")
						}
						told[x.Token] = true
					}
				}
				if len(told) != 3 {
					t.Errorf("room for %d, mode %d: %d of 3 told", room, mode, len(told))
				}
			})
		}
	}
}

// A closed descriptor's number is the next one's, which gets none of the old
// one's events.
func TestCloseEndsEvents(t *testing.T) {
	r := newCallRig(t, Options{})
	r.run(func() {
		client, fd := r.watched(readable | readEnded)
		client.send([]byte("x"))
		r.expect("before", fd, readable)
		r.c.Close(fd)
		r.expect("closed", fd, 0)
		if len(r.c.interest) != 0 {
			t.Error("still watched")
		}
		_, again := r.connected()
		if again != fd {
			t.Errorf("descriptor %d after %d was closed: not the lowest free one", again, fd)
		}
		r.watch(again, readable|readEnded)
		r.expect("its next user", again, 0)
		client, fd = r.watched(readable | edge)
		client.send([]byte("x"))
		if r.c.Unwatch(fd) != 0 {
			t.Error("not taken off")
		}
		r.expect("taken off the list", fd, 0)
	})
}

// Of loops that watch a listener exclusively, one that waits is woken.
func TestExclusive(t *testing.T) {
	for mode, want := range map[epoll.Events]int{readable: 3, readable | exclusive: 1} {
		r := newCallRig(t, Options{Loops: 3})
		told := 0
		r.run(func() {
			waiting := 0
			for _, c := range r.calls {
				if e := c.Watch(r.l, mode, 7); e != 0 {
					t.Fatal(e)
				}
				r.k.s.Go("loop", func() {
					waiting++
					out := make([]epoll.Event, 4)
					n, _ := c.Wait(out, proactor.WaitLong, time.Second)
					told += n
				})
			}
			r.k.s.Sleep(time.Millisecond)
			if waiting != 3 {
				t.Errorf("%d loops wait", waiting)
			}
			r.k.connect("/run/socket")
			r.k.s.Sleep(time.Millisecond)
			if told != want {
				t.Errorf("mode %d: %d loops woken, want %d", mode, told, want)
			}
			r.k.s.Sleep(2 * time.Second)
			for _, c := range r.calls {
				c.Unwatch(r.l)
			}
		})
	}
}

// If no loop waits, an exclusive watch is remembered by all: one must find the
// connection when it comes to wait. A loop that watches late finds it, too.
func TestExclusiveWithoutWaiters(t *testing.T) {
	r := newCallRig(t, Options{Loops: 2})
	r.run(func() {
		r.calls[0].Watch(r.l, readable|exclusive, 1)
		r.k.connect("/run/socket")
		r.calls[1].Watch(r.l, readable|exclusive, 2)
		for i, c := range r.calls {
			for range 2 { // levels
				if got := poll(c); len(got) != 1 || got[0].Events != readable {
					t.Errorf("loop %d: %v", i, got)
				}
			}
		}
		if _, e := r.calls[1].Accept(r.l); e != 0 {
			t.Error(e)
		}
		if _, e := r.calls[0].Accept(r.l); e != proactor.EAGAIN {
			t.Errorf("the only connection is accepted twice: %v", e)
		}
		for i, c := range r.calls {
			if got := poll(c); len(got) != 0 {
				t.Errorf("loop %d: %v of an empty queue", i, got)
			}
		}
	})
}

// Wait ends for an event, for a Wake, and at its time; a Wake in advance
// counts, and wakes coalesce until Woken.
func TestWaitAndWake(t *testing.T) {
	r := newCallRig(t, Options{})
	r.run(func() {
		client, fd := r.watched(readable)
		out := make([]epoll.Event, 4)
		wait := func(how proactor.Wait, timeout, want time.Duration, n int) {
			t.Helper()
			began := r.k.s.Now()
			got, e := r.c.Wait(out, how, timeout)
			if d := r.k.s.Now() - began; got != n || e != 0 || d != want {
				t.Errorf("Wait(%d, %v): %d events after %v, %v; want %d after %v", how, timeout, got, d, e, n, want)
			}
		}
		wait(proactor.NoWait, -1, 0, 0)
		wait(proactor.WaitBrief, -1, briefly, 0)
		wait(proactor.WaitBrief, time.Microsecond, time.Microsecond, 0)
		wait(proactor.WaitLong, time.Second, time.Second, 0)
		r.k.s.Go("wakes", func() { r.k.s.Sleep(time.Millisecond); r.c.Wake() })
		wait(proactor.WaitLong, -1, time.Millisecond, 0)
		if !r.c.Woken() || r.c.Woken() {
			t.Error("one Wake is not told once")
		}
		r.c.Wake()
		r.c.Wake()
		wait(proactor.WaitLong, time.Second, 0, 0)
		wait(proactor.WaitLong, time.Second, time.Second, 0)
		r.c.Wake() // one with those before: nobody has asked
		wait(proactor.WaitLong, time.Second, time.Second, 0)
		if !r.c.Woken() {
			t.Error("a Wake is not told")
		}
		r.k.s.Go("sends", func() { r.k.s.Sleep(time.Millisecond); client.send([]byte("x")) })
		wait(proactor.WaitLong, -1, time.Millisecond, 1)
		if out[0].Token != uint64(fd) || r.c.Woken() {
			t.Errorf("told %v", out[0])
		}
	})
}
