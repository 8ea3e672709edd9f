package conn

import (
	"bytes"

	"github.com/uringserve/uringserve/h1"
	"github.com/uringserve/uringserve/ring"
)

// The response goes to the loop in one of two ways. One that was not begun when
// its handler returns is put together on loop, with its length (respondWhole).
// Otherwise handler code frames what is written into stream.sink, and the loop
// takes that from there (takeSink).

// datePlaceholder stands for the date in a head that handler code has framed;
// the loop, which knows the time, puts it in.
var datePlaceholder = []byte("Thu, 01 Jan 1970 00:00:00 GMT")

// respond stages what is left of the response when the handler has returned. On
// loop.
func (s *h1stream) respond() {
	if s.resp.Committed() {
		s.respondRest()
		return
	}
	if s.used.Load() {
		s.prepareWhole()
	}
	s.respondWhole()
}

// prepareWhole looks at what else there was of the exchange.
func (s *h1stream) prepareWhole() {
	s.takeSink() // interim responses
	if s.badHead != nil {
		s.l.n.badResponse.Add(1)
		s.l.logResponse(s.badHead)
		s.resp.Fail(500)
	}
	if status := s.faultStatus(); status != 0 && s.resp.Status()/100 != 4 {
		s.resp.Fail(status)
	}
}

// meta is what the head of the response depends on.
func (s *h1stream) meta(length int64, date []byte, keepAlive bool) h1.ResponseMeta {
	return h1.ResponseMeta{
		Status:        s.resp.Status(),
		Fields:        &s.resp.Header,
		Date:          date,
		RequestMethod: s.head.Method,
		Minor:         s.head.Minor,
		KeepAlive:     keepAlive,
		Length:        length,
		Trailers:      s.resp.Trailer.Len() > 0,
	}
}

// keepAlive reports whether another request may follow this one as it is. On
// loop, at the end of the response.
func (s *h1stream) keepAlive() bool {
	c := s.c
	if !s.head.KeepAlive || s.x.Closing() || s.awaits100 {
		return false
	}
	if !s.bodyRead && s.body.Remaining() > c.l.srv.limits.DrainBytes {
		c.l.n.refusals[RefusedUnread].Add(1)
		return false
	}
	return true
}

// isLast reports whether no request will follow because nobody wants one. On
// loop.
func (s *h1stream) isLast() bool {
	c := s.c
	return c.unparsed() == 0 && (c.l.draining || c.flags&flagPeerEnded != 0 && s.bodyRead)
}

// respondWhole stages a response of which nothing has gone. On loop.
func (s *h1stream) respondWhole() {
	c, l := s.c, s.l
	direct := c.out == nil && c.sending == 0 && c.unparsed() == 0
	dst := l.scratch[:0]
	if !direct {
		dst = c.stage().B
	}
	dst = s.appendWhole(dst)
	if !direct {
		c.out.B = dst
		return
	}
	if len(dst) <= ring.MaxSend {
		c.submit(dst)
	} else {
		b := c.stage()
		b.B = append(b.B, dst...)
	}
	if cap(dst) <= maxScratch {
		l.scratch = dst[:0]
	}
}

// appendWhole appends the response, or a 500 if it cannot be sent.
func (s *h1stream) appendWhole(dst []byte) []byte {
	data := s.resp.Staged()
	start := len(dst)
	m := s.meta(int64(len(data)), s.l.date(), s.keepAlive() && !s.isLast())
	out, framing, declared, keep, err := h1.AppendHead(dst, &m)
	if err == nil && m.Status == 101 {
		err = errSwitching
	}
	if err == nil {
		out, err = s.appendBody(out, data, framing, declared)
	}
	if err != nil {
		s.l.n.badResponse.Add(1)
		s.l.logResponse(err)
		s.resp.Fail(500)
		out = h1.AppendError(dst[:start], 500, s.l.date())
		keep = false
	}
	s.must(s.x.SendHead(keep))
	s.must(s.x.EndResponse())
	s.resp.Commit()
	s.l.m.responses[min(s.resp.Status()/100, 5)]++
	return out
}

