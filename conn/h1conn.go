package conn

import (
	"github.com/valyala/bytebufferpool"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/h1"
	"github.com/uringserve/uringserve/h2"
	"github.com/uringserve/uringserve/ring"
)

// An h1conn is what HTTP/1.1 needs of a connection. While it is idle it holds
// nothing but itself: in and s are nil.
type h1conn struct {
	*conn

	s  *h1stream                  // of the request being parsed or handled
	in *bytebufferpool.ByteBuffer // received behind s.rest; no views point into it

	seen  int32 // ParseHead's scanned, in phaseHead
	burst uint8 // requests served in a row
	phase phase
	fresh bool // it may turn out to be HTTP/2
}

var _ protocol = (*h1conn)(nil)

// maxBurst is how many requests of one connection are served in a row before
// others have their turn.
const maxBurst = 32

// newH1 makes a connection that speaks HTTP/1.1, in one piece of memory.
func newH1(rc ring.Conn, l *loop) *h1conn {
	both := &struct {
		conn
		h1conn
	}{conn: conn{rc: rc, l: l}}
	both.h1conn.conn = &both.conn
	both.conn.p = &both.h1conn
	return &both.h1conn
}

// refuse answers a connection that will not be served.
func (c *h1conn) refuse(status int) {
	c.respondError(status)
	c.finish(true)
}

// respondError stages a bare response that is the last of the connection.
func (c *h1conn) respondError(status int) {
	b := c.stage()
	b.B = h1.AppendError(b.B, status, c.l.date())
	c.l.m.responses[min(status/100, 5)]++
}

func (c *h1conn) recv(b ring.Buf) {
	if c.fresh && c.isH2(b) {
		return
	}
	switch c.phase {
	case phaseIdle, phaseHead:
		c.recvHead(b)
		return
	case phaseHandling:
		c.recvHandling(b.Bytes())
	case phaseBlocked, phaseLeaving:
		c.keep(b.Bytes())
		c.pauseIfFull()
	case phaseUnread:
		c.recvUnread(b.Bytes())
	}
	b.Release()
}

// isH2 finds out whether the first bytes of a connection are those of an HTTP/2
// client, which then gets what it came for (RFC 9113 §3.3). No request of
// HTTP/1.1 begins with them: PRI is not a method.
func (c *h1conn) isH2(b ring.Buf) bool {
	const enough = len("PRI ")
	var first [enough]byte
	n := 0
	if c.in != nil {
		n = copy(first[:], c.in.B)
	}
	n += copy(first[n:], b.Bytes())
	if string(first[:n]) != h2.Preface[:n] {
		c.fresh = false
		return false
	}
	if n < enough {
		return false
	}
	x := newH2(c.conn)
	x.headFrom = c.l.rl.Now() // the time-out of the first head goes on
	if in := c.in; in != nil {
		c.in = nil
		x.feed(in.B)
		putBuffer(in)
	}
	x.recv(b)
	return true
}

// recvHead takes bytes where a head is expected, and the lease.
func (c *h1conn) recvHead(b ring.Buf) {
	if c.in == nil {
		s := c.l.takeStream(c)
		s.lease = b
		s.rest = b.Bytes()
	} else {
		c.keep(b.Bytes())
		b.Release()
	}
	c.goOn()
}

// goOn looks for the next request and has it handled.
func (c *h1conn) goOn() {
	if c.begin() {
		c.l.rl.Dispatch(c.s)
	} else if !c.state.over() {
		c.send()
	}
}

// recvHandling takes bytes while a request is being handled: the rest of its
// body, then what is for later.
func (c *h1conn) recvHandling(b []byte) {
	s := c.s
	if s.deaf {
		return
	}
	if !s.bodyRead && !s.tooLarge() {
		b = s.pump(b)
	}
	c.keep(b)
	c.pauseIfFull()
}

// recvEnd takes note of the peer's FIN. Requests before it are answered.
func (c *h1conn) recvEnd() {
	switch c.phase {
	case phaseIdle:
		c.finish(false)
	case phaseHead:
		c.cutHead()
	case phaseHandling:
		if s := c.s; !s.bodyRead {
			s.cutBody()
		} else if c.unparsed() == 0 {
			s.cancel(app.ErrGone)
		}
	case phaseUnread:
		c.l.n.refusals[RefusedBodyCut].Add(1)
		c.finish(false)
	}
}

// cutHead ends a connection whose last head is not whole. Nobody waits for an
// answer to it.
func (c *h1conn) cutHead() {
	c.l.n.refusals[RefusedHeadCut].Add(1)
	c.finish(false)
}

func (c *h1conn) sent() {
	switch c.phase {
	case phaseHandling:
		c.s.service()
	case phaseBlocked:
		if c.unsent() == 0 {
			c.goOn()
		}
	case phaseLeaving:
		c.leave()
	}
}

func (c *h1conn) gathers() bool { return false }

func (c *h1conn) flush() { c.send() }

func (c *h1conn) awaitsSent() bool {
	switch c.phase {
	case phaseBlocked, phaseLeaving:
		return true
	case phaseHandling:
		return c.out != nil || c.s.awaitsSent()
	}
	return c.out != nil
}

func (c *h1conn) expire(reason Timeout, now ring.Instant) {
	switch reason {
	case TimeoutHead:
		c.l.n.timeouts[TimeoutHead].Add(1)
		if c.phase == phaseHead {
			c.respondError(408)
		}
		c.finish(true)
	case TimeoutBodyRate:
		c.s.checkBodyRate(now)
	case TimeoutUnread, TimeoutKeepAlive, TimeoutDrain:
		c.l.n.timeouts[reason].Add(1)
		c.finish(true)
	default:
		panic("BUG: deadline without a reason")
	}
}

// drain: an idle connection goes, at a time of its own.
func (c *h1conn) drain() {
	if c.phase == phaseIdle {
		c.awaitLull()
	}
}

func (c *h1conn) fail(cause error) {
	if c.s != nil && c.s.handling {
		c.s.fail(cause)
	}
}

func (c *h1conn) release() {
	if c.in != nil {
		putBuffer(c.in)
		c.in = nil
	}
	if c.s != nil && !c.s.handling {
		c.s.dropSource()
		c.l.freeStream(c.s)
	}
}

// unparsed is how many bytes wait to be parsed.
func (c *h1conn) unparsed() int {
	n := 0
	if c.s != nil {
		n = len(c.s.rest)
	}
	if c.in != nil {
		n += len(c.in.B)
	}
	return n
}

// keep appends b to what waits to be parsed. b is copied.
func (c *h1conn) keep(b []byte) {
	if len(b) == 0 {
		return
	}
	if c.in == nil {
		c.in = getBuffer()
	}
	c.in.B = append(c.in.B, b...)
}

// pauseIfFull stops receiving when too much waits here.
func (c *h1conn) pauseIfFull() {
	if c.flags&flagPaused == 0 && c.holding() >= c.l.srv.limits.MaxRequestBuffer {
		c.pause()
	}
}

// resumeIfRoom goes on receiving when half of it is gone.
func (c *h1conn) resumeIfRoom() {
	if c.flags&flagPaused == 0 || c.holding() > c.l.srv.limits.MaxRequestBuffer/2 {
		return
	}
	if c.phase == phaseHandling && !c.s.bodyRead && c.s.tooLarge() {
		return
	}
	c.resume()
}

// holding is how many received bytes wait here for the handler or for the
// parser.
func (c *h1conn) holding() int {
	n := c.unparsed()
	if c.s != nil && c.phase == phaseHandling {
		n += c.s.bodyHeld()
	}
	return n
}
