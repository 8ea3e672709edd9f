package uringserve

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// abortGrace is how long handlers may still run when connections have been
// reset, before the server goes on without them.
const abortGrace = time.Second

// errHandlersLeft is the cause of a ShutdownError when only handlers are left.
var errHandlersLeft = errors.New("handlers whose client has gone did not return")

// RegisterOnShutdown has f called, on a goroutine of its own, when Shutdown
// begins.
func (s *Server) RegisterOnShutdown(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks = append(s.hooks, f)
}

// Shutdown ends the server without cutting anybody off: from now on responses
// ask their clients to close. After ShutdownDelay it stops accepting, serves
// what is queued, and waits until all connections are gone. If ctx ends first
// (it bounds the delay, too), what is left is reset, and the error is a
// *ShutdownError. On a server that has not been started it is Close.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	if s.state < stateStarted {
		s.mu.Unlock()
		return s.Close()
	}
	if s.state > stateStarted {
		s.mu.Unlock()
		return ErrServerClosed
	}
	s.endServing(stateShutting)
	for _, f := range s.hooks {
		go f()
	}
	conns, engines := s.conns, s.engines
	s.mu.Unlock()

	conns.Drain()
	sleep(ctx, s.ShutdownDelay)
	for _, e := range engines {
		e.StopAccept()
	}
	err := conns.Wait(ctx)
	reset, grace := 0, abortGrace
	if err != nil {
		reset = conns.AbortAll()
	} else if deadline, ok := ctx.Deadline(); ok {
		grace = max(grace, time.Until(deadline))
	}
	if st := conns.Stats(); st.Handling <= st.Hijackings {
		grace = 0 // who has hijacked is not waited for, as in net/http
	}
	left := max(0, s.closeEngines(grace)-int(conns.Stats().Hijackings))
	if err == nil && left == 0 {
		return nil
	}
	if err == nil {
		err = errHandlersLeft
	}
	s.log().Warn("shutdown did not wait for all",
		slog.Int("connections_reset", reset), slog.Int("handlers_left", left))
	return &ShutdownError{Reset: reset, Handlers: left, Err: err}
}

// sleep waits for d, or for the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Close ends the server at once: connections are reset. Handlers that run see
// their context cancelled and are not waited for.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.state == stateClosed {
		s.mu.Unlock()
		return nil
	}
	s.endServing(stateClosed)
	s.mu.Unlock()
	s.closeEngines(0)
	return nil
}

// endServing has Wait return. s.mu is held.
func (s *Server) endServing(next serverState) {
	if s.ended != nil && s.state < stateShutting && s.failure == nil {
		close(s.ended)
	}
	s.state = next
}

// closeEngines frees the engines, and returns how many handlers still run.
func (s *Server) closeEngines(grace time.Duration) (left int) {
	s.mu.Lock()
	s.state = stateClosed
	engines := s.engines
	s.mu.Unlock()
	for _, e := range engines {
		left += e.Close(grace)
	}
	return left
}
