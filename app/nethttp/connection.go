package nethttp

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/uringserve/uringserve/app"
)

// Connections gives connections the contexts that net/http gives them, and tells
// of their states. Its methods are for conn.Config. Fields must not be changed
// once it is in use.
type Connections struct {
	// Server is the value of http.ServerContextKey; nil: there is none.
	Server *http.Server

	// Base is the context of the listener of that number; nil:
	// context.Background().
	Base func(listener int) context.Context

	// Context is http.Server.ConnContext, State http.Server.ConnState; each may be
	// nil. They are called on the loop and must not block. See NetConn for the
	// net.Conn that they are given.
	Context func(ctx context.Context, c net.Conn) context.Context
	State   func(net.Conn, http.ConnState)
}

// A connection is what the requests of a connection share, and the parent of
// their contexts.
type connection struct {
	context.Context
	owner  *Connections
	info   *app.ConnInfo
	remote string

	nc *NetConn // nil: nobody has asked for it

	mu     sync.Mutex
	active int            // guarded by mu; handlers that run
	state  http.ConnState // guarded by mu
	hijack hijackState    // guarded by mu
}

// A hijackState is how far a hijack of the connection is. The server is rid of
// the connection, and says so, before the handler has it.
type hijackState uint8

const (
	hijackNone   hijackState = iota
	hijackBegun              // Closed may be that
	hijackClosed             // it has come
)

// beginHijack puts off the news of a connection that is gone, endHijack gives it,
// if it was not the handler who got it.
func (c *connection) beginHijack() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hijack = hijackBegun
}

func (c *connection) endHijack(done bool) {
	c.mu.Lock()
	closed := c.hijack == hijackClosed
	c.hijack = hijackNone
	c.mu.Unlock()
	if done {
		c.enter(http.StateHijacked)
	} else if closed {
		c.enter(http.StateClosed)
	}
}

// Open is conn.Config.ConnContext.
func (o *Connections) Open(info *app.ConnInfo) context.Context {
	c := &connection{owner: o, info: info, remote: remoteText(info)}
	ctx := context.Background()
	if o.Base != nil {
		ctx = o.Base(info.Listener)
	}
	if o.Server != nil {
		ctx = context.WithValue(ctx, http.ServerContextKey, o.Server)
	}
	if o.Context != nil || o.State != nil {
		c.nc = &NetConn{local: info.Local, remote: info.Remote}
	}
	if o.Context != nil {
		if ctx = o.Context(ctx, c.nc); ctx == nil {
			panic("ConnContext returned nil")
		}
	}
	c.Context = context.WithValue(ctx, http.LocalAddrContextKey, info.Local)
	if o.State != nil {
		o.State(c.nc, http.StateNew)
	}
	return c
}

// Closed is conn.Config.ConnClosed.
func (o *Connections) Closed(ctx context.Context) {
	c, ok := ctx.(*connection)
	if !ok {
		return
	}
	c.mu.Lock()
	putOff := c.hijack == hijackBegun
	if putOff {
		c.hijack = hijackClosed
	}
	c.mu.Unlock()
	if !putOff {
		c.enter(http.StateClosed)
	}
}

// remoteText is Request.RemoteAddr.
func remoteText(info *app.ConnInfo) string {
	if info.Remote == nil {
		return "@" // an unnamed Unix socket, as net says
	}
	return info.Remote.String()
}

// begin notes that a handler runs, end that it has returned.
func (c *connection) begin() {
	if c.owner == nil || c.owner.State == nil {
		return
	}
	c.mu.Lock()
	c.active++
	first := c.active == 1
	c.mu.Unlock()
	if first {
		c.enter(http.StateActive)
	}
}

func (c *connection) end() {
	if c.owner == nil || c.owner.State == nil {
		return
	}
	c.mu.Lock()
	c.active--
	last := c.active == 0
	c.mu.Unlock()
	if last {
		c.enter(http.StateIdle)
	}
}

// enter tells of another state. Hijacked and Closed are the last ones.
func (c *connection) enter(s http.ConnState) {
	if c.owner == nil || c.owner.State == nil {
		return
	}
	c.mu.Lock()
	over := c.state == http.StateHijacked || c.state == http.StateClosed
	if !over {
		c.state = s
	}
	c.mu.Unlock()
	if !over {
		c.owner.State(c.nc, s)
	}
}

// NetConn is the net.Conn that ConnState and ConnContext are given: one for each
// connection, so that it can be a key. It has the connection's addresses; the
// connection itself is the server's, and Read, Write and the deadlines fail with
// ErrServed. Close does nothing.
type NetConn struct{ local, remote net.Addr }

// ErrServed is the answer to the use of a connection that the server reads and
// writes.
var ErrServed = errors.New("nethttp: the connection is the server's")

// Read fails.
func (c *NetConn) Read([]byte) (int, error) { return 0, ErrServed }

// Write fails.
func (c *NetConn) Write([]byte) (int, error) { return 0, ErrServed }

// Close does nothing.
func (c *NetConn) Close() error { return nil }

// LocalAddr is our end's address.
func (c *NetConn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is the client's.
func (c *NetConn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline fails.
func (c *NetConn) SetDeadline(time.Time) error { return ErrServed }

// SetReadDeadline fails.
func (c *NetConn) SetReadDeadline(time.Time) error { return ErrServed }

// SetWriteDeadline fails.
func (c *NetConn) SetWriteDeadline(time.Time) error { return ErrServed }

var _ net.Conn = (*NetConn)(nil)

// connectionOf is what the requests of req's connection share. Without
// Connections it is made for each.
func connectionOf(req *app.Request) *connection {
	info := req.Conn()
	if c, ok := info.Context.(*connection); ok {
		return c
	}
	ctx := info.Context
	if ctx == nil {
		ctx = context.Background()
	}
	if info.Local != nil {
		ctx = context.WithValue(ctx, http.LocalAddrContextKey, info.Local)
	}
	return &connection{Context: ctx, info: info, remote: remoteText(info)}
}
