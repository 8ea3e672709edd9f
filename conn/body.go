package conn

import (
	"io"
	"math"
	"time"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/h1"
	"github.com/uringserve/uringserve/ring"
)

// The request body goes from the loop to the handler through a pipe: the loop
// decodes what comes into stream.pipe; the reader swaps that for the buffer it
// has read, and reads without the lock. A body that is here whole with its head
// and has a length is read where it lies.

// startBody begins the body of the request whose head was parsed. If what is
// here of it is malformed, s is deaf.
func (s *stream) startBody() {
	length := s.head.Length
	s.bodyRead, s.deaf = length == 0, false
	s.ended = s.bodyRead
	if length == 0 {
		return
	}
	s.use()
	s.body.Reset(length, &s.l.srv.limits.H1)
	s.awaits100 = s.head.Expect100
	if length > 0 && int64(len(s.rest)) >= length {
		s.rd, s.rest = s.rest[:length:length], s.rest[length:]
		s.taken = min(length, s.limit)
		s.bodyIsRead()
		return
	}
	if length > s.limit {
		s.c.pause() // it will not be read, unless the handler has a say
		return
	}
	s.pumpAtHand()
}

// pumpAtHand takes what is here already.
func (s *stream) pumpAtHand() {
	s.rest = s.pump(s.rest)
	if s.deaf {
		s.rest = nil
	}
	if c := s.c; c.in != nil && !s.bodyRead {
		in := c.in
		c.in = nil
		c.keep(s.pump(in.B))
		putBuffer(in)
	}
}

// bodyIsRead: the loop has read it to its end.
func (s *stream) bodyIsRead() {
	s.bodyRead = true
	s.mu.Lock()
	s.ended = true
	s.awaits100 = false
	if s.x.Request() == h1.RequestBody { // not if it was refused
		s.must(s.x.EndRequest())
	}
	s.wakeReader()
	s.unlock()
}

// pump decodes b into the pipe and gives what is behind the body. On loop.
func (s *stream) pump(b []byte) []byte {
	if len(b) == 0 || s.deaf {
		return nil
	}
	s.stopTiming()
	defer s.timeReader()
	for len(b) > 0 {
		data, n, err := s.body.Decode(b)
		if err != nil {
			s.l.n.rejections[err.Reason].Add(1)
			s.l.logRejection(err)
			s.bodyFails(app.BodyMalformed, err)
			return nil
		}
		if len(data) > 0 {
			s.deliver(data)
		}
		b = b[n:]
		if s.body.Done() {
			s.bodyIsRead()
			return b
		}
	}
	return nil
}

// deliver puts data into the pipe.
func (s *stream) deliver(data []byte) {
	s.rated += int64(len(data))
	s.mu.Lock()
	if s.pipe == nil {
		s.pipe = getBuffer()
	}
	s.pipe.B = append(s.pipe.B, data...)
	s.held += len(data)
	s.awaits100 = false
	s.wakeReader()
	s.unlock()
}

// bodyFails ends the body with a fault. What comes after it has no meaning.
func (s *stream) bodyFails(fault app.BodyFault, err error) {
	s.deaf = true
	s.stopTiming()
	s.mu.Lock()
	s.refuseBody(fault, err)
	s.wakeReader()
	s.unlock()
}

// refuseBody makes fault the answer to readers, and the end of the connection.
// s.mu is held.
func (s *stream) refuseBody(fault app.BodyFault, err error) {
	if s.bodyErr == nil {
		s.bodyErr = &app.BodyError{Fault: fault, Err: err}
	}
	if s.x.Request() == h1.RequestBody {
		s.must(s.x.Reject())
	}
	s.x.MustClose()
}

// cutBody: the peer has ended its sending within the body.
func (s *stream) cutBody() {
	if s.deaf {
		return
	}
	s.l.n.refusals[RefusedBodyCut].Add(1)
	s.bodyFails(app.BodyCut, io.ErrUnexpectedEOF)
	s.cancel(app.ErrGone)
}

