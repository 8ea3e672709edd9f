package conn

import (
	"github.com/valyala/bytebufferpool"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/ring"
)

// A conn is one connection, whatever is spoken on it: its life, its output and
// its timers. What is received while it is open is the protocol's. Everything
// in it is on loop. While it is idle it holds nothing but itself: out is nil.
type conn struct {
	rc ring.Conn
	l  *loop
	p  protocol

	out *bytebufferpool.ByteBuffer // to be sent, from outPos on; nil: nothing

	info *app.ConnInfo // once asked for

	// Wheel (wheel.go):
	next, prev   *conn
	tick         int64        // of the slot, 0: not on the wheel
	deadline     ring.Instant // of reason; 0: none
	sendDeadline ring.Instant // of the outstanding send, if sending > 0; 0: none

	outPos  int32
	sending int32  // bytes of the outstanding Send, 0: none
	dropped int32  // bytes read and dropped while ending
	index   uint32 // in loop.conns

	state  state
	reason Timeout // what deadline is for
	flags  connFlags
}

// A protocol is what is spoken on a connection while it is open. All calls are
// on loop. It ends the connection with conn.finish, conn.close or conn.abort;
// after that only fail and release come. An h1conn
// may also have it detached.
type protocol interface {
	// recv takes bytes from the peer, and the lease.
	recv(b ring.Buf)
	// recvEnd: the peer has ended its sending, flagPeerEnded is set.
	recvEnd()
	// sent: the kernel has all of the outstanding Send. What is staged is on
	// its way already.
	sent()
	// awaitsSent reports whether sent will do more than take note.
	awaitsSent() bool
	// gathers reports whether handlers that are queued add to what is held back.
	gathers() bool
	// flush sends output that was held back (loop.hold).
	flush()
	// expire: the deadline of reason is over.
	expire(reason Timeout, now ring.Instant)
	// drain: there should be no further requests.
	drain()
	// fail tells the handlers that run that the connection is gone. It may
	// come more than once.
	fail(cause error)
	// release drops all that is held but what handlers have. It may come more
	// than once.
	release()
}

type connFlags uint8

const (
	flagPeerEnded connFlags = 1 << iota // the peer has sent its FIN
	flagPaused                          // receiving is paused
	flagWatched                         // in loop.watched
	flagHeld                            // in loop.held
	flagLinger                          // the end waits for the peer
	flagNoRate                          // the peer may take its time to take output
)

// awaitFirst begins the life of c: HeaderTimeout runs from the accept on.
func (c *conn) awaitFirst() {
	if c.l.draining {
		// It waited to be accepted; what it has to say is on its way.
		c.setTimer(TimeoutDrain, 4*c.l.srv.limits.DrainLull)
		return
	}
	c.setTimer(TimeoutHead, c.l.srv.limits.HeaderTimeout)
}

// Recv takes bytes from the peer.
func (c *conn) Recv(b ring.Buf) {
	n := len(b.Bytes())
	c.l.m.bytesIn += uint64(n)
	if c.state == stateOpen || c.state == stateDetaching {
		c.p.recv(b)
		return
	}
	if !c.state.over() {
		c.recvEnding(n)
	}
	b.Release()
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
	case stateOpen:
		c.p.recvEnd()
	case stateFlushing:
		c.flushed()
	case stateLingering:
		c.close()
	}
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
	case stateOpen:
		c.p.sent()
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
	c.p.fail(app.ErrGone)
	c.close()
}

// Closed is the end of c.
func (c *conn) Closed() {
	if c.state == stateClosed {
		panic("BUG: connection closed twice")
	}
	c.p.fail(app.ErrGone)
	c.setState(stateClosed)
	c.dropAll()
	c.l.drop(c)
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

// describe gives what is known of the connection; it is made once.
func (c *conn) describe() *app.ConnInfo {
	if c.info == nil {
		c.info = c.l.newInfo(c.rc)
	}
	return c.info
}

// newInfo describes a connection as it was accepted.
func (l *loop) newInfo(rc ring.Conn) *app.ConnInfo {
	info := &app.ConnInfo{Remote: rc.RemoteAddr(), Local: rc.LocalAddr(), Listener: l.number(rc)}
	if l.srv.connContext != nil {
		info.Context = l.srv.connContext(info)
	}
	return info
}
