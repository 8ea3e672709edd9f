package tls

import (
	"net"

	cryptotls "crypto/tls"
)

// Rebase ends the life of c as something that a loop drives: the connection
// goes on over nc, as the *tls.Conn of crypto/tls that it answers. That reads
// first what c had got and not read, then nc, which is its to close. What its
// NetConn answers is not nc, but has a method NetConn() net.Conn that answers nc.
// c must be Established, and its output have been taken. Only Release may be
// called then, which does nothing.
func (c *Conn) Rebase(nc net.Conn) *cryptotls.Conn {
	if c.phase != Established || c.pending != nil {
		panic("BUG: tls: Rebase of a connection that is " + c.phase.String() + ", or has output")
	}
	c.in.keep()
	c.phase, c.base = Released, nc
	return c.tc
}
