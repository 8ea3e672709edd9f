package takeover

import (
	"sync/atomic"
	"time"

	"github.com/uringserve/uringserve/ring"
)

// Loop decides which thread leads one loop. "Leader" methods are for the
// thread that leads, with the loop held; "on loop" ones for whoever has it.
type Loop struct {
	// Immutable:
	g    *Group
	rt   Runtime
	lead func(t *Thread)

	word   word
	leader atomic.Pointer[Thread] // written with the loop held

	idle    atomic.Bool // the leader waits long; the watchdog may park
	closely atomic.Bool // a run began that is not well known
	spares  spares
	live    atomic.Int64 // threads that have not ended

	// Held with the loop:
	key    uint64 // of the open run
	routes routes

	lessons lessons // from threads that have not got the loop
	count   counters
	watch   watch // the watchdog's
}

// counters are a loop's, written by whoever has reason to.
type counters struct {
	takeovers, excused, handOvers, goexits atomic.Uint64
	leftBehind, lost                       atomic.Int64
}

// Stats are a loop's counters. Gauges are marked; all else only grows.
type Stats struct {
	Takeovers  uint64 // loops taken by the watchdog
	Excused    uint64 // of these, those that taught nothing: the host was busy
	HandOvers  uint64 // loops given up by handlers about to block
	Goexits    uint64 // handlers that ended by runtime.Goexit on a thread
	LeftBehind int64  // gauge: threads in a handler without the loop
	Threads    int64  // gauge: threads that have not ended
	Spares     int64  // gauge: threads ready to lead
	Lost       int64  // gauge: threads worn out by runtime.Goexit
}

// NewLoop makes a loop. Start begins it, Stop and Wait end it.
//
// lead is called on a thread to lead the loop, and returns when End has
// answered false, without touching the loop again, or after Stop. When a
// handler calls runtime.Goexit, lead's deferred functions run on that thread:
// they may call End, which says whose the loop is, and post the outcome. Then
// lead is called again: at once if the thread leads still, otherwise when it
// has come to be a spare that is needed. What lead must know of an unfinished
// turn therefore lives in the loop, not on lead's stack.
func (g *Group) NewLoop(lead func(t *Thread)) *Loop {
	l := &Loop{g: g, rt: g.rt, lead: lead}
	l.idle.Store(true)
	l.routes.init(g.tick)
	g.loopCount.Add(1)
	return l
}

// Start starts the first leader, on a thread of its own. Once per loop.
func (l *Loop) Start() {
	l.idle.Store(false)
	l.g.add(l)
	t := l.newThread()
	t.leading = true
	l.leader.Store(t)
	l.launch(t)
	if !l.g.disabled {
		l.g.dog.start()
	}
}

// Inline decides where a handler runs: true, here and now, by Begin; false, on
// a goroutine. Leader, directly before Begin. A key names what is learned, 0
// nothing.
func (l *Loop) Inline(key uint64, hint ring.Hint) bool {
	if l.lessons.waiting() {
		l.learn()
	}
	if hint == ring.HintBlocking || !l.canLose() {
		return false
	}
	if l.g.disabled && hint != ring.HintInline {
		return false
	}
	return l.routes.inline(l.rt, key, hint == ring.HintInline)
}

// canLose reports whether somebody could lead on if the next handler did not
// come back.
func (l *Loop) canLose() bool {
	if !l.spares.canLead(l.g.disabled) {
		return false
	}
	return l.g.room()
}

// Begin publishes that the leader is in a handler: from here to End the loop
// is not the caller's. Leader, after Inline said yes.
func (l *Loop) Begin(key uint64) ring.Run {
	if invariants {
		if l.idle.Load() {
			panic("BUG: takeover: Begin while idle")
		}
	}
	l.yield("begin")
	l.key = key
	if !l.routes.begin(key) && !l.closely.Load() {
		l.closely.Store(true)
	}
	t := l.leader.Load()
	t.key = key
	t.run = l.word.begin()
	return ring.NewRun(l, t.run)
}

