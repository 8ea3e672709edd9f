package takeover_test

import (
	"testing"
	"time"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/takeover"
	"github.com/uringserve/uringserve/ring/takeover/sched"
)

// rig is a simulated loop that runs one handler after the other, in simulated
// time.
type rig struct {
	*testing.T
	s     *sched.Scheduler
	g     *takeover.Group
	l     *takeover.Loop
	queue []func(r ring.Run)
	keys  []uint64
	leads []time.Duration // when a thread took over
	ran   int             // handlers that were run inline
	over  bool
}

func newRig(t *testing.T) *rig {
	return newRigOn(t, func(rt takeover.Runtime) takeover.Runtime { return rt })
}

func newRigOn(t *testing.T, world func(takeover.Runtime) takeover.Runtime) *rig {
	g := &rig{T: t, s: sched.New(1)}
	g.s.Slowness = 0
	g.g = takeover.NewGroup(takeover.Options{Runtime: world(g.s.Runtime())})
	g.l = g.g.NewLoop(g.lead)
	return g
}

func (g *rig) lead(t *takeover.Thread) {
	if t.Takeover() {
		g.leads = append(g.leads, g.s.Now())
	}
	for {
		if len(g.queue) == 0 {
			if g.over {
				g.l.Stop()
				return
			}
			g.l.Idle()
			g.s.WaitFor(func() bool { return g.over || len(g.queue) > 0 })
			g.l.Busy()
			continue
		}
		f, key := g.queue[0], g.keys[0]
		g.queue, g.keys = g.queue[1:], g.keys[1:]
		if !g.l.Inline(key, ring.HintNone) {
			g.s.Go("goroutine", func() { f(ring.Run{}) })
			continue
		}
		g.ran++
		r := g.l.Begin(key)
		f(r)
		if !g.l.End(r) {
			return
		}
	}
}

// do runs f as a handler and waits until it has returned.
func (g *rig) do(key uint64, f func(r ring.Run)) {
	done := false
	g.queue = append(g.queue, func(r ring.Run) { f(r); done = true })
	g.keys = append(g.keys, key)
	g.s.WaitFor(func() bool { return done && (g.l.Stats().Spares > 0 || g.l.Stats().Threads == takeover.MaxThreads) })
}

// play runs client, then ends the loop.
func (g *rig) play(client func()) {
	g.Helper()
	g.s.Go("client", func() {
		g.l.Start()
		g.s.WaitFor(func() bool { return g.l.Stats().Spares > 0 })
		client()
		g.over = true
		if left := g.l.Wait(time.Hour); left != 0 {
			g.Errorf("%d threads left", left)
		}
		g.g.Close()
	})
	if err := g.s.Run(nil); err != nil {
		g.Fatal(err)
	}
}

const tick = takeover.DefaultTick

// TestTakenWithinTwoTicks: a handler that sleeps or computes loses its loop
// after one to two ticks, and one that takes less keeps it.
func TestTakenWithinTwoTicks(t *testing.T) {
	g := newRig(t)
	g.play(func() {
		for i, block := range []func(d time.Duration){g.s.Sleep, g.s.Compute} {
			g.s.Sleep(300 * time.Microsecond) // off the ticks
			began := g.s.Now()
			g.do(uint64(10+i), func(ring.Run) { block(10 * time.Millisecond) })
			if len(g.leads) != i+1 {
				t.Fatalf("%d takeovers, want %d", len(g.leads), i+1)
			}
			if took := g.leads[i] - began; took <= tick || took > 2*tick {
				t.Errorf("taken after %v", took)
			}
		}
		for range 50 {
			g.do(20, func(ring.Run) { g.s.Sleep(tick - 1) })
		}
		if len(g.leads) != 2 {
			t.Errorf("a handler that takes less than a tick lost its loop")
		}
	})
}

// TestDescheduledIsExcused: a thread that lacks a CPU keeps its loop for long,
// and when it loses it, that teaches nothing.
func TestDescheduledIsExcused(t *testing.T) {
	g := newRig(t)
	g.s.MaxSteps = 50_000_000
	g.play(func() {
		for i := range 2 * takeover.BlockedRuns {
			began, before := g.s.Now(), g.ran
			g.do(7, func(ring.Run) {
				for n := len(g.leads); n == len(g.leads); {
					g.s.Yield("runnable, not running")
				}
			})
			if g.ran != before+1 {
				t.Fatalf("run %d was not inline: it taught something", i)
			}
			if took := g.leads[i] - began; took < 14*tick || took > 18*tick {
				t.Errorf("taken after %v", took)
			}
		}
		if st := g.l.Stats(); st.Excused != st.Takeovers {
			t.Errorf("%+v", st)
		}
	})
}

