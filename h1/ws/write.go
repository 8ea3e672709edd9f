package ws

import (
	"encoding/binary"
	"unicode/utf8"
)

// AppendMessage appends a message of op, which is Text or Binary: compressed
// if that was agreed upon and saves bytes. A Text must be UTF-8 (RFC 6455
// §5.6), which is not checked. p is not retained. The answer is dst and
// ErrOpcode or ErrClosing if it may not be sent.
func (c *Conn) AppendMessage(dst []byte, op Opcode, p []byte) ([]byte, error) {
	if err := c.mayAppend(op); err != nil {
		return dst, err
	}
	if c.compresses(len(p)) {
		z := newBuffer()
		defer z.free()
		if deflate(z, p, c.deflate.sendBits(c.cfg.Role)) {
			return appendFrame(dst, finBit|rsv1Bit|byte(op), z.b, c.keys()), nil
		}
	}
	return appendFrame(dst, finBit|byte(op), p, c.keys()), nil
}

func (c *Conn) mayAppend(op Opcode) error {
	switch {
	case op != Text && op != Binary:
		return ErrOpcode
	case !c.state.transit(sendMessage):
		return ErrClosing
	}
	return nil
}

// compresses: a message of n bytes is worth trying.
func (c *Conn) compresses(n int) bool { return c.deflate.on && n >= c.cfg.Deflate.MinBytes }

// keys are what frames are masked with, nil if they are not.
func (c *Conn) keys() func() uint32 {
	if c.cfg.Role == Client {
		return c.cfg.Keys // RFC 6455 §5.1: a client MUST mask all frames
	}
	return nil
}

// AppendPing appends a Ping, at most 125 bytes; ErrTooLong or ErrClosing.
func (c *Conn) AppendPing(dst, p []byte) ([]byte, error) { return c.appendControl(dst, Ping, p) }

// AppendPong appends a Pong, at most 125 bytes; ErrTooLong or ErrClosing.
func (c *Conn) AppendPong(dst, p []byte) ([]byte, error) { return c.appendControl(dst, Pong, p) }

func (c *Conn) appendControl(dst []byte, op Opcode, p []byte) ([]byte, error) {
	switch {
	case len(p) > controlMost:
		return dst, ErrTooLong
	case !c.state.transit(sendControl):
		return dst, ErrClosing
	}
	return appendFrame(dst, finBit|byte(op), p, c.keys()), nil
}

// AppendClose appends a Close, after which no message may be sent. NoStatus
// stands for one without a code, and so without a reason. What does not fit of
// a reason, which has room for 123 bytes, is cut off after a character. The
// answer is dst and ErrCloseCode, ErrCloseReason or, if there was a Close
// before, ErrClosing.
func (c *Conn) AppendClose(dst []byte, code CloseCode, reason string) ([]byte, error) {
	bare := code == NoStatus && reason == ""
	switch {
	case !bare && !code.Valid():
		return dst, ErrCloseCode
	case !utf8.ValidString(reason):
		return dst, ErrCloseReason
	case !c.state.transit(sendClose):
		return dst, ErrClosing
	}
	var body [controlMost]byte
	p := body[:0]
	if !bare {
		p = binary.BigEndian.AppendUint16(p, uint16(code))
		p = append(p, fitting(reason, controlMost-len(p))...)
	}
	return appendFrame(dst, finBit|byte(Close), p, c.keys()), nil
}

// fitting is what fits of s, which is UTF-8, into n bytes.
func fitting(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
