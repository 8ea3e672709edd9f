package conn

import (
	"github.com/valyala/bytebufferpool"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/h1"
	"github.com/uringserve/uringserve/ring"
)

// An h1stream is an exchange over HTTP/1.1, and the ring.Task that an engine
// runs for it.
type h1stream struct {
	exchange

	// On loop:
	c       *h1conn                    // nil: free
	lease   ring.Buf                   // the source: leased, …
	own     *bytebufferpool.ByteBuffer // … or of our own
	span    []byte                     // of the source, from the head on
	headLen int                        // bytes of the head in span
	rest    []byte                     // of the source, not parsed yet
	body    h1.Body
	drained int64 // bytes of body dropped in phaseUnread

	// Written on loop before the handler runs, and only read from then on:
	head h1.Head

	h1shared
}

// h1shared is the protocol's part of what handler code and the loop both touch,
// guarded by exchange.mu.
type h1shared struct {
	x         h1.Exchange
	awaits100 bool // the client waits for 100 (Continue)
	dateAt    int  // of the placeholder in sink, 0: none
	framing   h1.Framing
	pipelined bool    // at the start, more requests were here
	hijack    *hijack // nil: the handler has not asked for the connection
}

func newH1stream(l *loop) *h1stream {
	s := &h1stream{}
	s.l, s.p = l, s
	return s
}

// startExchange prepares s for the request whose head was parsed.
func (s *h1stream) startExchange() {
	h := &s.head
	s.begin(h.Length)
	s.x = h1.Exchange{}
	s.must(s.x.ReadHead(h.Length != 0, h.KeepAlive))
	s.fillRequest()
	s.req.Listener = s.c.listener()
	s.info = s.c.info
	s.pipelined = s.c.unparsed() > 0
}

// fillRequest shows the head to the handler.
func (s *h1stream) fillRequest() {
	h := &s.head
	r := &s.req
	r.Method = h.Method
	r.Target, r.Path, r.Query, r.Host = h.Target, h.Path, h.Query, h.Host
	r.Proto, r.Major, r.Minor = "HTTP/1.1", 1, 1
	if h.Minor == 0 {
		r.Proto, r.Minor = "HTTP/1.0", 0
	}
	r.Header = h.Fields
	r.ContentLength = h.Length
}

// Detach copies the source, so that the leased buffer can go back.
func (s *h1stream) Detach() {
	s.offLoop.Store(true)
	if s.c.out != nil && !s.c.state.over() {
		s.c.send()
	}
	if !s.lease.Held() {
		return
	}
	own := getBuffer()
	own.B = append(own.B[:0], s.span...)
	rest := len(own.B) - len(s.rest)
	if n, _, err := h1.ParseHead(own.B, 0, &s.l.srv.limits.H1, &s.head); n != s.headLen || err != nil {
		panic("BUG: a copied head is another head")
	}
	s.fillRequest()
	if s.rd != nil && s.rdBuf == nil {
		s.rd = own.B[s.headLen : s.headLen+len(s.rd)]
	}
	if len(s.rest) > 0 {
		s.rest = own.B[rest:]
	} else {
		s.rest = nil
	}
	s.span = own.B
	s.lease.Release()
	s.lease = ring.Buf{}
	s.own = own
}

// Done sends the response, and gives the next request that is here already.
func (s *h1stream) Done(o ring.Outcome) ring.Task {
	c, l := s.c, s.l
	l.m.handled++
	if s.used.Load() {
		s.endHijack()
	}
	s.end()
	if c.state.over() {
		l.publish() // there may be no turn after this
		s.logFailure()
		s.dropSource()
		l.freeStream(s)
		return nil
	}
	c.stopTimer()
	switch {
	case o == ring.Exited:
		l.n.exits.Add(1)
		c.breakOff()
		return nil
	case s.isLate():
		s.logFailure()
		c.abort(app.ErrDeadline)
		return nil
	case s.panicked != nil:
		s.logFailure()
		if s.resp.Committed() || s.panicked == any(app.ErrAbort) {
			c.breakOff()
			return nil
		}
		s.resp.Fail(500)
		s.x.MustClose()
	}
	if a := s.switched(); a != nil {
		return s.becomeWebSocket(a)
	}
	s.respond()
	if next := c.answered(); next != nil {
		return next
	}
	return nil
}

// breakOff resets the connection; what the handler has flushed goes before.
func (c *h1conn) breakOff() {
	c.sendNow()
	c.abort(app.ErrAbort)
}

// recycle empties s for another exchange; the source stays.
func (s *h1stream) recycle() {
	if s.exchange.recycle() {
		s.drained = 0
		s.h1shared = h1shared{x: s.x}
	}
}

func (s *h1stream) attached() bool { return s.c != nil && s.c.state == stateOpen }
