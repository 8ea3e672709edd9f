package takeover_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/takeover"
	"github.com/uringserve/uringserve/ring/takeover/sched"
)

// model is a loop that does nothing but run tasks, on the shipping takeover
// code, and checks that it has the loop for itself. One simulated thread runs
// at a time, so that its fields need no locks.
type model struct {
	w  *world
	l  *takeover.Loop
	id int

	queue  []*task // on loop
	posted []*task // from elsewhere
	fresh  []*task // from the client
	open   *task   // inline and not seen to have lost its loop
	leader *takeover.Thread
	inside string // who is on loop just now
	ended  bool
	led    map[uint8]*takeover.Thread
}

// world is one seed's run: some loops, their tasks, and what was seen.
type world struct {
	s     *sched.Scheduler
	rt    takeover.Runtime
	r     *rand.Rand
	g     *takeover.Group
	o     takeover.Options
	loops []*model
	tasks []*task
	abort bool // stop although tasks are open
	stop  bool
	seen  seen
	wrong []string
}

// seen counts what came up, so that a test can tell that it did.
type seen struct {
	takeovers, handOvers, goexits, leftBehind     int
	inline, goroutines, refused, entered, aborted int
	atCap, parked                                 int
}

func (w *world) fail(format string, args ...any) {
	if len(w.wrong) < 5 {
		w.wrong = append(w.wrong, fmt.Sprintf("at %v: ", w.s.Now())+fmt.Sprintf(format, args...)+"\n"+w.s.Trace())
	}
	w.s.WaitFor(func() bool { return false }) // freeze
}

// on does something on loop, and checks that nobody else does.
func (m *model) on(who string, f func()) {
	if m.inside != "" {
		m.w.fail("loop %d: %s is on loop while %s is", m.id, who, m.inside)
	}
	if m.ended {
		m.w.fail("loop %d: %s is on loop after its end", m.id, who)
	}
	m.inside = who
	m.w.s.Yield("on loop: " + who)
	f()
	m.inside = ""
	if n := m.w.g.LeftBehind(); n > max(m.w.o.MaxLeftBehind, len(m.w.loops)) {
		m.w.fail("%d threads left behind, at most %d", n, m.w.o.MaxLeftBehind)
	}
}

func (m *model) lead(t *takeover.Thread) {
	who := fmt.Sprintf("thread %d", t.Index())
	m.on(who, func() {
		m.open = nil
		if old := m.led[t.Index()]; old != nil && old != t {
			m.w.fail("loop %d: two threads have index %d", m.id, t.Index())
		}
		// The first leader starts the loop, one that goes on after an exit
		// is the same, every other has taken over.
		if want := m.leader != nil && m.leader != t; t.Takeover() != want {
			m.w.fail("loop %d: %s leads, takeover %v, want %v", m.id, who, !want, want)
		}
		m.led[t.Index()], m.leader = t, t
	})
	for m.turn(who) {
	}
}

// turn is one turn of the loop; false: lead returns.
func (m *model) turn(who string) bool {
	var next *task
	m.on(who, func() {
		for _, k := range m.posted {
			m.done(k)
		}
		m.queue, m.posted, m.fresh = append(m.queue, m.fresh...), nil, nil
		if len(m.queue) > 0 {
			next, m.queue = m.queue[0], m.queue[1:]
		}
	})
	switch {
	case m.w.stop:
		m.ended = true
		m.l.Stop()
		return false
	case next == nil:
		m.l.Idle()
		m.w.s.WaitFor(func() bool { return m.w.stop || len(m.posted)+len(m.fresh) > 0 })
		m.l.Busy()
		return true
	case !m.l.Inline(next.key, next.hint):
		m.w.seen.goroutines++
		m.spawn(next)
		return true
	}
	m.w.seen.inline++
	return m.inline(next)
}

func (m *model) inline(k *task) (leads bool) {
	m.open = k
	r := m.l.Begin(k.key)
	returned := false
	defer func() {
		// Only after runtime.Goexit: the outcome is told from here, unless
		// the handler has told it already.
		if !returned && !k.told {
			m.end(k, r)
		}
	}()
	k.run(r)
	returned = true
	return m.end(k, r)
}

