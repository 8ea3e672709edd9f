package mem

import (
	"bytes"
	"errors"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/proactor"
	"github.com/uringserve/uringserve/ring/takeover/sched"
)

// rig is a kernel with one port and a listener, without a loop.
type rig struct {
	t *testing.T
	k *kernel
	p *Port
	l int // listening descriptor
}

func newRig(t *testing.T, o Options) *rig {
	o = o.withDefaults()
	s := sched.New(1)
	s.Slowness = 0
	k := newKernel(s, o)
	s.Go("kernel", k.run)
	r := &rig{t: t, k: k, p: newPort(k, 0)}
	fds, _, err := sockets{k}.Listen("tcp", "127.0.0.1:80", 1)
	if err != nil {
		t.Fatal(err)
	}
	r.l = fds[0]
	return r
}

// run runs f on a simulated thread.
func (r *rig) run(f func()) {
	r.t.Helper()
	done := false
	r.k.s.Go("test", func() {
		defer func() { done = true }()
		f()
	})
	if err := r.k.s.Run(func() bool { return done }); err != nil {
		r.t.Fatal(err)
	}
	if len(r.k.violations) > 0 {
		r.t.Errorf("violations: %q", r.k.violations)
	}
}

// connected makes a connection: the client's end and the server's descriptor.
func (r *rig) connected() (*socket, int) {
	c := r.k.connect("127.0.0.1:80")
	fd, e := sockets{r.k}.AcceptNow(r.l)
	if c == nil || e != 0 {
		r.t.Fatalf("no connection: %v", e)
	}
	return c, fd
}

func (r *rig) enter() {
	if err := r.p.Enter(proactor.NoWait, 0); err != nil {
		r.t.Error(err)
	}
}

func (r *rig) reap() []proactor.Completion {
	out := make([]proactor.Completion, 64)
	return out[:r.p.Reap(out)]
}

func ud(op proactor.Op) proactor.UserData { return proactor.MakeUserData(op, 1, 2, 3) }

// A skipped send is silent when it is whole, and tells what it took when not.
func TestSkippedSend(t *testing.T) {
	for size, want := range map[int]int32{99: 0, 100: 0, 101: 100} {
		r := newRig(t, Options{SendBuf: 60, PeerRecvBuf: 40})
		r.run(func() {
			_, fd := r.connected()
			// 40 bytes go on to the peer, which leaves room for 60 more.
			r.p.Send(fd, make([]byte, 40), ud(proactor.OpSend), true)
			r.p.Send(fd, make([]byte, size-40), ud(proactor.OpSend), true)
			r.enter()
			got := r.reap()
			switch {
			case want == 0 && len(got) != 0:
				t.Errorf("%d bytes: %v", size, got)
			case want != 0 && (len(got) != 1 || got[0].Res != want-40 || got[0].More):
				t.Errorf("%d bytes: %v, want one of %d", size, got, want-40)
			}
			r.p.Send(fd, make([]byte, 500), ud(proactor.OpSend), true)
			r.enter()
			if got := r.reap(); want != 0 && (len(got) != 1 || got[0].Res != -int32(proactor.EAGAIN)) {
				t.Errorf("no room: %v", got)
			}
		})
	}
}

// A full completion queue loses nothing, and ends a multishot.
func TestOverflowKeepsCompletions(t *testing.T) {
	for n := 3; n <= 5; n++ {
		r := newRig(t, Options{CQSize: 4, BufferSize: 1})
		r.run(func() {
			for id := range uint32(8) {
				r.p.Provide(id)
			}
			c, fd := r.connected()
			c.send(make([]byte, n))
			r.p.Recv(fd, ud(proactor.OpRecv))
			r.enter()
			if r.p.Overflowed() != (n > 4) {
				t.Errorf("%d completions in a queue of 4: overflowed %v", n, r.p.Overflowed())
			}
			got := r.reap()
			r.enter()
			got = append(got, r.reap()...)
			if len(got) != n || r.p.Overflowed() {
				t.Fatalf("%d completions, want %d", len(got), n)
			}
			if last := got[n-1]; last.More != (n <= 4) || last.Res != 1 || !last.HasBuf {
				t.Errorf("last of %d: %+v", n, last)
			}
		})
	}
}

