package h2

// streamError is a stream error on a stream that may or may not be known: s
// is nil if the owner has not heard of it, or has released it.
func (c *Conn) streamError(id uint32, s *stream, r Reason) {
	if s != nil {
		c.resetStream(s, r)
		return
	}
	if c.closed.find(id) >= 0 {
		c.closed.reset(id)
	} else {
		c.closed.add(id, StateResetByUs)
	}
	c.queueReset(id, r.Code())
	c.emitRejected(id, r, &c.levels.forced, c.cfg.Budgets.ForcedResets, ForcedResetFlood)
}

// refuseStream refuses a stream above the limit: RFC 9113 §5.1.2.
func (c *Conn) refuseStream(id uint32) {
	c.closed.add(id, StateResetByUs)
	c.queueReset(id, CodeRefusedStream)
	c.emitRejected(id, TooManyStreams, &c.levels.refused, c.cfg.Budgets.Refused, RefusedFlood)
}

func (c *Conn) emitRejected(id uint32, r Reason, l *level, b Budget, flood Reason) {
	if c.err == nil && c.spend(l, b, flood) {
		c.emit(Event{Kind: EventRejected, ID: id, Code: r.Code(), Reason: r})
	}
}

// resetStream resets a stream of the owner's because of what the peer did.
func (c *Conn) resetStream(s *stream, r Reason) {
	known := s.state.live() && s.linger == lingerNot
	id := s.id
	s.transit(sendReset)
	c.settle(s)
	c.queueReset(id, r.Code())
	if c.err != nil || !c.spend(&c.levels.forced, c.cfg.Budgets.ForcedResets, ForcedResetFlood) {
		return
	}
	kind := EventReset
	if !known {
		kind = EventRejected // for the owner it is over already
	}
	c.emit(Event{Kind: kind, ID: id, Code: r.Code(), Reason: r})
}

func (c *Conn) queueReset(id uint32, code Code) {
	c.out = AppendRSTStreamFrame(c.out, id, code)
	c.queued()
}

// settle does what a change of state leads to. It is the last that is done with
// a stream: one that lingers may be gone then.
func (c *Conn) settle(s *stream) {
	if s.state == StateEnded {
		c.levels.resets.refund()
	}
	if !s.state.localOpen() {
		s.ready, s.end = 0, false
		c.sched.remove(s)
	}
	if s.linger != lingerNot && !s.state.live() {
		c.lingering--
		c.forget(s)
	}
}

// Reset ends a stream before its end: RST_STREAM with code. There is no event
// for it. The stream must still be released. Legal in any state; without
// effect if it is closed.
func (c *Conn) Reset(id uint32, code Code) {
	s := c.streams.get(id)
	if s == nil || !s.state.live() || c.err != nil {
		return
	}
	s.transit(sendReset)
	c.settle(s)
	c.queueReset(id, code)
}

// Release says that the owner is done with a stream: its handler has returned,
// its output was appended, its input is dropped. Only then does it cease to
// count against Limits.Streams, so that no more handlers can run than that,
// whatever the peer resets. The id must not be used any more.
//
// A stream whose response has not ended is reset with INTERNAL_ERROR. One whose
// response has ended before the request lingers: see EndLingering.
func (c *Conn) Release(id uint32) {
	s := c.streams.get(id)
	if s == nil {
		return
	}
	switch s.state {
	case StateHalfClosedLocal:
		if c.err == nil && c.lingering < c.cfg.Limits.Streams/2 {
			c.lingering++
			s.linger = lingerNew
			c.returnConn(int(s.unread))
			s.unread = 0
			return
		}
		c.Reset(id, CodeNoError)
	case StateOpen, StateHalfClosedRemote:
		c.Reset(id, CodeInternalError)
	}
	if c.err == nil {
		c.returnConn(int(s.unread))
	}
	c.forget(s)
}

// forget removes a stream that is not live, but if the connection is over.
func (c *Conn) forget(s *stream) {
	if c.err == nil {
		c.closed.add(s.id, s.state)
	}
	c.sched.remove(s)
	c.streams.remove(s)
}

// Lingering is how many streams linger: they were released with the response
// ended and the request not. If there are any, EndLingering is due in a while.
func (c *Conn) Lingering() int { return c.lingering }

// EndLingering resets the streams that have lingered since before its last call,
// with NO_ERROR. RFC 9113 §8.1 allows that as soon as the response has ended. But
// clients that learn of the response and of the reset at one time, while they
// send, report the reset; so they get the time between two calls to find the
// response. What they still send is dropped, and is at most what was left of the
// stream's window, which is not given back. Many of them end by themselves.
//
// Meanwhile such a stream counts against Limits.Streams. At most half of those
// linger; further ones are reset by Release.
func (c *Conn) EndLingering() {
	if c.lingering == 0 || c.err != nil {
		return
	}
	for s := range c.streams.all {
		switch s.linger {
		case lingerNew:
			s.linger = lingerOld
		case lingerOld:
			c.Reset(s.id, CodeNoError)
		}
	}
}
