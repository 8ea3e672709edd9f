package netengine

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uringserve/uringserve/ring"
)

// script is a connection whose events go to a channel, and which does on each
// what the test says.
type script struct {
	l      ring.Loop
	c      ring.Conn
	events chan string
	recv   func(s *script, b []byte)
	onSent func(s *script)
	broken func(s *script)
}

func (s *script) Recv(b ring.Buf) {
	if s.recv != nil {
		s.recv(s, b.Bytes())
	}
	b.Release()
}
func (s *script) RecvEnd() { s.events <- "end" }
func (s *script) Sent() {
	if s.onSent != nil {
		s.onSent(s)
	}
}
func (s *script) Broken(err error) {
	s.events <- "broken: " + err.Error()
	if s.broken != nil {
		s.broken(s)
		return
	}
	s.c.Close()
}
func (s *script) Closed() { s.events <- "closed" }

func (s *script) Detached(net.Conn) {}

// scripted is an open function for begin; each connection is a copy of proto.
func scripted(proto script) (open func(ring.Loop, ring.Conn) ring.ConnHandler, events chan string) {
	events = make(chan string, 100)
	return func(l ring.Loop, c ring.Conn) ring.ConnHandler {
		s := proto
		s.l, s.c, s.events = l, c, events
		return &s
	}, events
}

func want(t *testing.T, events <-chan string, prefix string) {
	t.Helper()
	select {
	case e := <-events:
		if !strings.HasPrefix(e, prefix) {
			t.Fatalf("event %q, want %q", e, prefix)
		}
	case <-time.After(patience):
		t.Fatalf("no %q", prefix)
	}
}

// task is a ring.Task made of functions.
type task struct {
	run  func(ring.Run)
	done func(ring.Outcome) ring.Task
}

func (k *task) Route() (uint64, ring.Hint) { return 0, ring.HintNone }
func (k *task) Detach()                    {}
func (k *task) Run(r ring.Run)             { k.run(r) }
func (k *task) Done(o ring.Outcome) ring.Task {
	if k.done == nil {
		return nil
	}
	return k.done(o)
}

// While a handler blocks, whether it said so or not, its connection is read
// on, and it still gets the loop.
func TestReadingGoesOnWhileAHandlerBlocks(t *testing.T) {
	for _, says := range []bool{true, false} {
		t.Run(fmt.Sprint("says ", says), func(t *testing.T) {
			release, entered := make(chan struct{}), make(chan bool, 1)
			var events chan string
			begun := false // on loop
			open, events := scripted(script{recv: func(s *script, b []byte) {
				if begun {
					events <- "more: " + string(b)
					return
				}
				begun = true
				s.l.Dispatch(&task{run: func(r ring.Run) {
					if says && r.Enter() {
						r.HandOver()
					}
					<-release
					ok := r.Enter()
					if ok {
						s.c.Send([]byte("answer"))
						r.Leave()
					}
					entered <- ok
				}, done: func(ring.Outcome) ring.Task { events <- "done"; return nil }})
			}})
			h := begin(t, Options{Loops: 1}, open)
			c := h.dial()
			io.WriteString(c, "one")
			until(t, func() bool { return h.e.Stats().Inline == 1 })
			io.WriteString(c, "two")
			want(t, events, "more: two")
			if s := h.e.Stats(); s.LeftBehind != 1 || s.HandOvers+s.Takeovers != 1 {
				t.Errorf("%+v", s)
			}
			c.(*net.TCPConn).CloseWrite()
			want(t, events, "end")
			close(release)
			got := make([]byte, 6)
			if _, err := io.ReadFull(c, got); err != nil || string(got) != "answer" {
				t.Fatalf("%q %v", got, err)
			}
			if !<-entered {
				t.Error("the handler did not get the loop")
			}
			want(t, events, "done")
		})
	}
}

// until polls what has no event.
func until(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatal("it does not happen")
		}
	}
}

// A run that has ended never gets the loop again, whatever runs now.
func TestEndedRunHasNoLoop(t *testing.T) {
	runs := make(chan ring.Run, 2)
	results := make(chan bool, 2)
	open, _ := scripted(script{recv: func(s *script, b []byte) {
		s.l.Dispatch(&task{run: func(r ring.Run) {
			select {
			case old := <-runs:
				results <- old.Enter()
			default:
			}
			runs <- r
		}, done: func(ring.Outcome) ring.Task { s.c.Send([]byte("x")); return nil }})
	}})
	c := begin(t, Options{Loops: 1}, open).dial()
	for range 2 {
		exchangeByte(t, c)
	}
	if <-results {
		t.Error("a run that has ended got the loop")
	}
	if (<-runs).Enter() {
		t.Error("a run that has ended got the loop of an idle connection")
	}
}