func TestRecvWithoutBuffers(t *testing.T) {
	r := newRig(t, Options{})
	r.run(func() {
		c, fd := r.connected()
		c.send([]byte("hello"))
		r.p.Recv(fd, ud(proactor.OpRecv))
		r.enter()
		if got := r.reap(); len(got) != 1 || got[0].Res != -int32(proactor.ENOBUFS) || got[0].More {
			t.Errorf("%+v", got)
		}
		r.p.Provide(7)
		r.p.Recv(fd, ud(proactor.OpRecv))
		r.enter()
		got := r.reap()
		if len(got) != 1 || !bytes.Equal(r.p.Buffer(got[0].Buf)[:got[0].Res], []byte("hello")) {
			t.Errorf("%+v", got)
		}
		r.p.Provide(7)
		if bytes.Contains(r.p.Buffer(7), []byte("hello")) {
			t.Error("a buffer that was given back is as it was")
		}
	})
}

// Completions run on the thread that submitted: at once if it sleeps, at its
// tick if it computes, not while it sleeps hard.
func TestThreadBound(t *testing.T) {
	for name, c := range map[string]struct {
		wait  func(e *Engine)
		after func(d time.Duration) bool
	}{
		"sleeps":      {func(e *Engine) { e.Sleep(time.Second) }, func(d time.Duration) bool { return d == 0 }},
		"computes":    {func(e *Engine) { e.Compute(time.Second) }, func(d time.Duration) bool { return d > 0 && d <= maxTick+1 }},
		"sleeps hard": {func(e *Engine) { e.SleepHard(time.Second) }, func(d time.Duration) bool { return d > 900*time.Millisecond }},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Options{})
			e := &Engine{k: r.k, s: r.k.s, loops: []ridden{r.p}}
			r.run(func() {
				c1, fd := r.connected()
				armed := false
				e.Go("submits", func() {
					r.p.Provide(0)
					r.p.Recv(fd, ud(proactor.OpRecv))
					r.enter()
					armed = true
					c.wait(e)
				})
				e.WaitFor(func() bool { return armed })
				e.Sleep(time.Millisecond)
				c1.send([]byte("x"))
				began := e.Now()
				for len(r.reap()) == 0 {
					if err := r.p.Enter(proactor.WaitLong, -1); err != nil {
						t.Error(err)
					}
				}
				if d := e.Now() - began; !c.after(d) {
					t.Errorf("completed after %v", d)
				}
			})
		})
	}
}

// Wakes coalesce until they are reaped.
func TestWakesCoalesce(t *testing.T) {
	r := newRig(t, Options{})
	r.run(func() {
		r.p.Wake()
		r.p.ArmWake(ud(proactor.OpWake))
		r.p.Wake()
		r.enter()
		if got := r.reap(); len(got) != 1 || !got[0].More {
			t.Errorf("%+v", got)
		}
		r.enter()
		if got := r.reap(); len(got) != 0 {
			t.Errorf("again: %+v", got)
		}
		r.p.Wake()
		r.enter()
		if got := r.reap(); len(got) != 1 {
			t.Errorf("the next: %+v", got)
		}
	})
}

func TestCancel(t *testing.T) {
	r := newRig(t, Options{})
	r.run(func() {
		_, fd := r.connected()
		r.p.Recv(fd, ud(proactor.OpRecv))
		r.p.Cancel(ud(proactor.OpRecv), ud(proactor.OpCancel))
		r.p.Cancel(ud(proactor.OpSendRest), ud(proactor.OpNone))
		r.enter()
		r.enter()
		got := map[proactor.Op]int32{}
		for _, c := range r.reap() {
			got[c.UserData.Op()] = c.Res
		}
		if len(got) != 2 || got[proactor.OpRecv] != -int32(proactor.ECANCELED) ||
			got[proactor.OpNone] != -int32(proactor.ENOENT) {
			t.Errorf("%v", got)
		}
	})
}

