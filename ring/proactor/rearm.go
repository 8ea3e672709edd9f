package proactor

import (
	"math/bits"
	"time"
)

const (
	// rearmRecent is for how many connections a new leader arms a receive at
	// once: the most recently active.
	rearmRecent = 256

	// recentFor is how long ago a connection may have been active for that.
	recentFor = 2 * time.Second

	// The others get theirs while the handler that lost the loop is away:
	// from rearmIdleAfter on, so many each millisecond.
	rearmIdleAfter = 10 * time.Millisecond
	rearmIdleEvery = time.Millisecond
	rearmIdleBatch = 64
)

// rearm is a new leader's first act. Completions of what older leaders
// submitted run on their threads, late if those are stuck: so it arms its own
// of everything that is wanted soon, in one enter, and waits for no cancel.
func (l *loop) rearm() {
	l.readClock()
	l.pool.topUp()
	if !l.threadBound || faultRearm {
		return
	}
	if invariants {
		l.rt.Yield("rearm")
	}
	l.armWake()
	for _, a := range l.acceptors {
		if !a.stopping {
			l.settleAccept(a)
		}
	}
	c := l.newest
	for n := 0; c != nil && n < rearmRecent && l.recent(c); n++ {
		l.armOwn(c)
		c = c.older
	}
	l.lazy, l.lazyAt = c, 0
	if c != nil {
		l.lazyAt = l.now.Add(rearmIdleAfter)
	}
	l.flush()
}

// recent reports whether c was active a short while ago. The stamp counts in
// units of 2^20 ns and may wrap.
func (l *loop) recent(c *conn) bool {
	return time.Duration(l.stamp-c.stamp)<<20 <= recentFor
}

// armOwn arms a receive of the leader's beside those of others.
func (l *loop) armOwn(c *conn) {
	if c.phase == phaseClosing {
		// What the older leader submitted has become another thread's: its
		// end may be far, so settleClose is asked again.
		l.attend(c)
		return
	}
	if c.phase != phaseOpen || c.recv != recvWanted || c.arms&l.bit != 0 ||
		bits.OnesCount64(c.arms) >= maxArms || !l.reserve(1) {
		return
	}
	l.arm(c)
}

// rearmIdle goes on with connections that were not active lately.
func (l *loop) rearmIdle() {
	l.lazyAt = 0
	if l.left == 0 {
		l.lazy = nil // its thread is back: it serves what it submitted
		return
	}
	for n := 0; l.lazy != nil && n < rearmIdleBatch; n++ {
		l.armOwn(l.lazy)
		l.lazy = l.lazy.older
	}
	if l.lazy != nil {
		l.lazyAt = l.now.Add(rearmIdleEvery)
	}
}

// converge moves a connection with arms of other threads to the leader, now
// that it is active: each message would wake all of those threads.
func (l *loop) converge(c *conn) {
	if c.phase != phaseOpen || c.recv != recvWanted {
		return
	}
	l.armOwn(c)
	live := c.arms &^ c.cancelled
	if others := live &^ l.bit; live&l.bit != 0 && others != 0 && l.reserve(settleOps) {
		l.cancelArms(c, others)
	}
}
