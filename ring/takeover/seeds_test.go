package takeover_test

import (
	"flag"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/takeover"
	"github.com/uringserve/uringserve/ring/takeover/sched"
)

var (
	seeds     = flag.Int("seeds", 1000, "how many seeds the seeded test runs")
	firstSeed = flag.Uint64("seed", 1, "the first seed")
)

// TestSeeds runs loops of tasks that block, compute, exit, enter and hand over
// in any order, and checks that one thread at a time has each loop, that every
// task runs once and is done once, that the bound on threads left behind
// holds, and that everything ends.
func TestSeeds(t *testing.T) {
	var total seen
	n := *seeds
	if testing.Short() {
		n = min(n, 200)
	}
	for seed := *firstSeed; seed < *firstSeed+uint64(n); seed++ {
		w := newWorld(seed)
		if err := w.play(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		total.add(w.seen)
	}
	t.Logf("%d seeds: %+v", n, total)
	if n < 200 {
		return
	}
	for what, count := range map[string]int{
		"takeovers": total.takeovers, "hand-overs": total.handOvers, "exits": total.goexits,
		"threads left behind": total.leftBehind, "inline runs": total.inline, "goroutine runs": total.goroutines,
		"refused enters": total.refused, "enters": total.entered, "aborted worlds": total.aborted,
		"worlds at the cap": total.atCap, "parked watchdogs": total.parked,
	} {
		if count == 0 {
			t.Errorf("%d seeds had no %s", n, what)
		}
	}
}

// TestSeedReplays: the same seed gives the same world.
func TestSeedReplays(t *testing.T) {
	for seed := range uint64(20) {
		a, b := newWorld(seed), newWorld(seed)
		errA, errB := a.play(), b.play()
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if a.seen != b.seen || a.s.Steps() != b.s.Steps() || a.s.Now() != b.s.Now() {
			t.Errorf("seed %d: %+v in %d steps, then %+v in %d", seed, a.seen, a.s.Steps(), b.seen, b.s.Steps())
		}
	}
}

func (a *seen) add(b seen) {
	a.takeovers += b.takeovers
	a.handOvers += b.handOvers
	a.goexits += b.goexits
	a.leftBehind += b.leftBehind
	a.inline += b.inline
	a.goroutines += b.goroutines
	a.refused += b.refused
	a.entered += b.entered
	a.aborted += b.aborted
	a.atCap += b.atCap
	a.parked += b.parked
}

func newWorld(seed uint64) *world {
	s := sched.New(seed)
	s.MaxSteps = 1_000_000
	r := s.Rand()
	w := &world{s: s, rt: s.Runtime(), r: r, abort: r.IntN(4) == 0}
	w.o = takeover.Options{Runtime: w.rt, MaxLeftBehind: 1 + r.IntN(6), Disabled: r.IntN(8) == 0}
	w.g = takeover.NewGroup(w.o)
	for id := range 1 + r.IntN(3) {
		m := &model{w: w, id: id, led: map[uint8]*takeover.Thread{}}
		m.l = w.g.NewLoop(m.lead)
		w.loops = append(w.loops, m)
	}
	for id := range 5 + r.IntN(40) {
		w.tasks = append(w.tasks, w.newTask(id))
	}
	return w
}

func (w *world) newTask(id int) *task {
	k := &task{
		m:    w.loops[w.r.IntN(len(w.loops))],
		id:   id,
		key:  uint64(w.r.IntN(6)),
		kind: kinds[w.r.IntN(len(kinds))],
		d:    time.Duration(w.r.IntN(5000)) * time.Microsecond,
	}
	// Mostly as it would be, with some fast and some slow keys; hints now and
	// then, always where dispatch is plain, so that something runs inline.
	if w.r.IntN(4) != 0 {
		k.key = uint64(100 + len(k.kind))
	}
	switch n := w.r.IntN(8); {
	case n == 0 || w.o.Disabled && n < 6:
		k.hint = ring.HintInline
	case n == 1:
		k.hint = ring.HintBlocking
	}
	if k.kind == "depends" {
		k.dep = &task{m: k.m, id: 1000 + id, key: 7, kind: "quick"}
	}
	return k
}

// play runs the world to its end.
func (w *world) play() error {
	w.s.Go("main", w.main)
	err := w.s.Run(func() bool { return len(w.wrong) > 0 || len(w.s.Live()) == 0 })
	if len(w.wrong) > 0 {
		return fmt.Errorf("%s", strings.Join(w.wrong, "\n"))
	}
	return err
}

func (w *world) main() {
	for _, m := range w.loops {
		m.l.Start()
	}
	w.s.Go("client", w.client)
	w.s.WaitFor(w.finished)
	if w.r.IntN(2) == 0 {
		// The watchdog parks when nothing happens.
		w.s.Sleep(time.Second)
		before := w.g.Ticks()
		w.s.Sleep(time.Second)
		if !w.abort && !w.o.Disabled && w.g.Ticks() != before {
			w.fail("the watchdog ticked %d times in an idle second", w.g.Ticks()-before)
		} else if !w.abort && !w.o.Disabled {
			w.seen.parked++
		}
	}
	w.stop = true
	for _, m := range w.loops {
		if left := m.l.Wait(time.Hour); left != 0 {
			w.fail("loop %d: %d threads left after an hour", m.id, left)
		}
	}
	w.g.Close()
	w.check()
}

// client feeds the loops, with pauses in which they become idle.
func (w *world) client() {
	for _, k := range w.tasks {
		if w.stop {
			return
		}
		k.m.fresh = append(k.m.fresh, k)
		if k.dep != nil {
			k.m.fresh = append(k.m.fresh, k.dep)
		}
		switch w.r.IntN(4) {
		case 0:
			w.s.Sleep(time.Duration(w.r.IntN(3000)) * time.Microsecond)
		case 1:
			w.s.Sleep(time.Duration(w.r.IntN(60)) * time.Millisecond)
		}
		if w.g.LeftBehind() == max(w.o.MaxLeftBehind, len(w.loops)) {
			w.seen.atCap++
		}
	}
}

// finished reports whether the world may be stopped.
func (w *world) finished() bool {
	if w.abort && w.s.Now() > time.Duration(len(w.tasks))*time.Millisecond {
		return true
	}
	for _, k := range w.tasks {
		if k.doneCount == 0 || k.dep != nil && k.dep.doneCount == 0 {
			return false
		}
	}
	return true
}

// check looks at what is left when all threads have ended.
func (w *world) check() {
	for _, m := range w.loops {
		st := m.l.Stats()
		if st.LeftBehind != 0 || st.Threads != 0 || st.Spares != 0 {
			w.fail("loop %d after its end: %+v", m.id, st)
		}
		w.seen.takeovers += int(st.Takeovers)
		w.seen.handOvers += int(st.HandOvers)
		w.seen.goexits += int(st.Goexits)
	}
	for _, k := range w.tasks {
		if k.runs > 1 || k.doneCount > 1 || !w.abort && (k.runs != 1 || k.doneCount != 1) {
			w.fail("task %d (%s) ran %d times and was done %d times", k.id, k.kind, k.runs, k.doneCount)
		}
	}
	if w.abort {
		w.seen.aborted++
	}
	if n := w.g.LeftBehind(); n != 0 {
		w.fail("%d threads left behind after the end", n)
	}
}

// TestLeadMustNotReturn: a leader that returns though it has the loop is a bug
// that is told, on a thread's first turn and on later ones.
func TestLeadMustNotReturn(t *testing.T) {
	for _, turns := range []int{0, 1, 4} {
		s := sched.New(1)
		s.Slowness = 0
		g := takeover.NewGroup(takeover.Options{Runtime: s.Runtime()})
		var l *takeover.Loop
		l = g.NewLoop(func(*takeover.Thread) {
			if turns--; turns < 0 {
				return
			}
			// The last leader is back, and next in turn.
			s.WaitFor(func() bool { return l.Stats().Spares > 0 && l.Stats().LeftBehind == 0 })
			if !l.Inline(0, ring.HintInline) {
				t.Error("not inline")
			}
			r := l.Begin(0)
			s.Sleep(10 * time.Millisecond)
			if l.End(r) {
				t.Error("not taken")
			}
		})
		s.Go("main", l.Start)
		err := s.Run(nil)
		if err == nil || !strings.Contains(err.Error(), "BUG: takeover: lead returned") {
			t.Errorf("error %v", err)
		}
	}
}

// TestWornThread: a thread on which handlers have exited too often leads no
// more, and its loop goes on.
func TestWornThread(t *testing.T) {
	const maxExits = 64
	for exits, lost := range map[int]int64{maxExits - 1: 0, maxExits: 1, maxExits + 1: 1} {
		s := sched.New(uint64(exits))
		g := takeover.NewGroup(takeover.Options{Runtime: s.Runtime()})
		left := exits
		var l *takeover.Loop
		var stats takeover.Stats
		l = g.NewLoop(func(*takeover.Thread) {
			for left > 0 {
				// A key per run, because a key that exits is not run again.
				if key := uint64(left); l.Inline(key, ring.HintNone) {
					left--
					l.Begin(key)
					runtime.Goexit()
				}
				s.Sleep(time.Millisecond)
			}
			stats = l.Stats()
			l.Stop()
		})
		s.Go("main", func() {
			l.Start()
			l.Wait(time.Hour)
			g.Close()
		})
		if err := s.Run(nil); err != nil {
			t.Fatal(err)
		}
		if stats.Goexits != uint64(exits) || stats.Lost != lost {
			t.Errorf("%d exits: %+v, want %d lost", exits, stats, lost)
		}
	}
}