// Connections beyond the backlog wait, and connect as there is room.
func TestBacklog(t *testing.T) {
	r := newRig(t, Options{Backlog: 3})
	l := r.k.file(r.l).listener
	for n, waits := range []int{0, 0, 0, 1} {
		r.k.connect("127.0.0.1:80")
		if len(l.waiting) != waits {
			t.Errorf("after %d connections %d wait, want %d", n+1, len(l.waiting), waits)
		}
	}
	for range 4 {
		if l.accept() == nil {
			t.Error("a connection is lost")
		}
	}
}

// Unread bytes make a close a reset; what was received before it stays.
func TestCloseAndReset(t *testing.T) {
	e := New(Options{})
	l, err := e.NewListener("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.NewListener("tcp", "nonsense"); err == nil {
		t.Error("a bad address is accepted")
	}
	if _, err := e.Listen("tcp", l.Addr().String()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a port in use: %v", err)
	}
	p := e.Dial(l.Addr().String())
	s := p.s.other
	s.send([]byte("answer"))
	p.Write([]byte("never read"))
	s.close()
	b := make([]byte, 10)
	if n, err := p.Read(b); string(b[:n]) != "answer" || err != nil {
		t.Errorf("%q, %v", b[:n], err)
	}
	if _, err := p.Read(b); err != ring.ErrReset {
		t.Errorf("after a reset: %v", err)
	}
	q := e.Dial(l.Addr().String())
	q.s.other.close()
	if _, err := q.Read(b); err != io.EOF {
		t.Errorf("after a FIN: %v", err)
	}
	if _, err := e.Dial("127.0.0.1:1").Read(b); err != ErrRefused {
		t.Errorf("nobody listens: %v", err)
	}
	if l.Close() != nil || l.Close() == nil {
		t.Error("Close does not close once")
	}
	e.Close(0)
}

// A port that Close leaves is found.
func TestLeakedPort(t *testing.T) {
	for style := range Styles {
		e := New(Options{Style: style, Loops: 2})
		e.Close(0)
		if err := e.Check(); err != nil {
			t.Errorf("%v: %v", style, err)
		}
		e.loops[1].common().disposed = false
		if e.Check() == nil {
			t.Errorf("%v: not seen", style)
		}
	}
}

// The rules of Port are watched.
func TestViolations(t *testing.T) {
	for name, breakIt := range map[string]func(r *rig, fd int){
		"provided twice": func(r *rig, _ int) { r.p.Provide(1); r.p.Provide(1) },
		"no such buffer": func(r *rig, _ int) { r.p.Provide(1 << 20) },
		"freed twice":    func(r *rig, _ int) { b := r.p.Allocate(5); r.p.Free(b); r.p.Free(b) },
		"closed in flight": func(r *rig, fd int) {
			r.p.Recv(fd, ud(proactor.OpRecv))
			r.p.Close(fd, ud(proactor.OpClose))
			r.enter()
		},
		"closed twice": func(r *rig, fd int) {
			r.p.Close(fd, ud(proactor.OpClose))
			r.p.Close(fd, ud(proactor.OpClose))
			r.enter()
		},
		"no space": func(r *rig, fd int) {
			for range r.p.k.o.SQSize + 1 {
				r.p.PollHangup(fd, ud(proactor.OpPoll))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Options{SQSize: 32})
			done := false
			r.k.s.Go("test", func() {
				_, fd := r.connected()
				breakIt(r, fd)
				done = true
			})
			if err := r.k.s.Run(func() bool { return done }); err != nil {
				t.Fatal(err)
			}
			if len(r.k.violations) == 0 {
				t.Error("not seen")
			}
		})
	}
}

func TestRestBytesBound(t *testing.T) {
	for n, ok := range map[int]bool{99: true, 100: true, 101: false} {
		r := newRig(t, Options{RestBytes: 100})
		if got := r.p.Allocate(n) != nil; got != ok {
			t.Errorf("Allocate(%d) of 100: %v", n, got)
		}
	}
}
