package ws

import (
	"bytes"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
)

// What is compressed ends with an empty stored block, of which all but the
// beginning is left away (RFC 7692 §7.2.1). Whoever decompresses puts it there
// again, and then, for a reader that wants an end, one that is final.
var deflateTail = []byte{0x00, 0x00, 0xff, 0xff, 0x01, 0x00, 0x00, 0xff, 0xff}

// omitted is how much of the tail a compressor has made.
const omitted = 4

const (
	windowBytes = 1 << maxWindowBits
	// finalBlocks is how many blocks of one message may say that they are the
	// last. There is no use for more than one, each costs a new beginning, and
	// it takes two bytes.
	finalBlocks = 32
	// firstInflated is the least memory to decompress into, in bytes.
	firstInflated = 512
)

// deflate appends the compression of p to z, which must be empty, and answers
// whether that is shorter than p. Nothing in it refers to anything before p,
// nor over more than 2^bits bytes.
func deflate(z *buffer, p []byte, bits uint8) bool {
	size := len(p)
	// A chunk is compressed without a look at the one before it, so that no
	// reference is longer than a chunk. With a window as large as there is,
	// that takes no chunks.
	chunk := size
	if bits < maxWindowBits {
		chunk = 1 << bits
	}
	for more := true; more; more = len(p) > 0 {
		n := min(chunk, len(p))
		if err := flate.StatelessDeflate(z, p[:n:n], false, nil); err != nil {
			panic("BUG: ws: writing to memory failed: " + err.Error())
		}
		p = p[n:]
	}
	z.b = z.b[:len(z.b)-omitted]
	return len(z.b) < size
}

// Write appends p, and never fails.
func (b *buffer) Write(p []byte) (int, error) {
	b.b = append(b.b, p...)
	return len(p), nil
}

// An inflater decompresses one message after another. It holds some 40 KiB, so
// that connections have one only while they use it.
type inflater struct {
	src bytes.Reader
	r   io.ReadCloser // a flate.Resetter, too
}

var inflaters = sync.Pool{New: func() any {
	z := new(inflater)
	z.r = flate.NewReader(&z.src)
	return z
}}

// inflate is the decompression of m, to which it appends. It gives up as soon
// as there is more than a message may have (RFC 7692 §8 has no bound).
func (c *Conn) inflate(m *buffer) (*buffer, Reason) {
	m.extend(deflateTail, int64(len(m.b)+len(deflateTail)))
	z := inflaters.Get().(*inflater)
	out := newBuffer()
	var window []byte
	if c.window != nil {
		window = c.window.b
	}
	reason := z.inflate(out, m.b, window, c.cfg.Limits.MessageBytes)
	z.src.Reset(nil)
	inflaters.Put(z)
	if reason != 0 {
		out.free()
		return nil, reason
	}
	c.remember(out.b)
	return out, 0
}

// inflate appends to out the decompression of in, which may refer to window
// and has the tail.
func (z *inflater) inflate(out *buffer, in, window []byte, most int) Reason {
	z.src.Reset(in)
	for range finalBlocks {
		if err := z.r.(flate.Resetter).Reset(&z.src, window); err != nil {
			return BadDeflate
		}
		if reason := z.read(out, most); reason != 0 {
			return reason
		}
		if z.src.Len() == 0 {
			return 0
		}
		// That was a final block of the peer's (§7.2.3.4), and more follows.
		window = lastBytes(window, out.b)
	}
	return BadDeflate
}

// lastBytes are the last bytes of a and b that can be referred to.
func lastBytes(a, b []byte) []byte {
	if len(a) == 0 || len(b) >= windowBytes {
		return b[max(0, len(b)-windowBytes):]
	}
	both := append(append(make([]byte, 0, len(a)+len(b)), a...), b...)
	return both[max(0, len(both)-windowBytes):]
}

// read reads to the end, or until out has more than most bytes.
func (z *inflater) read(out *buffer, most int) Reason {
	for {
		if len(out.b) == cap(out.b) {
			room := min(max(2*cap(out.b), firstInflated), most+1)
			grown := make([]byte, len(out.b), room)
			copy(grown, out.b)
			out.b = grown
		}
		n, err := z.r.Read(out.b[len(out.b):min(cap(out.b), most+1)])
		out.b = out.b[:len(out.b)+n]
		switch {
		case len(out.b) > most:
			return MessageTooLarge
		case err == io.EOF:
			return 0
		case err != nil:
			return BadDeflate
		}
	}
}

// remember keeps what the peer's next message may refer to, if it may.
func (c *Conn) remember(p []byte) {
	size := c.deflate.window(c.cfg.Role)
	if size == 0 {
		return
	}
	if c.window == nil {
		c.window = new(buffer)
	}
	w := c.window
	p = p[max(0, len(p)-size):]
	if over := len(w.b) + len(p) - size; over > 0 {
		w.b = w.b[:copy(w.b, w.b[over:])]
	}
	w.extend(p, int64(size))
}
