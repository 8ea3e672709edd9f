package conn

import (
	"fmt"
	"os"
	"time"

	"github.com/uringserve/uringserve/app"
)

// Deadlines are few, and the handler's: they run on timers of their own, whose
// only act is to mark the exchange, as any handler code may.

// deadlines are those of an exchange.
type deadlines struct {
	read, write deadline
}

// A deadline is a point in time from which on something fails.
type deadline struct {
	timer *time.Timer // nil: none
	set   uint64      // how often it was set: a timer that comes late is another's
}

var (
	errReadLate  = fmt.Errorf("the read deadline is over: %w", os.ErrDeadlineExceeded)
	errWriteLate = fmt.Errorf("the write deadline is over: %w", os.ErrDeadlineExceeded)
)

// SetReadDeadline is app.Stream's.
func (s *exchange) SetReadDeadline(t time.Time) error {
	return s.setDeadline(&s.deadlines.read, t, s.readLate)
}

// SetWriteDeadline is app.Stream's.
func (s *exchange) SetWriteDeadline(t time.Time) error {
	return s.setDeadline(&s.deadlines.write, t, s.writeLate)
}

func (s *exchange) setDeadline(d *deadline, t time.Time, over func()) error {
	s.use()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.live.Load() {
		return app.ErrEnded
	}
	d.stop()
	if t.IsZero() {
		return nil
	}
	set := d.set
	d.timer = time.AfterFunc(time.Until(t), func() {
		s.mu.Lock()
		if d.set != set {
			s.mu.Unlock()
			return
		}
		over()
		s.unlock()
		s.post()
	})
	return nil
}

// stop ends d. The exchange's mu is held, as in those that follow.
func (d *deadline) stop() {
	d.set++
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

func (d *deadlines) stop() {
	d.read.stop()
	d.write.stop()
}

// readLate fails reads of what has not come.
func (s *exchange) readLate() {
	if s.ended || s.bodyErr != nil {
		return
	}
	s.refuseBody(app.BodyDeadline, errReadLate)
	s.want |= wantDeaf
	s.wakeReader()
}

// writeLate fails writes; Done breaks the response off.
func (s *exchange) writeLate() {
	s.late = true
	s.wakeWriter()
}

// unwritable is why nothing can be written; nil: it can.
func (s *exchange) unwritable() error {
	if s.gone == nil && s.late {
		return errWriteLate
	}
	return s.gone
}

// isLate reports whether the write deadline is over. On loop.
func (s *exchange) isLate() bool {
	if !s.used.Load() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.late
}
