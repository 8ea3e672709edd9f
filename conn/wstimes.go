package conn

import (
	"fmt"
	"time"

	"github.com/uringserve/uringserve/app"
	appws "github.com/uringserve/uringserve/app/ws"
	"github.com/uringserve/uringserve/ring"
)

// wsCloseTimeout is how long the peer may take to answer our Close (ours).
const wsCloseTimeout = 5 * time.Second

var (
	errNoPong     = fmt.Errorf("%w: it does not answer pings", app.ErrGone)
	errNoCloseYet = fmt.Errorf("%w: it has not answered a Close", app.ErrGone)
)

// wsTimes is what a session knows of time. A Ping is sent to a peer that has
// been silent; whatever comes is a sign of life.
type wsTimes struct {
	heard   ring.Instant // when something came
	pinged  ring.Instant // when the Ping was sent that waits for it; 0: none does
	closeBy ring.Instant // when the closing handshake must be over; 0: it has not begun
	armed   ring.Instant // when expire is called; 0: never
}

func (s *wsSession) startTimes() { s.heard = s.l.rl.Now() }

// heardNow: something came.
func (s *wsSession) heardNow() {
	s.heard = s.l.rl.Now()
	s.pinged = 0
}

// arm has expire called at that time.
func (s *wsSession) arm(at ring.Instant) {
	s.armed = at
	s.t.arm(at)
}

// startPings begins to watch the peer.
func (s *wsSession) startPings() {
	if s.u.PingEvery != appws.Off {
		s.arm(s.heard.Add(s.u.PingEvery))
	}
}

// startClosing: our Close is on its way.
func (s *wsSession) startClosing() {
	s.closeBy = s.l.rl.Now().Add(wsCloseTimeout)
	s.arm(s.closeBy)
}

// expire does what is due.
func (s *wsSession) expire(now ring.Instant) {
	if s.t == nil || s.armed == 0 || now < s.armed {
		return
	}
	s.armed = 0
	switch {
	case s.closeBy != 0:
		if now < s.closeBy {
			s.arm(s.closeBy)
			return
		}
		s.l.n.timeouts[TimeoutClosing].Add(1)
		s.lateClose()
	case s.pinged != 0 && s.holdsBack():
		s.arm(now.Add(s.u.PongWithin)) // its answer may be here, unread
	case s.pinged != 0:
		s.l.n.timeouts[TimeoutPong].Add(1)
		s.abortNow(errNoPong)
	default:
		s.pingIfSilent(now)
	}
}

// lateClose ends a connection whose peer has not answered our Close; one that has
// not even taken it is reset.
func (s *wsSession) lateClose() {
	if s.t.unsent() > 0 || s.pressed {
		s.abortNow(errNoCloseYet)
		return
	}
	s.mu.Lock()
	s.end.Err = errNoCloseYet
	s.mu.Unlock()
	s.finish()
	s.dispatchEnd()
}

// abortNow is abort where no callback follows by itself.
func (s *wsSession) abortNow(cause error) {
	s.abort(cause)
	s.dispatchEnd()
}

// pingIfSilent sends a Ping if nothing has come for long enough, and looks
// again later.
func (s *wsSession) pingIfSilent(now ring.Instant) {
	due := s.heard.Add(s.u.PingEvery)
	if s.holdsBack() {
		due = now.Add(s.u.PingEvery) // what it has to say cannot come
	}
	if now < due {
		s.arm(due)
		return
	}
	s.mu.Lock()
	b := s.sinkBuffer()
	out, err := s.x.AppendPing(b.B, nil)
	b.B = out
	s.mu.Unlock()
	if err != nil {
		return // it ends
	}
	s.pinged = now
	s.l.m.ws.pinged++
	s.arm(now.Add(s.u.PongWithin))
	s.flush()
}

// holdsBack reports whether receiving may be paused.
func (s *wsSession) holdsBack() bool { return s.more != nil }
