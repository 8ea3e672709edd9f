package conn

import (
	"context"

	"github.com/valyala/bytebufferpool"

	"github.com/uringserve/uringserve/app"
	appws "github.com/uringserve/uringserve/app/ws"
	"github.com/uringserve/uringserve/h1/ws"
	"github.com/uringserve/uringserve/ring"
)

// What the application does, on whatever goroutine: messages are framed into
// sink, and the loop is asked to take them.

// wsHeadBytes is the longest head of a frame of ours, in bytes.
const wsHeadBytes = 10

// wsCopyBytes is the longest message that is framed with mu held, in bytes: the
// loop must not wait for longer work.
const wsCopyBytes = 4 << 10

// Send is appws.Session's.
func (s *wsSession) Send(kind ws.Opcode, p []byte, slow appws.SlowPolicy) error {
	if len(p) > wsCopyBytes || s.def.On() {
		return s.sendFramed(len(p), slow, func(x *ws.Conn, b []byte) ([]byte, error) {
			return x.AppendMessage(b, kind, p)
		})
	}
	if err := s.lockForMessage(len(p)+wsHeadBytes, slow); err != nil {
		return err
	}
	b := s.sinkBuffer()
	out, err := s.x.AppendMessage(b.B, kind, p)
	b.B = out
	return s.sentMessage(err)
}

// SendPrepared is appws.Session's.
func (s *wsSession) SendPrepared(m *appws.Prepared, slow appws.SlowPolicy) error {
	if s.def.On() {
		return s.sendFramed(m.Len(), slow, func(x *ws.Conn, b []byte) ([]byte, error) {
			return x.AppendPrepared(b, m)
		})
	}
	if err := s.lockForMessage(m.Len()+wsHeadBytes, slow); err != nil {
		return err
	}
	b := s.sinkBuffer()
	out, err := s.x.AppendPrepared(b.B, m)
	b.B = out
	return s.sentMessage(err)
}

// sendFramed frames a message of at most n bytes, which takes long, without mu.
func (s *wsSession) sendFramed(n int, slow appws.SlowPolicy, frame func(*ws.Conn, []byte) ([]byte, error)) error {
	framed := getBuffer()
	defer func() { putIfHeld(&framed) }()
	var x ws.Conn // in the state in which one may write
	x.Reset(s.u.Config(), s.def)
	out, err := frame(&x, framed.B[:0])
	framed.B = out
	if err != nil {
		return err
	}
	if err := s.lockForMessage(len(framed.B), slow); err != nil {
		return err
	}
	if s.sink == nil {
		s.sink, framed = framed, nil
	} else {
		s.sink.B = append(s.sink.B, framed.B...)
	}
	return s.sentMessage(nil)
}

// lockForMessage waits until a message of n bytes may be appended to sink; mu is
// then held. On an error it is not.
func (s *wsSession) lockForMessage(n int, slow appws.SlowPolicy) error {
	s.mu.Lock()
	for {
		if err := s.unwritable(); err != nil {
			s.mu.Unlock()
			return err
		}
		waiting := s.waiting()
		if waiting == 0 || waiting+n <= s.u.MaxUnsent {
			return nil
		}
		if slow != appws.SlowWait {
			s.dropped++
			s.mu.Unlock()
			if slow == appws.SlowClose {
				_ = s.Close(appws.TryAgainLater, "too slow") // ErrClosed: it ends already
			}
			return appws.ErrSlow
		}
		s.waitForRoom()
	}
}

// unwritable is why nothing can be written; nil: it can. s.mu is held.
func (s *wsSession) unwritable() error {
	if s.gone != nil {
		return s.gone
	}
	if state := s.x.State(); state == ws.CloseSent || state == ws.Closed {
		return appws.ErrClosed
	}
	return nil
}

// waiting is how many bytes wait for the peer. s.mu is held.
func (s *wsSession) waiting() int {
	n := int(s.queued.Load())
	if s.sink != nil {
		n += len(s.sink.B)
	}
	return n
}

// waitForRoom waits, without mu, until something has changed. A callback that
// has the loop lets go of it.
func (s *wsSession) waitForRoom() {
	w := s.l.rl.NewWaiter()
	s.writers = append(s.writers, w)
	run := s.run
	s.mu.Unlock()
	s.ask()
	if run.Enter() {
		run.HandOver()
	}
	w.Wait()
	s.mu.Lock()
}

