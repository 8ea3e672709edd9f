package h2

import (
	"github.com/uringserve/uringserve/app/field"
	"github.com/uringserve/uringserve/h2/hpack"
)

// Conn is the server's side of one HTTP/2 connection. See the package's words
// on the order of calls. It is not safe for concurrent use.
type Conn struct {
	cfg     *Config
	scratch *Scratch
	now     int64 // of the last Feed, in nanoseconds
	event   Event // what Next returns next
	err     *ConnError

	in    reader
	block blockReader
	dec   hpack.Decoder
	enc   hpack.Encoder
	out   []byte // control frames that wait for AppendOutput

	streams streams
	closed  closedStreams
	sched   scheduler
	early   earlyPriorities
	// lingering is how many streams are released and live, see EndLingering.
	lingering int
	highest   uint32 // the highest stream that the peer opened

	sendWindow int32 // octets we may send on all streams
	recvWindow int32 // octets the peer may send on all streams
	consumed   int32 // octets read by the owner and not yet returned to the peer
	peer       peerSettings
	ours       ourSettings

	drain  drain
	ping   pingState
	levels levels
}

// peerSettings are what the peer wants, as far as it matters.
type peerSettings struct {
	window   int32 // initial send window of streams
	priority int64 // SETTINGS_NO_RFC7540_PRIORITIES, -1: not said
	seen     bool  // its first SETTINGS came
}

// ourSettings are how far the peer knows what we want.
type ourSettings struct {
	acked  bool
	window int32 // initial receive window of streams as it holds now
}

// Scratch is memory that connections share which are used one after another,
// as those of one loop are, so that an idle one holds none. The zero value is
// ready.
type Scratch struct {
	strings hpack.Scratch
	head    headReader
	name    []byte // a field name in lower case
}

// NewConn is a connection of which nothing was read. cfg must be validated; it
// and s are used until the end. Our SETTINGS are queued.
func NewConn(cfg *Config, s *Scratch) *Conn {
	if cfg.fields.SectionBytes == 0 {
		panic("BUG: h2: Config was not validated")
	}
	l := &cfg.Limits
	c := &Conn{cfg: cfg, scratch: s,
		sendWindow: initialWindow, recvWindow: int32(l.ConnWindow),
		peer:  peerSettings{window: initialWindow, priority: -1},
		ours:  ourSettings{window: int32(max(l.StreamWindow, initialWindow))},
		drain: drain{limit: maxID},
	}
	// Until the peer acknowledges our SETTINGS it may go by the defaults: what
	// is below them holds from then on, what is above holds from now.
	c.dec.Reset(uint32(max(l.TableBytes, defaultTable)), &cfg.fields)
	c.enc.Reset(uint32(l.SendTableBytes))
	c.sendFirst()
	return c
}

// sendFirst queues our preface (RFC 9113 §3.4).
func (c *Conn) sendFirst() {
	l := &c.cfg.Limits
	settings := [...]Setting{
		{SettingMaxConcurrentStreams, uint32(l.Streams)},
		{SettingInitialWindowSize, uint32(l.StreamWindow)},
		{SettingMaxHeaderListSize, uint32(l.FieldBytes)},
		{SettingNoRFC7540Priorities, 1},
		{SettingHeaderTableSize, uint32(l.TableBytes)},
		{SettingMaxFrameSize, uint32(l.FrameBytes)},
		{SettingEnableConnect, 1},
	}
	n := len(settings)
	if !c.cfg.ConnectProtocol {
		n--
	}
	c.out = AppendSettingsFrame(c.out, settings[:n]...)
	if grow := l.ConnWindow - initialWindow; grow > 0 {
		c.out = AppendWindowUpdateFrame(c.out, 0, uint32(grow))
	}
}

// Next is the event that the last Feed found, if any. There is at most one,
// and Feed takes nothing while it waits.
func (c *Conn) Next() (Event, bool) {
	if c.event.Kind == noEvent {
		return Event{}, false
	}
	e := c.event
	c.event = Event{}
	return e, true
}

// TakeHead gives the fields of the last EventHead to the owner, and takes the
// memory of f for further use: nothing is copied. From then on all slices of the
// Head are valid as long as those of f are, which they lie in; the Head itself is
// as before.
func (c *Conn) TakeHead(f *field.Fields) { f.Swap(&c.scratch.head.head.Fields) }

// TakeTrailers is TakeHead for the fields of the last EventTrailers.
func (c *Conn) TakeTrailers(f *field.Fields) { c.TakeHead(f) }

// AppendOutput appends the control frames that are due to dst, and forgets
// them. All other Append methods do that first.
func (c *Conn) AppendOutput(dst []byte) []byte {
	if len(c.out) == 0 {
		return dst
	}
	dst = append(dst, c.out...)
	c.out = c.out[:0]
	if cap(c.out) > maxKeptOut {
		c.out = nil
	}
	return dst
}

// maxKeptOut and maxKeptIn are how much memory for control frames and for
// frames that came in parts is used again, in bytes.
const (
	maxKeptOut = 2 << 10
	maxKeptIn  = 1 << 10
)

// HasOutput reports whether control frames are due.
func (c *Conn) HasOutput() bool { return len(c.out) > 0 }

// Err is the error that ended the connection, nil while it goes on.
func (c *Conn) Err() *ConnError { return c.err }

// Greeted reports whether the peer's preface and SETTINGS have come. Until then
// the owner's timer for request heads runs.
func (c *Conn) Greeted() bool { return c.peer.seen }

// SettingsAcked reports whether the peer has acknowledged our SETTINGS. The
// owner may time it, and Close with CodeSettingsTimeout (RFC 9113 §6.5.3).
func (c *Conn) SettingsAcked() bool { return c.ours.acked }

// InHead reports whether a field block has begun and not ended: the owner's
// timer for request heads runs.
func (c *Conn) InHead() bool { return c.block.open }

// Streams is how many streams there are: live, or not released.
func (c *Conn) Streams() int { return c.streams.count }

// Trim frees what a connection without streams can do without. For when it
// turns idle for long; it costs allocations later.
func (c *Conn) Trim() {
	c.streams.trim()
	if len(c.out) == 0 {
		c.out = nil
	}
	if len(c.in.partial) == 0 {
		c.in.partial = nil
	}
	if !c.block.open {
		c.block.joined = nil
	}
}

// emit makes e the event. There is none yet: every frame makes one at most.
func (c *Conn) emit(e Event) {
	if c.err != nil {
		return // EventFailed is the last
	}
	if invariants && c.event.Kind != noEvent {
		panic("BUG: h2: a second event")
	}
	c.event = e
}

// fail ends the connection: GOAWAY, and nothing that comes counts any more.
// It takes the place of an event of the same frame.
func (c *Conn) fail(r Reason) { c.failWith(r.Code(), r) }

func (c *Conn) failWith(code Code, r Reason) {
	if c.err != nil {
		return
	}
	c.err = &ConnError{code, r}
	c.out = AppendGoAwayFrame(c.out, c.drain.last(c.highest), code, r.String())
	c.event = Event{Kind: EventFailed, Code: code, Reason: r}
	c.sched = scheduler{}
	c.block = blockReader{}
	c.in.partial = nil
}

// spend takes one of a budget, or ends the connection; false: it is over.
func (c *Conn) spend(l *level, b Budget, r Reason) bool {
	if l.take(c.now, b) {
		return true
	}
	c.fail(r)
	return false
}

// queued checks what queueing a control frame has led to.
func (c *Conn) queued() {
	if len(c.out) > c.cfg.Limits.QueuedBytes {
		c.fail(OutputFlood)
	}
}
