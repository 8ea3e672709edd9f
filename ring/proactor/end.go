package proactor

import (
	"time"

	"github.com/uringserve/uringserve/ring"
)

// drainFor is how long the end of a loop waits for completions at least, also
// when handlers are given no grace. They come at once unless a thread that
// submitted is stuck in the kernel.
const drainFor = time.Second

// beginClose aborts everything. Handlers are waited for as long as grace says.
func (l *loop) beginClose(grace time.Duration) {
	if l.closing {
		return
	}
	l.closing = true
	l.patientBy = l.now.Add(max(grace, 0))
	l.drainedBy = l.now.Add(max(grace, drainFor))
	for _, a := range l.acceptors {
		l.stopAccept(a)
	}
	l.slots.each(func(c *conn) { c.Abort() })
}

// closeDue is when ended looks again at the latest, 0 for never.
func (l *loop) closeDue() ring.Instant {
	switch {
	case !l.closing:
		return 0
	case l.now < l.patientBy:
		return l.patientBy
	default:
		return l.drainedBy
	}
}

// ended ends the loop if it is time.
func (l *loop) ended() bool {
	if l.lost != nil {
		l.abandon()
		l.stop()
		return true
	}
	if (l.away > 0 || l.tasks.len() > 0) && l.now < l.patientBy {
		return false
	}
	if l.conns > 0 || l.ops > 0 {
		if l.now < l.drainedBy {
			return false
		}
		l.force()
	}
	l.flush() // the last descriptors close
	l.stop()
	return true
}

// force lets connections go of which operations are still in flight. Their
// memory must stay, so the port stays too.
func (l *loop) force() {
	l.unclean.Store(true)
	for _, a := range l.acceptors {
		if !a.gone {
			l.release(a)
		}
	}
	l.slots.each(func(c *conn) {
		if l.reserve(2) {
			l.port.Shutdown(int(c.fd), true, c.ud(OpShutdown))
			l.port.Close(int(c.fd), c.ud(OpClose))
			l.n.submissions += 2
		}
		l.forget(c)
	})
}

// abandon ends all connections of a port that is lost.
func (l *loop) abandon() {
	l.unclean.Store(true)
	for _, a := range l.acceptors {
		if !a.gone {
			l.release(a)
		}
	}
	l.slots.each(func(c *conn) {
		if c.handler != nil && !c.has(flagTold) && c.phase != phaseClosing {
			c.phase = phaseBroken
			c.flags |= flagTold
			c.on(recvEnd)
			c.handler.Broken(l.lost)
		}
		l.forget(c)
	})
	if lost := l.engine.cfg.Lost; lost != nil {
		lost(l.index, l.lost)
	}
}

// stop is the leader's last act.
func (l *loop) stop() {
	l.posts.End()
	l.publish()
	l.sleeping.Store(false)
	l.stopped.Store(true)
	l.to.Stop()
}

// command is a request of the engine's to a loop.
type command struct {
	node ring.PostNode
	do   func()
}

func (c *command) PostNode() *ring.PostNode { return &c.node }
func (c *command) OnLoop()                  { c.do() }
