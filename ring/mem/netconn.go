package mem

import (
	"io"
	"net"
	"os"
	"time"

	"github.com/uringserve/uringserve/ring/proactor"
	"github.com/uringserve/uringserve/ring/takeover/sched"
)

// netConn is a simulated socket that has left its engine: a net.Conn for
// simulated threads, which block in simulated time. Deadlines go by the
// simulation's wall clock.
type netConn struct {
	k      *kernel
	s      *socket
	fd     int
	closed bool

	readBy, writeBy time.Duration // since New; 0: no deadline
}

var _ net.Conn = (*netConn)(nil)

func (c *netConn) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: "mem", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// wait blocks until ready is true. Deadlines can be moved meanwhile.
func (c *netConn) wait(op string, by *time.Duration, ready func() bool) error {
	c.k.rt.Yield(op)
	for {
		until := sched.Never
		if *by != 0 {
			until = *by
		}
		switch {
		case c.closed:
			return c.fail(op, net.ErrClosed)
		case until <= c.k.s.Now():
			return c.fail(op, os.ErrDeadlineExceeded)
		case ready():
			return nil
		}
		was := *by
		c.k.s.WaitUntil(func() bool { return c.closed || *by != was || ready() }, until)
	}
}

// Read implements net.Conn.
func (c *netConn) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if err := c.wait("read", &c.readBy, c.s.readable); err != nil {
		return 0, err
	}
	n, e := c.s.recv(b)
	switch {
	case e != 0:
		return 0, c.fail("read", e)
	case n == 0 && c.s.dead:
		return 0, c.fail("read", proactor.ECONNRESET)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// Write implements net.Conn.
func (c *netConn) Write(b []byte) (n int, err error) {
	for n < len(b) {
		if err := c.wait("write", &c.writeBy, c.s.writable); err != nil {
			return n, err
		}
		sent, e := c.s.send(b[n:])
		if n += sent; e != 0 && e != proactor.EAGAIN {
			return n, c.fail("write", e)
		}
	}
	return n, nil
}

// CloseWrite sends a FIN, as that of *net.TCPConn.
func (c *netConn) CloseWrite() error {
	c.k.rt.Yield("close write")
	if c.closed {
		return c.fail("close", net.ErrClosed)
	}
	if e := c.s.shutdown(false); e != 0 {
		return c.fail("shutdown", e)
	}
	return nil
}

// Close implements net.Conn.
func (c *netConn) Close() error {
	c.k.rt.Yield("close")
	if c.closed {
		return c.fail("close", net.ErrClosed)
	}
	c.closed = true
	c.k.note("%s closed, had left", c.s.name)
	c.k.closeSocket(c.fd, c.s)
	return nil
}

// LocalAddr implements net.Conn.
func (c *netConn) LocalAddr() net.Addr { return c.s.local }

// RemoteAddr implements net.Conn.
func (c *netConn) RemoteAddr() net.Addr { return c.s.remote }

// SetDeadline implements net.Conn.
func (c *netConn) SetDeadline(t time.Time) error {
	c.readBy, c.writeBy = deadline(t), deadline(t)
	return nil
}

// SetReadDeadline implements net.Conn.
func (c *netConn) SetReadDeadline(t time.Time) error {
	c.readBy = deadline(t)
	return nil
}

// SetWriteDeadline implements net.Conn.
func (c *netConn) SetWriteDeadline(t time.Time) error {
	c.writeBy = deadline(t)
	return nil
}

// deadline is t since New, 0 for none; one that has long been over is 1.
func deadline(t time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return max(1, t.Sub(epoch))
}
