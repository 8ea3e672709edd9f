package conn

import (
	"io"
	"time"

	"github.com/valyala/bytebufferpool"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/h2"
	"github.com/uringserve/uringserve/ring"
)

// An h2stream is an exchange over HTTP/2, and the ring.Task that an engine runs
// for it.
//
//	handling ──Done──▶ sending ──all framed, or reset──▶ free
//	    │ reset
//	    ▼
//	  lost ──Done──▶ free
//
// Until it is free it counts against h2.Limits.Streams. With hundreds of them at a
// time what counts is how much memory a request touches: what every one needs is
// in one piece, from c to the first fields of shared.
type h2stream struct {
	// On loop:
	c        *h2conn // nil: free
	next     *h2stream
	id       uint32
	inDue    bool                       // counted in c.due
	lost     bool                       // reset; the handler runs on
	finished bool                       // data is the last of the response
	short    bool                       // and less than was declared
	tunnel   bool                       // an extended CONNECT, for webSocketProtocol
	method   string                     // of the request, whatever the handler makes of req
	data     []byte                     // of the response, to be framed
	dataBuf  *bytebufferpool.ByteBuffer // it is in; nil: in resp
	ws       *wsSession                 // of which this is the transport; nil: of none

	exchange
	h2shared
}

// h2shared is the protocol's part of what handler code and the loop both touch,
// guarded by exchange.mu.
type h2shared struct {
	after     app.Fields // the request's trailers
	awaits100 bool       // the client waits for 100 (Continue)
	heads     []h2head   // for the loop to frame, in order
	final     bool       // the final one has been among them
	body      bool       // and has a body
}

// An h2head is a head that handler code has sent. Its fields are a copy: the
// loop, which has the field table that goes with the peer's, encodes them later.
type h2head struct {
	status   int
	fields   app.Fields
	trailers bool // may follow the body
}

// maxFreeH2 is how many streams a loop keeps for further requests, 2 KiB each
// with what they hold of a usual request. As many as are under way at a time on
// a busy loop: what is not kept is made anew for every request.
const maxFreeH2 = 1024

func newH2stream(l *loop) *h2stream {
	s := &h2stream{}
	s.l, s.p = l, s
	return s
}

// takeH2stream gives a stream for the request of that id.
func (l *loop) takeH2stream(c *h2conn, id uint32) *h2stream {
	var s *h2stream
	if last := len(l.freeH2) - 1; last >= 0 {
		s, l.freeH2[last] = l.freeH2[last], nil
		l.freeH2 = l.freeH2[:last]
	} else {
		s = newH2stream(l)
	}
	s.c, s.id = c, id
	c.streams.add(s)
	return s
}

// freeH2stream takes it back. Its exchange has ended.
func (l *loop) freeH2stream(s *h2stream) {
	s.c.streams.remove(s)
	s.c = nil
	s.recycle()
	if invariants {
		s.poison()
		l.quarantineH2 = append(l.quarantineH2, s)
		if len(l.quarantineH2) <= maxQuarantine {
			return
		}
		s = l.quarantineH2[0]
		l.quarantineH2 = append(l.quarantineH2[:0], l.quarantineH2[1:]...)
	}
	if len(l.freeH2) < maxFreeH2 {
		l.freeH2 = append(l.freeH2, s)
	}
}

// startExchange prepares s for the request of that EventHead.
func (s *h2stream) startExchange(ev *h2.Event) error {
	h, r, end := ev.Head, &s.req, ev.End
	s.begin(h.Length)
	s.c.x.TakeHead(&r.Header) // all else lies in its memory
	r.Method, r.Target, r.Path, r.Query, r.Host = h.Method, h.Target, h.Path, h.Query, h.Host
	r.Proto, r.Major, r.Minor = "HTTP/2.0", 2, 0
	r.ContentLength = h.Length
	s.method, s.tunnel = h.Method, len(h.Protocol) > 0
	r.Listener = s.c.listener()
	s.info = s.c.info
	s.bodyRead, s.ended, s.deaf = end, end, false
	if !end {
		s.use()
		s.awaits100 = h.Expect100
	}
	return s.askOptions()
}