// tooLarge reports whether the declared length is over the limit.
func (s *stream) tooLarge() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.head.Length > s.limit
}

// bodyHeld is how many bytes of body wait for the handler.
func (s *stream) bodyHeld() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held
}

// discard reads and drops b in phaseUnread, and gives what is behind the body.
func (s *stream) discard(b []byte) []byte {
	for len(b) > 0 {
		_, n, err := s.body.Decode(b)
		if err != nil {
			s.l.n.rejections[err.Reason].Add(1)
			s.deaf = true
			return nil
		}
		s.drained += int64(n)
		b = b[n:]
		if s.body.Done() {
			s.bodyRead = true
			return b
		}
	}
	return nil
}

// ReadBody is app.Stream's.
func (s *stream) ReadBody(p []byte) (int, error) {
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
func (s *stream) refill() (wait bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.started {
		s.started = true
		if s.head.Length > s.limit {
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
func (s *stream) swap() error {
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
func (s *stream) refuseTooLarge() {
	s.l.n.refusals[RefusedBodyTooLarge].Add(1)
	s.refuseBody(app.BodyTooLarge, nil)
}

// waitReadable blocks until the loop has something to tell the reader.
func (s *stream) waitReadable() {
	if s.isWaiting(&s.reading) && s.run.Enter() {
		s.offLoop.Store(true)
		s.run.HandOver()
	}
	for s.isWaiting(&s.reading) {
		s.readable.Wait()
	}
}

func (s *stream) isWaiting(flag *bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *flag
}

// RequestTrailers is app.Stream's.
func (s *stream) RequestTrailers() *app.Fields {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.live.Load() || !s.ended || s.head.Length != -1 || s.bodyErr != nil ||
		s.pipe != nil && len(s.pipe.B) > 0 || len(s.rd) > 0 {
		return nil
	}
	return s.body.Trailers()
}

// SetReadLimit is app.Stream's.
func (s *stream) SetReadLimit(n int64) error {
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
	raised := s.head.Length > s.limit && s.head.Length <= n
	s.limit = n
	s.mu.Unlock()
	if raised {
		s.ask(wantLimit)
	}
	return nil
}

// limitRaised: a body that would not have been read is welcome. On loop.
func (s *stream) limitRaised() {
	if !s.bodyRead && !s.deaf && !s.tooLarge() {
		s.pumpAtHand()
		s.c.resumeIfRoom()
	}
}

// The rate of a body is counted while the handler waits for it.

// startTiming: the handler waits.
func (s *stream) startTiming() {
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
	s.c.setTimer(TimeoutBodyRate, heartbeat)
}

// timeReader starts timing if the reader still waits: what came was framing.
func (s *stream) timeReader() {
	if s.isWaiting(&s.reading) {
		s.startTiming()
	}
}

// stopTiming: something has come.
func (s *stream) stopTiming() {
	if s.timing {
		s.timing = false
		s.waited += s.l.rl.Now().Sub(s.since)
		s.c.stopTimer()
	}
}

// checkBodyRate ends a body that is too slow.
func (s *stream) checkBodyRate(now ring.Instant) {
	if !s.timing {
		return
	}
	if s.tooSlow(s.waited + now.Sub(s.since)) {
		s.expireBody()
		return
	}
	s.c.setTimer(TimeoutBodyRate, heartbeat)
}

// tooSlow judges what has come in the time the handler waited.
func (s *stream) tooSlow(waited time.Duration) bool {
	rate := s.l.srv.limits.MinBodyRate
	return waited > rate.Grace && s.rated < atRate(rate.BytesPerSecond, waited)
}

func (s *stream) expireBody() {
	s.l.n.timeouts[TimeoutBodyRate].Add(1)
	s.bodyFails(app.BodyTooSlow, nil)
}

// atRate is how many bytes come in d.
func atRate(bytesPerSecond int, d time.Duration) int64 {
	return int64(float64(bytesPerSecond) * d.Seconds())
}
