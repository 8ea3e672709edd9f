package conn

// finish ends the connection once its output is taken. With linger, the peer
// may still be sending what nobody wants; it gets time to see the response.
// There is no request in progress any more.
func (c *conn) finish(linger bool) {
	if linger {
		c.flags |= flagLinger
	}
	c.setState(stateFlushing)
	c.p.release()
	c.setTimer(TimeoutKeepAlive, c.l.srv.limits.KeepAliveTimeout)
	c.send()
	c.flushed()
}

// flushed goes on with the end when all output is taken.
func (c *conn) flushed() {
	if c.unsent() > 0 {
		return
	}
	if c.flags&flagLinger == 0 || c.flags&flagPeerEnded != 0 {
		c.close()
		return
	}
	c.setState(stateLingering)
	c.rc.CloseWrite()
	c.setTimer(TimeoutLinger, c.l.srv.limits.LingerTimeout)
	if int64(c.dropped) <= c.l.srv.limits.LingerBytes {
		c.resume()
	}
}

// close ends the connection; Closed follows.
func (c *conn) close() {
	c.setState(stateClosing)
	c.deadline = 0
	c.dropAll()
	c.rc.Close()
}

// abort resets the connection, whatever it is doing. Handlers that run get
// cause.
func (c *conn) abort(cause error) {
	if c.state.over() {
		return
	}
	c.l.n.aborted.Add(1)
	c.p.fail(cause)
	c.setState(stateClosing)
	c.deadline = 0
	c.dropAll()
	c.rc.Abort()
}

// dropAll drops everything that is held, but streams that handlers have.
func (c *conn) dropAll() {
	c.p.release()
	c.dropOut()
}
