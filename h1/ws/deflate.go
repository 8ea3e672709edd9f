package ws

import "github.com/klauspost/compress/flate"

// omitted is how much of what a compressor has made is left away: deflateTail.
const omitted = 4

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