// sentMessage ends what lockForMessage began.
func (s *wsSession) sentMessage(err error) error {
	if err == nil {
		s.out++
	}
	s.mu.Unlock()
	switch err {
	case nil:
		s.kick()
	case ws.ErrClosing:
		return appws.ErrClosed
	}
	return err
}

// sinkBuffer is where to frame to. s.mu is held.
func (s *wsSession) sinkBuffer() *bytebufferpool.ByteBuffer {
	if s.sink == nil {
		s.sink = getBuffer()
	}
	return s.sink
}

// kick has the loop take sink, unless it will anyway.
func (s *wsSession) kick() {
	if !s.due.Load() && s.due.CompareAndSwap(false, true) {
		s.ask()
	}
}

// ask has the loop look at s. If there is no loop any more, there is no
// connection either.
func (s *wsSession) ask() {
	if s.l.rl.Post(s) {
		return
	}
	s.mu.Lock()
	tell := s.dismiss(errNoLoop)
	s.mu.Unlock()
	tell()
}

// Ping is appws.Session's.
func (s *wsSession) Ping(p []byte) error {
	if err := s.lockForMessage(len(p)+wsHeadBytes, appws.SlowDrop); err != nil {
		return err
	}
	b := s.sinkBuffer()
	out, err := s.x.AppendPing(b.B, p)
	b.B = out
	s.mu.Unlock()
	if err == nil {
		s.kick()
	}
	return err
}

// Close is appws.Session's.
func (s *wsSession) Close(code ws.CloseCode, reason string) error {
	s.mu.Lock()
	if err := s.unwritable(); err != nil {
		s.mu.Unlock()
		return appws.ErrClosed
	}
	b := s.sinkBuffer()
	out, err := s.x.AppendClose(b.B, code, reason)
	b.B = out
	var writers []ring.Waiter
	if err == nil {
		if s.end.Code == 0 {
			s.end = appws.End{Code: code, Reason: reason}
		}
		writers, s.writers = s.writers, nil
	}
	s.mu.Unlock()
	signal(writers)
	if err == nil {
		s.kick()
	}
	return err
}

// Buffered is appws.Session's.
func (s *wsSession) Buffered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting()
}

// Info is appws.Session's.
func (s *wsSession) Info() *app.ConnInfo {
	s.mu.Lock()
	for s.info == nil && s.gone == nil {
		w := s.l.rl.NewWaiter()
		s.asks = append(s.asks, w)
		run := s.run
		s.mu.Unlock()
		if run.Enter() {
			s.tellInfo()
			run.Leave()
		} else {
			s.ask()
		}
		w.Wait()
		s.mu.Lock()
	}
	defer s.mu.Unlock()
	if s.info == nil {
		return &app.ConnInfo{}
	}
	return s.info
}

// tellInfo answers those who asked for the description of the connection. On
// loop.
func (s *wsSession) tellInfo() {
	s.mu.Lock()
	asks := s.asks
	s.asks = nil
	if len(asks) > 0 && s.info == nil && s.t != nil {
		s.info = s.t.describe()
	}
	s.mu.Unlock()
	signal(asks)
}

// A wsContext is a context that is made when it is asked for.
type wsContext struct {
	ctx    context.Context
	stop   context.CancelCauseFunc
	caused error // why it is cancelled; nil: it is not
}

// cancel notes why, and answers what is to be called with it, without the lock;
// nil: nothing is.
func (c *wsContext) cancel(cause error) context.CancelCauseFunc {
	if c.caused != nil {
		return nil
	}
	c.caused = cause
	return c.stop
}

// cancel cancels the context; what is written is still sent.
func (s *wsSession) cancel(cause error) {
	s.mu.Lock()
	stop := s.context.cancel(cause)
	s.mu.Unlock()
	if stop != nil {
		stop(cause)
	}
}

// Context is appws.Session's.
func (s *wsSession) Context() context.Context {
	parent := context.Background()
	if s.l.srv.connContext != nil {
		if given := s.Info().Context; given != nil {
			parent = given
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.context.ctx == nil {
		s.context.ctx, s.context.stop = context.WithCancelCause(parent)
		if s.context.caused != nil {
			s.context.stop(s.context.caused)
		}
	}
	return s.context.ctx
}
