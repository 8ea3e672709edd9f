package h2

// reader is where in the input the connection is. The next byte belongs to:
//
//	preface ──▶ header ◀──────────────┬────────────┬─────────┐
//	              │                   │            │         │
//	              ├── other frames ─▶ payload ─────┘         │
//	              ├── DATA ─▶ padLength ─▶ data ─▶ padding ──┤
//	              └── nothing we want ──▶ skip ──────────────┘
//
// Only payload holds bytes back, of one frame.
type reader struct {
	phase   phase
	matched int    // bytes of the preface
	partial []byte // of a header or payload that is not all here
	frame   FrameHeader
	left    int // bytes to come of the phase: data, padding, skip
	pad     int // bytes of padding after the data
}

type phase uint8

const (
	phasePreface phase = iota
	phaseHeader
	phasePayload
	phasePadLength
	phaseData
	phasePadding
	phaseSkip
)

// Feed takes bytes that came at the time now, which is in nanoseconds and
// never falls, and answers how many: all of b, or less if there is an event
// for Next. While one waits Feed takes none. b is not retained. After
// EventFailed all bytes are taken and dropped.
func (c *Conn) Feed(now int64, b []byte) (n int) {
	c.now = now
	for n < len(b) && c.event.Kind == noEvent {
		if c.err != nil {
			return len(b)
		}
		n += c.step(b[n:])
	}
	return n
}

// step takes at least one byte of b, which is not empty.
func (c *Conn) step(b []byte) int {
	in := &c.in
	switch in.phase {
	case phasePreface:
		return c.stepPreface(b)
	case phaseHeader:
		return c.stepHeader(b)
	case phasePayload:
		return c.stepPayload(b)
	case phasePadLength:
		c.padLength(int(b[0]))
		return 1
	case phaseData:
		n := min(in.left, len(b))
		c.data(b[:n:n])
		return n
	}
	n := min(in.left, len(b))
	if in.left -= n; in.left == 0 {
		if in.phase == phasePadding {
			c.endData(nil)
		}
		in.phase = phaseHeader
	}
	return n
}

// stepPreface: RFC 9113 §3.4.
func (c *Conn) stepPreface(b []byte) int {
	in := &c.in
	n := min(len(Preface)-in.matched, len(b))
	if string(b[:n]) != Preface[in.matched:in.matched+n] {
		c.fail(BadPreface)
		return len(b)
	}
	if in.matched += n; in.matched == len(Preface) {
		in.phase = phaseHeader
	}
	return n
}

// stepHeader takes the header of a frame, and its payload if that is here.
func (c *Conn) stepHeader(b []byte) int {
	in := &c.in
	n := HeaderBytes
	if len(in.partial) == 0 && len(b) >= HeaderBytes {
		in.frame = ParseFrameHeader(b)
	} else {
		n = min(HeaderBytes-len(in.partial), len(b))
		if in.partial = append(in.partial, b[:n]...); len(in.partial) < HeaderBytes {
			return n
		}
		in.frame = ParseFrameHeader(in.partial)
		in.partial = in.partial[:0]
	}
	c.begin(in.frame)
	if in.phase == phasePayload && len(b)-n >= in.frame.Length && c.err == nil {
		end := n + in.frame.Length
		in.phase = phaseHeader
		c.frame(in.frame, b[n:end:end])
		return end
	}
	return n
}

// stepPayload takes the rest of a frame that is not all here.
func (c *Conn) stepPayload(b []byte) int {
	in := &c.in
	n := min(in.frame.Length-len(in.partial), len(b))
	if in.partial = append(in.partial, b[:n]...); len(in.partial) < in.frame.Length {
		return n
	}
	payload := in.partial
	in.partial = in.partial[:0]
	in.phase = phaseHeader
	c.frame(in.frame, payload)
	if cap(in.partial) > maxKeptIn {
		in.partial = nil
	}
	return n
}

