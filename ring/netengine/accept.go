package netengine

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// A listener is one bound address, with a goroutine that accepts.
type listener struct {
	// Immutable:
	e       *Engine
	id      int
	ln      net.Listener
	stopped chan struct{} // closed by stop
	done    chan struct{} // closed when serve has ended

	once  sync.Once // for stop
	shut  sync.Once // for close
	drain bool      // written before stopped is closed

	// serve's:
	until    time.Time // when draining ends in any case
	accepted bool      // something, since the deadline was set
}

const (
	// acceptPause bounds the pauses after failed accepts: it doubles, as in
	// net/http.
	minAcceptPause = 5 * time.Millisecond
	maxAcceptPause = time.Second

	// drainLull is how long no connection must have come for the queue of a
	// listener to be taken as empty, and maxDrain how long that is tried.
	drainLull = 20 * time.Millisecond
	maxDrain  = 2 * time.Second
)

func newListener(e *Engine, id int, ln net.Listener) *listener {
	return &listener{e: e, id: id, ln: ln, stopped: make(chan struct{}), done: make(chan struct{})}
}

// listen binds an address. Accepted connections get no keep-alive probes: the
// protocol's time limits find out who has gone.
func listen(network, address string) (net.Listener, error) {
	switch network {
	case "tcp", "tcp4", "tcp6", "unix":
	default:
		return nil, &net.OpError{Op: "listen", Net: network, Err: net.UnknownNetworkError(network)}
	}
	if at, err := netip.ParseAddrPort(address); err == nil && network == "tcp" && at.Addr().Is4() {
		network = "tcp4" // package net would listen on [::] for 0.0.0.0
	}
	lc := net.ListenConfig{KeepAlive: -1}
	ln, err := lc.Listen(context.Background(), network, address)
	if err != nil && network == "unix" && isInUse(err) && isStale(address) && os.Remove(address) == nil {
		ln, err = lc.Listen(context.Background(), network, address)
	}
	return ln, err
}

// isStale reports whether path is a Unix socket that refuses connections: its
// process has gone.
func isStale(path string) bool {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Type() != os.ModeSocket {
		return false
	}
	nc, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		_ = nc.Close() // it lives
		return false
	}
	return isRefused(err)
}

// serve accepts until stop.
func (s *listener) serve() {
	defer close(s.done)
	pause := time.Duration(0)
	for {
		nc, err := s.ln.Accept()
		if err == nil {
			pause = 0
			s.accepted = true
			l := s.e.pick()
			l.open(newConn(l, nc, s.id))
			continue
		}
		if s.isStopped() && !s.goesOn(err) {
			return
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		s.e.mu.Lock()
		s.e.acceptErrors++
		s.e.mu.Unlock()
		pause = min(max(2*pause, minAcceptPause), maxAcceptPause)
		s.rest(pause)
	}
}

func (s *listener) isStopped() bool {
	select {
	case <-s.stopped:
		return true
	default:
		return false
	}
}

// rest waits for d, or until stop is called; then for a short time.
func (s *listener) rest(d time.Duration) {
	if s.isStopped() {
		time.Sleep(minAcceptPause)
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.stopped:
	}
}

// goesOn decides after stop, and a failed accept, whether there may be more in
// the queue. If not, the listener is closed.
func (s *listener) goesOn(err error) bool {
	now := time.Now()
	if s.until.IsZero() {
		s.until = now.Add(maxDrain)
		s.accepted = true
	}
	d, ok := s.ln.(interface{ SetDeadline(time.Time) error })
	lull := errors.Is(err, os.ErrDeadlineExceeded) && !s.accepted
	if s.drain && ok && !lull && now.Before(s.until) && !errors.Is(err, net.ErrClosed) {
		s.accepted = false
		if d.SetDeadline(now.Add(drainLull)) == nil {
			return true
		}
	}
	s.close()
	return false
}

// close closes the listener, once: a stranger's may not bear more.
func (s *listener) close() {
	s.shut.Do(func() { _ = s.ln.Close() }) // nothing can be done about an error
}

// stop has serve accept what is queued, if drain, and close the listener. It
// does not wait.
func (s *listener) stop(drain bool) {
	s.once.Do(func() {
		s.drain = drain
		close(s.stopped)
		d, ok := s.ln.(interface{ SetDeadline(time.Time) error })
		if !drain || !ok || d.SetDeadline(past) != nil {
			s.close()
		}
	})
}
