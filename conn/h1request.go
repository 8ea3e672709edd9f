package conn

import (
	"errors"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/h1"
)

// begin looks for the next request in what was received. True: c.s is a
// request to be handled. False: there is none, and the state says what is
// awaited; c.s is nil.
func (c *h1conn) begin() bool {
	if !c.findSource() {
		c.idle()
		return false
	}
	s, lim := c.s, &c.l.srv.limits.H1
	n, scanned, err := h1.ParseHead(s.rest, int(c.seen), lim, &s.head)
	if err == nil && n == 0 && c.in != nil {
		s.join()
		n, scanned, err = h1.ParseHead(s.rest, scanned, lim, &s.head)
	}
	switch {
	case err != nil:
		c.reject(err)
		return false
	case n == 0:
		c.awaitHead(scanned)
		return false
	}
	c.seen = 0
	s.span, s.headLen = s.rest, n
	s.rest = s.rest[n:]
	return c.admit()
}

// findSource has c.s.rest hold what is to be parsed next, if there is any.
func (c *h1conn) findSource() bool {
	if c.s != nil && len(c.s.rest) > 0 {
		return true
	}
	if c.in == nil {
		return false
	}
	if c.s == nil {
		c.l.takeStream(c)
	}
	c.s.setOwn(c.in)
	c.in = nil
	return true
}

// idle: nothing is here, nothing is being done.
func (c *h1conn) idle() {
	if c.flags&flagPeerEnded != 0 {
		c.finish(false)
		return
	}
	if c.s != nil {
		c.s.dropSource()
		c.l.freeStream(c.s)
	}
	c.burst = 0
	c.setPhase(phaseIdle)
	c.resumeIfRoom() // a long body may have filled the buffers
	if c.l.draining {
		c.awaitLull()
		return
	}
	c.setTimer(TimeoutKeepAlive, c.l.srv.limits.KeepAliveTimeout)
}

// awaitHead keeps the beginning of a head, of which so many bytes need not be
// scanned again. The lease goes back: who sends slowly must not pin a buffer.
func (c *h1conn) awaitHead(scanned int) {
	s := c.s
	c.in = s.takeRest()
	c.l.freeStream(s)
	if c.flags&flagPeerEnded != 0 {
		c.cutHead()
		return
	}
	c.seen = int32(scanned)
	c.burst = 0
	if c.phase != phaseHead {
		c.setPhase(phaseHead)
		if c.reason != TimeoutHead || c.deadline == 0 {
			c.setTimer(TimeoutHead, c.l.srv.limits.HeaderTimeout)
		}
	}
	c.resumeIfRoom()
}

// reject answers a malformed request. What follows it has no meaning.
func (c *h1conn) reject(err *h1.Error) {
	if isHello(c.s.rest) {
		// It expects no answer that we could give.
		c.l.n.refusals[RefusedTLS].Add(1)
		c.finish(true)
		return
	}
	c.l.n.rejections[err.Reason].Add(1)
	c.l.logRejection(err)
	c.respondError(err.Status)
	c.finish(true)
}

// admit makes c.s, whose head was parsed, a request to be handled.
func (c *h1conn) admit() bool {
	s := c.s
	s.startExchange()
	if err := s.askOptions(); err != nil {
		c.l.n.panics.Add(1)
		c.l.logPanic(err)
		c.respondError(500)
		c.finish(true)
		return false
	}
	s.startBody()
	if s.deaf {
		c.respondError(s.faultStatus())
		c.finish(true)
		return false
	}
	c.stopTimer()
	c.setPhase(phaseHandling)
	c.waiveRate(s.opt.NoMinResponseRate)
	c.l.m.requests++
	s.handling = true
	s.live.Store(true)
	if c.flags&flagPeerEnded != 0 {
		if !s.bodyRead {
			s.cutBody()
		} else if c.unparsed() == 0 {
			s.cancel(app.ErrGone)
		}
	}
	c.resumeIfRoom()
	if !s.bodyRead || c.in != nil {
		c.pauseIfFull()
	}
	return true
}

// answered goes on after a response was staged: with the next request, if
// there is one here, which is then the engine's to run.
func (c *h1conn) answered() *h1stream {
	s := c.s
	if s.x.Closing() {
		clean := !s.head.KeepAlive && s.bodyRead && !s.deaf && c.unparsed() == 0
		c.finish(!clean)
		return nil
	}
	if !s.bodyRead {
		c.awaitBodyEnd()
		return nil
	}
	return c.proceed()
}

// proceed looks for the next request after one that is over and done with.
func (c *h1conn) proceed() *h1stream {
	s := c.s
	s.recycle()
	if invariants {
		s = s.replace()
	}
	if c.unparsed() > 0 && c.unsent() >= max(c.l.srv.limits.MaxResponseBuffer, 1<<10) {
		c.send()
		if c.unsent() > 0 {
			c.setPhase(phaseBlocked)
			c.setTimer(TimeoutKeepAlive, c.l.srv.limits.KeepAliveTimeout) // should there be no rate
			c.pauseIfFull()
			return nil
		}
	}
	if !c.begin() {
		if !c.state.over() {
			c.send()
		}
		return nil
	}
	c.burst++
	if c.burst >= maxBurst {
		c.burst = 0
		c.send()
		c.l.rl.Dispatch(c.s)
		return nil
	}
	c.batch()
	return c.s
}

// batch holds small output back, so that pipelined responses go in one send.
func (c *h1conn) batch() {
	const enough = 16 << 10
	switch {
	case c.out == nil || c.sending > 0: // Sent goes on
	case len(c.out.B) >= enough:
		c.send()
	default:
		c.l.hold(c.conn)
	}
}

// awaitBodyEnd reads and drops a body that its handler did not want, in order
// to find the next request behind it.
func (c *h1conn) awaitBodyEnd() {
	c.l.n.unread.Add(1)
	c.s.recycle()
	c.setPhase(phaseUnread)
	c.setTimer(TimeoutUnread, c.l.srv.limits.DrainTimeout)
	c.resume()
	c.send()
}

// recvUnread takes bytes of such a body.
func (c *h1conn) recvUnread(b []byte) {
	s := c.s
	b = s.discard(b)
	switch {
	case s.deaf:
		c.finish(true)
	case s.drained > c.l.srv.limits.DrainBytes:
		c.l.n.refusals[RefusedUnread].Add(1)
		c.finish(true)
	case s.bodyRead:
		c.keep(b)
		if next := c.proceed(); next != nil {
			c.l.rl.Dispatch(next)
		}
	}
}

// errOptions wraps what app.Optioned.Options panicked with.
var errOptions = errors.New("conn: Options panicked")
