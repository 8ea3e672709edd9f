package conn

import (
	"io"
	"time"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/h1"
)

// startBody begins the body of the request whose head was parsed. If what is
// here of it is malformed, s is deaf.
func (s *h1stream) startBody() {
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
func (s *h1stream) pumpAtHand() {
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
func (s *h1stream) bodyIsRead() {
	s.bodyRead = true
	s.mu.Lock()
	s.awaits100 = false
	if s.x.Request() == h1.RequestBody { // not if it was refused
		s.must(s.x.EndRequest())
	}
	s.bodyEnds()
	s.unlock()
}

// pump decodes b into the pipe and gives what is behind the body. On loop.
func (s *h1stream) pump(b []byte) []byte {
	if len(b) == 0 || s.deaf {
		return nil
	}
	s.mu.Lock()
	s.awaits100 = false // it does not wait for it
	s.mu.Unlock()
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

// cutBody: the peer has ended its sending within the body.
func (s *h1stream) cutBody() {
	if s.deaf {
		return
	}
	s.l.n.refusals[RefusedBodyCut].Add(1)
	s.bodyFails(app.BodyCut, io.ErrUnexpectedEOF)
	s.cancel(app.ErrGone)
}

// discard reads and drops b in phaseUnread, and gives what is behind the body.
func (s *h1stream) discard(b []byte) []byte {
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

// limitRaised: a body that would not have been read is welcome. On loop.
func (s *h1stream) limitRaised() {
	if !s.bodyRead && !s.deaf && !s.tooLarge() {
		s.pumpAtHand()
		s.c.resumeIfRoom()
	}
}

// refused: nothing that comes after it has a meaning, so the connection ends
// with the response. s.mu is held.
func (s *h1stream) refused() {
	if s.x.Request() == h1.RequestBody {
		s.must(s.x.Reject())
	}
	s.x.MustClose()
}

// trailers are those of a chunked body that was read. s.mu is held.
func (s *h1stream) trailers() *app.Fields {
	if s.length != -1 {
		return nil
	}
	return s.body.Trailers()
}

func (s *h1stream) timeBody(d time.Duration) {
	if d == 0 {
		s.c.stopTimer()
		return
	}
	s.c.setTimer(TimeoutBodyRate, d)
}