// recvData takes a part of the request's body, also of one that is too long as
// it is: the handler may raise the limit yet. What is dropped is not given back
// to the peer's windows before the stream is released.
func (s *h2stream) recvData(ev *h2.Event) {
	if s.ws != nil {
		s.recvWebSocket(ev)
		return
	}
	if !s.handling || s.deaf {
		return
	}
	s.stopTiming()
	if len(ev.Data) > 0 {
		s.awaitNoMore()
		s.deliver(ev.Data)
	}
	if ev.End {
		s.recvEnd()
		return
	}
	s.timeReader()
}

// awaitNoMore: the client does not wait for 100 (Continue).
func (s *h2stream) awaitNoMore() {
	s.mu.Lock()
	s.awaits100 = false
	s.mu.Unlock()
}

// recvEnd: the body is here to its end.
func (s *h2stream) recvEnd() {
	s.stopTiming()
	s.bodyRead = true
	if !s.handling {
		return
	}
	s.mu.Lock()
	s.awaits100 = false
	s.bodyEnds()
	s.unlock()
}

// peerEnded: the connection's FIN has come.
func (s *h2stream) peerEnded() {
	if s.ws != nil {
		s.ws.recvEnd()
		return
	}
	if !s.handling {
		return
	}
	if !s.bodyRead && !s.deaf {
		s.l.n.refusals[RefusedBodyCut].Add(1)
		s.bodyFails(app.BodyCut, io.ErrUnexpectedEOF)
	}
	s.cancel(app.ErrGone)
}

// wasReset: nobody waits for the response.
func (s *h2stream) wasReset() {
	if w := s.ws; w != nil {
		s.ws = nil
		w.fail(app.ErrGone)
	}
	if s.handling {
		s.lost = true
		s.fail(app.ErrGone)
		return
	}
	s.over()
}

// over releases a stream of which nothing is left to be done.
func (s *h2stream) over() {
	s.c.x.Release(s.id)
	s.l.freeH2stream(s)
}

// reset ends a stream whose response cannot be what it should.
func (s *h2stream) reset() {
	s.l.n.h2resets.Add(1)
	s.c.x.Reset(s.id, h2.CodeInternalError)
	s.over()
}

// Detach is ring.Task's. The head is s's own already.
func (s *h2stream) Detach() {
	s.offLoop.Store(true)
	s.leaveDue()
}

func (s *h2stream) leaveDue() {
	if s.inDue {
		s.inDue = false
		s.c.due--
	}
}

// Done sends the response.
func (s *h2stream) Done(o ring.Outcome) ring.Task {
	c, l := s.c, s.l
	l.m.handled++
	s.end()
	s.leaveDue()
	s.logFailure()
	switch {
	case c.state != stateOpen:
		l.publish() // there may be no turn after this
		l.freeH2stream(s)
		return nil
	case s.lost:
		s.over()
	case o == ring.Exited:
		l.n.exits.Add(1)
		s.reset()
	case s.isLate():
		s.reset()
	case s.panicked != nil && (s.resp.Committed() || s.panicked == any(app.ErrAbort)):
		s.reset()
	case s.panicked != nil:
		s.resp.Fail(500)
		s.respond()
	default:
		if a := s.switched(); a != nil {
			return s.becomeWebSocket(a)
		}
		s.respond()
	}
	if c.due > 0 {
		l.hold(c.conn) // the last of them sends for all
		return nil
	}
	c.settleDown()
	return nil
}

// recycle empties s for another exchange.
func (s *h2stream) recycle() {
	s.data, s.finished, s.short, s.lost, s.inDue = nil, false, false, false, false
	s.tunnel, s.method = false, ""
	putIfHeld(&s.dataBuf)
	if invariants {
		s.req.Header.Spoil() // and with it whatever lies there
	}
	if s.exchange.recycle() {
		s.after.Reset()
		s.dropHeads()
		s.h2shared = h2shared{after: s.after, heads: s.heads}
	}
}

// poison spoils what a handler may have kept.
func (s *h2stream) poison() { s.exchange.poison() }

func (s *h2stream) attached() bool { return s.c != nil && s.c.state == stateOpen && !s.lost }

func (s *h2stream) timeBody(d time.Duration) {
	if d > 0 {
		s.c.lookLater()
	}
}

// refused: the stream is reset with NO_ERROR a while after the response is over
// (h2.Conn.EndLingering). s.mu is held.
func (s *h2stream) refused() {}

// trailers are the request's. s.mu is held.
func (s *h2stream) trailers() *app.Fields { return &s.after }

func (s *h2stream) begun() bool { return s.final }
