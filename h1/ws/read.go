package ws

import "encoding/binary"

// step takes at least one byte of what was fed: the head of a frame, a part of
// a payload, or both.
func (c *Conn) step() (Event, Reason) {
	if !c.inFrame {
		if reason := c.readHead(); reason != 0 || !c.inFrame {
			return Event{}, reason
		}
	}
	n := int(min(c.frame.length, int64(len(c.in))))
	p := c.in[:n:n]
	c.in = c.in[n:]
	c.frame.length -= int64(n)
	if c.frame.key != 0 {
		c.frame.key = mask(c.frame.key, p)
	}
	c.inFrame = c.frame.length > 0
	if c.frame.op.control() {
		return c.addControl(p)
	}
	return c.addData(p)
}

// readHead takes the head of a frame, or what is here of it.
func (c *Conn) readHead() Reason {
	b := c.in
	held := int(c.headLen)
	if held > 0 {
		b = c.head[:held+copy(c.head[held:], c.in)]
	}
	n, reason := c.judgeHead(b)
	if reason != 0 {
		return reason
	}
	if n == 0 { // all of it is held from now on; it is shorter than any head
		c.headLen = uint8(held + copy(c.head[held:], c.in))
		c.in = nil
		return 0
	}
	c.in = c.in[n-held:]
	c.headLen = 0
	c.inFrame = true
	return 0
}

// judgeHead reads the head of a frame as far as it is in b, and judges what
// there is of it, so that nobody waits for what cannot be saved. n is how long
// it is, 0 if it is not all here.
func (c *Conn) judgeHead(b []byte) (n int, reason Reason) {
	if len(b) < 2 {
		return 0, 0
	}
	if reason = c.judgeStart(b[0], b[1]); reason != 0 {
		return 0, reason
	}
	n = 2 + lengthBytes(b[1])
	if len(b) < n {
		return 0, 0
	}
	f := frame{fin: b[0]&finBit != 0, compressed: b[0]&rsv1Bit != 0, op: Opcode(b[0] & opcodeBits)}
	if f.length, reason = parseLength(b[1:n]); reason != 0 {
		return 0, reason
	}
	if reason = c.judgeLength(&f); reason != 0 {
		return 0, reason
	}
	if c.cfg.Role == Server {
		if n += keyBytes; len(b) < n {
			return 0, 0
		}
		f.key = binary.LittleEndian.Uint32(b[n-keyBytes:])
	}
	c.begin(f)
	return n, 0
}

// judgeStart judges the first two bytes of a frame.
func (c *Conn) judgeStart(first, second byte) Reason {
	op := Opcode(first & opcodeBits)
	compressed := first&rsv1Bit != 0
	masked := second&maskBit != 0
	switch {
	// RFC 6455 §5.2: MUST be 0 unless an extension is negotiated.
	case first&rsvBits&^rsv1Bit != 0, compressed && !c.deflate.on:
		return ReservedBits
	case op.reserved():
		return ReservedOpcode
	// §5.1: the server MUST close the connection upon receiving a frame that
	// is not masked.
	case !masked && c.cfg.Role == Server:
		return Unmasked
	// §5.1: a client MUST close a connection if it detects a masked frame.
	case masked && c.cfg.Role == Client:
		return Masked
	case op.control():
		return judgeControl(first, second)
	// RFC 7692 §6.1: MUST NOT be set on frames other than the first.
	case op == Continuation && compressed:
		return CompressedContinuation
	// RFC 6455 §5.4.
	case op == Continuation && !c.inMessage:
		return UnexpectedContinuation
	case op != Continuation && c.inMessage:
		return InterruptedMessage
	}
	return 0
}

// judgeControl: RFC 6455 §5.5.
func judgeControl(first, second byte) Reason {
	switch {
	case first&finBit == 0:
		return FragmentedControl
	case second&lengthBits > controlMost:
		return ControlTooLong
	case first&rsv1Bit != 0:
		return CompressedControl // RFC 7692 §6.1
	}
	return 0
}

// judgeLength judges what a frame promises, before anything of it is held.
func (c *Conn) judgeLength(f *frame) Reason {
	if f.op.control() {
		return 0
	}
	most := c.cfg.Limits.MessageBytes
	if f.compressed || c.inMessage && c.compressed {
		most = c.cfg.Limits.compressedBytes()
	}
	if f.length > int64(most-c.gathered()) {
		return MessageTooLarge
	}
	if f.length == 0 && (c.inMessage || !f.fin) && c.empty >= c.cfg.Limits.EmptyFrames {
		return EmptyFrameFlood
	}
	return 0
}

