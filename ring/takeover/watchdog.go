package takeover

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// A run that is seen in its handler by so many looks in a row loses its
	// loop: looks in general, and looks if the thread merely lacks a CPU, which
	// a spare would lack as well.
	looksEnough      = 2
	looksDescheduled = 16

	// linger is for how many ticks without any run the watchdog goes on
	// before it parks: waking it costs more than a few ticks.
	linger = 16

	// calm is how many times longer than a tick the watchdog sleeps while
	// nothing runs inline but well-known keys, and calmAfter the ticks until
	// it does. A tick costs 12 µs to 30 µs of CPU, nearly all of it the
	// kernel's and the scheduler's for sleeping and waking, so that a thousand
	// a second are one to three hundredths of a core. The first run of a
	// well-known key that blocks pays with some milliseconds.
	calm      = 4
	calmAfter = 64
)

// watchdog looks about every tick at the words of all loops of a group, while
// any loop is active, and takes those whose leader does not come back.
//
// It is an ordinary goroutine, because waking one costs least, and needs a CPU
// and a P to come on time: with GOMAXPROCS no larger than the number of loops
// its ticks were seen 16 ms apart, with one more 1.1 ms. Now and then the
// scheduler has nobody waiting for timers although a P is free; its monitor
// then finds a tick up to 10 ms late.
type watchdog struct {
	g      *Group
	parker Parker
	parked atomic.Bool
	ticks  atomic.Uint64

	// Guarded by mu, which is never held while waiting:
	mu      sync.Mutex
	started bool

	closing atomic.Bool
	gone    atomic.Bool
}

// watch is what the watchdog remembers of a loop. Its own.
type watch struct {
	word uint64 // as last seen
	seen int    // looks that found this word, in its handler
	cpu  int64  // the leader's CPU time at the first of them
	runs int    // looks in a row that found the loop in one handler or another
}

func (d *watchdog) init(g *Group) {
	d.g = g
	d.parker = g.rt.NewParker()
}

// start starts the watchdog unless it runs.
func (d *watchdog) start() {
	d.mu.Lock()
	first := !d.started
	d.started = true
	d.mu.Unlock()
	if first {
		d.g.rt.Spawn(d.run)
	} else {
		d.wake()
	}
}

// stop ends the watchdog and waits for it.
func (d *watchdog) stop() {
	d.mu.Lock()
	started := d.started
	d.mu.Unlock()
	d.closing.Store(true)
	d.wake()
	for started && !d.gone.Load() {
		d.g.rt.Sleep(d.g.tick)
	}
}

// wake unparks the watchdog if it is parked. The caller has published first
// that there is something to see; see park.
func (d *watchdog) wake() {
	if d.parked.Load() && d.parked.CompareAndSwap(true, false) {
		d.parker.Unpark()
	}
}

func (d *watchdog) run() {
	defer d.gone.Store(true)
	rt, tick := d.g.rt, d.g.tick
	quiet, peace := 0, 0
	for !d.closing.Load() {
		nap := tick
		if peace >= calmAfter {
			nap *= calm
		}
		before := rt.Now()
		rt.Sleep(nap)
		d.ticks.Add(1)
		active, closely := d.look(time.Duration(rt.Now()-before) < nap+tick)

		if quiet++; active {
			quiet = 0
		}
		if peace++; closely {
			peace = 0
		}
		if quiet >= linger {
			d.park()
			quiet = 0
		}
	}
}

// look looks at every loop once. It reports whether any of them is active: not
// idle, or it has begun a run since the last look; and whether any is to be
// watched closely: it has begun a run of a key that is not well known, or has
// had a long one.
func (d *watchdog) look(onTime bool) (active, closely bool) {
	for _, l := range *d.g.loops.Load() {
		before := l.watch.word
		l.look(onTime)
		active = active || !l.idle.Load() || l.watch.word != before
		if l.watch.seen > 1 || l.closely.Load() {
			l.closely.Store(false)
			closely = true
		}
	}
	return active, closely
}

// park waits for a loop to become busy. No wake is lost: a loop publishes that
// it is busy and then looks whether the watchdog is parked; the watchdog
// publishes that it is parked and then looks for busy loops.
func (d *watchdog) park() {
	d.parked.Store(true)
	if invariants {
		d.g.rt.Yield("watchdog parks")
	}
	if d.busy() || d.closing.Load() {
		if d.parked.CompareAndSwap(true, false) {
			return
		}
		// Somebody has unparked it already: that is consumed here.
	}
	d.parker.Park()
}

func (d *watchdog) busy() bool {
	for _, l := range *d.g.loops.Load() {
		if !l.idle.Load() {
			return true
		}
	}
	return false
}

// look is one look of the watchdog at l.
func (l *Loop) look(onTime bool) {
	v, w := l.word.v.Load(), &l.watch
	if v&stateMask != stateInHandler {
		w.word, w.seen, w.runs = v, 0, 0
		return
	}
	w.runs++
	if v != w.word || w.seen == 0 {
		w.word, w.seen, w.cpu = v, 1, l.rt.ThreadCPU(l.leader.Load().id)
		if w.runs >= looksEnough {
			l.lookForSleep(v)
		}
		return
	}
	w.seen++
	enough, teaches := looksEnough, onTime
	if l.rt.Verdict(l.leader.Load().id, w.cpu) == Descheduled {
		enough, teaches = looksDescheduled, false
	}
	if w.seen >= enough {
		l.take(v, teaches)
	}
}

// lookForSleep is for handlers that block for less than a tick, and so never
// lose their loop, but together keep it from its work: a loop that is found in
// a handler look after look teaches which of them sleep.
func (l *Loop) lookForSleep(token uint64) {
	t := l.leader.Load()
	if l.rt.Verdict(t.id, l.watch.cpu) == Asleep && l.word.v.Load() == token {
		l.lessons.add(lesson{key: token, kind: lessonAsleep})
	}
}

// take takes the loop from the run that token names and gives it to a spare.
// Without a spare the run keeps its loop.
func (l *Loop) take(token uint64, teaches bool) {
	if l.spares.ready.Load() == 0 {
		return
	}
	l.yield("take")
	l.leaveBehind(1)
	if !l.word.take(token) {
		l.leaveBehind(-1)
		return
	}
	// The loop is ours, and with it the spares and what the leader wrote.
	l.count.takeovers.Add(1)
	kind := lessonBlocked
	if !teaches {
		kind = lessonTaken
		l.count.excused.Add(1)
	}
	l.lessons.add(lesson{key: l.key, kind: kind})
	t := l.spares.pop()
	l.leader.Store(t)
	l.yield("taken")
	t.promote()
}
