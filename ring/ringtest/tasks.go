package ringtest

import (
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/uringserve/uringserve/ring"
)

// task is a ring.Task made of functions. Each of its steps happens once, in
// order.
type task struct {
	b    *bench
	l    *loop
	key  uint64
	hint ring.Hint
	run  func(r ring.Run)
	done func(o ring.Outcome) ring.Task // on loop; may be nil

	step     int // how far it is; on loop and in Run, one after the other
	detached bool
	over     atomic.Bool
}

func (t *task) Route() (uint64, ring.Hint) {
	t.next("Route", 0)
	return t.key, t.hint
}

func (t *task) Detach() {
	if t.detached || t.step != 1 {
		t.b.t.Errorf("Detach at step %d, detached %v", t.step, t.detached)
	}
	t.detached = true
}

func (t *task) Run(r ring.Run) {
	t.next("Run", 1)
	t.run(r)
}

func (t *task) Done(o ring.Outcome) (next ring.Task) {
	defer t.l.g.On("Done")()
	t.next("Done", 2)
	if t.done != nil {
		next = t.done(o)
	}
	t.over.Store(true)
	return next
}

func (t *task) next(what string, want int) {
	if t.step != want {
		t.b.t.Errorf("%s at step %d", what, t.step)
	}
	t.step++
}

// dispatch dispatches tasks, in order, in one turn.
func (b *bench) dispatch(l *loop, tasks ...*task) {
	b.t.Helper()
	for _, t := range tasks {
		t.b, t.l = b, l
	}
	b.on(l, func() {
		for _, t := range tasks {
			l.Dispatch(t)
		}
	})
}

func (b *bench) untilOver(tasks ...*task) {
	b.t.Helper()
	b.until("the tasks' end", func() bool {
		return !slices.ContainsFunc(tasks, func(t *task) bool { return !t.over.Load() })
	})
}

// Tasks that run one after the other on the loop do so in order.
func testDispatchOrder(b *bench) {
	b.start(hooks{})
	var order []int
	var tasks []*task
	for i := range 50 {
		t := &task{hint: ring.HintInline, run: func(ring.Run) {}}
		t.done = func(ring.Outcome) ring.Task {
			if !t.detached {
				order = append(order, i)
			}
			return nil
		}
		tasks = append(tasks, t)
	}
	b.dispatch(b.first(), tasks...)
	b.untilOver(tasks...)
	if !slices.IsSorted(order) {
		b.t.Errorf("done in the order %v", order)
	}
}

// What Done returns is run as if dispatched, ahead of others.
func testDoneChains(b *bench) {
	b.start(hooks{})
	l := b.first()
	const n = 200
	var runs atomic.Int64
	last := &task{b: b, l: l, run: func(ring.Run) { runs.Add(1) }}
	next := last
	for range n - 1 {
		then := next
		next = &task{b: b, l: l, run: func(ring.Run) { runs.Add(1) },
			done: func(ring.Outcome) ring.Task { return then }}
	}
	b.dispatch(l, next)
	b.untilOver(last)
	if runs.Load() != n {
		b.t.Errorf("%d runs, want %d", runs.Load(), n)
	}
}

func testTaskHints(b *bench) {
	b.start(hooks{})
	for _, hint := range []ring.Hint{ring.HintNone, ring.HintInline, ring.HintBlocking} {
		t := &task{hint: hint, key: uint64(hint) + 1, run: func(ring.Run) {},
			done: func(o ring.Outcome) ring.Task {
				if o != ring.Returned {
					b.t.Errorf("outcome %v", o)
				}
				return nil
			}}
		b.dispatch(b.first(), t)
		b.untilOver(t)
		if hint == ring.HintBlocking && !t.detached && b.e.Name() != "net" {
			b.t.Error("a blocking handler was not detached")
		}
	}
	if st := b.e.Stats(); st.Inline+st.Goroutines < 3 {
		b.t.Errorf("three handlers, counted %d inline and %d on goroutines", st.Inline, st.Goroutines)
	}
}

// A handler that blocks does not keep the others of its loop from being
// served.
func testTaskBlocksOthersServed(b *bench) {
	b.start(echo())
	for _, l := range b.all() {
		release := l.NewWaiter()
		blocked := &task{key: 7, run: func(ring.Run) { release.Wait() }}
		other := &task{key: 8, run: func(ring.Run) {}}
		b.dispatch(l, blocked, other)
		b.untilOver(other)
		echoOnce(b)
		if blocked.over.Load() {
			b.t.Error("it did not block")
		}
		release.Signal()
		b.untilOver(blocked)
	}
}

func (b *bench) all() []*loop {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.loops[:min(len(b.loops), 2)])
}

// HandOver gives the loop to others at once; the rest of the handler runs
// beside it.
func testTaskHandsOver(b *bench) {
	b.start(echo())
	l := b.first()
	w := l.NewWaiter()
	var entered atomic.Bool
	t := &task{hint: ring.HintInline, run: func(r ring.Run) {
		if r.Enter() {
			entered.Store(true)
			off := l.g.On("Enter")
			off()
			r.HandOver()
		}
		if l.Post(&call{f: func() { defer l.g.On("post")(); w.Signal() }}) {
			w.Wait()
		}
	}}
	b.dispatch(l, t)
	b.untilOver(t)
	echoOnce(b)
}

// Enter is exclusive, from whatever goroutine, and ends with the run.
func testTaskEnters(b *bench) {
	b.start(echo())
	l := b.first()
	var kept ring.Run
	var entered atomic.Int64
	enter := func(r ring.Run) {
		if r.Enter() {
			off := l.g.On("Enter")
			entered.Add(1)
			off()
			r.Leave()
		}
	}
	t := &task{hint: ring.HintInline, run: func(r ring.Run) {
		kept = r
		for range 10 {
			enter(r)
		}
		var over atomic.Int64
		w := l.NewWaiter()
		for range 2 {
			b.w.Go(func() {
				for range 50 {
					enter(r)
				}
				if over.Add(1) == 2 {
					w.Signal()
				}
			})
		}
		w.Wait()
	}}
	b.dispatch(l, t)
	b.untilOver(t)
	if entered.Load() == 0 {
		b.t.Log("the handler never had the loop")
	}
	if kept.Enter() {
		b.t.Error("Enter after Done")
	}
	if (ring.Run{}).Enter() {
		b.t.Error("the zero Run has a loop")
	}
	echoOnce(b)
}

// runtime.Goexit in a handler ends the handler, not the server.
func testTaskExits(b *bench) {
	b.start(echo())
	for _, hint := range []ring.Hint{ring.HintNone, ring.HintInline, ring.HintBlocking} {
		for _, late := range []bool{false, true} {
			var outcome atomic.Int64
			t := &task{hint: hint, run: func(r ring.Run) {
				if late {
					b.w.Sleep(10 * time.Millisecond)
				}
				runtime.Goexit()
			}, done: func(o ring.Outcome) ring.Task {
				outcome.Store(int64(o))
				return nil
			}}
			b.dispatch(b.first(), t)
			b.untilOver(t)
			if ring.Outcome(outcome.Load()) != ring.Exited {
				b.t.Errorf("hint %d: outcome %d, want Exited", hint, outcome.Load())
			}
			echoOnce(b)
		}
	}
}
