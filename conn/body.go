package conn

import (
	"io"
	"math"
	"time"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/ring"
)

// The request body goes from the loop to the handler through a pipe: the loop
// puts what comes into exchange.pipe; the reader swaps that for the buffer it
// has read, and reads without the lock. A body that is here whole with its head
// may be read where it lies.

// deliver puts data into the pipe.
func (s *exchange) deliver(data []byte) {
	s.rated += int64(len(data))
	s.mu.Lock()
	if s.pipe == nil {
		s.pipe = getBuffer()
	}
	s.pipe.B = append(s.pipe.B, data...)
	s.held += len(data)
	s.wakeReader()
	s.unlock()
}

// bodyEnds: pipe holds the last of it. s.mu is held.
func (s *exchange) bodyEnds() {
	s.ended = true
	s.wakeReader()
}

// bodyFails ends the body with a fault. What comes after it has no meaning.
func (s *exchange) bodyFails(fault app.BodyFault, err error) {
	s.deaf = true
	s.stopTiming()
	s.mu.Lock()
	s.refuseBody(fault, err)
	s.wakeReader()
	s.unlock()
}

// refuseBody makes fault the answer to readers.
// s.mu is held.
func (s *exchange) refuseBody(fault app.BodyFault, err error) {
	if s.bodyErr == nil {
		s.bodyErr = &app.BodyError{Fault: fault, Err: err}
	}
	s.p.refused()
}

// tooLarge reports whether the declared length is over the limit.
func (s *exchange) tooLarge() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.length > s.limit
}

// bodyHeld is how many bytes of body wait for the handler.
func (s *exchange) bodyHeld() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held
}

// ReadBody is app.Stream's.
func (s *exchange) ReadBody(p []byte) (int, error) {
	for {
		if !s.live.Load() {
			return 0, app.ErrEnded
		}
		s.use()
		if s.started {
			if n := copy(p, s.rd); n > 0 {
				s.rd = s.rd[n:]
				return n, nil
			}
		}
		wait, err := s.refill()
		if err != nil {
			return 0, err
		}
		if wait {
			s.ask(wantBody)
			s.waitReadable()
		}
	}
}

// refill gets more into rd, or says that there is none yet, or never.
func (s *exchange) refill() (wait bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.started {
		s.started = true
		if s.length > s.limit {
			s.refuseTooLarge()
		} else if len(s.rd) > 0 {
			return false, nil
		}
	}
	if s.rdBuf != nil { // it has been read
		s.held -= len(s.rdBuf.B)
		s.rdBuf.Reset()
		s.want |= wantRoom
	}
	switch {
	case s.bodyErr != nil && s.bodyErr.Fault == app.BodyTooLarge:
		s.rd = nil
		return false, s.bodyErr
	case s.pipe != nil && len(s.pipe.B) > 0:
		return false, s.swap()
	case s.bodyErr != nil:
		return false, s.bodyErr
	case s.ended:
		return false, io.EOF
	}
	if s.readable == nil {
		s.readable = s.l.rl.NewWaiter()
	}
	s.reading = true
	return true, nil
}

// swap gives the pipe's content to the reader. s.mu is held.
func (s *exchange) swap() error {
	s.pipe, s.rdBuf = s.rdBuf, s.pipe
	s.rd = s.rdBuf.B
	if room := s.limit - s.taken; int64(len(s.rd)) > room {
		s.rd = s.rd[:room]
		s.refuseTooLarge()
		if room == 0 {
			return s.bodyErr
		}
	}
	s.taken += int64(len(s.rd))
	return nil
}

// refuseTooLarge: the body is longer than the limit. s.mu is held.
func (s *exchange) refuseTooLarge() {
	s.l.n.refusals[RefusedBodyTooLarge].Add(1)
	s.refuseBody(app.BodyTooLarge, nil)
}

// waitReadable blocks until the loop has something to tell the reader.
func (s *exchange) waitReadable() {
	if s.isWaiting(&s.reading) && s.run.Enter() {
		s.offLoop.Store(true)
		s.run.HandOver()
	}
	for s.isWaiting(&s.reading) {
		s.readable.Wait()
	}
}

func (s *exchange) isWaiting(flag *bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *flag
}

// RequestTrailers is app.Stream's.
func (s *exchange) RequestTrailers() *app.Fields {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.live.Load() || !s.ended || s.bodyErr != nil ||
		s.pipe != nil && len(s.pipe.B) > 0 || len(s.rd) > 0 {
		return nil
	}
	return s.p.trailers()
}

// SetReadLimit is app.Stream's.
func (s *exchange) SetReadLimit(n int64) error {
	if !s.live.Load() {
		return app.ErrEnded
	}
	if n < 0 {
		n = math.MaxInt64
	}
	s.use()
	s.mu.Lock()
	if s.started {
		s.mu.Unlock()
		return app.ErrBodyStarted
	}
	raised := s.length > s.limit && s.length <= n
	s.limit = n
	s.mu.Unlock()
	if raised {
		s.ask(wantLimit)
	}
	return nil
}

// The rate of a body is counted while the handler waits for it.

// startTiming: the handler waits.
func (s *exchange) startTiming() {
	rate := s.l.srv.limits.MinBodyRate
	if s.timing || s.bodyRead || s.deaf || s.opt.NoMinBodyRate || rate.BytesPerSecond == Off {
		return
	}
	if s.tooSlow(s.waited) {
		s.expireBody() // many short waits are as slow as a long one
		return
	}
	s.timing = true
	s.since = s.l.rl.Now()
	s.p.timeBody(heartbeat)
}

// timeReader starts timing if the reader still waits: what came was framing.
func (s *exchange) timeReader() {
	if s.isWaiting(&s.reading) {
		s.startTiming()
	}
}

// stopTiming: something has come.
func (s *exchange) stopTiming() {
	if s.timing {
		s.timing = false
		s.waited += s.l.rl.Now().Sub(s.since)
		s.p.timeBody(0)
	}
}

// checkBodyRate ends a body that is too slow.
func (s *exchange) checkBodyRate(now ring.Instant) {
	if !s.timing {
		return
	}
	if s.tooSlow(s.waited + now.Sub(s.since)) {
		s.expireBody()
		return
	}
	s.p.timeBody(heartbeat)
}

// tooSlow judges what has come in the time the handler waited.
func (s *exchange) tooSlow(waited time.Duration) bool {
	rate := s.l.srv.limits.MinBodyRate
	return waited > rate.Grace && s.rated < atRate(rate.BytesPerSecond, waited)
}

func (s *exchange) expireBody() {
	s.l.n.timeouts[TimeoutBodyRate].Add(1)
	s.bodyFails(app.BodyTooSlow, nil)
}

// atRate is how many bytes come in d.
func atRate(bytesPerSecond int, d time.Duration) int64 {
	return int64(float64(bytesPerSecond) * d.Seconds())
}