// lateRuntime wakes its sleepers too late.
type lateRuntime struct{ takeover.Runtime }

func (r lateRuntime) Sleep(d time.Duration) { r.Runtime.Sleep(2 * d) } // lateness is what is tested

// TestLateTickIsExcused: a watchdog that comes late takes the loop all the
// same, but learns nothing from it.
func TestLateTickIsExcused(t *testing.T) {
	g := newRigOn(t, func(rt takeover.Runtime) takeover.Runtime { return lateRuntime{rt} })
	g.play(func() {
		for i := range 2 * takeover.BlockedRuns {
			began, before := g.s.Now(), g.ran
			g.do(7, func(ring.Run) { g.s.Sleep(20 * time.Millisecond) })
			if g.ran != before+1 {
				t.Fatalf("run %d was not inline: it taught something", i)
			}
			if took := g.leads[i] - began; took > 4*tick {
				t.Errorf("taken after %v", took)
			}
		}
		if st := g.l.Stats(); st.Excused != st.Takeovers {
			t.Errorf("%+v", st)
		}
	})
}

// TestCalm: while nothing but a well-known key runs, the watchdog looks less
// often; any other makes it look closely again.
func TestCalm(t *testing.T) {
	g := newRig(t)
	ticksIn := func(d time.Duration, key uint64) uint64 {
		before, end := g.g.Ticks(), g.s.Now()+d
		for g.s.Now() < end {
			g.do(key, func(ring.Run) {})
			g.s.Sleep(tick / 4)
		}
		return g.g.Ticks() - before
	}
	g.play(func() {
		ticksIn(time.Second, 1)
		if n := ticksIn(time.Second, 1); n > 260 {
			t.Errorf("%d ticks in a calm second", n)
		}
		began, n := g.s.Now(), len(g.leads)
		g.do(1, func(ring.Run) { g.s.Sleep(20 * time.Millisecond) })
		if len(g.leads) != n+1 || g.leads[n]-began > 9*tick {
			t.Errorf("taken at %v, began at %v", g.leads[n:], began)
		}
		if n := ticksIn(50*tick, 1); n < 45 {
			t.Errorf("%d ticks in 50 ms after a takeover", n)
		}
		ticksIn(time.Second, 1)
		for key := uint64(100); key < 400; key++ {
			if n := ticksIn(5*tick, key); key > 102 && n < 4 {
				t.Fatalf("%d ticks in 5 ms of unknown keys", n)
			}
		}
	})
}

// TestNoTakeWithoutSpare: with all threads left behind, the last leader is
// left alone in a handler that was begun regardless.
func TestNoTakeWithoutSpare(t *testing.T) {
	s := sched.New(1)
	g := takeover.NewGroup(takeover.Options{Runtime: s.Runtime(), MaxLeftBehind: 1000})
	release := false
	var l *takeover.Loop
	l = g.NewLoop(func(th *takeover.Thread) {
		key := uint64(th.Index()) + 1
		last := th.Index() == takeover.MaxThreads-1
		if !last {
			s.WaitFor(func() bool { return l.Stats().Spares > 0 })
		}
		if l.Inline(key, ring.HintInline) == last {
			t.Errorf("thread %d: inline %v", th.Index(), !last)
		}
		r := l.Begin(key)
		if last {
			s.Sleep(time.Second)
			// A hand-over is impossible, too, and is a Leave.
			if !r.Enter() {
				t.Error("not entered")
			}
			r.HandOver()
			if !l.End(r) {
				t.Error("the last thread lost its loop")
				return
			}
			l.Stop()
			release = true
			return
		}
		s.WaitFor(func() bool { return release })
		l.End(r)
	})
	s.Go("main", func() {
		l.Start()
		s.WaitFor(func() bool { return release })
		if left := l.Wait(time.Hour); left != 0 {
			t.Errorf("%d threads left", left)
		}
		g.Close()
	})
	if err := s.Run(nil); err != nil {
		t.Fatal(err)
	}
	if st := l.Stats(); st.Takeovers != takeover.MaxThreads-1 || st.HandOvers != 0 {
		t.Errorf("%+v", st)
	}
}
