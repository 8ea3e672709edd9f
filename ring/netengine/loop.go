package netengine

import (
	"sync"
	"time"

	"github.com/uringserve/uringserve/ring"
)

// pulse is how often a loop that is not at rest looks after its handlers, its
// timers and its posts: a handler that lasts longer loses the lead of its
// connection after one to two of them.
const pulse = 5 * time.Millisecond

// A loop is a ring.Loop. On loop: mu is held.
type loop struct {
	// Immutable:
	e       *Engine
	index   int
	service func() // serve, bound once

	posts ring.PostQueue

	mu sync.Mutex
	// Guarded by mu:
	handler  ring.LoopHandler // set by start
	read     bool             // now and wall are those of this turn
	now      ring.Instant     //
	wall     time.Time        //
	current  *runner          // which gets what the running callback dispatches; nil: orphans
	orphans  []ring.Task      // dispatched by no runner's callback
	dirty    connList         // connections with something to be done to their sockets
	running  runnerList       // in a handler, the longest first
	conns    []*conn          // not yet Closed; conn.index is the place in it
	timer    *time.Timer      // of the next pulse, or the next Tick
	pulsing  bool             // the timer is set for a pulse
	active   bool             // something happened since the last pulse
	pulses   uint64           // so far
	handlers int              // in their Run
	closing  bool             // Engine.Close has begun: nothing is opened
	ended    bool             // there are no callbacks any more
	leases   int64
	reading  int64 // connections in a read
	writing  int64 // connections in a write
	stats    ring.Stats
}

var _ ring.Loop = (*loop)(nil)

func newLoop(e *Engine, index int) *loop {
	l := &loop{e: e, index: index}
	l.service = l.serve
	return l
}

// start makes the protocol layer's half and runs the first Tick.
func (l *loop) start(newLoop func(ring.Loop) ring.LoopHandler) {
	l.mu.Lock()
	l.timer = time.AfterFunc(time.Hour, l.beat)
	l.handler = newLoop(l)
	l.tick()
	l.leave()
}

// lock begins a turn.
func (l *loop) lock() {
	l.mu.Lock()
	l.read = false
	l.active = true
	if !l.pulsing && !l.ended {
		l.pulsing = true
		l.timer.Reset(pulse)
	}
}

// unlock ends one. What was posted meanwhile is seen to.
func (l *loop) unlock() {
	l.mu.Unlock()
	if !l.posts.Empty() {
		l.wake()
	}
}

// wake has the posts drained by someone: whoever holds the lock will look after
// unlocking; else a goroutine is started.
func (l *loop) wake() {
	if l.mu.TryLock() {
		l.mu.Unlock()
		go l.service()
	}
}

// serve is that goroutine.
func (l *loop) serve() {
	l.lock()
	l.leave()
}

// leave does what this turn has left to do, and unlocks.
func (l *loop) leave() {
	l.settle(nil)
	l.unlock()
}

// settle calls what was posted, does what is to be done to sockets (which
// unlocks and locks again), and gives tasks that nobody runs to a new runner.
// r is the calling goroutine's, or nil.
func (l *loop) settle(r *runner) {
	l.flush(r)
	if !l.ended && l.posts.Drain() > 0 {
		l.flush(r)
	}
	if len(l.orphans) > 0 {
		tasks := l.orphans
		l.orphans = nil
		go newRunner(l, nil, tasks).run()
	}
}

// flush works off the dirty connections.
func (l *loop) flush(r *runner) {
	for c := l.dirty.pop(); c != nil; c = l.dirty.pop() {
		c.act(r)
	}
}

// beat is a pulse, or a Tick.
func (l *loop) beat() {
	l.mu.Lock()
	l.read = false
	if l.ended {
		l.mu.Unlock()
		return
	}
	l.takeLead()
	l.pulsing = l.active || l.running.first != nil
	l.active = false
	l.tick()
	l.leave()
}

// tick has due timers run, and sets the timer.
func (l *loop) tick() {
	next := l.handler.Tick(l.Now())
	switch {
	case l.pulsing:
		l.timer.Reset(pulse)
	case next == 0:
		l.timer.Stop()
	default:
		l.timer.Reset(max(next.Sub(l.now), 0))
	}
}

// takeLead takes the lead from runners whose handler was in its Run at the last
// pulse already.
func (l *loop) takeLead() {
	l.pulses++
	for r := l.running.first; r != nil && r.pulse+1 < l.pulses; r = l.running.first {
		l.running.remove(r)
		if r.replace() {
			l.stats.Takeovers++
		}
	}
}

// end runs the last posts; nothing calls back from here on.
func (l *loop) end() {
	l.mu.Lock()
	if !l.ended {
		l.ended = true
		if l.timer != nil {
			l.timer.Stop()
		}
		l.posts.End()
	}
	l.mu.Unlock()
}

// changed lets Engine.Close look whether all is over.
func (l *loop) changed() {
	if l.closing {
		l.e.changed.Signal()
	}
}

// Index is ring.Loop's.
func (l *loop) Index() int { return l.index }

// Now is ring.Loop's.
func (l *loop) Now() ring.Instant {
	l.readClock()
	return l.now
}

// Wall is ring.Loop's.
func (l *loop) Wall() time.Time {
	l.readClock()
	return l.wall
}

func (l *loop) readClock() {
	if !l.read {
		l.read = true
		l.wall = time.Now()
		// An Instant is never 0, which means none.
		l.now = ring.Instant(l.wall.Sub(l.e.epoch)) + 1
	}
}

// Dispatch is ring.Loop's.
func (l *loop) Dispatch(t ring.Task) {
	if r := l.current; r != nil {
		r.queue = append(r.queue, t)
		return
	}
	l.orphans = append(l.orphans, t)
}

// Post is ring.Loop's.
func (l *loop) Post(p ring.Posted) bool {
	switch l.posts.Push(p) {
	case ring.PushEnded:
		return false
	case ring.PushedFirst:
		l.wake()
	}
	return true
}

// NewWaiter is ring.Loop's.
func (l *loop) NewWaiter() ring.Waiter { return make(waiter, 1) }

// A waiter is a ring.Waiter.
type waiter chan struct{}

func (w waiter) Wait() { <-w }

func (w waiter) Signal() {
	select {
	case w <- struct{}{}:
	default:
	}
}