func exchangeByte(t *testing.T, c net.Conn) {
	t.Helper()
	io.WriteString(c, "?")
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}

func TestGoexitInAHandler(t *testing.T) {
	exits := 0 // on loop
	open, events := scripted(script{recv: func(s *script, b []byte) {
		exit := exits == 0
		exits++
		s.l.Dispatch(&task{run: func(ring.Run) {
			if exit {
				runtime.Goexit()
			}
		}, done: func(o ring.Outcome) ring.Task {
			s.events <- fmt.Sprint("done ", o == ring.Exited)
			s.c.Send([]byte("x"))
			return nil
		}})
	}})
	h := begin(t, Options{Loops: 1}, open)
	c := h.dial()
	exchangeByte(t, c)
	want(t, events, "done true")
	exchangeByte(t, c)
	want(t, events, "done false")
	if n := h.e.Stats().Goexits; n != 1 {
		t.Errorf("%d exits", n)
	}
}

// What Done gives next runs at once; what was dispatched, in order.
func TestTasksRunInOrder(t *testing.T) {
	var order []string // of one goroutine at a time
	open, events := scripted(script{recv: func(s *script, b []byte) {
		named := func(name string, next ring.Task) ring.Task {
			return &task{run: func(ring.Run) { order = append(order, name) },
				done: func(ring.Outcome) ring.Task { return next }}
		}
		s.l.Dispatch(named("a", named("b", nil)))
		s.l.Dispatch(named("c", nil))
		s.l.Dispatch(&task{run: func(ring.Run) {}, done: func(ring.Outcome) ring.Task {
			s.events <- fmt.Sprint(order)
			return nil
		}})
	}})
	c := begin(t, Options{}, open).dial()
	io.WriteString(c, "go")
	want(t, events, "[a b c]")
}

// posted counts its calls.
type posted struct {
	node ring.PostNode
	n    atomic.Int64
	do   func()
}

func (p *posted) PostNode() *ring.PostNode { return &p.node }
func (p *posted) OnLoop() {
	p.n.Add(1)
	if p.do != nil {
		p.do()
	}
}

func TestPost(t *testing.T) {
	h := begin(t, Options{Loops: 1}, newEcho)
	l := h.loops[0]
	ran := make(chan struct{}, 1)
	var p posted
	p.do = func() {
		l.Dispatch(&task{run: func(ring.Run) { ran <- struct{}{} }})
	}
	for i := range int64(1000) {
		if !l.Post(&p) {
			t.Fatal("the loop has ended")
		}
		<-ran
		if p.n.Load() != i+1 {
			t.Fatalf("%d calls after %d posts", p.n.Load(), i+1)
		}
	}
	h.e.Close(patience)
	if l.Post(&p) {
		t.Error("a loop that has ended takes posts")
	}
}

func TestTick(t *testing.T) {
	h := &host{t: t, e: New(Options{Loops: 1}), open: newEcho}
	times := make(chan ring.Instant, 100)
	n := 0
	h.ticks = func(now ring.Instant) ring.Instant {
		if n++; n > 3 {
			return 0
		}
		times <- now
		return now.Add(20 * time.Millisecond)
	}
	if err := h.e.Start(h.newLoop); err != nil {
		t.Fatal(err)
	}
	defer h.e.Close(patience)
	last := <-times
	for range 2 {
		now := <-times
		if d := now.Sub(last); d < 20*time.Millisecond {
			t.Errorf("a tick after %v", d)
		}
		last = now
	}
}

// A reset is seen while receiving is paused.
func TestResetWhilePaused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("only a write or ResumeRecv shows it there, as the package says")
	}
	open, events := scripted(script{recv: func(s *script, b []byte) {
		s.c.PauseRecv()
		s.events <- "paused"
	}})
	c := begin(t, Options{}, open).dial()
	io.WriteString(c, "x")
	want(t, events, "paused")
	c.(*net.TCPConn).SetLinger(0)
	c.Close()
	want(t, events, "broken: "+ring.ErrReset.Error())
	want(t, events, "closed")
}

func TestPauseAndResume(t *testing.T) {
	var e ring.Conn
	var l ring.Loop
	open, events := scripted(script{recv: func(s *script, b []byte) {
		e, l = s.c, s.l
		s.events <- string(b)
		s.c.PauseRecv()
	}})
	c := begin(t, Options{}, open).dial()
	resume := &posted{do: func() { e.ResumeRecv() }}
	for i := range 20 {
		text := fmt.Sprint("piece ", i)
		io.WriteString(c, text)
		want(t, events, text)
		select {
		case ev := <-events:
			t.Fatalf("%q while paused", ev)
		default:
		}
		l.Post(resume)
	}
}

