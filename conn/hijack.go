package conn

import (
	"net"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/h1"
	"github.com/uringserve/uringserve/ring"
)

// Hijack: a connection is taken out of the server by the handler of one of its
// requests. Handler code asks and blocks; the loop sends what was written, has
// the engine let go of the socket (conn.stateDetaching), and gives it to the
// handler with what was received and not read. From then on nothing of the loop
// knows of it; the handler is done when it returns, if ever.

// hijack is what handler code and the loop share of it, guarded by exchange.mu.
type hijack struct {
	over bool
	nc   net.Conn // nil: it failed
	err  error

	// What was received and not read. Of a body that is chunked (body), data is
	// decoded and raw is not; untouched: nobody has read any of it.
	body      h1.Body
	data, raw []byte
	untouched bool
}

// unread is what the client has sent beyond what was read.
func (h *hijack) unread(chunked bool) []byte {
	if chunked {
		h.data = h.body.AppendUnread(nil, h.data, h.untouched)
	}
	return append(h.data, h.raw...)
}

var _ app.Hijacker = (*h1stream)(nil)

// Hijack is app.Hijacker's.
func (s *h1stream) Hijack() (net.Conn, []byte, error) {
	if !s.live.Load() {
		return nil, nil, app.ErrEnded
	}
	s.use()
	h := &hijack{}
	s.mu.Lock()
	chunked := s.length < 0
	err := s.unwritable()
	switch {
	case err != nil:
	case s.hijack != nil:
		err = app.ErrEnded
	case s.badHead != nil:
		err = app.ErrCommitted
	default:
		s.hijack = h
		h.untouched = !s.started
		h.data = append(h.data, s.rd...)
		s.rd = nil
		s.want |= wantHijack
	}
	s.mu.Unlock()
	if err != nil {
		return nil, nil, err
	}
	s.l.srv.hijackers.teach(routeKey(s.req.Method, s.req.Path))
	s.awaitHijack(h)
	if h.err != nil {
		return nil, nil, h.err
	}
	return h.nc, h.unread(chunked), nil
}

// awaitHijack lets go of the loop, and blocks until h is over.
func (s *h1stream) awaitHijack(h *hijack) {
	held := s.run.Enter()
	s.offLoop.Store(true)
	if held {
		s.service()
		s.run.HandOver()
	} else {
		s.post()
	}
	for waiter := s.l.rl.NewWaiter(); ; waiter.Wait() {
		s.mu.Lock()
		if !h.over && s.gone != nil {
			h.over, h.err = true, s.gone
		}
		if h.over {
			s.mu.Unlock()
			return
		}
		s.asks = append(s.asks, waiter)
		s.mu.Unlock()
	}
}

// beginLeaving: the handler wants the connection. On loop, as all that follows.
func (s *h1stream) beginLeaving() {
	c := s.c
	if c.state != stateOpen || c.phase != phaseHandling {
		return
	}
	s.stopTiming()
	s.l.untime(&s.exchange)
	c.stopTimer()
	c.setPhase(phaseLeaving)
}

// leave lets the connection go when everything staged is Sent.
func (c *h1conn) leave() {
	if c.state != stateOpen || c.phase != phaseLeaving || c.unsent() > 0 {
		return
	}
	c.setState(stateDetaching)
	c.rc.Detach()
}

// left gives the socket to the handler.
func (c *h1conn) left(nc net.Conn) {
	s := c.s
	c.l.srv.hijackings.Add(1)
	s.mu.Lock()
	h := s.hijack
	h.body = s.body
	if s.pipe != nil {
		h.data = append(h.data, s.pipe.B...)
		putIfHeld(&s.pipe)
	}
	h.raw = append(h.raw, s.rest...)
	if c.in != nil {
		h.raw = append(h.raw, c.in.B...)
	}
	h.over, h.nc = true, nc
	if s.bodyErr == nil {
		s.bodyErr = &app.BodyError{Fault: app.BodyGone, Err: app.ErrEnded}
	}
	s.wakeAll()
	s.unlock()
}

// endHijack: the handler has returned. If another goroutine asked for the
// connection, and has not got it yet, it is reset.
func (s *h1stream) endHijack() {
	s.mu.Lock()
	h := s.hijack
	over := h == nil || h.over
	if !over {
		h.over, h.err = true, app.ErrEnded
		s.wakeAsks()
	}
	s.unlock()
	switch {
	case h == nil:
	case h.nc != nil:
		s.l.srv.hijackings.Add(-1)
	case !over:
		s.c.abort(app.ErrEnded)
	}
}

// Detached is ring.ConnHandler's: the connection is the handler's.
func (c *conn) Detached(nc net.Conn) {
	c.l.n.hijacked.Add(1)
	c.setState(stateClosed)
	c.p.(*h1conn).left(nc) // nothing else asks for it
	c.dropAll()
	c.l.drop(c)
}

// Route is exchange.Route, but for handlers that hijack: they may run for as
// long as a connection lasts, which must not cost a thread. A client that asks
// for another protocol, or a tunnel, is likely to meet one.
func (s *h1stream) Route() (key uint64, hint ring.Hint) {
	key, hint = s.exchange.Route()
	if hint == ring.HintNone &&
		(s.head.Upgrade || s.head.Method == "CONNECT" || s.l.srv.hijackers.know(key)) {
		hint = ring.HintBlocking
	}
	return key, hint
}