// End takes the loop back after the handler. True: the caller leads still.
// False: it was left behind, the loop is somebody else's, and the caller
// returns from lead without touching it. On the thread that called Begin.
// While another goroutine of the handler is between Enter and Leave, End
// waits for it.
func (l *Loop) End(r ring.Run) bool {
	l.yield("end")
	token := r.Token()
	if o := l.word.end(token); o != busy {
		return o == won
	}
	return l.persist((*word).end, token)
}

// EnterRun is ring.Run's Enter.
func (l *Loop) EnterRun(token uint64) bool {
	l.yield("enter")
	if o := l.word.enter(token); o != busy {
		return o == won
	}
	return l.persist((*word).enter, token)
}

// LeaveRun is ring.Run's Leave.
func (l *Loop) LeaveRun(token uint64) {
	l.yield("leave")
	l.word.leave(token)
}

// HandOverRun is ring.Run's HandOver: a spare leads from here on. Inline had
// made sure that there is one; a run that was begun without asking, and has
// none, keeps its loop.
func (l *Loop) HandOverRun(token uint64) {
	l.yield("hand over")
	t := l.next()
	if t == nil {
		l.word.leave(token)
		return
	}
	l.lessons.add(lesson{key: l.key, kind: lessonBlocked})
	l.count.handOvers.Add(1)
	l.leaveBehind(1)
	l.leader.Store(t)
	l.word.handOver(token)
	l.yield("handed over")
	t.promote()
}

// yield marks a point at which another thread may come in between. Nothing in
// shipping builds.
func (l *Loop) yield(point string) {
	if invariants {
		l.rt.Yield(point)
	}
}

// persist repeats an attempt that found the run in the server. What is done
// there is short and does not block, but its thread may lack a CPU.
func (l *Loop) persist(try func(*word, uint64) outcome, token uint64) bool {
	for n := 0; ; n++ {
		if o := try(&l.word, token); o != busy {
			return o == won
		}
		l.pause(n)
	}
}

// leaveBehind counts a thread that lost its loop (1) or came back (-1).
func (l *Loop) leaveBehind(n int64) {
	l.g.leftBehind.Add(n)
	l.count.leftBehind.Add(n)
}

// Finished teaches what a run on a goroutine took. On loop.
func (l *Loop) Finished(key uint64, took time.Duration) { l.routes.finished(key, took) }

// Idle says that the leader is about to wait long. Leader.
func (l *Loop) Idle() {
	l.idle.Store(true)
	l.yield("idle")
}

// Busy says that the leader has work again; before Begin. Leader.
func (l *Loop) Busy() {
	l.idle.Store(false)
	l.yield("busy")
	l.g.dog.wake()
}

// Stop ends the loop. The leader's last act on it: lead returns right after.
// Spares end at once, threads left behind with their handlers.
func (l *Loop) Stop() {
	l.leader.Load().stopped = true
	l.idle.Store(true)
	l.g.remove(l)
	l.g.loopCount.Add(-1)
	l.yield("stop")
	for _, t := range l.spares.end() {
		t.parker.Unpark()
	}
}

// Wait returns when all threads of the loop have ended, or after grace, and
// says how many are left. Safe from any goroutine but the loop's threads.
func (l *Loop) Wait(grace time.Duration) (left int) {
	deadline := l.rt.Now() + int64(grace)
	for pause := 50 * time.Microsecond; ; pause = min(2*pause, 5*time.Millisecond) {
		left := l.live.Load()
		rest := time.Duration(deadline - l.rt.Now())
		if left == 0 || rest <= 0 {
			return int(left)
		}
		l.rt.Sleep(min(pause, rest))
	}
}

// Stats reads the counters. Safe for concurrent use.
func (l *Loop) Stats() Stats {
	return Stats{
		Takeovers:  l.count.takeovers.Load(),
		Excused:    l.count.excused.Load(),
		HandOvers:  l.count.handOvers.Load(),
		Goexits:    l.count.goexits.Load(),
		LeftBehind: l.count.leftBehind.Load(),
		Threads:    l.live.Load(),
		Spares:     int64(l.spares.ready.Load()),
		Lost:       l.count.lost.Load(),
	}
}
