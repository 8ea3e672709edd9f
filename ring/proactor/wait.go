package proactor

import (
	"time"

	"github.com/uringserve/uringserve/ring"
)

const (
	// A brief wait pays if it brings something: one that does not costs a
	// timer and a second wait. So after one that did not, or a long wait that
	// took longer than briefly, the loop waits long, until a wait is over
	// soon again.
	briefly = 50 * time.Microsecond

	// The success of a send shows by silence, when the wait that submitted it
	// is over. So a wait that submits sends is short: brief, or sentWithin if
	// the last batch was busyBatch or more, which promises that something
	// comes soon. Else, and for promptBytes or more, an enter without a wait
	// goes first: somebody is waiting to send the next part.
	sentWithin  = 50 * time.Microsecond
	busyBatch   = 8
	promptBytes = 16 << 10
)

// plan says how the next turn waits.
//
// A brief wait keeps the scheduler's resources: cheapest while traffic flows,
// and forbidden while goroutines have work to do for this loop, because it
// could keep them from running. A long wait gives them away.
func (l *loop) plan() (Wait, time.Duration) {
	l.feedStarved()
	if l.busy() || l.arenaUsed >= promptBytes {
		return NoWait, 0
	}
	due := l.due()
	if l.mayBrief && l.away == 0 && l.flowing {
		if timeout := until(l.now, due); timeout != 0 {
			return WaitBrief, timeout
		}
		return NoWait, 0
	}
	if l.dirty {
		l.callTick()
		if l.busy() {
			return NoWait, 0
		}
		due = l.due()
	}
	l.armWake()
	l.publish()
	l.sleptAt = l.port.Now()
	timeout := until(l.sleptAt, due)
	if len(l.staged) > 0 {
		if l.reaped < busyBatch {
			return NoWait, 0
		}
		if timeout < 0 || timeout > sentWithin {
			timeout = sentWithin
		}
	}
	if timeout == 0 || !l.asleep() {
		return NoWait, 0
	}
	return WaitLong, timeout
}

// busy reports whether there is something to do without the kernel.
func (l *loop) busy() bool {
	return l.tasks.len() > 0 || len(l.pending) > 0 || len(l.retired) > 0 ||
		len(l.attention) > 0 || !l.posts.Empty() || l.lost != nil
}

// due is the earliest time at which the loop has something to do; 0: none.
func (l *loop) due() ring.Instant {
	due := l.nextTick
	for _, t := range [...]ring.Instant{l.retryAt, l.lazyAt, l.closeDue()} {
		if t != 0 && (due == 0 || t < due) {
			due = t
		}
	}
	return due
}

// until is the time from now to due: negative for never, zero if it has come.
func until(now, due ring.Instant) time.Duration {
	if due == 0 {
		return -1
	}
	return max(due.Sub(now), 0)
}

// timers does what is due.
func (l *loop) timers() {
	if l.nextTick != 0 && l.now >= l.nextTick || l.dirty && l.now.Sub(l.lastTick) >= tickEvery {
		l.callTick()
		l.publish()
	}
	if l.retryAt != 0 && l.now >= l.retryAt {
		l.retryAccepts()
	}
	if l.lazyAt != 0 && l.now >= l.lazyAt {
		l.rearmIdle()
	}
}

func (l *loop) callTick() {
	l.dirty = false
	l.lastTick = l.now
	l.nextTick = l.handler.Tick(l.now)
}

// asleep publishes that the leader is about to wait long. False: something was
// posted, it must not. Whoever posts looks at the flag after queueing, we look
// at the queue after setting the flag: one of us sees the other.
func (l *loop) asleep() bool {
	if invariants {
		l.rt.Yield("before sleep")
	}
	l.sleeping.Store(true)
	if invariants {
		l.rt.Yield("sleep")
	}
	if !faultLostWake && !l.posts.Empty() {
		l.sleeping.Store(false)
		return false
	}
	if !l.idle {
		l.idle = true
		l.to.Idle()
	}
	return true
}

// awake is after a long wait. Takeover hears of it with the next handler.
func (l *loop) awake() { l.sleeping.Store(false) }

// Post has p.OnLoop called on the loop.
func (l *loop) Post(p ring.Posted) bool {
	switch l.posts.Push(p) {
	case ring.PushEnded:
		return false
	case ring.PushedFirst:
		if invariants {
			l.rt.Yield("posted")
		}
		l.wake()
	}
	return true
}

// wake wakes the leader if it may be asleep. The port stays until wakers is
// zero; whoever finds the loop asleep no more does not touch it.
func (l *loop) wake() {
	if !l.sleeping.Load() {
		return
	}
	l.wakers.Add(1)
	if l.sleeping.CompareAndSwap(true, false) {
		l.port.Wake()
	}
	l.wakers.Add(-1)
}
