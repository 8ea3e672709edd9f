package conn

import (
	"net"

	"github.com/valyala/bytebufferpool"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/ring"
)

// A conn is one connection. Everything in it is on loop. While it is idle it
// holds nothing but itself: in, out and s are nil.
type conn struct {
	rc ring.Conn
	l  *loop

	s   *stream                    // of the request being parsed or handled
	in  *bytebufferpool.ByteBuffer // received behind s.rest; no views point into it
	out *bytebufferpool.ByteBuffer // to be sent, from outPos on; nil: nothing

	addrs *addrs // once asked for

	// Wheel (wheel.go):
	next, prev   *conn
	tick         int64        // of the slot, 0: not on the wheel
	deadline     ring.Instant // of reason; 0: none
	sendDeadline ring.Instant // of the outstanding send, if sending > 0; 0: none

	outPos  int32
	sending int32  // bytes of the outstanding Send, 0: none
	seen    int32  // ParseHead's scanned, in stateHead
	dropped int32  // bytes read and dropped while ending
	index   uint32 // in loop.conns
	burst   uint8  // requests served in a row

	state  state
	reason Timeout // what deadline is for
	flags  connFlags
}

type connFlags uint8

const (
	flagPeerEnded connFlags = 1 << iota // the peer has sent its FIN
	flagPaused                          // receiving is paused
	flagWatched                         // in loop.watched
	flagHeld                            // in loop.held
	flagLinger                          // the end waits for the peer
)

// maxBurst is how many requests of one connection are served in a row before
// others have their turn.
const maxBurst = 32

// addrs are the ends of a connection.
type addrs struct{ remote, local net.Addr }

// awaitFirst begins the life of c: HeaderTimeout runs from the accept on.
func (c *conn) awaitFirst() {
	if c.l.draining {
		// It waited to be accepted; what it has to say is on its way.
		c.setTimer(TimeoutDrain, 4*c.l.srv.limits.DrainLull)
		return
	}
	c.setTimer(TimeoutHead, c.l.srv.limits.HeaderTimeout)
}

// refuse answers a connection that will not be served.
func (c *conn) refuse(status int) {
	c.respondError(status)
	c.finish(true)
}

// Recv takes bytes from the peer.
func (c *conn) Recv(b ring.Buf) {
	n := len(b.Bytes())
	c.l.m.bytesIn += uint64(n)
	switch c.state {
	case stateIdle, stateHead:
		c.recvHead(b)
		return
	case stateHandling:
		c.recvHandling(b.Bytes())
	case stateBlocked:
		c.keep(b.Bytes())
		c.pauseIfFull()
	case stateUnread:
		c.recvUnread(b.Bytes())
	case stateFlushing, stateLingering:
		c.recvEnding(n)
	}
	b.Release()
}

// recvHead takes bytes where a head is expected, and the lease.
func (c *conn) recvHead(b ring.Buf) {
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
func (c *conn) goOn() {
	if c.begin() {
		c.l.rl.Dispatch(c.s)
	} else if !c.state.over() {
		c.send()
	}
}

// recvHandling takes bytes while a request is being handled: the rest of its
// body, then what is for later.
func (c *conn) recvHandling(b []byte) {
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

// recvEnding drops what comes after the last request.
func (c *conn) recvEnding(n int) {
	c.dropped += int32(n)
	if int64(c.dropped) > c.l.srv.limits.LingerBytes {
		c.pause() // the timer, or the peer, ends it
	}
}

// RecvEnd takes note of the peer's FIN. Requests before it are answered.
func (c *conn) RecvEnd() {
	c.flags |= flagPeerEnded
	switch c.state {
	case stateIdle:
		c.finish(false)
	case stateHead:
		c.cutHead()
	case stateHandling:
		if s := c.s; !s.bodyRead {
			s.cutBody()
		} else if c.unparsed() == 0 {
			s.cancel(app.ErrGone)
		}
	case stateUnread:
		c.l.n.refusals[RefusedBodyCut].Add(1)
		c.finish(false)
	case stateFlushing:
		c.flushed()
	case stateLingering:
		c.close()
	}
}

// cutHead ends a connection whose last head is not whole. Nobody waits for an
// answer to it.
func (c *conn) cutHead() {
	c.l.n.refusals[RefusedHeadCut].Add(1)
	c.dropInput()
	c.finish(false)
}

// Sent takes note that the kernel has all of the outstanding Send.
func (c *conn) Sent() {
	c.sending = 0
	c.sendDeadline = 0
	if c.state.over() {
		return
	}
	c.send()
	switch c.state {
	case stateHandling:
		c.s.service()
	case stateBlocked:
		if c.unsent() == 0 {
			c.goOn()
		}
	case stateFlushing:
		c.flushed()
	}
}

// Broken takes note that the connection failed.
func (c *conn) Broken(error) {
	if c.state.over() {
		return
	}
	if c.state != stateLingering {
		c.l.n.broken.Add(1)
	}
	c.fail(app.ErrGone)
	c.close()
}

// Closed is the end of c.
func (c *conn) Closed() {
	if c.state == stateClosed {
		panic("BUG: connection closed twice")
	}
	c.fail(app.ErrGone)
	c.setState(stateClosed)
	c.dropAll()
	c.l.drop(c)
}

// unparsed is how many bytes wait to be parsed.
func (c *conn) unparsed() int {
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
func (c *conn) keep(b []byte) {
	if len(b) == 0 {
		return
	}
	if c.in == nil {
		c.in = getBuffer()
	}
	c.in.B = append(c.in.B, b...)
}

// pauseIfFull stops receiving when too much waits here.
func (c *conn) pauseIfFull() {
	if c.flags&flagPaused == 0 && c.holding() >= c.l.srv.limits.MaxRequestBuffer {
		c.pause()
	}
}

// resumeIfRoom goes on receiving when half of it is gone.
func (c *conn) resumeIfRoom() {
	if c.flags&flagPaused == 0 || c.holding() > c.l.srv.limits.MaxRequestBuffer/2 {
		return
	}
	if c.state == stateHandling && !c.s.bodyRead && c.s.tooLarge() {
		return
	}
	c.resume()
}

// holding is how many received bytes wait here for the handler or for the
// parser.
func (c *conn) holding() int {
	n := c.unparsed()
	if c.s != nil && c.state == stateHandling {
		n += c.s.bodyHeld()
	}
	return n
}

func (c *conn) pause() {
	if c.flags&flagPaused == 0 {
		c.flags |= flagPaused
		c.rc.PauseRecv()
	}
}

func (c *conn) resume() {
	if c.flags&flagPaused != 0 {
		c.flags &^= flagPaused
		c.rc.ResumeRecv()
	}
}

// ends are the ends of the connection, asked for once.
func (c *conn) ends() *addrs {
	if c.addrs == nil {
		c.addrs = &addrs{c.rc.RemoteAddr(), c.rc.LocalAddr()}
	}
	return c.addrs
}
