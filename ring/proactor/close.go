package proactor

import "slices"

// settleOps is how many operations one settle submits at most: the arms and
// the send cancelled, the poll armed or cancelled, a shutdown. A port has room
// for as many.
const settleOps = maxArms + 3

// settle submits what brings the operations of c in line with its state. It
// can be called again at any time. Without room in the port it is done later,
// and in a handler too: who will submit is not known then, and operations bear
// the name of the thread that submits them.
func (l *loop) settle(c *conn) {
	if l.serving || !l.reserve(settleOps) {
		l.attend(c)
		return
	}
	l.settleSend(c)
	l.settleRecv(c)
	switch c.phase {
	case phaseClosing:
		l.settleClose(c)
	case phaseDetaching:
		l.settleDetach(c)
	}
}

// resettle is settle for a connection of which an operation is over.
func (l *loop) resettle(c *conn) {
	if c.phase == phaseOpen {
		l.settle(c)
	} else {
		l.attend(c)
	}
}

func (l *loop) cancel(c *conn, target UserData) {
	l.port.Cancel(target, c.ud(OpCancel))
	l.n.submissions++
}

// fail breaks c. It submits nothing and calls nobody, so that it can be called
// from anywhere.
func (l *loop) fail(c *conn, errno Errno) {
	if !c.alive() {
		return
	}
	c.phase, c.errno = phaseBroken, errno
	c.on(recvEnd)
	l.attend(c)
}

// close begins the end of c.
func (l *loop) close(c *conn) {
	c.phase = phaseClosing
	c.on(recvEnd)
	l.settle(c)
}

// settleClose lets the descriptor go when nothing is in flight. The cancels of
// operations that other threads submitted may take as long as those threads
// are stuck: the peer is told at once.
func (l *loop) settleClose(c *conn) {
	if c.quiet() {
		l.attend(c)
		return
	}
	if c.flags&(flagShut|flagAbort) == 0 && c.foreign() {
		c.flags |= flagShut
		l.port.Shutdown(int(c.fd), true, c.ud(OpShutdown))
		l.n.submissions++
	}
}

// quiet reports whether the kernel holds nothing of c.
func (c *conn) quiet() bool {
	return c.arms == 0 && !c.has(flagPoll) && c.send == sendNone
}

// foreign reports whether an operation of c was submitted by another thread
// than the leader.
func (c *conn) foreign() bool {
	t := c.loop.thread
	return c.arms&^c.loop.bit != 0 || c.has(flagPoll) && c.pollThread != t ||
		c.send == sendArmed && c.sendThread != t
}

// attend puts c on the list of connections that need something done that may
// not be nested in a callback, or for which the port had no room.
func (l *loop) attend(c *conn) {
	if !c.has(flagAttention) {
		c.flags |= flagAttention
		l.attention = append(l.attention, c)
	}
}

// attendAll works off the list, once: what it adds waits for the next turn if
// the port is out of room.
func (l *loop) attendAll() {
	for n := len(l.attention); n > 0; n = len(l.attention) {
		for i := 0; i < n; i++ {
			c := l.attention[i]
			c.flags &^= flagAttention
			l.attendOne(c)
		}
		l.attention = append(l.attention[:0], l.attention[n:]...)
		if l.lost != nil || l.port.Space() < settleOps {
			return
		}
	}
}

func (l *loop) attendOne(c *conn) {
	if c.phase == phaseBroken && !c.has(flagTold) {
		c.flags |= flagTold
		c.handler.Broken(brokenError(c.errno))
		if c.has(flagAttention) {
			return // closed in answer, and on the list again: once is enough
		}
	}
	if c.phase == phaseClosing && c.quiet() && l.reserve(1) {
		l.finish(c)
		return
	}
	if c.phase == phaseDetaching && c.mayLeave() && l.reserve(1) {
		l.leave(c)
		return
	}
	l.settle(c)
}

// finish closes the descriptor and forgets c.
func (l *loop) finish(c *conn) {
	l.port.Close(int(c.fd), c.ud(OpClose))
	l.n.submissions++
	l.forget(c)
}

func (l *loop) forget(c *conn) {
	if h := c.handler; h != nil {
		h.Closed()
	}
	l.give(c)
}

// give gives the slot of c back.
func (l *loop) give(c *conn) {
	if c.has(flagStarved) {
		i := slices.Index(l.starved, c)
		l.starved = slices.Delete(l.starved, i, i+1)
	}
	l.unlink(c)
	l.slots.give(c)
	l.conns--
}
