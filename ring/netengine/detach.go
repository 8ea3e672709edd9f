package netengine

import "time"

// Detach is ring.Conn's. Whoever reads is interrupted by a deadline that is
// over, and lets go.
func (c *conn) Detach() {
	if c.out != nil {
		panic("BUG: Detach while a Send is outstanding")
	}
	if c.detach != stepNone || c.state >= stateBroken {
		return
	}
	c.detach = stepWanted
	c.wakeReader()
	if c.inRead && c.raw == nil && c.nc.SetReadDeadline(past) != nil {
		c.Abort() // nothing else ends a read of a stranger's
		return
	}
	c.leaveLater()
}

// leaveLater has leave called, if that is wanted, outside of callbacks.
func (c *conn) leaveLater() {
	if c.detach == stepWanted {
		c.l.dirty.push(c)
	}
}

// leave hands the socket, which nobody uses, to the protocol layer.
func (c *conn) leave() {
	if err := c.nc.SetDeadline(time.Time{}); err != nil {
		c.Abort()
		return
	}
	c.detach = stepDone
	c.state = stateClosing // Close and Abort come too late
	c.forget()
	c.l.changed()
	c.handler.Detached(c.nc)
}
