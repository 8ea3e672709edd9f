package proactor

import (
	"fmt"
	"net"

	"github.com/uringserve/uringserve/ring"
)

// conn is one connection: ring.Conn. It lives in its loop's table, all of it
// on loop. An idle one costs its size, about 140 bytes, and no buffer.
type conn struct {
	loop    *loop
	handler ring.ConnHandler

	arms      uint64 // threads with a receive of this connection armed
	cancelled uint64 // those of arms that were cancelled and are not over

	fd         int32
	slot       uint32
	generation uint32
	stamp      uint32 // coarse time of the last move in the active list

	phase      phase
	recv       recvState
	send       sendState
	flags      connFlags
	sendThread uint8 // that submitted the armed send
	pollThread uint8 // that submitted the poll
	listener   int16
	errno      Errno // why it is broken

	out []byte // of the outstanding send, what is not known to be taken

	newer, older *conn // the active list
	addrs        *addrs
}

// phase is how far a connection's life is.
//
//	free ──▶ open ──▶ detaching ─────────────────▶ free
//	           │          ├────────────▼            ▲
//	           ├──────────┴─▶ broken ──▶ closing ───┘
//	           └──────────────────────────▲
type phase uint8

const (
	// phaseFree: the slot has no connection.
	phaseFree phase = iota
	// phaseOpen: bytes may flow.
	phaseOpen
	// phaseDetaching: Detach was called. Operations are being cancelled; what they
	// still bring is handed on. Then the socket leaves, and Detached is called.
	phaseDetaching
	// phaseBroken: it failed; Broken was called or will be. Operations are
	// being cancelled.
	phaseBroken
	// phaseClosing: Close was called. The descriptor is closed when no
	// operation of it is in flight, then Closed is called.
	phaseClosing
)

type connFlags uint16

const (
	flagAttention     connFlags = 1 << iota // on loop.attention
	flagStarved                             // on loop.starved
	flagTold                                // Broken was called
	flagPoll                                // a PollHangup is in flight
	flagPollCancelled                       // and was cancelled
	flagSendCancelled                       // the armed send was cancelled
	flagHungUp                              // a poll has completed: no other
	flagFin                                 // CloseWrite was called
	flagFinSent                             // and the shutdown submitted
	flagShut                                // shutdown of both directions submitted
	flagAbort                               // reset at close
)

type addrs struct{ remote, local net.Addr }

// alive reports whether what comes from the peer is of interest.
func (c *conn) alive() bool { return c.phase == phaseOpen || c.phase == phaseDetaching }

func (c *conn) has(f connFlags) bool { return c.flags&f != 0 }

// ud names an operation of c submitted by the leader.
func (c *conn) ud(op Op) UserData { return c.udOf(op, c.loop.thread) }

func (c *conn) udOf(op Op, thread uint8) UserData {
	return MakeUserData(op, thread, c.generation, c.slot)
}

// Send queues b.
func (c *conn) Send(b []byte) {
	if len(b) == 0 || len(b) > ring.MaxSend {
		panic(fmt.Sprintf("BUG: proactor: Send of %d bytes", len(b)))
	}
	if c.phase != phaseOpen {
		return
	}
	if c.send != sendNone || c.has(flagFin) {
		panic("BUG: proactor: Send while one is outstanding, or after CloseWrite")
	}
	c.loop.startSend(c, b)
}

// SendNow offers b to the kernel.
func (c *conn) SendNow(b []byte) int {
	if c.phase != phaseOpen || c.send != sendNone || c.has(flagFin) || len(b) == 0 {
		return 0
	}
	n, errno := c.loop.port.SendNow(int(c.fd), b)
	switch errno {
	case 0, EAGAIN, EINTR, ENOBUFS, ENOMEM:
		return n
	}
	c.loop.fail(c, errno)
	return n
}

// PauseRecv stops receiving.
func (c *conn) PauseRecv() {
	if c.phase == phaseOpen && c.on(recvPause) {
		c.loop.settle(c)
	}
}

// ResumeRecv goes on receiving.
func (c *conn) ResumeRecv() {
	if c.phase == phaseOpen && c.on(recvResume) {
		c.loop.settle(c)
	}
}

// CloseWrite sends a FIN.
func (c *conn) CloseWrite() {
	if c.phase == phaseOpen && !c.has(flagFin) {
		c.flags |= flagFin
		c.loop.settle(c)
	}
}

// Close ends the connection.
func (c *conn) Close() {
	if c.phase != phaseFree && c.phase != phaseClosing {
		c.loop.close(c)
	}
}

// Abort ends the connection with a reset.
func (c *conn) Abort() {
	if c.phase != phaseFree && c.phase != phaseClosing {
		c.flags |= flagAbort
		c.loop.port.ResetOnClose(int(c.fd))
		c.loop.close(c)
	}
}

// RemoteAddr is the peer's address.
func (c *conn) RemoteAddr() net.Addr { return c.ends().remote }

// LocalAddr is our address.
func (c *conn) LocalAddr() net.Addr { return c.ends().local }

func (c *conn) ends() *addrs {
	if c.addrs == nil {
		c.addrs = &addrs{}
		if c.phase != phaseFree {
			c.addrs.remote, c.addrs.local = c.loop.engine.cfg.Sockets.Addrs(int(c.fd))
		}
	}
	return c.addrs
}

// Listener is the ID of the listener.
func (c *conn) Listener() int { return int(c.listener) }
