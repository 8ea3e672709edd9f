package conn

import (
	"github.com/valyala/bytebufferpool"

	"github.com/uringserve/uringserve/h1/ws"
	"github.com/uringserve/uringserve/ring"
)

// The loop's half of what is written.

// pongRoom is how much output may wait before Pings are not answered one by
// one, in bytes: then the last one is, when there is room.
const pongRoom = 4 << 10

// flush has the transport take what was written, and sends it. On loop, as all
// of this.
func (s *wsSession) flush() {
	s.due.Store(false) // before sink is looked at: who writes now asks again
	if s.t == nil {
		return
	}
	idle := s.t.idle()
	s.mu.Lock()
	var sink *bytebufferpool.ByteBuffer
	if idle && s.sink != nil {
		if len(s.sink.B) > 0 {
			sink = s.sink
		} else {
			putBuffer(s.sink) // what was to be framed could not be
		}
		s.sink = nil
	}
	writers := s.settle(sink)
	closing := s.x.State() == ws.CloseSent
	s.mu.Unlock()
	signal(writers) // not under the lock, so that nobody runs into it
	if sink != nil {
		s.t.put(sink)
	}
	s.t.send()
	if closing && s.closeBy == 0 && s.t != nil {
		s.startClosing()
	}
}

// settle takes note that the transport gets taken, which may be nil, and answers
// who waits for that and is to be woken. s.mu is held.
func (s *wsSession) settle(taken *bytebufferpool.ByteBuffer) (writers []ring.Waiter) {
	queued := s.t.unsent()
	if taken != nil {
		queued += len(taken.B)
		s.tally()
	}
	s.queued.Store(int64(queued))
	s.pressed = s.sink != nil || len(s.writers) > 0 || s.ponged != nil
	if len(s.writers) > 0 && s.waiting() < s.u.MaxUnsent {
		writers, s.writers = s.writers, nil
	}
	return writers
}

// tally counts what was written. s.mu is held.
func (s *wsSession) tally() {
	s.l.m.ws.out += s.out
	s.l.m.ws.dropped += s.dropped
	s.out, s.dropped = 0, 0
}

// flushIfAny is flush if there is anything that the loop itself has written.
func (s *wsSession) flushIfAny() {
	if s.answered {
		s.answered = false
		s.flush()
	}
}

// sent takes note that output has gone.
func (s *wsSession) sent() {
	if s.t == nil {
		return
	}
	s.queued.Store(int64(s.t.unsent()))
	if s.ponged != nil && s.t.idle() {
		s.mu.Lock()
		s.appendPong(s.ponged.B)
		s.mu.Unlock()
		putIfHeld(&s.ponged)
		s.pressed = true
	}
	if s.pressed {
		s.flush()
	}
}

// sentFrame is sent within the sending of others: what follows from it is for
// later.
func (s *wsSession) sentFrame() {
	s.queued.Store(int64(s.t.unsent()))
	if (s.pressed || s.ponged != nil) && !s.listed {
		s.listed = true
		s.pressed = true
		s.l.holdSession(s)
	}
}

// pong answers a Ping, or notes that it is to be. s.mu is held.
func (s *wsSession) pong(data []byte) {
	if s.ponged == nil && s.waiting() < pongRoom {
		s.appendPong(data)
		return
	}
	// RFC 6455 §5.5.3: MAY answer only the most recent one.
	if s.ponged == nil {
		s.ponged = getBuffer()
	} else {
		s.l.m.ws.coalesced++
	}
	s.ponged.B = append(s.ponged.B[:0], data...)
}

// appendPong frames a Pong. s.mu is held.
func (s *wsSession) appendPong(data []byte) {
	b := s.sinkBuffer()
	out, err := s.x.AppendPong(b.B, data)
	b.B = out
	s.answered = s.answered || err == nil // not after our Close has been answered
}
