package ws

// Conn is the protocol of one end of one connection. Reset makes it ready.
// It is not safe for concurrent use: whoever reads or writes must have it for
// himself.
type Conn struct {
	cfg     *Config
	deflate Deflate
	state   State

	// Input.
	in      []byte // what was fed and not read yet; lent
	head    [maxHeaderBytes]byte
	headLen uint8 // bytes of head: of one that came in parts
	inFrame bool  // what comes is the payload of frame
	frame   frame // frame.length is what is still to come

	// The message that is coming, if inMessage.
	inMessage  bool
	compressed bool
	op         Opcode
	text       text
	empty      int       // frames without a byte
	message    *buffer   // what came of it, if anything is held
	z          *inflater // it has come, and is being decompressed; else nil
	control    *buffer   // what came of a control frame that is not all here

	lent   *buffer // what the last Event shows
	window *buffer // what the peer's next message may refer to
}

// EventKind says what an Event is about.
type EventKind uint8

const (
	// EventNone: nothing more is to be found in what was fed.
	EventNone EventKind = iota
	// EventMore: a message is being decompressed, and that takes a while: Next is
	// to be called again, when others have had their turn. What was fed may be
	// taken back until then (TakeRest), and more be fed.
	EventMore
	// EventMessage: a whole message. Opcode is Text or Binary, Data what is in
	// it. A Text is UTF-8.
	EventMessage
	// EventPing: Data must be sent back with AppendPong, once for the last of
	// them if many are unanswered (RFC 6455 §5.5.3).
	EventPing
	// EventPong: Data is a Ping's of ours, or anything.
	EventPong
	// EventClose: the peer has ended its side. Code is NoStatus if it has not
	// said why, Data the reason, UTF-8. What comes after it is dropped. Unless
	// a Close was sent, one must be: AppendClose(dst, e.Code, "") will do.
	EventClose

	numEventKinds = iota
)

var eventNames = [numEventKinds]string{"none", "more", "message", "ping", "pong", "close"}

func (k EventKind) String() string { return eventNames[k] }

// Event is something that the peer did. Data may be changed, and is valid
// until the next call of Next, Reset or Release.
type Event struct {
	Kind   EventKind
	Opcode Opcode
	Code   CloseCode
	Data   []byte
}

// Reset makes c a new connection, with what Negotiate answered, or nothing of
// it. cfg must have been validated.
func (c *Conn) Reset(cfg *Config, d Deflate) {
	c.Release()
	*c = Conn{cfg: cfg, deflate: d}
}

// Release gives back the memory that c holds, whatever it is for. For when the
// transport has ended; only Reset may follow.
func (c *Conn) Release() {
	c.drop()
	c.lent.free()
	c.window.free()
	c.lent, c.window = nil, nil
	c.state = Closed
}

// drop forgets what was fed and what is held of messages.
func (c *Conn) drop() {
	c.message.free()
	c.control.free()
	c.z.free()
	c.in, c.message, c.control, c.z = nil, nil, nil, nil
}

// State is how far the closing handshake is.
func (c *Conn) State() State { return c.state }

// Buffered is how many bytes of memory c holds for a message that is not
// whole, and for the window of a peer that may refer to earlier ones. It is
// never more than twice what came, or 16 KiB where that is less.
func (c *Conn) Buffered() int {
	return c.message.size() + c.control.size() + c.lent.size() + c.window.size() + c.z.size()
}

// Feed gives c bytes that came. They are lent, and unmasked in place, until
// Next answers EventNone or an error; before that there must be no other Feed.
func (c *Conn) Feed(b []byte) {
	if len(c.in) > 0 {
		panic("BUG: ws: Feed before all was read")
	}
	if c.state.reads() {
		c.in = b
	}
}

// TakeRest ends the loan of what was fed: it answers the bytes that Next has
// not come to, which must be fed again later. They have not been changed.
func (c *Conn) TakeRest() []byte {
	rest := c.in
	c.in = nil
	return rest
}

// Next is the next event in what was fed. An error is the last that there is:
// what the peer sends from then on is dropped. It decompresses a bounded amount,
// see EventMore.
func (c *Conn) Next() (Event, *Error) {
	c.lent.free()
	c.lent = nil
	for len(c.in) > 0 || c.z != nil {
		var e Event
		var reason Reason
		if c.z != nil {
			e, reason = c.inflate()
		} else {
			e, reason = c.step()
		}
		if reason != 0 {
			c.state.transit(recvInvalid)
			c.drop()
			return Event{}, &errorOf[reason]
		}
		if e.Kind != EventNone {
			return e, nil
		}
	}
	c.in = nil
	return Event{}, nil
}
