package conn

import (
	"github.com/valyala/bytebufferpool"

	"github.com/uringserve/uringserve/app"
	appws "github.com/uringserve/uringserve/app/ws"
	"github.com/uringserve/uringserve/h1"
	"github.com/uringserve/uringserve/ring"
)

// A wsconn is what WebSocket needs of a connection that spoke HTTP/1.1: it is
// the protocol of the connection, and the transport of the session.
type wsconn struct {
	*conn
	s *wsSession
}

var (
	_ protocol       = (*wsconn)(nil)
	_ wsTransport    = (*wsconn)(nil)
	_ appws.Switcher = (*exchange)(nil)
)

func (s *h1stream) connectProtocol() string { return "" }

// ConnectProtocol is appws.Switcher's.
func (s *exchange) ConnectProtocol() string { return s.p.connectProtocol() }

// Switch is appws.Switcher's.
func (s *exchange) Switch(resp *app.Response, a *appws.Acceptance) error {
	if !s.live.Load() {
		return app.ErrEnded
	}
	s.use()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch err := s.unwritable(); {
	case err != nil:
		return err
	case resp.Committed() || s.p.begun():
		return app.ErrCommitted
	}
	resp.ClearStaged()
	resp.Commit()
	s.accepted = a
	return nil
}

// switched is what Switch was given, once; nil: it was not called. On loop, when
// the handler has returned.
func (s *exchange) switched() *appws.Acceptance {
	if !s.used.Load() {
		return nil
	}
	a := s.accepted
	s.accepted = nil
	return a
}

// becomeWebSocket answers the request with 101, and has the connection speak
// WebSocket: what is here behind the request is that already.
func (s *h1stream) becomeWebSocket(a *appws.Acceptance) ring.Task {
	c, l := s.c, s.l
	s.takeSink() // interim responses
	m := s.meta(-1, l.date(), false)
	b := c.stage()
	out, _, _, _, err := h1.AppendHead(b.B, &m)
	if err != nil {
		l.n.badResponse.Add(1)
		l.logResponse(err)
		c.respondError(500)
		c.finish(true)
		return nil
	}
	b.B = out
	s.must(s.x.HandOver())
	l.m.responses[1]++
	w := &struct {
		wsconn
		wsSession
	}{wsconn: wsconn{conn: c.conn}}
	w.wsconn.s, w.wsSession.t = &w.wsSession, &w.wsconn
	w.init(l, a, s.req.Path)
	w.keep(s.rest)
	if c.in != nil {
		w.keep(c.in.B)
		putBuffer(c.in)
		c.in = nil
	}
	w.eof = c.flags&flagPeerEnded != 0
	c.p = &w.wsconn
	s.dropSource()
	l.freeStream(s)
	w.startPings()
	w.holding(0)
	if l.draining {
		w.wsSession.drain()
	}
	return &w.wsSession
}

func (c *wsconn) recv(b ring.Buf)  { c.s.recv(b) }
func (c *wsconn) recvEnd()         { c.s.recvEnd() }
func (c *wsconn) sent()            { c.s.sent() }
func (c *wsconn) awaitsSent() bool { return c.out != nil || c.s.pressed }
func (c *wsconn) gathers() bool    { return false }
func (c *wsconn) flush()           { c.s.flush() }
func (c *wsconn) drain()           { c.s.drain() }
func (c *wsconn) fail(cause error) { c.s.fail(cause) }
func (c *wsconn) release()         { c.s.release() }

func (c *wsconn) expire(_ Timeout, now ring.Instant) { c.s.expire(now) }

func (c *wsconn) idle() bool { return c.out == nil }

func (c *wsconn) put(b *bytebufferpool.ByteBuffer) { c.out, c.outPos = b, 0 }

func (c *wsconn) holding(n int) {
	switch most := c.l.srv.limits.MaxRequestBuffer; {
	case n >= most:
		c.pause()
	case n <= most/2:
		c.resume()
	}
}

func (c *wsconn) arm(at ring.Instant) { c.setTimer(TimeoutPong, at.Sub(c.l.rl.Now())) }

func (c *wsconn) finish(last *bytebufferpool.ByteBuffer) {
	if last != nil {
		b := c.stage()
		b.B = append(b.B, last.B...)
		putBuffer(last)
	}
	c.conn.finish(true)
}
