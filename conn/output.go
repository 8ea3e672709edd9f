package conn

import (
	"github.com/valyala/bytebufferpool"

	"github.com/uringserve/uringserve/ring"
)

// maxPooled is the largest buffer given back to the pool, in bytes: what one
// large exchange needed must not stay for ever.
const maxPooled = 128 << 10

// getBuffer and putBuffer are the only users of bytebufferpool, which holds
// heap memory that the kernel never sees.
func getBuffer() *bytebufferpool.ByteBuffer { return bytebufferpool.Get() }

func putBuffer(b *bytebufferpool.ByteBuffer) {
	if cap(b.B) > maxPooled {
		return
	}
	if invariants {
		poisonBytes(b.B)
	}
	bytebufferpool.Put(b)
}

// The pool learns how long most buffers are, and drops those that are much longer.
// What a connection sends at a time is: a loop keeps a few of those itself.
const (
	maxSpare     = 16
	leastSpare   = 2 << 10  // bytes
	longestSpare = 64 << 10 // bytes
)

// getOutput gives a buffer for what a connection sends. On loop, as putOutput.
func (l *loop) getOutput() *bytebufferpool.ByteBuffer {
	last := len(l.spare) - 1
	if last < 0 {
		return getBuffer()
	}
	b := l.spare[last]
	l.spare[last] = nil
	l.spare = l.spare[:last]
	return b
}

func (l *loop) putOutput(b *bytebufferpool.ByteBuffer) {
	if n := cap(b.B); n < leastSpare || n > longestSpare || len(l.spare) >= maxSpare {
		putBuffer(b)
		return
	}
	if invariants {
		poisonBytes(b.B)
	}
	b.Reset()
	l.spare = append(l.spare, b)
}

// poisonBytes makes memory that is given back unlike anything in use.
func poisonBytes(b []byte) {
	b = b[:cap(b)]
	for i := range b {
		b[i] = 0xdb
	}
}

// unsent is how many bytes of output the kernel has not taken.
func (c *conn) unsent() int {
	n := int(c.sending)
	if c.out != nil {
		n += len(c.out.B) - int(c.outPos)
	}
	return n
}

// stage gives the buffer to append output to.
func (c *conn) stage() *bytebufferpool.ByteBuffer {
	if c.out == nil {
		c.out = c.l.getOutput()
		c.outPos = 0
	}
	return c.out
}

// send sends what is staged, unless a Send is outstanding: Sent goes on then.
func (c *conn) send() {
	if c.sending == 0 && c.out != nil {
		b := c.out.B[c.outPos:]
		b = b[:min(len(b), c.maxSend())]
		c.submit(b)
		c.advanceOut(len(b))
	}
	if c.sending > 0 && (c.state == stateFlushing || c.state == stateOpen && c.p.awaitsSent()) {
		c.l.hurry()
	}
}

// recordsRoom is how much longer than the data records are, in bytes, in one Send
// of the engine: with TLS 1.2 and the first, small records, 700.
const recordsRoom = 1 << 10

// maxSend is how much output goes in one Send, so that the engine has one, too.
func (c *conn) maxSend() int {
	if c.info != nil && c.info.TLS != nil {
		return ring.MaxSend - recordsRoom
	}
	return ring.MaxSend
}

// sendNow is send from within a handler: what the kernel takes at once is on
// its way already. It reports whether that was all.
func (c *conn) sendNow() bool {
	if c.out != nil && c.sending == 0 {
		n := c.rc.SendNow(c.out.B[c.outPos:])
		if n > 0 {
			c.l.m.bytesOut += uint64(n)
			c.advanceOut(n)
		}
	}
	c.send()
	return c.out == nil && c.sending == 0
}

// advanceOut takes note that n staged bytes are the engine's. What is gone does not
// stay in front of what is to come: to a client that takes its time there may
// always be something staged, and the buffer would become as long as the response.
func (c *conn) advanceOut(n int) {
	c.outPos += int32(n)
	switch gone := int(c.outPos); {
	case gone == len(c.out.B):
		c.dropOut()
	case gone >= len(c.out.B)/2:
		c.out.B = append(c.out.B[:0], c.out.B[gone:]...)
		c.outPos = 0
	}
}

// submit sends b, which is copied, and watches how long that takes.
func (c *conn) submit(b []byte) {
	c.rc.Send(b)
	c.sending = int32(len(b))
	c.l.m.bytesOut += uint64(len(b))
	rate := c.l.srv.limits.MinResponseRate
	if rate.BytesPerSecond == Off || c.flags&flagNoRate != 0 {
		return
	}
	c.sendDeadline = c.l.rl.Now().Add(rate.allowance(len(b)))
	if c.flags&flagWatched == 0 {
		c.l.watchLater(c)
	}
}

// waiveRate says whether the peer may take its time to take output.
func (c *conn) waiveRate(waive bool) {
	if waive {
		c.flags |= flagNoRate
	} else {
		c.flags &^= flagNoRate
	}
}

func (c *conn) dropOut() {
	if c.out != nil {
		c.l.putOutput(c.out)
		c.out, c.outPos = nil, 0
	}
}
