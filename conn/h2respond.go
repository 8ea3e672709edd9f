package conn

import (
	"errors"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/h2"
)

// The loop's half of a response over HTTP/2. Heads are framed at once, into
// conn.out; the body is announced to the engine, which says when it is its turn
// (h2conn.fill). On loop.

// respond frames what is left of the response when the handler has returned.
func (s *h2stream) respond() {
	if s.resp.Committed() {
		s.respondRest()
		return
	}
	if s.used.Load() {
		s.takeHeads() // interim responses
		if s.badHead != nil {
			s.logBad(s.badHead)
			s.resp.Fail(500)
		}
		if status := s.faultStatus(); status != 0 && s.resp.Status()/100 != 4 {
			s.resp.Fail(status)
		}
	}
	s.respondWhole()
}

func (s *h2stream) logBad(err error) {
	s.l.n.badResponse.Add(1)
	s.l.logResponse(err)
}

// respondBare answers a request that no handler saw.
func (s *h2stream) respondBare(status int) {
	s.begin(0)
	s.opt = app.Options{}
	s.resp.Fail(status)
	s.respondWhole()
}

// respondWhole frames a response of which nothing has gone.
func (s *h2stream) respondWhole() {
	if s.isTunnel() && s.resp.Status()/100 == 2 {
		s.logBad(errNoTunnel)
		s.resp.Fail(501)
	}
	b := s.c.stage()
	var m h2.ResponseMeta
	s.meta(&m, int64(len(s.resp.Staged())))
	m.Date = s.l.date()
	out, body, declared, err := s.c.x.AppendResponse(b.B, s.id, &m)
	if errors.Is(err, h2.ErrGone) {
		s.over()
		return
	}
	if err != nil {
		s.logBad(err)
		s.resp.Fail(500)
		s.meta(&m, 0)
		out, body, declared, err = s.c.x.AppendResponse(b.B, s.id, &m)
		s.must(err)
	}
	b.B = out
	s.resp.Commit()
	s.l.m.responses[min(s.resp.Status()/100, 5)]++
	if !body {
		s.over()
		return
	}
	s.data, s.finished = s.resp.Staged(), true
	s.checkLength(declared, int64(len(s.data)))
	s.announce()
}

// checkLength holds the body to the declared length.
func (s *h2stream) checkLength(declared, written int64) {
	if declared < 0 || declared == written {
		return
	}
	s.l.n.badLength.Add(1)
	s.l.logLength(declared, written)
	if s.short = written < declared; !s.short {
		s.data = s.data[:declared]
	}
}

// respondRest announces the end of a response that has begun.
func (s *h2stream) respondRest() {
	s.mu.Lock()
	over := s.appendData(&s.resp) != nil || s.overrun
	written := s.written
	if over {
		written = s.declared + 1
	}
	declared, body := s.declared, s.body
	s.mu.Unlock()
	s.takeHeads()
	s.takeSink()
	if !body {
		s.over()
		return
	}
	s.finished = true
	if declared >= 0 && declared != written {
		s.l.n.badLength.Add(1)
		s.l.logLength(declared, written)
		s.short = written < declared
	}
	s.announce()
}

// takeHeads frames the heads that handler code has left. Interim ones wait
// while the client does not read.
func (s *h2stream) takeHeads() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.final && s.c.unsent() >= 2*s.c.batch() {
		return
	}
	for i := range s.heads {
		h := &s.heads[i]
		b := s.c.stage()
		var err error
		if h.status < 200 {
			b.B, err = s.c.x.AppendInterim(b.B, s.id, h.status, &h.fields)
		} else {
			m := h2.ResponseMeta{Status: h.status, Fields: &h.fields, Date: s.l.date(),
				RequestMethod: s.method, Length: -1, Trailers: h.trailers}
			b.B, _, _, err = s.c.x.AppendResponse(b.B, s.id, &m)
		}
		if !errors.Is(err, h2.ErrGone) {
			s.must(err) // it was judged
		}
	}
	s.dropHeads()
}