// Sends that the peer does not take are written in the background; CloseWrite
// comes after them.
func TestSlowReader(t *testing.T) {
	const sends = 200
	sent := 0
	block := make([]byte, ring.MaxSend)
	open, events := scripted(script{
		recv: func(s *script, b []byte) { s.c.Send(block); sent = 1 },
		onSent: func(s *script) {
			if sent++; sent <= sends {
				s.c.Send(block)
				return
			}
			s.c.CloseWrite()
			s.events <- "all sent"
		}})
	h := begin(t, Options{}, open)
	c := h.dial()
	io.WriteString(c, "go")
	until(t, func() bool { return h.e.Stats().ShortSends > 0 })
	n, err := io.Copy(io.Discard, c)
	if n != sends*ring.MaxSend || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	want(t, events, "all sent")
}

func TestAbortResets(t *testing.T) {
	open, events := scripted(script{recv: func(s *script, b []byte) { s.c.Abort() }})
	c := begin(t, Options{}, open).dial()
	io.WriteString(c, "x")
	if _, err := c.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("read: %v", err)
	}
	want(t, events, "closed")
}

// Connections in the queue of a listener are served after StopAccept.
func TestStopAcceptServesTheQueue(t *testing.T) {
	h := begin(t, Options{}, newEcho)
	var conns []net.Conn
	for range 50 {
		c := h.dial()
		io.WriteString(c, "queued")
		conns = append(conns, c)
	}
	h.e.StopAccept()
	for i, c := range conns {
		got := make([]byte, 6)
		if _, err := io.ReadFull(c, got); err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
	}
	if c, err := net.Dial("tcp", h.addr); err == nil {
		c.Close()
		t.Error("the address still accepts")
	}
}

// flaky is a listener that fails some times before it accepts.
type flaky struct {
	net.Listener
	fails atomic.Int64
}

func (f *flaky) Accept() (net.Conn, error) {
	if f.fails.Add(-1) >= 0 {
		return nil, errors.New("too many open files")
	}
	return f.Listener.Accept()
}

func TestAcceptErrorsPass(t *testing.T) {
	h := begin(t, Options{}, newEcho)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &flaky{Listener: ln}
	f.fails.Store(4)
	if _, err := h.e.Adopt(f); err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	exchange(t, c, "after some failures")
	if n := h.e.Stats().AcceptErrors; n != 4 {
		t.Errorf("%d accept errors", n)
	}
}

// Close counts the handlers that it does not wait for, and cuts them off.
func TestCloseLeavesHandlers(t *testing.T) {
	release, ended := make(chan struct{}), make(chan bool)
	open, events := scripted(script{recv: func(s *script, b []byte) {
		s.l.Dispatch(&task{run: func(r ring.Run) {
			s.events <- "running"
			<-release
			ended <- r.Enter()
		}, done: func(ring.Outcome) ring.Task { s.events <- "done"; return nil }})
	}})
	h := begin(t, Options{}, open)
	io.WriteString(h.dial(), "x")
	want(t, events, "running")
	if n := h.e.Close(10 * time.Millisecond); n != 1 {
		t.Errorf("%d handlers left", n)
	}
	want(t, events, "closed")
	close(release)
	if <-ended {
		t.Error("a handler got a loop that has ended")
	}
	if n := h.e.Close(patience); n != 0 {
		t.Errorf("%d handlers left at the second Close", n)
	}
}

func TestCloseWithoutStart(t *testing.T) {
	e := New(Options{})
	ln, err := e.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if n := e.Close(patience); n != 0 {
		t.Errorf("%d handlers", n)
	}
	if c, err := net.Dial("tcp", ln.Addr.String()); err == nil {
		c.Close()
		t.Error("the address still accepts")
	}
	if err := e.Start(nil); err == nil {
		t.Error("Start after Close")
	}
	if _, err := e.Listen("tcp", "127.0.0.1:0"); err == nil {
		t.Error("Listen after Close")
	}
}

func TestRefusedConnectionIsReset(t *testing.T) {
	h := begin(t, Options{}, func(ring.Loop, ring.Conn) ring.ConnHandler { return nil })
	c, err := net.Dial("tcp", h.addr) // the reset may be as early as this
	if err == nil {
		defer c.Close()
		c.SetDeadline(time.Now().Add(patience))
		_, err = c.Read(make([]byte, 1))
	}
	if err == nil || err == io.EOF {
		t.Errorf("read: %v", err)
	}
	until(t, func() bool { return h.e.Stats().Conns == 0 })
}
