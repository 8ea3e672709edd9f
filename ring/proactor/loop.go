package proactor

import (
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/takeover"
)

const (
	// batchSize is how many completions the batch holds at first. It grows to
	// what the kernel can hold back, which is bounded by the provided buffers,
	// the descriptors and the operations in flight.
	batchSize = 256

	// tickEvery is how often Tick is called while the loop is busy: callbacks
	// may have set earlier timers than the last Tick knew.
	tickEvery = time.Millisecond
)

// loop is one event loop: ring.Loop.
type loop struct {
	// Immutable once started:
	engine      *Engine
	index       int
	port        Port
	rt          takeover.Runtime
	to          *takeover.Loop
	handler     ring.LoopHandler
	capacity    int // Port.Space with nothing queued
	threadBound bool
	mayBrief    bool

	_ [64]byte
	// Shared with other goroutines:
	posts    ring.PostQueue
	sleeping atomic.Bool  // the leader may be in a long wait
	wakers   atomic.Int32 // goroutines that may be in Port.Wake
	stopped  atomic.Bool  // the leader has ended the loop
	unclean  atomic.Bool  // with operations in flight: the port cannot go
	counters published
	_        [64]byte

	// All else belongs to whoever has the loop.

	// The leader:
	thread         uint8     // its index
	bit            uint64    // 1 << thread
	serving        bool      // it is in a handler: only in-server calls come
	begun          bool      // the first leader has armed everything
	idle           bool      // takeover was told so
	exited         ring.Task // ended by runtime.Goexit, Done not called yet
	wakes          uint64    // threads with a wake-up armed
	wakesCancelled uint64    // those of wakes that were cancelled and are not over

	// The turn:
	now       ring.Instant
	wall      time.Time // zero: not read in this turn
	stamp     uint32    // now, coarsely, for the active list
	pending   []Completion
	batch     []Completion // being applied
	staged    []*conn      // sends of the next Enter, in the arena
	bound     bool         // an operation of the leader's is queued that depends on its thread
	retired   []*conn      // sends that are over, Sent not called yet
	arena     []byte
	arenaUsed int
	tasks     taskQueue
	chain     int // tasks of one connection run in a row
	attention []*conn
	starved   []*conn // oldest first

	// Waiting:
	nextTick ring.Instant // 0: never
	lastTick ring.Instant
	dirty    bool         // callbacks ran since the last Tick
	flowing  bool         // the last wait was over soon: the next may be brief
	sleptAt  ring.Instant // when the last long wait began
	reaped   int          // completions that the last enter brought
	away     int          // handlers on goroutines or left behind

	// Connections:
	slots     slots
	pool      pool
	acceptors []*acceptor
	retryAt   ring.Instant // when an acceptor tries again; 0: none does
	newest    *conn        // active list
	lazy      *conn        // next in it to get an arm of the new leader's
	lazyAt    ring.Instant // when; 0: never
	left      int          // of away, those left behind
	spawned   *run         // free list

	// The end:
	closing   bool
	patientBy ring.Instant // handlers are waited for until then
	drainedBy ring.Instant // completions too
	lost      error

	conns int64
	ops   int64
	n     counts
}

// Index is the loop's number.
func (l *loop) Index() int { return l.index }

// Now is the time of this turn.
func (l *loop) Now() ring.Instant { return l.now }

// Wall is the wall-clock time of this turn.
func (l *loop) Wall() time.Time {
	if l.wall.IsZero() {
		l.wall = l.port.Wall()
	}
	return l.wall
}

// NewWaiter makes a Waiter.
func (l *loop) NewWaiter() ring.Waiter { return waiter{l.rt.NewParker()} }

type waiter struct{ p takeover.Parker }

func (w waiter) Wait()   { w.p.Park() }
func (w waiter) Signal() { w.p.Unpark() }

// lead is a leader's time, from when it has the loop to when it is left behind
// or the loop ends.
func (l *loop) lead(t *takeover.Thread) {
	l.thread, l.bit = t.Index(), 1<<t.Index()
	if l.serving {
		// The last leader did not come back from its handler.
		l.serving = false
		l.away++
		l.left++
	}
	switch {
	case !l.begun:
		l.begun = true
		l.begin()
	case t.Takeover():
		l.rearm()
	}
	if task := l.exited; task != nil {
		l.exited = nil
		l.done(task, ring.Exited)
	}
	for l.serve() && l.turn() {
	}
}

// begin is the first leader's first act.
func (l *loop) begin() {
	l.readClock()
	l.dirty = true
	l.armWake()
	for _, a := range l.acceptors {
		l.settleAccept(a)
	}
}

// turn is one turn but for the handlers. False: the loop has ended.
func (l *loop) turn() bool {
	l.submit(l.plan())
	l.readClock()
	l.apply()
	l.retire()
	if l.posts.Drain() > 0 {
		l.dirty = true
	}
	l.timers()
	l.attendAll()
	if l.closing || l.lost != nil {
		return !l.ended()
	}
	return true
}