func (m *model) end(k *task, r ring.Run) (leads bool) {
	if !m.l.End(r) {
		m.w.seen.leftBehind++
		m.post(k)
		return false
	}
	if m.open != k {
		m.w.fail("loop %d: End of task %d, which had lost its loop", m.id, k.id)
	}
	m.open = nil
	m.on("end", func() { m.done(k) })
	return true
}

func (m *model) spawn(k *task) {
	began := m.w.rt.Now()
	m.w.rt.Spawn(func() {
		defer func() {
			k.took = time.Duration(m.w.rt.Now() - began)
			k.spawned = true
			m.post(k)
		}()
		k.run(ring.Run{})
	})
}

// post hands k's outcome to the loop, which may have ended.
func (m *model) post(k *task) {
	k.told = true
	m.w.s.Yield("post")
	if !m.ended {
		m.posted = append(m.posted, k)
	}
}

func (m *model) done(k *task) {
	if k.doneCount++; k.doneCount > 1 {
		m.w.fail("task %d was done %d times", k.id, k.doneCount)
	}
	if k.spawned {
		m.l.Finished(k.key, k.took)
	}
}

// task is one run of a handler that does what its kind says.
type task struct {
	m    *model
	id   int
	key  uint64
	hint ring.Hint
	kind string
	d    time.Duration
	dep  *task // what "depends" waits for

	runs, doneCount int
	told            bool // its outcome is posted
	spawned         bool
	took            time.Duration
}

var kinds = []string{
	"quick", "quick", "sleeps", "computes", "depends", "enters", "hands over", "hands over elsewhere",
	"enters elsewhere", "enters late", "exits", "tells and exits", "hands over and exits", "panics",
}

func (k *task) run(r ring.Run) {
	w := k.m.w
	if k.runs++; k.runs > 1 {
		w.fail("task %d runs %d times", k.id, k.runs)
	}
	switch k.kind {
	case "quick":
		w.s.Yield("quick")
	case "sleeps":
		w.s.Sleep(k.d)
	case "computes":
		w.s.Compute(k.d)
	case "depends":
		if w.o.Disabled && r.Enter() {
			r.HandOver() // nobody else would
		}
		w.s.WaitFor(func() bool { return w.stop || k.dep.runs > 0 })
	case "enters":
		k.enter(r, 3)
	case "hands over":
		k.handOver(r)
	case "hands over elsewhere":
		handed := false
		w.rt.Spawn(func() { k.handOver(r); handed = true })
		if k.d > time.Millisecond {
			w.s.WaitFor(func() bool { return handed })
		}
	case "enters elsewhere":
		left := 2
		for range left {
			w.rt.Spawn(func() { k.enter(r, 3); left-- })
		}
		k.enter(r, 2)
		w.s.WaitFor(func() bool { return left == 0 })
	case "enters late":
		w.rt.Spawn(func() {
			for range 20 {
				k.enter(r, 1)
				w.s.Sleep(k.d / 10)
			}
		})
	case "exits":
		w.s.Sleep(k.d)
		runtime.Goexit()
	case "tells and exits":
		if r != (ring.Run{}) {
			k.m.post(k)
		}
		runtime.Goexit()
	case "hands over and exits":
		k.handOver(r)
		runtime.Goexit()
	case "panics":
		defer func() { recover() }()
		w.s.Sleep(k.d)
		panic("the handler's")
	}
}

// enter takes the loop n times and looks whether it is this task's to have.
func (k *task) enter(r ring.Run, n int) {
	w := k.m.w
	for range n {
		if !r.Enter() {
			w.seen.refused++
			continue
		}
		k.entered()
		r.Leave()
	}
}

func (k *task) entered() {
	k.m.w.seen.entered++
	k.m.on(fmt.Sprintf("task %d", k.id), func() {
		if k.m.open != k {
			k.m.w.fail("task %d has entered, though its run is over", k.id)
		}
	})
}

func (k *task) handOver(r ring.Run) {
	w := k.m.w
	if !r.Enter() {
		w.s.Sleep(k.d)
		return
	}
	k.entered()
	r.HandOver()
	w.s.Sleep(k.d)
	if r.Enter() {
		w.fail("task %d has entered after it handed over", k.id)
	}
}
