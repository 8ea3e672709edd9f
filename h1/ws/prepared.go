package ws

import "sync"

// A Prepared is a message that goes to many: it is put in a frame once, and
// compressed once. It is safe for concurrent use, and must not be copied.
type Prepared struct {
	op      Opcode
	frame   []byte // a server's
	payload []byte // of frame

	once       sync.Once
	compressed []byte // a server's frame, nil if compression saves nothing
}

// Prepare makes a message of op, which is Text or Binary, for AppendPrepared.
// p is copied.
func Prepare(op Opcode, p []byte) *Prepared {
	m := &Prepared{op: op}
	m.frame = appendFrame(make([]byte, 0, maxHeaderBytes+len(p)), finBit|byte(op), p, nil)
	m.payload = m.frame[len(m.frame)-len(p):]
	return m
}

// AppendPrepared is AppendMessage for what was prepared.
func (c *Conn) AppendPrepared(dst []byte, m *Prepared) ([]byte, error) {
	// Frames of clients are masked, each with a key of its own; and a peer
	// with a small window needs a compression of its own.
	if c.cfg.Role == Client || c.compresses(len(m.payload)) && c.deflate.serverBits < maxWindowBits {
		return c.AppendMessage(dst, m.op, m.payload)
	}
	if err := c.mayAppend(m.op); err != nil {
		return dst, err
	}
	if c.compresses(len(m.payload)) {
		m.once.Do(m.compress)
		if m.compressed != nil {
			return append(dst, m.compressed...), nil
		}
	}
	return append(dst, m.frame...), nil
}

func (m *Prepared) compress() {
	z := newBuffer()
	defer z.free()
	if deflate(z, m.payload, maxWindowBits) {
		m.compressed = appendFrame(make([]byte, 0, maxHeaderBytes+len(z.b)), finBit|rsv1Bit|byte(m.op), z.b, nil)
	}
}