func (l *loop) readClock() {
	l.now = l.port.Now()
	l.stamp = uint32(l.now >> 20)
	l.wall = time.Time{}
}

// submit enters the kernel and collects. False: the port is lost, or did not
// take or give everything yet.
func (l *loop) submit(wait Wait, timeout time.Duration) bool {
	if l.lost != nil {
		return false
	}
	l.n.enters++
	err := l.port.Enter(wait, timeout)
	l.bound = false
	if wait == WaitLong {
		l.awake()
	}
	if err != nil {
		l.lost = err
		return false
	}
	all := l.collect()
	switch wait {
	case WaitBrief:
		l.flowing = l.reaped > 0
	case WaitLong:
		l.flowing = l.reaped > 0 && l.port.Now().Sub(l.sleptAt) < briefly
	}
	return all
}

// collect reaps everything. A send with Skip has succeeded only when all that
// was queued has been submitted and all completions have been seen.
func (l *loop) collect() bool {
	before := len(l.pending)
	l.reaped = 0
	l.reap()
	for tries := 0; l.port.Overflowed() || l.port.Space() < l.capacity; tries++ {
		if l.port.Overflowed() {
			l.n.overflows++
		}
		if tries == 4 {
			l.bound = l.port.Space() < l.capacity
			return false
		}
		l.n.enters++
		if err := l.port.Enter(NoWait, 0); err != nil {
			l.lost = err
			return false
		}
		l.reap()
	}
	l.sendsOver()
	l.reaped = len(l.pending) - before
	return true
}

// reap takes what the kernel has posted into pending. Sends that fell short
// are dealt with at once: the peer's next request can stand ahead of one in
// the same batch.
func (l *loop) reap() {
	for {
		at := len(l.pending)
		if at == cap(l.pending) {
			l.pending = append(l.pending, Completion{})[:at]
		}
		n := l.port.Reap(l.pending[at:cap(l.pending)])
		if n == 0 {
			return
		}
		l.n.completions += uint64(n)
		l.pending = l.pending[:at+n]
		for i := at; i < at+n; i++ {
			if cp := &l.pending[i]; cp.UserData.Op() == OpSend {
				l.fellShort(cp)
			}
		}
	}
}

// reserve makes room for n operations. In a handler only the leader could, and
// it is away.
func (l *loop) reserve(n int) bool {
	return l.port.Space() >= n || l.flush() && l.port.Space() >= n
}

// flush submits in the middle of a turn. What it reaps is applied later.
func (l *loop) flush() bool { return !l.serving && l.submit(NoWait, 0) }

// submitted counts an operation that will complete.
func (l *loop) submitted() {
	l.n.submissions++
	l.ops++
	l.bound = true
}

// find is the connection that a completion is for. A stale one is counted.
func (l *loop) find(u UserData) *conn {
	c := l.slots.find(u)
	if c == nil {
		l.n.staleEvents++
	}
	return c
}

// apply deals with the batch. What is reaped meanwhile makes the next batch,
// so that handlers run after all of it; not for ever, lest a fast client keep
// the loop here.
func (l *loop) apply() {
	for round := 0; len(l.pending) > 0 && round < 4; round++ {
		l.dirty = true
		l.batch, l.pending = l.pending, l.batch[:0]
		for i := range l.batch {
			l.event(&l.batch[i])
		}
	}
}

func (l *loop) event(cp *Completion) {
	switch cp.UserData.Op() {
	case OpRecv:
		l.onRecv(cp)
	case OpAccept:
		l.onAccept(cp)
	case OpSendRest:
		l.onSendRest(cp)
	case OpPoll:
		l.onPoll(cp)
	case OpWake:
		l.onWake(cp)
	case OpSend:
		// Applied while reaping.
	case OpCancel, OpShutdown, OpClose, OpNone:
		// Failed, or found nothing to cancel: the target's own completion, or
		// the socket's, tells the rest.
	default:
		l.n.staleEvents++
	}
}

func (l *loop) onWake(cp *Completion) {
	if cp.More {
		return
	}
	bit := uint64(1) << cp.UserData.Thread()
	l.wakes &^= bit
	l.wakesCancelled &^= bit
	l.armWake()
}

// armWake arms a wake-up on the leader's thread, if it has none, and cancels
// those of others, whose threads every wake would wake too.
func (l *loop) armWake() {
	if l.wakes&l.bit != 0 || l.wakes != 0 && !l.threadBound || !l.reserve(settleOps) {
		return
	}
	others := l.wakes &^ l.wakesCancelled
	l.wakes |= l.bit
	l.port.ArmWake(MakeUserData(OpWake, l.thread, 0, 0))
	l.n.submissions++
	l.bound = true
	for ; others != 0 && l.port.Space() > 0; others &= others - 1 {
		thread := uint8(bits.TrailingZeros64(others))
		l.wakesCancelled |= 1 << thread
		l.port.Cancel(MakeUserData(OpWake, thread, 0, 0), MakeUserData(OpNone, l.thread, 0, 0))
		l.n.submissions++
	}
}
