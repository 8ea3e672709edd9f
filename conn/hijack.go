package conn

import "net"

// Detached is ring.ConnHandler's.
func (c *conn) Detached(nc net.Conn) { panic("BUG: nobody asked for it") }

// Detach is ring.Conn's.
func (s *secure) Detach() { s.rc.Detach() }

// Detached is ring.ConnHandler's.
func (s *secure) Detached(nc net.Conn) { s.c.Detached(nc) }
