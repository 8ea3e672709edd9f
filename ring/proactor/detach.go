package proactor

// Detach has the connection leave the engine.
func (c *conn) Detach() {
	if c.phase != phaseOpen {
		return
	}
	if c.send != sendNone {
		panic("BUG: proactor: Detach while a Send is outstanding")
	}
	c.phase = phaseDetaching
	c.on(recvPause)
	c.loop.settle(c)
}

// settleDetach lets the socket go when nothing is in flight.
func (l *loop) settleDetach(c *conn) {
	if c.mayLeave() {
		l.attend(c)
	}
}

// mayLeave reports whether the kernel holds nothing of c, and has got the FIN
// that it is owed.
func (c *conn) mayLeave() bool {
	return c.quiet() && c.flags&(flagFin|flagFinSent) != flagFin
}

// leave makes a net.Conn of the socket and forgets c.
func (l *loop) leave(c *conn) {
	nc, err := l.engine.cfg.Sockets.Conn(int(c.fd))
	if err != nil {
		c.Abort()
		return
	}
	l.port.Leave(int(c.fd), c.ud(OpClose))
	l.n.submissions++
	c.phase = phaseClosing // Close and Abort come too late
	c.handler.Detached(nc)
	l.give(c)
}