// appendBody appends a body that is here whole.
func (s *h1stream) appendBody(out, data []byte, framing h1.Framing, declared int64) ([]byte, error) {
	if framing == h1.FramingNone {
		return out, nil
	}
	if declared >= 0 && declared != int64(len(data)) {
		s.badLength(declared, int64(len(data)))
		data = data[:min(declared, int64(len(data)))]
	}
	if framing != h1.FramingChunked {
		return append(out, data...), nil
	}
	if len(data) > 0 {
		out = h1.AppendChunk(out, data)
	}
	return h1.AppendLastChunk(out, &s.resp.Trailer)
}

// badLength: the handler did not write what it had declared. On loop.
func (s *h1stream) badLength(declared, written int64) {
	s.x.MustClose()
	s.l.n.badLength.Add(1)
	s.l.logLength(declared, written)
}

// respondRest stages the end of a response that has begun. On loop.
func (s *h1stream) respondRest() {
	s.mu.Lock()
	if s.appendData(&s.resp) != nil {
		s.overrun = true
	}
	short := s.framing != h1.FramingNone && s.written < s.declared
	if short || s.overrun {
		s.badLength(s.declared, s.written)
	}
	if !short && s.framing == h1.FramingChunked {
		b := s.sinkBuffer()
		out, err := h1.AppendLastChunk(b.B, &s.resp.Trailer)
		if err != nil {
			s.l.n.badResponse.Add(1)
			s.l.logResponse(err)
			out, _ = h1.AppendLastChunk(b.B, nil)
		}
		b.B = out
	}
	s.must(s.x.EndResponse())
	s.mu.Unlock()
	s.takeSink()
	if !s.keepAlive() {
		s.x.MustClose()
	}
}

// takeSink moves what handler code has framed to the connection. On loop.
func (s *h1stream) takeSink() {
	c := s.c
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sink != nil && len(s.sink.B) > 0 {
		if s.dateAt > 0 {
			copy(s.sink.B[s.dateAt:], s.l.date())
			s.dateAt = 0
		}
		if c.out == nil {
			c.out, c.outPos = s.sink, 0
			s.sink = nil
		} else {
			c.out.B = append(c.out.B, s.sink.B...)
			s.sink.Reset()
		}
	}
	s.queued = c.unsent()
}

// service does what handler code wants of the loop. On loop, as often as one
// likes.
func (s *h1stream) service() {
	if s.c == nil || !s.handling || s.c.state.over() || !s.used.Load() {
		return
	}
	s.serve()
	s.takeSink()
	s.c.send()
	s.settle(s.c.unsent())
	s.c.leave()
}

// serve does what handler code wants, but for its output.
func (s *h1stream) serve() {
	w := s.takeWants()
	if w&wantBody != 0 {
		s.mu.Lock()
		if s.awaits100 && s.x.MayContinue() {
			s.awaits100 = false
			s.continue100()
		}
		s.mu.Unlock()
	}
	if w&wantDeadline != 0 {
		s.armDeadlines()
	}
	if w&wantLimit != 0 {
		s.limitRaised()
	}
	if w&wantBody != 0 {
		s.timeReader()
	}
	if w&(wantRoom|wantBody) != 0 && !s.tooLarge() {
		s.c.resumeIfRoom()
	}
	if w&wantInfo != 0 {
		s.tellInfo(s.c.describe())
	}
	if w&wantHijack != 0 {
		s.beginLeaving()
	}
}

// stage is service in a handler, for output that leaves with others'.
func (s *h1stream) stage() {
	s.serve()
	s.takeSink()
	s.settle(s.c.unsent())
	s.l.hold(s.c.conn)
}

// offer is service in a handler.
func (s *h1stream) offer() (all bool) {
	s.serve()
	s.takeSink()
	all = s.c.sendNow()
	s.settle(s.c.unsent())
	s.c.leave()
	return all
}

// continue100 asks the client for its body. s.mu is held.
func (s *h1stream) continue100() {
	b := s.sinkBuffer()
	b.B, _ = h1.AppendInformational(b.B, 100, nil)
	s.must(s.x.SendInformational())
	s.l.n.interim.Add(1)
}

// findDate is where in a head the placeholder is; 0: the handler has a date of
// its own.
func findDate(head []byte) int {
	at := bytes.LastIndex(head, datePlaceholder)
	return max(at, 0)
}