// begin judges a frame by its header, before anything of it is kept, and says
// what its payload is.
func (c *Conn) begin(h FrameHeader) {
	switch {
	case h.Length > c.cfg.Limits.FrameBytes:
		c.fail(FrameTooLarge) // RFC 9113 §4.2
	case !c.peer.seen && (h.Type != FrameSettings || h.Flags.Has(FlagAck)):
		c.fail(MissingSettings) // §3.4
	case c.block.open && (h.Type != FrameContinuation || h.ID != c.block.id):
		c.fail(InterruptedBlock) // §6.10
	case h.Type == FrameContinuation && !c.block.open:
		c.fail(UnexpectedContinuation) // §6.10
	case h.Type == FramePushPromise:
		c.fail(UnexpectedPush) // §8.4
	case int(h.Type) >= len(shapes) || shapes[h.Type].on == onNothing:
		if c.spend(&c.levels.unknown, c.cfg.Budgets.UnknownFrames, UnknownFlood) {
			c.skip(h.Length) // §5.5: MUST be discarded
		}
	default:
		c.beginKnown(h)
	}
}

// where a frame may be: on a stream, on the connection, or both.
type where uint8

const (
	onNothing where = iota // not a type we know
	onStream
	onConn
	onBoth
)

// shapes are what the header of a frame must look like: where it is, and how
// long.
var shapes = [FramePriorityUpdate + 1]struct {
	on            where
	least, utmost int // 0 utmost: no bound of its own
	multiple      int
}{
	FrameData:           {on: onStream},
	FrameHeaders:        {on: onStream},
	FramePriority:       {on: onStream}, // its length is the stream's error
	FrameRSTStream:      {on: onStream, least: 4, utmost: 4},
	FrameSettings:       {on: onConn, multiple: settingBytes},
	FramePing:           {on: onConn, least: 8, utmost: 8},
	FrameGoAway:         {on: onConn, least: 8},
	FrameWindowUpdate:   {on: onBoth, least: 4, utmost: 4},
	FrameContinuation:   {on: onStream},
	FramePriorityUpdate: {on: onConn, least: 4},
}

func (c *Conn) beginKnown(h FrameHeader) {
	s := &shapes[h.Type]
	switch {
	case s.on == onStream && h.ID == 0, s.on == onConn && h.ID != 0:
		c.fail(BadStreamID)
	case h.Length < s.least, s.utmost > 0 && h.Length > s.utmost, s.multiple > 0 && h.Length%s.multiple > 0:
		c.fail(BadFrameSize)
	case h.Type == FrameData:
		c.beginData(h)
	case h.Type == FrameHeaders && !c.mayBegin(h),
		h.Type == FrameContinuation && !c.mayContinue(h):
		// it has failed
	default:
		c.in.phase = phasePayload
	}
}

// skip passes over n bytes.
func (c *Conn) skip(n int) {
	c.in.phase, c.in.left = phaseSkip, n
	if n == 0 {
		c.in.phase = phaseHeader
	}
}

// frame handles a frame other than DATA, p its payload.
func (c *Conn) frame(h FrameHeader, p []byte) {
	switch h.Type {
	case FrameHeaders:
		c.headers(h, p)
	case FrameContinuation:
		c.continuation(h, p)
	case FramePriority:
		c.priorityFrame(h, p)
	case FrameRSTStream:
		c.rstStream(h, p)
	case FrameSettings:
		c.settings(h, p)
	case FramePing:
		c.pingFrame(h, p)
	case FrameGoAway:
		c.goAwayFrame(p)
	case FrameWindowUpdate:
		c.windowUpdate(h, p)
	case FramePriorityUpdate:
		c.priorityUpdate(p)
	}
}

// stateOf is the state of any stream, and what we have of it.
func (c *Conn) stateOf(id uint32) (State, *stream) {
	if s := c.streams.get(id); s != nil {
		return s.state, s
	}
	// RFC 9113 §5.1.1: even ids are ours, of which there are none.
	if id > c.highest || id%2 == 0 {
		return StateIdle, nil
	}
	return c.closed.state(id), nil
}

// late counts a frame that is ignored; false: there were too many.
func (c *Conn) late() bool {
	return c.spend(&c.levels.late, c.cfg.Budgets.LateFrames, LateFlood)
}
