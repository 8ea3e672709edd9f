package conn

import (
	"context"

	"github.com/uringserve/uringserve/app"
)

// Context is app.Stream's.
func (s *exchange) Context() context.Context {
	var parent context.Context
	if s.l.srv.connContext != nil {
		parent = s.Conn().Context
	}
	if parent == nil {
		parent = context.Background()
	}
	s.use()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil {
		if !s.live.Load() {
			return endedContext
		}
		s.ctx, s.cancelCtx = context.WithCancelCause(parent)
		if s.cancelled != nil {
			s.cancelCtx(s.cancelled)
		}
	}
	return s.ctx
}

// ContextErr is app.Stream's.
func (s *exchange) ContextErr() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ctx != nil:
		return s.ctx.Err()
	case !s.live.Load() || s.cancelled != nil:
		return context.Canceled
	case s.info != nil && s.info.Context != nil:
		return s.info.Context.Err()
	}
	return nil
}

var endedContext = func() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(app.ErrEnded)
	return ctx
}()

// cancel cancels the handler's context; what it writes is still sent.
func (s *exchange) cancel(cause error) {
	s.use()
	s.mu.Lock()
	s.cancelHeld(cause)
	s.mu.Unlock()
}

// cancelHeld is cancel with s.mu held. That is safe: a context that is cancelled
// calls nobody, it starts goroutines.
func (s *exchange) cancelHeld(cause error) {
	if s.cancelled == nil {
		s.cancelled = cause
	}
	if s.cancelCtx != nil {
		s.cancelCtx(cause)
	}
}
