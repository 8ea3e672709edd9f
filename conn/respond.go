package conn

import (
	"bytes"
	"net"

	"github.com/uringserve/uringserve/app"
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
func (s *stream) respond() {
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
func (s *stream) prepareWhole() {
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

// faultStatus is the status that tells the client what is wrong with its body;
// 0: nothing is, or nobody is left to be told.
func (s *stream) faultStatus() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bodyErr == nil && s.head.Length > s.limit {
		s.refuseTooLarge()
	}
	if s.bodyErr == nil || s.bodyErr.Fault == app.BodyGone {
		return 0
	}
	if e, ok := s.bodyErr.Err.(*h1.Error); ok {
		return e.Status
	}
	return s.bodyErr.Status()
}

// meta is what the head of the response depends on.
func (s *stream) meta(length int64, date []byte, keepAlive bool) h1.ResponseMeta {
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
func (s *stream) keepAlive() bool {
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
func (s *stream) isLast() bool {
	c := s.c
	return c.unparsed() == 0 && (c.l.draining || c.flags&flagPeerEnded != 0 && s.bodyRead)
}

// respondWhole stages a response of which nothing has gone. On loop.
func (s *stream) respondWhole() {
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
func (s *stream) appendWhole(dst []byte) []byte {
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
func (s *stream) appendBody(out, data []byte, framing h1.Framing, declared int64) ([]byte, error) {
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
func (s *stream) badLength(declared, written int64) {
	s.x.MustClose()
	s.l.n.badLength.Add(1)
	s.l.logLength(declared, written)
}

// respondRest stages the end of a response that has begun. On loop.
func (s *stream) respondRest() {
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
func (s *stream) takeSink() {
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
func (s *stream) service() {
	if s.c == nil || !s.handling || s.c.state.over() || !s.used.Load() {
		return
	}
	s.serve()
	s.takeSink()
	s.c.send()
	s.settle()
}

// serve does what handler code wants, but for its output.
func (s *stream) serve() {
	c := s.c
	s.mu.Lock()
	w := s.want
	s.want = 0
	if w&wantBody != 0 && s.awaits100 && s.x.MayContinue() {
		s.awaits100 = false
		s.continue100()
	}
	reading := s.reading
	s.mu.Unlock()
	if w&wantLimit != 0 {
		s.limitRaised()
	}
	if w&wantBody != 0 && reading {
		s.startTiming()
	}
	if w&(wantRoom|wantBody) != 0 && !s.tooLarge() {
		c.resumeIfRoom()
	}
	if w&wantEnds != 0 {
		ends := c.ends()
		s.mu.Lock()
		s.ends = ends
		s.wakeAsks()
		s.unlock()
	}
}

// continue100 asks the client for its body. s.mu is held.
func (s *stream) continue100() {
	b := s.sinkBuffer()
	b.B, _ = h1.AppendInformational(b.B, 100, nil)
	s.must(s.x.SendInformational())
	s.l.n.interim.Add(1)
}

// settle tells the writer how much of its output has gone.
func (s *stream) settle() {
	s.mu.Lock()
	s.queued = s.c.unsent()
	if !s.full() {
		s.wakeWriter()
	}
	s.unlock()
}

// awaitsSent reports whether handler code has more to send.
func (s *stream) awaitsSent() bool {
	if !s.used.Load() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writing || s.sink != nil && len(s.sink.B) > 0
}

// full reports whether the writer must wait. s.mu is held.
func (s *stream) full() bool {
	waiting := s.queued
	if s.sink != nil {
		waiting += len(s.sink.B)
	}
	return waiting > 0 && waiting >= s.l.srv.limits.MaxResponseBuffer
}

// OnLoop and PostNode make a stream a ring.Posted.
func (s *stream) OnLoop() { s.service() }

// PostNode is ring.Posted's.
func (s *stream) PostNode() *ring.PostNode { return &s.node }

// Addrs is app.Stream's.
func (s *stream) Addrs() (remote, local net.Addr) {
	s.use()
	s.mu.Lock()
	if s.ends == nil && s.gone == nil && s.live.Load() {
		waiter := s.l.rl.NewWaiter()
		s.asks = append(s.asks, waiter)
		s.mu.Unlock()
		s.ask(wantEnds)
		waiter.Wait()
		s.mu.Lock()
	}
	defer s.mu.Unlock()
	if s.ends == nil {
		return nil, nil
	}
	return s.ends.remote, s.ends.local
}

// findDate is where in a head the placeholder is; 0: the handler has a date of
// its own.
func findDate(head []byte) int {
	at := bytes.LastIndex(head, datePlaceholder)
	return max(at, 0)
}
