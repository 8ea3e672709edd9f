package h2

// Ready says how much of a stream's body the owner has to send: n bytes in
// all, and whether the response ends after them. It replaces what was said
// before; AppendData counts down. After AppendResponse with body. The error is
// ErrGone or a *StateError.
func (c *Conn) Ready(id uint32, n int, end bool) error {
	s, err := c.sendable("Ready", id, true)
	if err != nil {
		return err
	}
	if n < 0 {
		panic("BUG: h2: a negative number of bytes is ready")
	}
	s.ready, s.end = n, end
	c.sched.update(s)
	return nil
}

// Pick says which stream sends next: n of the bytes that are ready, at most
// max, in one frame, as the windows allow. n is 0 only if it has but its end
// to send. AppendData for it follows, before any other call. False: nothing
// can be sent, because nothing is ready or the windows are used up.
func (c *Conn) Pick(max int) (id uint32, n int, ok bool) {
	s := c.sched.pick(c.sendWindow > 0 && max > 0)
	if s == nil {
		return 0, 0, false
	}
	if s.ready > 0 {
		n = min(s.ready, int(s.sendWindow), int(c.sendWindow), frameBytes, max)
	}
	return s.id, n, true
}

// CanSend reports whether n bytes of a stream, of which Ready said nothing,
// may be sent in one frame now and out of turn, because nothing waits that
// is as urgent. It spares small responses the way through Ready and Pick.
func (c *Conn) CanSend(id uint32, n int) bool {
	s := c.streams.get(id)
	return s != nil && c.err == nil && s.headSent && s.state.localOpen() && s.ready == 0 &&
		(n == 0 || n <= frameBytes && n <= int(s.sendWindow) && n <= int(c.sendWindow) &&
			c.sched.used&(1<<(s.urgency+2)-1) == 0)
}

// AppendData appends DATA with p to dst, after the control frames that are
// due; end: the response ends with it. Pick or CanSend said that it may go, p
// may be shorter. If the stream is gone, nothing but control frames is
// appended.
func (c *Conn) AppendData(dst []byte, id uint32, p []byte, end bool) []byte {
	dst = c.AppendOutput(dst)
	s := c.streams.get(id)
	if s == nil || !s.state.localOpen() || c.err != nil {
		return dst
	}
	n := len(p)
	if !s.headSent || n > frameBytes || n > 0 && (n > int(s.sendWindow) || n > int(c.sendWindow)) {
		panic("BUG: h2: DATA that Pick did not allow")
	}
	c.refundFor(s, n)
	s.sendWindow -= int32(n)
	c.sendWindow -= int32(n)
	s.ready = max(s.ready-n, 0)
	dst = AppendDataFrame(dst, id, p, end)
	if end {
		s.transit(sendDataEnd)
		c.settle(s)
		return dst
	}
	c.sched.sent(s, n)
	return dst
}

// refundFor gives back what the peer may spend because of a DATA frame of n
// bytes: it may measure with a PING, and, unless its own windows made the
// frame short, answer with WINDOW_UPDATE for the stream and the connection.
func (c *Conn) refundFor(s *stream, n int) {
	c.levels.pings.refund()
	cut := n < s.ready && n < frameBytes && (n == int(s.sendWindow) || n == int(c.sendWindow))
	if n > 0 && !cut {
		c.levels.tinyWindows.refund()
		c.levels.tinyWindows.refund()
	}
}

// Block says what a stream waits for that has bytes ready.
type Block uint8

const (
	// BlockNone: for its turn, or it has nothing to send.
	BlockNone Block = iota
	// BlockStream: its own window is used up.
	BlockStream
	// BlockConn: the connection's window is used up.
	BlockConn
)

// Blocked says what keeps a stream from sending what Ready announced: the
// peer, which pins the owner's bytes as long as it likes, or only its turn.
func (c *Conn) Blocked(id uint32) Block {
	s := c.streams.get(id)
	switch {
	case s == nil || s.ready == 0:
		return BlockNone
	case s.sendWindow <= 0:
		return BlockStream
	case c.sendWindow <= 0:
		return BlockConn
	}
	return BlockNone
}

// Pinned is how many bytes the peer's windows keep from being sent, and on how
// many streams: for the owner's bound on what one connection may pin, and its
// choice of whom to reset. It looks at all streams.
func (c *Conn) Pinned() (bytes int64, streams int) {
	for s := range c.streams.all {
		if c.Blocked(s.id) != BlockNone {
			bytes += int64(s.ready)
			streams++
		}
	}
	return bytes, streams
}

// SendWindow is how many bytes the peer's windows allow now, of a stream and
// of all; negative ones are possible (RFC 9113 §6.9.2).
func (c *Conn) SendWindow(id uint32) (stream, conn int) {
	if s := c.streams.get(id); s != nil {
		stream = int(s.sendWindow)
	}
	return stream, int(c.sendWindow)
}
