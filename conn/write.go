package conn

import (
	"errors"

	"github.com/valyala/bytebufferpool"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/h1"
)

// errSwitching is for a handler that answers 101: there is no way yet to hand a
// connection to another protocol.
var errSwitching = errors.New("conn: 101 (Switching Protocols) is not supported")

// batchBytes is how much output an inline handler may gather before the
// kernel is offered it, in bytes.
const batchBytes = 32 << 10

// WriteBody is app.Stream's.
func (s *stream) WriteBody(resp *app.Response, flush bool) error {
	if !s.live.Load() {
		return app.ErrEnded
	}
	if flush {
		s.flushes++
	}
	s.use()
	s.mu.Lock()
	if s.gone != nil {
		s.mu.Unlock()
		return s.gone
	}
	err := s.commit(resp)
	if err == nil {
		err = s.appendData(resp)
	}
	s.mu.Unlock()
	if perr := s.push(flush); err == nil {
		err = perr
	}
	return err
}

// commit frames the head, if that has not been done. s.mu is held.
func (s *stream) commit(resp *app.Response) error {
	if resp.Committed() {
		return nil
	}
	if s.badHead != nil {
		resp.ClearStaged()
		return s.badHead
	}
	if s.bodyErr == nil && s.head.Length > s.limit {
		s.refuseTooLarge()
	}
	if s.bodyErr != nil && resp.Status()/100 != 4 {
		resp.ClearStaged()
		return s.bodyErr // Done tells the client
	}
	srv := s.l.srv
	keep := s.head.KeepAlive && !s.x.Closing() && !s.awaits100 && (!srv.draining.Load() || s.pipelined)
	m := s.meta(-1, datePlaceholder, keep)
	b := s.sinkBuffer()
	start := len(b.B)
	out, framing, declared, keep, err := h1.AppendHead(b.B, &m)
	if err == nil && m.Status == 101 {
		err = errSwitching
	}
	if err != nil {
		resp.Fail(500)
		s.x.MustClose()
		s.badHead = err
		return err
	}
	b.B = out
	if at := findDate(out[start:]); at > 0 {
		s.dateAt = start + at
	}
	s.framing, s.declared = framing, declared
	s.must(s.x.SendHead(keep))
	resp.Commit()
	s.l.n.streamed[min(m.Status/100, 5)].Add(1)
	return nil
}

// appendData frames what is staged. s.mu is held.
func (s *stream) appendData(resp *app.Response) (err error) {
	data := resp.Staged()
	if s.framing == h1.FramingNone {
		resp.ClearStaged()
		return nil
	}
	if s.declared >= 0 && int64(len(data)) > s.declared-s.written {
		data = data[:s.declared-s.written]
		s.x.MustClose()
		s.overrun = true
		err = app.ErrContentLength
	}
	if len(data) > 0 {
		b := s.sinkBuffer()
		if s.framing == h1.FramingChunked {
			b.B = h1.AppendChunk(b.B, data)
		} else {
			b.B = append(b.B, data...)
		}
		s.written += int64(len(data))
		s.must(s.x.SendBody())
	}
	resp.ClearStaged()
	return err
}

// sinkBuffer is where to frame to. s.mu is held.
func (s *stream) sinkBuffer() *bytebufferpool.ByteBuffer {
	if s.sink == nil {
		s.sink = getBuffer()
	}
	return s.sink
}

// WriteInformational is app.Stream's.
func (s *stream) WriteInformational(status int, fields *app.Fields) error {
	if !s.live.Load() {
		return app.ErrEnded
	}
	s.use()
	s.mu.Lock()
	if s.gone != nil {
		s.mu.Unlock()
		return s.gone
	}
	if s.x.Response() != h1.ResponseNone {
		s.mu.Unlock()
		return app.ErrCommitted
	}
	if s.head.Minor == 0 || s.x.Request() == h1.RequestRejected {
		s.mu.Unlock()
		return nil // RFC 9110 §15.2: an HTTP/1.0 client must not get one
	}
	b := s.sinkBuffer()
	out, err := h1.AppendInformational(b.B, status, fields)
	if err == nil {
		b.B = out
		s.must(s.x.SendInformational())
		s.l.n.interim.Add(1)
		if status == 100 {
			s.awaits100 = false
		}
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.push(true)
}

// push gets framed output on its way, and waits while there is too much of it.
func (s *stream) push(flush bool) error {
	for {
		s.mu.Lock()
		if s.gone != nil {
			s.mu.Unlock()
			return s.gone
		}
		if !s.live.Load() {
			s.mu.Unlock()
			return app.ErrEnded
		}
		full, size := s.full(), 0
		if s.sink != nil {
			size = len(s.sink.B)
		}
		if full {
			if s.writable == nil {
				s.writable = s.l.rl.NewWaiter()
			}
			s.writing = true
		}
		s.mu.Unlock()
		if !full && !flush && (size == 0 || !s.offLoop.Load() && size < batchBytes) {
			return nil
		}
		s.offer(flush)
		if !full {
			return nil
		}
		for s.isWaiting(&s.writing) {
			s.writable.Wait()
		}
		flush = false
	}
}

// offer gives the loop what is framed: at once if the handler has the loop. It
// lets go of the loop if the writer has to wait, or streams.
func (s *stream) offer(flush bool) {
	if !s.run.Enter() {
		s.offLoop.Store(true)
		s.post()
		return
	}
	if s.c == nil || s.c.state.over() {
		s.run.Leave()
		return
	}
	s.serve()
	s.takeSink()
	all := s.c.sendNow()
	s.settle()
	if s.isWaiting(&s.writing) || flush && (!all || s.flushes >= 2) {
		s.offLoop.Store(true)
		s.run.HandOver()
		return
	}
	s.run.Leave()
}

// ask has the loop look at what is wanted: at once if the handler has it.
func (s *stream) ask(w want) {
	s.mu.Lock()
	s.want |= w
	s.mu.Unlock()
	if s.run.Enter() {
		s.service()
		s.run.Leave()
		return
	}
	s.offLoop.Store(true)
	s.post()
}

// post asks the loop to look at s. If there is no loop any more, there is no
// connection either.
func (s *stream) post() {
	if !s.l.rl.Post(s) {
		s.fail(errNoLoop)
	}
}
