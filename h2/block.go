package h2

import "github.com/uringserve/uringserve/h2/hpack"

// blockReader is a field block that is being received: HEADERS and, unless it
// has END_HEADERS, CONTINUATION frames.
type blockReader struct {
	open   bool // CONTINUATION is awaited
	id     uint32
	end    bool   // END_STREAM
	opens  bool   // HEADERS opens the stream
	reason Reason // of the stream error that HEADERS is, besides
	frames int    // CONTINUATION frames so far
	joined []byte // the fragments so far
}

// mayBegin judges HEADERS by its header; false: it has failed.
func (c *Conn) mayBegin(h FrameHeader) bool {
	state, _ := c.stateOf(h.ID)
	switch o := transitions[state][headersInputFor(h.Flags.Has(FlagEndStream))]; {
	case h.ID%2 == 0:
		c.fail(EvenStreamID) // RFC 9113 §5.1.1
	case o.verdict == connError:
		c.fail(o.reason)
	case h.Length > c.cfg.Limits.BlockBytes:
		c.fail(BlockTooLarge)
	default:
		return true
	}
	return false
}

// mayContinue judges CONTINUATION by its header; false: it has failed.
func (c *Conn) mayContinue(h FrameHeader) bool {
	c.block.frames++
	switch {
	case c.block.frames > c.cfg.Limits.Continuations:
		c.fail(ContinuationFlood)
	case len(c.block.joined)+h.Length > c.cfg.Limits.BlockBytes:
		c.fail(BlockTooLarge)
	default:
		return true
	}
	return false
}

// headers handles HEADERS (RFC 9113 §6.2).
func (c *Conn) headers(h FrameHeader, p []byte) {
	p, ok := unpad(h, p)
	if !ok {
		c.fail(BadPadding)
		return
	}
	b := &c.block
	*b = blockReader{id: h.ID, end: h.Flags.Has(FlagEndStream), opens: h.ID > c.highest, joined: b.joined[:0]}
	if h.Flags.Has(FlagPriority) {
		if len(p) < priorityBytes {
			c.fail(BadFrameSize)
			return
		}
		if parsePriorityParam(p).Dependency == h.ID {
			b.reason = SelfDependency
		}
		p = p[priorityBytes:]
	}
	if b.opens {
		c.highest = h.ID
	}
	if !h.Flags.Has(FlagEndHeaders) {
		b.open = true
		b.joined = append(b.joined, p...)
		return
	}
	c.endBlock(p)
}

// unpad takes the padding off a payload (RFC 9113 §6.1, §6.2); false: it is
// longer than what there is.
func unpad(h FrameHeader, p []byte) ([]byte, bool) {
	if !h.Flags.Has(FlagPadded) {
		return p, true
	}
	if len(p) == 0 || int(p[0]) >= len(p) {
		return nil, false
	}
	return p[1 : len(p)-int(p[0])], true
}

// continuation handles CONTINUATION (RFC 9113 §6.10).
func (c *Conn) continuation(h FrameHeader, p []byte) {
	b := &c.block
	if b.joined = append(b.joined, p...); h.Flags.Has(FlagEndHeaders) {
		c.endBlock(b.joined)
		if cap(b.joined) > maxKeptIn {
			b.joined = nil
		}
	}
}

// endBlock handles a whole field block. It is decoded whatever becomes of the
// stream: the next ones depend on it (RFC 9113 §4.3).
func (c *Conn) endBlock(block []byte) {
	b := &c.block
	b.open = false
	state, s := StateIdle, (*stream)(nil)
	if !b.opens {
		state, s = c.stateOf(b.id)
	}
	o := transitions[state][headersInputFor(b.end)]
	keep := o.verdict == accept && (!b.opens || c.streams.count < c.cfg.Limits.Streams && b.id <= c.drain.limit)
	r := &c.scratch.head
	if !c.decode(block, keep, s != nil) {
		c.fail(BadCompression)
		return
	}
	switch {
	case o.verdict == ignore:
		c.late()
	case o.verdict == streamError:
		c.streamError(b.id, s, o.reason)
	case b.reason != 0:
		c.streamError(b.id, s, b.reason)
	case s != nil:
		c.endTrailers(s, r)
	case b.id > c.drain.limit:
		// RFC 9113 §6.8: what comes above the last stream of our GOAWAY is
		// discarded; the peer knows that it may try elsewhere.
		c.closed.add(b.id, StateResetByUs)
		c.late()
	case !keep:
		c.refuseStream(b.id)
	default:
		c.endHead(r)
	}
}

// decode decodes a block; its fields go to Scratch.head if they are to be
// kept. False: it cannot be decoded.
func (c *Conn) decode(block []byte, keep, trailers bool) bool {
	r := &c.scratch.head
	if keep {
		r.reset(trailers, c.cfg)
	}
	c.dec.Begin(block, &c.scratch.strings)
	var f hpack.Field
	for c.dec.Read(&f) {
		if keep {
			r.field(&c.dec, &f)
		}
	}
	return c.dec.Err() == nil
}

// excess is what a block that exceeds a limit is refused with, 0 if none.
func (c *Conn) excess() Reason {
	switch c.dec.Exceeded() {
	case hpack.Within:
		return 0
	case hpack.TooManyFields:
		return TooManyFields
	}
	return HeadTooLarge
}

// endHead opens a stream (RFC 9113 §8.3).
func (c *Conn) endHead(r *headReader) {
	id, end := c.block.id, c.block.end
	refusal := c.excess()
	reason := r.reason
	if refusal == 0 {
		reason, refusal = r.conclude(end), r.refusal
	}
	if reason != 0 {
		c.streamError(id, nil, reason)
		return
	}
	s := c.streams.add(id)
	s.transit(headersInputFor(end))
	s.sendWindow, s.recvWindow = c.peer.window, c.ours.window
	s.declared = r.head.Length
	if refusal != 0 {
		s.declared = -1 // nobody will look at it
	}
	c.startPriority(s, r)
	c.levels.priorities.refund()
	if refusal != 0 {
		c.emit(Event{Kind: EventRefusal, ID: id, End: end, Reason: refusal, Status: refusal.Status()})
		return
	}
	c.emit(Event{Kind: EventHead, ID: id, End: end, Head: &r.head})
}

func headersInputFor(end bool) input {
	if end {
		return recvHeadersEnd
	}
	return recvHeaders
}

// startPriority is a new stream's priority. PRIORITY_UPDATE is above the
// field (RFC 9218 §7). Without either the client does not know of them, and
// may well show what comes in parts.
func (c *Conn) startPriority(s *stream, r *headReader) {
	p, ok := c.early.take(s.id)
	s.updated = ok
	switch {
	case ok:
	case r.signaled:
		p = r.priority
	default:
		p = priority{defaultUrgency, true}
	}
	s.urgency, s.incremental = p.urgency, p.incremental
}

// endTrailers ends the peer's side of a stream.
func (c *Conn) endTrailers(s *stream, r *headReader) {
	switch {
	case r.reason != 0:
		c.resetStream(s, r.reason)
	case c.excess() != 0:
		c.resetStream(s, TrailersTooLarge)
	case s.declared > 0:
		c.resetStream(s, BodyTooShort)
	default:
		s.transit(recvHeadersEnd)
		if s.linger == lingerNot {
			c.emit(Event{Kind: EventTrailers, ID: s.id, End: true, Trailers: &r.head.Fields})
		}
		c.settle(s)
	}
}
