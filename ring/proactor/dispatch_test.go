package proactor

import (
	"runtime"
	"testing"
	"time"

	"github.com/uringserve/uringserve/ring"
)

// idlePort is a kernel in which nothing happens but wakes.
type idlePort struct {
	*fakePort
	woken chan struct{}
	start time.Time
}

func (p *idlePort) Now() ring.Instant { return ring.Instant(time.Since(p.start) + 1) }

func (p *idlePort) Enter(wait Wait, timeout time.Duration) error {
	p.queued = p.queued[:0]
	if wait == NoWait {
		return nil
	}
	if timeout < 0 || timeout > time.Millisecond {
		timeout = time.Millisecond
	}
	select {
	case <-p.woken:
	case <-time.After(timeout):
	}
	return nil
}

func (p *idlePort) Wake() {
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

// startIdle starts an engine without listeners and returns its loop.
func startIdle(t *testing.T) (*Engine, *loop) {
	p := &idlePort{newFakePort(t), make(chan struct{}, 1), time.Now()}
	e, err := New(Config{Name: "idle", Loops: 1, Sockets: &fakeSockets{}, Procs: -1,
		NewPort: func(int) (Port, error) { return p, nil }})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(func(ring.Loop) ring.LoopHandler { return &opener{} }); err != nil {
		t.Fatal(err)
	}
	return e, e.loops[0]
}

// onLoop calls f on l and waits for it.
func onLoop(l *loop, f func()) {
	done := make(chan struct{})
	l.Post(&posted{run: func() { f(); close(done) }})
	<-done
}

// inlineTask runs on the loop's thread.
type inlineTask struct{ task }

func (t *inlineTask) Route() (uint64, ring.Hint) { return 0, ring.HintInline }

// awaitSpare waits until handlers may run inline.
func awaitSpare(l *loop) {
	for l.to.Stats().Spares == 0 {
		l.rt.Sleep(time.Millisecond)
	}
}

func TestLongChainsTakeTurns(t *testing.T) {
	e, l := startIdle(t)
	awaitSpare(l)
	const long = 10 * maxChain
	ran, before := 0, -1
	done := make(chan struct{})
	a, b := &inlineTask{}, &inlineTask{}
	a.run = func(ring.Run) {}
	a.done = func(ring.Outcome) ring.Task {
		if ran++; ran == long {
			close(done)
			return nil
		}
		return a
	}
	b.run = a.run
	b.done = func(ring.Outcome) ring.Task { before = ran; return nil }
	onLoop(l, func() { l.Dispatch(a); l.Dispatch(b) })
	<-done
	onLoop(l, func() {
		if before < 1 || before > maxChain {
			t.Errorf("%d tasks of one connection ran before another's", before)
		}
	})
	if left := e.Close(time.Second); left != 0 {
		t.Fatalf("%d left", left)
	}
}

func TestBlockedHandlerIsLeftBehind(t *testing.T) {
	e, l := startIdle(t)
	awaitSpare(l)
	release, fast, slow := make(chan struct{}), make(chan struct{}), make(chan ring.Outcome, 1)
	run := make(chan ring.Run, 1)
	blocked := &inlineTask{task{
		run:  func(r ring.Run) { run <- r; <-release },
		done: func(o ring.Outcome) ring.Task { slow <- o; return nil },
	}}
	quick := &inlineTask{task{
		run:  func(ring.Run) {},
		done: func(ring.Outcome) ring.Task { close(fast); return nil },
	}}
	onLoop(l, func() { l.Dispatch(blocked); l.Dispatch(quick) })
	<-fast // by another thread
	if r := <-run; r.Enter() {
		t.Fatal("a handler that was left behind has the loop")
	}
	if s := e.Stats(); s.LeftBehind != 1 || s.Takeovers != 1 {
		t.Fatalf("%+v", s)
	}
	close(release)
	if o := <-slow; o != ring.Returned {
		t.Fatalf("outcome %v", o)
	}
	if left := e.Close(time.Second); left != 0 {
		t.Fatalf("%d left", left)
	}
}

func TestGoexitInHandler(t *testing.T) {
	e, l := startIdle(t)
	awaitSpare(l)
	release, outcomes := make(chan struct{}), make(chan ring.Outcome, 3)
	done := func(o ring.Outcome) ring.Task { outcomes <- o; return nil }
	exits := &inlineTask{task{run: func(ring.Run) { runtime.Goexit() }, done: done}}
	exitsLate := &inlineTask{task{run: func(ring.Run) { <-release; runtime.Goexit() }, done: done}}
	elsewhere := &task{run: func(ring.Run) { runtime.Goexit() }, done: done}
	for i, what := range []ring.Task{exits, exitsLate, elsewhere} {
		onLoop(l, func() { l.Dispatch(what) })
		if i == 1 {
			for e.Stats().LeftBehind == 0 && e.Stats().Goroutines == 0 {
				l.rt.Sleep(time.Millisecond)
			}
			close(release)
		}
		if o := <-outcomes; o != ring.Exited {
			t.Fatalf("run %d: outcome %v", i, o)
		}
	}
	if left := e.Close(time.Second); left != 0 {
		t.Fatalf("%d left", left)
	}
}

func TestCloseDoesNotWaitForEver(t *testing.T) {
	e, l := startIdle(t)
	release := make(chan struct{})
	defer close(release)
	started := make(chan struct{})
	stuck := &task{run: func(ring.Run) { close(started); <-release }, done: func(ring.Outcome) ring.Task { return nil }}
	onLoop(l, func() { l.Dispatch(stuck) })
	<-started
	if left := e.Close(10 * time.Millisecond); left != 1 {
		t.Fatalf("%d left", left)
	}
	if l.Post(&posted{run: func() {}}) {
		t.Fatal("posted to an engine that has ended")
	}
}
