package conn

import (
	"github.com/valyala/bytebufferpool"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/ring"
)

// urgency says when output is to be on its way.
type urgency uint8

const (
	whenMuch urgency = iota // when there is batchBytes of it
	soon                    // with what other handlers of the turn write, or as soon as this one blocks
	atOnce
)

// streamFlushes is how many flushes of a handler leave soon: one that goes on
// after so many streams, and gives the loop away.
const streamFlushes = 8

// batchBytes is how much output an inline handler may gather before the
// kernel is offered it, in bytes.
const batchBytes = 32 << 10

// WriteBody is app.Stream's.
func (s *exchange) WriteBody(resp *app.Response, flush bool) error {
	if !s.live.Load() {
		return app.ErrEnded
	}
	if flush {
		s.flushes++
	}
	s.use()
	s.mu.Lock()
	if err := s.unwritable(); err != nil {
		s.mu.Unlock()
		return err
	}
	err := s.p.commit(resp)
	if err == nil {
		err = s.p.appendData(resp)
	}
	s.mu.Unlock()
	if perr := s.push(s.urgency(flush)); err == nil {
		err = perr
	}
	return err
}

// urgency is that of what is written with a flush, or without.
func (s *exchange) urgency(flush bool) urgency {
	switch {
	case !flush:
		return whenMuch
	case s.flushes < streamFlushes && !s.l.srv.flushAtOnce:
		return soon
	}
	return atOnce
}

// mayCommit reports why there can be no response as the handler wants it. s.mu
// is held.
func (s *exchange) mayCommit(resp *app.Response) error {
	if s.badHead != nil {
		resp.ClearStaged()
		return s.badHead
	}
	if s.bodyErr == nil && s.length > s.limit {
		s.refuseTooLarge()
	}
	if s.bodyErr != nil && resp.Status()/100 != 4 {
		resp.ClearStaged()
		return s.bodyErr // Done tells the client
	}
	return nil
}

// sinkBuffer is where to frame to. s.mu is held.
func (s *exchange) sinkBuffer() *bytebufferpool.ByteBuffer {
	if s.sink == nil {
		s.sink = getBuffer()
	}
	return s.sink
}

// WriteInformational is app.Stream's.
func (s *exchange) WriteInformational(status int, fields *app.Fields) error {
	if !s.live.Load() {
		return app.ErrEnded
	}
	s.use()
	s.mu.Lock()
	err := s.unwritable()
	switch {
	case err != nil:
	case s.p.begun():
		err = app.ErrCommitted
	default:
		err = s.p.appendInterim(status, fields)
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.push(atOnce)
}

// push gets framed output on its way, and waits while there is too much of it.
func (s *exchange) push(when urgency) error {
	for {
		s.mu.Lock()
		if err := s.unwritable(); err != nil {
			s.mu.Unlock()
			return err
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
		if !full && when == whenMuch && (size == 0 || !s.offLoop.Load() && size < batchBytes) {
			return nil
		}
		if when == soon && (full || size >= batchBytes) {
			when = atOnce
		}
		s.offer(when)
		if !full {
			return nil
		}
		for s.isWaiting(&s.writing) {
			s.writable.Wait()
		}
		when = whenMuch
	}
}

// offer gives the loop what is framed, if the handler has the loop. It lets go
// of the loop if the writer has to wait, or streams.
func (s *exchange) offer(when urgency) {
	if !s.run.Enter() {
		s.offLoop.Store(true)
		s.post()
		return
	}
	if !s.p.attached() {
		s.run.Leave()
		return
	}
	if when == soon {
		s.p.stage()
		s.run.Leave()
		return
	}
	all := s.p.offer()
	if s.isWaiting(&s.writing) || when == atOnce && (!all || s.flushes >= streamFlushes) {
		s.offLoop.Store(true)
		s.run.HandOver()
		return
	}
	s.run.Leave()
}

// ask has the loop look at what is wanted: at once if the handler has it.
func (s *exchange) ask(w want) {
	s.mu.Lock()
	s.want |= w
	s.mu.Unlock()
	if s.run.Enter() {
		s.p.service()
		s.run.Leave()
		return
	}
	s.offLoop.Store(true)
	s.post()
}

// post asks the loop to look at s. If there is no loop any more, there is no
// connection either.
func (s *exchange) post() {
	if !s.l.rl.Post(s) {
		s.fail(errNoLoop)
	}
}

// full reports whether the writer must wait. s.mu is held.
func (s *exchange) full() bool {
	waiting := s.queued
	if s.sink != nil {
		waiting += len(s.sink.B)
	}
	return waiting > 0 && waiting >= s.l.srv.limits.MaxResponseBuffer
}

// awaitsSent reports whether handler code has more to send.
func (s *exchange) awaitsSent() bool {
	if !s.used.Load() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writing || s.sink != nil && len(s.sink.B) > 0
}

// Conn is app.Stream's.
func (s *exchange) Conn() *app.ConnInfo {
	s.mu.Lock()
	if s.info == nil && s.gone == nil && s.live.Load() {
		s.use()
		waiter := s.l.rl.NewWaiter()
		s.asks = append(s.asks, waiter)
		s.mu.Unlock()
		s.ask(wantInfo)
		waiter.Wait()
		s.mu.Lock()
	}
	defer s.mu.Unlock()
	if s.info == nil {
		return &app.ConnInfo{}
	}
	return s.info
}

// OnLoop and PostNode make an exchange a ring.Posted.
func (s *exchange) OnLoop() { s.p.service() }

// PostNode is ring.Posted's.
func (s *exchange) PostNode() *ring.PostNode { return &s.node }
