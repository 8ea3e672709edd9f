package h2

// beginData judges DATA by its header (RFC 9113 §6.1). All of its payload
// counts against the windows, padding included, wherever it goes (§6.9.1).
func (c *Conn) beginData(h FrameHeader) {
	padded := h.Flags.Has(FlagPadded)
	if padded && h.Length == 0 {
		c.fail(BadFrameSize) // §4.2
		return
	}
	state, s := c.stateOf(h.ID)
	o := transitions[state][recvData]
	if o.verdict == connError {
		c.fail(o.reason)
		return
	}
	if h.Length > int(c.recvWindow) {
		c.fail(ConnWindowExceeded)
		return
	}
	c.recvWindow -= int32(h.Length)
	if c.in.left = h.Length; o.verdict == ignore {
		c.discardData()
		c.late()
		return
	}
	switch {
	case o.verdict == streamError:
		c.discardData()
		c.streamError(h.ID, s, o.reason)
		return
	case h.Length > max(int(s.recvWindow), 0): // §6.9.1: an empty frame needs none
		c.discardData()
		c.resetStream(s, StreamWindowExceeded)
		return
	}
	s.recvWindow -= int32(h.Length)
	if padded {
		c.in.phase = phasePadLength
		return
	}
	c.beginContent(s, 0)
}

// padLength takes the Pad Length octet of a DATA frame.
func (c *Conn) padLength(pad int) {
	c.in.left--
	if pad > c.in.left {
		// RFC 9113 §6.1: a connection error, that is, as long as the payload.
		c.fail(BadPadding)
		return
	}
	s := c.streams.get(c.in.frame.ID)
	c.returnConn(1)
	if s == nil || !s.state.remoteOpen() {
		c.discardData()
		return
	}
	c.returnStream(s, 1)
	c.beginContent(s, pad)
}

// beginContent judges what DATA holds, when its padding is known.
func (c *Conn) beginContent(s *stream, pad int) {
	in := &c.in
	n := in.left - pad
	switch {
	case s.declared >= 0 && int64(n) > s.declared:
		c.discardData()
		c.resetStream(s, BodyTooLong) // RFC 9113 §8.1.1
		return
	case s.declared > int64(n) && in.frame.Flags.Has(FlagEndStream):
		c.discardData()
		c.resetStream(s, BodyTooShort)
		return
	case n == 0 && !in.frame.Flags.Has(FlagEndStream):
		if !c.spend(&c.levels.emptyData, c.cfg.Budgets.EmptyData, EmptyDataFlood) {
			return
		}
	}
	in.left, in.pad = n, pad
	c.returnConn(pad)
	c.returnStream(s, pad)
	if in.phase = phaseData; n == 0 {
		c.endContent(s, nil)
	}
}

// data takes bytes of content.
func (c *Conn) data(b []byte) {
	s := c.streams.get(c.in.frame.ID)
	if s == nil || !s.state.remoteOpen() {
		// The owner has reset it since the frame began. The padding was given
		// back when it began.
		c.returnConn(c.in.left)
		c.skip(c.in.left - len(b) + c.in.pad)
		return
	}
	if s.linger == lingerNot {
		s.unread += int32(len(b))
	} else {
		c.returnConn(len(b)) // nobody reads it
	}
	if s.declared > 0 {
		s.declared -= int64(len(b))
	}
	if c.in.left -= len(b); c.in.left == 0 {
		c.endContent(s, b)
		return
	}
	c.emitData(s, b, false)
}

// emitData hands on content of a stream, if somebody is there to take it.
func (c *Conn) emitData(s *stream, b []byte, end bool) {
	if (end || len(b) > 0) && s.linger == lingerNot {
		c.emit(Event{Kind: EventData, ID: s.id, Data: b, End: end})
	}
}

// endContent goes on after the last bytes of content of s, b.
func (c *Conn) endContent(s *stream, b []byte) {
	in := &c.in
	if in.pad == 0 {
		in.phase = phaseHeader
		c.endData(b)
		return
	}
	in.phase, in.left, in.pad = phasePadding, in.pad, 0
	c.emitData(s, b, false)
}

// endData ends a DATA frame, b its last content.
func (c *Conn) endData(b []byte) {
	s := c.streams.get(c.in.frame.ID)
	if s == nil || !s.state.remoteOpen() {
		return
	}
	if !c.in.frame.Flags.Has(FlagEndStream) {
		c.emitData(s, b, false)
		return
	}
	s.transit(recvDataEnd)
	c.emitData(s, b, true)
	c.settle(s)
}

// discardData passes over the rest of a DATA frame whose padding is not known
// yet, and gives its octets back to the connection's window: nobody will read
// them.
func (c *Conn) discardData() {
	c.returnConn(c.in.left)
	c.skip(c.in.left)
}

// Consumed says that the owner is done with n bytes of a stream's body, which
// it got by EventData: they may be sent again. The windows are given back when
// half is used. n is at most what was got and not consumed so far; the rest
// is consumed by Release.
func (c *Conn) Consumed(id uint32, n int) {
	s := c.streams.get(id)
	if s == nil || c.err != nil {
		return
	}
	if n < 0 || n > int(s.unread) {
		panic("BUG: h2: more consumed than was received")
	}
	s.unread -= int32(n)
	c.returnConn(n)
	c.returnStream(s, n)
}

// Unread is how many bytes of a stream's body the owner got and has not
// consumed.
func (c *Conn) Unread(id uint32) int {
	if s := c.streams.get(id); s != nil {
		return int(s.unread)
	}
	return 0
}

// returnConn gives n octets back to the connection's window.
func (c *Conn) returnConn(n int) {
	c.consumed += int32(n)
	if invariants && int64(c.recvWindow)+int64(c.consumed) > int64(c.cfg.Limits.ConnWindow) {
		panic("BUG: h2: the connection's window grows")
	}
	if c.consumed > 0 && int(c.consumed) >= (c.cfg.Limits.ConnWindow+1)/2 {
		c.out = AppendWindowUpdateFrame(c.out, 0, uint32(c.consumed))
		c.recvWindow += c.consumed
		c.consumed = 0
		c.queued()
	}
}

// returnStream gives n octets back to a stream's window, unless the peer has
// ended it, or nobody wants more.
func (c *Conn) returnStream(s *stream, n int) {
	if !s.state.remoteOpen() || s.linger != lingerNot {
		return
	}
	s.consumed += int32(n)
	if s.consumed > 0 && int(s.consumed) >= (int(c.ours.window)+1)/2 {
		c.out = AppendWindowUpdateFrame(c.out, s.id, uint32(s.consumed))
		s.recvWindow += s.consumed
		s.consumed = 0
		c.queued()
	}
}
