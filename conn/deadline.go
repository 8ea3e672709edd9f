package conn

import (
	"time"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/ring"
)

// Deadlines are the handler's, and few. The loop looks at all that there are
// when the next is due, at most once in deadlineGrain.

// deadlineGrain is how late a deadline may be noticed.
const deadlineGrain = 5 * time.Millisecond

// SetReadDeadline is app.Stream's.
func (s *exchange) SetReadDeadline(t time.Time) error { return s.setDeadline(&s.readBy, t) }

// SetWriteDeadline is app.Stream's.
func (s *exchange) SetWriteDeadline(t time.Time) error { return s.setDeadline(&s.writeBy, t) }

func (s *exchange) setDeadline(d *time.Time, t time.Time) error {
	if !s.live.Load() {
		return app.ErrEnded
	}
	s.use()
	s.mu.Lock()
	*d = t
	s.mu.Unlock()
	s.ask(wantDeadline)
	return nil
}

// timed is what the loop knows of an exchange's deadlines. On loop.
type timed struct {
	read, write ring.Instant // 0: none
	index       int          // in loop.timed, from 1 on; 0: not there
}

// armDeadlines takes over what the handler has set. On loop, as all that
// follows.
func (s *exchange) armDeadlines() {
	s.mu.Lock()
	read, write := s.readBy, s.writeBy
	s.mu.Unlock()
	s.timed.read, s.timed.write = s.l.instant(read), s.l.instant(write)
	s.checkDeadlines(s.l.rl.Now())
	if s.timed.next() == 0 {
		s.l.untime(s)
		return
	}
	s.l.time(s)
}

// instant is t on the loop's clock; zero stays zero.
func (l *loop) instant(t time.Time) ring.Instant {
	if t.IsZero() {
		return 0
	}
	return max(1, l.rl.Now().Add(t.Sub(l.rl.Wall())))
}

// next is when the first is due, 0: never.
func (t *timed) next() ring.Instant {
	if t.read == 0 || t.write != 0 && t.write < t.read {
		return t.write
	}
	return t.read
}

// checkDeadlines does what is due. When a deadline is set, the loop's time may
// be that of a turn that has lasted for a while: so the time of day has the last
// word, and none is met early.
func (s *exchange) checkDeadlines(now ring.Instant) {
	if next := s.timed.next(); next == 0 || next > now {
		return
	}
	s.mu.Lock()
	readBy, writeBy := s.readBy, s.writeBy
	s.mu.Unlock()
	if s.timed.read != 0 {
		s.timed.read = s.l.instant(readBy)
	}
	if s.timed.write != 0 {
		s.timed.write = s.l.instant(writeBy)
	}
	if t := &s.timed; t.read != 0 && t.read <= now {
		t.read = 0
		if !s.bodyRead && !s.deaf {
			s.bodyFails(app.BodyDeadline, app.ErrDeadline)
		}
	}
	if t := &s.timed; t.write != 0 && t.write <= now {
		t.write = 0
		s.mu.Lock()
		s.late = true
		s.wakeWriter()
		s.unlock()
	}
}

// time has lookDeadlines look at s.
func (l *loop) time(s *exchange) {
	if s.timed.index == 0 {
		l.timed = append(l.timed, s)
		s.timed.index = len(l.timed)
	}
	if next := s.timed.next(); l.timedAt == 0 || next < l.timedAt {
		l.timedAt = next
	}
}

// untime ends that.
func (l *loop) untime(s *exchange) {
	if s.timed.index == 0 {
		return
	}
	last := len(l.timed)
	l.timed[s.timed.index-1] = l.timed[last-1]
	l.timed[s.timed.index-1].timed.index = s.timed.index
	l.timed[last-1] = nil
	l.timed = l.timed[:last-1]
	s.timed = timed{}
	if len(l.timed) == 0 {
		l.timedAt = 0
	}
}

// lookDeadlines does what is due of all.
func (l *loop) lookDeadlines(now ring.Instant) {
	if l.timedAt == 0 || now < l.timedAt {
		return
	}
	var first ring.Instant
	for i := len(l.timed) - 1; i >= 0; i-- {
		s := l.timed[i]
		s.checkDeadlines(now)
		next := s.timed.next()
		if next == 0 {
			l.untime(s)
		} else if first == 0 || next < first {
			first = next
		}
	}
	if l.timedAt = first; first != 0 {
		l.timedAt = max(first, now.Add(deadlineGrain))
	}
}

// unwritable is why nothing can be written; nil: it can. s.mu is held.
func (s *exchange) unwritable() error {
	if s.gone == nil && s.late {
		return app.ErrDeadline
	}
	return s.gone
}

// isLate reports whether the write deadline is over: the response is broken off.
func (s *exchange) isLate() bool {
	if !s.used.Load() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.late
}
