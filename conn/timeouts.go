package conn

import (
	"fmt"
	"time"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/ring"
)

// errTooSlow is the cause that handlers see when the client takes its response
// too slowly.
var errTooSlow = fmt.Errorf("%w: it is slower than the minimum rate", app.ErrGone)

// due is when the wheel must look at c; 0: never.
func (c *conn) due() ring.Instant {
	if c.sending == 0 || c.sendDeadline == 0 {
		return c.deadline
	}
	if c.deadline == 0 {
		return c.sendDeadline
	}
	return min(c.deadline, c.sendDeadline)
}

// setTimer has c looked at after d, unless something else comes before; Off: it
// need not be.
func (c *conn) setTimer(reason Timeout, d time.Duration) {
	if d == Off {
		c.stopTimer()
		return
	}
	c.reason = reason
	c.deadline = c.l.rl.Now().Add(d)
	c.l.wheel.update(c)
}

// stopTimer forgets the deadline. The wheel finds out by itself.
func (c *conn) stopTimer() { c.deadline = 0 }

// expire does what is due.
func (c *conn) expire(now ring.Instant) {
	if c.state.over() {
		c.overdue(now)
		return
	}
	if c.sending > 0 && c.sendDeadline != 0 && c.sendDeadline <= now {
		c.l.n.timeouts[TimeoutResponseRate].Add(1)
		c.abort(errTooSlow)
		return
	}
	c.deadline = 0
	switch c.state {
	case stateOpen:
		c.p.expire(c.reason, now)
	case stateFlushing: // it does not take its last response
		c.l.n.timeouts[TimeoutKeepAlive].Add(1)
		c.abort(errTooSlow)
	case stateLingering:
		c.l.n.timeouts[TimeoutLinger].Add(1)
		c.close()
	}
}

// overdue ends a connection that has something to send yet, though Close was
// called: only one with TLS does, and sets a timer.
func (c *conn) overdue(now ring.Instant) {
	if c.state == stateClosing && c.deadline != 0 && c.deadline <= now {
		c.deadline = 0
		c.l.n.timeouts[c.reason].Add(1)
		c.rc.Abort()
	}
}

// awaitLull gives an idle connection a little time before it closes, a
// different one for each, so that clients do not all come back at once.
func (c *conn) awaitLull() {
	lull := c.l.srv.limits.DrainLull
	spread := time.Duration(c.index%64) * lull / 64
	c.setTimer(TimeoutDrain, lull+spread)
}