// takeSink moves the body that handler code has left to data.
func (s *h2stream) takeSink() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sink == nil || len(s.sink.B) == 0 || len(s.heads) > 0 {
		return // a head that came since takeHeads is first; who wrote it asks again
	}
	if len(s.data) == 0 {
		if s.dataBuf != nil {
			s.dataBuf.Reset()
		}
		s.dataBuf, s.sink = s.sink, s.dataBuf
		s.data = s.dataBuf.B
		return
	}
	buf := s.dataBuf
	if gone := len(buf.B) - len(s.data); gone > len(buf.B)/2 {
		buf.B = append(buf.B[:0], s.data...) // or it would grow for ever
		s.data = buf.B
	}
	gone := len(buf.B) - len(s.data)
	buf.B = append(buf.B, s.sink.B...)
	s.data = buf.B[gone:]
	s.sink.Reset()
}

// unframed is how many bytes wait for their turn.
func (s *h2stream) unframed() int { return len(s.data) }

// announce tells the engine what there is to send. It may be the end of s.
func (s *h2stream) announce() {
	last := s.finished && !s.short && s.resp.Trailer.Len() == 0
	if last && s.c.hasRoom() && s.c.x.CanSend(s.id, len(s.data)) {
		b := s.c.stage()
		b.B = s.c.x.AppendData(b.B, s.id, s.data, true)
		s.over()
		return
	}
	if s.finished && !last && len(s.data) == 0 {
		s.conclude()
		return
	}
	if err := s.c.x.Ready(s.id, len(s.data), last); err != nil && !errors.Is(err, h2.ErrGone) {
		s.must(err)
	}
}

// appendFrame frames the next n bytes, as the engine said. It may be the end of
// s.
func (s *h2stream) appendFrame(n int) {
	last := s.finished && n == len(s.data) && !s.short && s.resp.Trailer.Len() == 0
	b := s.c.stage()
	b.B = s.c.x.AppendData(b.B, s.id, s.data[:n], last)
	s.data = s.data[n:]
	switch {
	case last:
		s.over()
	case s.finished && len(s.data) == 0:
		s.conclude()
	case s.handling:
		s.settle(len(s.data))
	case s.ws != nil:
		s.ws.sentFrame()
	}
}

// conclude ends a response otherwise than with its last DATA.
func (s *h2stream) conclude() {
	if s.short {
		s.reset()
		return
	}
	b := s.c.stage()
	out, err := s.c.x.AppendTrailers(b.B, s.id, &s.resp.Trailer)
	if err != nil && !errors.Is(err, h2.ErrGone) {
		s.logBad(err)
		out, err = s.c.x.AppendTrailers(b.B, s.id, nil)
		s.must(err)
	}
	b.B = out
	s.over()
}

// service does what handler code wants of the loop, as often as one likes.
func (s *h2stream) service() {
	if s.handling && s.attached() && s.used.Load() {
		s.serve()
		s.c.settleDown()
	}
}

// serve does what handler code wants, but for sending.
func (s *h2stream) serve() {
	w := s.takeWants()
	if w&wantBody != 0 {
		s.continue100()
		s.timeReader()
	}
	if w&(wantRoom|wantBody) != 0 && !s.tooLarge() {
		if read := s.c.x.Unread(s.id) - s.bodyHeld(); read > 0 && !s.deaf {
			s.c.x.Consumed(s.id, read)
		}
	}
	if w&wantDeadline != 0 {
		s.armDeadlines()
	}
	if w&wantInfo != 0 {
		s.tellInfo(s.c.describe())
	}
	s.takeHeads()
	s.takeSink()
	if len(s.data) > 0 {
		s.announce()
	}
	s.settle(len(s.data))
}

// continue100 asks the client for its body, if it waits to be asked.
func (s *h2stream) continue100() {
	s.mu.Lock()
	asks := s.awaits100 && !s.final
	s.awaits100 = false
	s.mu.Unlock()
	if !asks {
		return
	}
	b := s.c.stage()
	out, err := s.c.x.AppendInterim(b.B, s.id, 100, nil)
	if err == nil {
		b.B = out
		s.l.n.interim.Add(1)
	}
}

// stage is service in a handler, for output that leaves with others'.
func (s *h2stream) stage() {
	s.serve()
	s.c.fill()
	s.l.hold(s.c.conn)
}

// offer is service in a handler.
func (s *h2stream) offer() (all bool) {
	c := s.c
	s.serve()
	c.fill()
	if c.x.HasOutput() {
		b := c.stage()
		b.B = c.x.AppendOutput(b.B)
	}
	c.lookLater()
	return c.sendNow() && len(s.data) == 0
}

var _ app.Stream = (*h2stream)(nil)