// gathered is how many bytes of the message are held.
func (c *Conn) gathered() int {
	if c.message == nil {
		return 0
	}
	return len(c.message.b)
}

// begin: what comes from now on is f's.
func (c *Conn) begin(f frame) {
	c.frame = f
	if f.op.control() {
		return
	}
	if f.op != Continuation {
		c.inMessage, c.compressed, c.op = true, f.compressed, f.op
		c.text = text{}
	}
	if f.length == 0 {
		c.empty++
	}
}

// addData takes bytes of a message, which may be its last.
func (c *Conn) addData(p []byte) (Event, Reason) {
	if c.op == Text && !c.compressed && !c.text.add(p) {
		// RFC 6455 §8.1. What is wrong is known before the message is whole.
		return Event{}, InvalidUTF8
	}
	whole := !c.inFrame && c.frame.fin
	if whole && !c.compressed && c.message == nil {
		return c.endMessage(p)
	}
	if c.message == nil && (len(p) > 0 || whole) {
		c.message = newBuffer()
	}
	if len(p) > 0 {
		c.message.extend(p, c.promised(len(p)))
	}
	if !whole {
		return Event{}, 0
	}
	m := c.message
	c.message = nil
	if c.compressed {
		var window []byte
		if c.window != nil {
			window = c.window.b
		}
		c.z, c.text = newInflater(m, window, c.cfg.Limits.MessageBytes), text{}
		return Event{}, 0
	}
	c.lent = m
	return c.endMessage(m.b)
}

// inflate goes on with the message that is being decompressed.
func (c *Conn) inflate() (Event, Reason) {
	z := c.z
	before := len(z.out.b)
	if reason := z.step(); reason != 0 {
		return Event{}, reason
	}
	if c.op == Text && !c.text.add(z.out.b[before:]) {
		return Event{}, InvalidUTF8
	}
	if z.phase != inflateOver {
		return Event{Kind: EventMore}, 0
	}
	c.lent, z.out, c.z = z.out, nil, nil
	z.free()
	c.remember(c.lent.b)
	return c.endMessage(c.lent.b)
}

// promised is how many bytes of the message there will be at the most, n of
// them yet to be held.
func (c *Conn) promised(n int) int64 {
	l := &c.cfg.Limits
	switch {
	case c.compressed:
		return int64(l.compressedBytes() + len(deflateTail))
	case c.frame.fin:
		return int64(c.gathered()+n) + c.frame.length
	}
	return int64(l.MessageBytes)
}

func (c *Conn) endMessage(p []byte) (Event, Reason) {
	c.inMessage, c.empty = false, 0
	if c.op == Text && !c.text.ended() {
		return Event{}, InvalidUTF8
	}
	return Event{Kind: EventMessage, Opcode: c.op, Data: p}, 0
}

// addControl takes bytes of a control frame, which may be its last.
func (c *Conn) addControl(p []byte) (Event, Reason) {
	if c.inFrame || c.control != nil {
		if c.control == nil {
			c.control = newBuffer()
		}
		c.control.extend(p, controlMost)
		if c.inFrame {
			return Event{}, 0
		}
		c.lent, c.control = c.control, nil
		p = c.lent.b
	}
	switch c.frame.op {
	case Ping:
		return Event{Kind: EventPing, Opcode: Ping, Data: p}, 0
	case Pong:
		return Event{Kind: EventPong, Opcode: Pong, Data: p}, 0
	}
	return c.peerClosed(p)
}

// peerClosed: a Close with the body p (RFC 6455 §5.5.1).
func (c *Conn) peerClosed(p []byte) (Event, Reason) {
	e := Event{Kind: EventClose, Opcode: Close, Code: NoStatus}
	var reason text
	switch {
	case len(p) == 0:
	case len(p) == 1: // if there is a body, it MUST begin with a code of 2 bytes
		return Event{}, CloseTooShort
	case !CloseCode(binary.BigEndian.Uint16(p)).Valid(): // §7.4
		return Event{}, BadCloseCode
	case !reason.add(p[2:]) || !reason.ended():
		return Event{}, BadCloseReason
	default:
		e.Code, e.Data = CloseCode(binary.BigEndian.Uint16(p)), p[2:]
	}
	c.state.transit(recvClose)
	c.drop()
	return e, 0
}
