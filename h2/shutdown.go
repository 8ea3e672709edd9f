package h2

// drain is how far a graceful end has come (RFC 9113 §6.8):
//
//	no ── Shutdown ──▶ announced ── FinishShutdown ──▶ final
//	 └──────────────────── FinishShutdown ───────────────▲
//
// Announced: GOAWAY with the highest id there can be, and PING. Streams that
// are under way are still taken. When the PING is answered, all of them have
// come that the peer opened before it knew. Final: GOAWAY with the last of
// them; what comes later is discarded.
type drain struct {
	state drainState
	limit uint32 // the highest stream that is taken
}

type drainState uint8

const (
	drainNo drainState = iota
	drainAnnounced
	drainFinal
)

// last is the last stream that a GOAWAY names, highest the highest there is.
func (d *drain) last(highest uint32) uint32 { return min(highest, d.limit) }

// pingState is what PINGs of ours are under way: at most one of each kind.
type pingState struct {
	alive, drain bool
}

// The opaque data of our PINGs.
var (
	aliveData = [8]byte{'a', 'l', 'i', 'v', 'e', '?'}
	drainData = [8]byte{'d', 'r', 'a', 'i', 'n', 'e', 'd', '?'}
)

// Shutdown begins a graceful end: the peer is told to open no more streams.
// EventDrainDue follows, unless the peer does not answer; FinishShutdown is
// then the owner's timer's to call. Without effect if it was called before.
func (c *Conn) Shutdown() {
	if c.err != nil || c.drain.state != drainNo {
		return
	}
	c.drain.state = drainAnnounced
	c.out = AppendGoAwayFrame(c.out, maxID, CodeNoError, "")
	c.ping.drain = true
	c.out = AppendPingFrame(c.out, drainData, false)
}

// FinishShutdown takes no more streams. When Drained the connection can be
// closed.
func (c *Conn) FinishShutdown() {
	if c.err != nil || c.drain.state == drainFinal {
		return
	}
	c.drain = drain{drainFinal, c.highest}
	c.out = AppendGoAwayFrame(c.out, c.highest, CodeNoError, "")
}

// Drained reports whether FinishShutdown was called and all streams are
// released: what AppendOutput gives is the last.
func (c *Conn) Drained() bool { return c.drain.state == drainFinal && c.streams.count == 0 }

// Close ends the connection at once: GOAWAY with code, to be sent before the
// connection is closed. For the owner's own reasons, such as a timer of its.
// There is no event.
func (c *Conn) Close(code Code) {
	if c.err != nil {
		return
	}
	c.failWith(code, OwnerClosed)
	c.event = Event{}
}

// Ping asks the peer for a sign of life, EventPong; nothing if one is under
// way.
func (c *Conn) Ping() {
	if c.err != nil || c.ping.alive {
		return
	}
	c.ping.alive = true
	c.out = AppendPingFrame(c.out, aliveData, false)
}

// pingFrame handles PING (RFC 9113 §6.7).
func (c *Conn) pingFrame(h FrameHeader, p []byte) {
	if !c.spend(&c.levels.pings, c.cfg.Budgets.Pings, PingFlood) {
		return
	}
	data := [8]byte(p)
	switch {
	case !h.Flags.Has(FlagAck):
		c.out = AppendPingFrame(c.out, data, true)
		c.queued()
	case data == drainData && c.ping.drain:
		c.ping.drain = false
		if c.drain.state == drainAnnounced {
			c.emit(Event{Kind: EventDrainDue})
		}
	case data == aliveData && c.ping.alive:
		c.ping.alive = false
		c.emit(Event{Kind: EventPong})
	}
}

// goAwayFrame handles GOAWAY (RFC 9113 §6.8). It names streams of ours, of
// which there are none: nothing changes but that the peer opens no more.
func (c *Conn) goAwayFrame(p []byte) {
	if c.spend(&c.levels.unknown, c.cfg.Budgets.UnknownFrames, UnknownFlood) {
		c.emit(Event{Kind: EventGoAway, Code: Code(be32(p[4:]))})
	}
}

func be32(b []byte) uint32 {
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}
