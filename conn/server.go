package conn

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/h2"
	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/tls"
)

// Config is what a Server is made from.
type Config struct {
	// Handler answers the requests.
	Handler app.Handler

	// ConnContext gives the context of a connection, ConnInfo.Context, from
	// what is known when it was accepted; nil: there is none. It is called on
	// the loop, once per connection, and must not block.
	ConnContext func(*app.ConnInfo) context.Context

	// ConnClosed is told, with the context that ConnContext gave, that a
	// connection is gone, or is no longer the server's; nil: nobody is. It is
	// called on the loop and must not block. If it is set, ConnContext is called
	// when a connection is accepted, else when its description is first asked
	// for.
	ConnClosed func(context.Context)

	// FlushAtOnce has every flush reach the kernel before it returns. Otherwise
	// those of a handler that has the loop leave with what other handlers of the
	// turn write, or when it loses the loop, within some milliseconds: for engines
	// that leave handlers behind.
	FlushAtOnce bool

	// Limits bound each connection. Start from DefaultLimits; the zero value
	// stands for it.
	Limits Limits

	// Handshakes bound what TLS handshakes may cost together.
	Handshakes tls.HandshakerOptions

	// Log gets what an operator should see: handlers that panic or answer
	// wrongly, and, at debug level, refused requests. At most some lines per
	// second; nil: nothing is logged. What clients sent is quoted and cut.
	Log *slog.Logger
}

// ErrNoHandler is New's answer to a Config without Handler.
var ErrNoHandler = errors.New("conn: no handler")

// Server is the protocol side of an engine: all its loops and connections.
// Methods are safe for concurrent use, except NewLoop, which is the engine's
// to call.
type Server struct {
	// Immutable:
	handler app.Handler
	options app.Optioned // handler, if it has Options
	limits  Limits

	flushAtOnce bool

	connContext func(*app.ConnInfo) context.Context // may be nil
	connClosed  func(context.Context)               // may be nil

	h2  *h2.Config
	log *slog.Logger

	handshaker *tls.Handshaker
	endpoints  [Engines]atomic.Pointer[[]Endpoint] // by listener

	hijackers  hijackers
	hijackings atomic.Int64

	active   atomic.Int64
	draining atomic.Bool
	logging  atomic.Int32 // log lines being written

	mu    sync.Mutex
	loops []*loop         // guarded by mu
	empty []chan struct{} // guarded by mu; waiters for no connections
}

// New makes a Server. The error is ErrNoHandler, *LimitError, *h1.LimitError or
// *tls.OptionError.
func New(cfg Config) (*Server, error) {
	if cfg.Handler == nil {
		return nil, ErrNoHandler
	}
	if cfg.Limits == (Limits{}) {
		cfg.Limits = DefaultLimits()
	}
	if err := cfg.Limits.Validate(); err != nil {
		return nil, err
	}
	handshaker, err := tls.NewHandshaker(cfg.Handshakes)
	if err != nil {
		return nil, err
	}
	s := &Server{handler: cfg.Handler, limits: cfg.Limits, log: cfg.Log, handshaker: handshaker,
		connContext: cfg.ConnContext, flushAtOnce: cfg.FlushAtOnce, connClosed: cfg.ConnClosed}
	s.h2, _ = cfg.Limits.h2config() // it was validated
	s.options, _ = cfg.Handler.(app.Optioned)
	return s, nil
}

// NewLoop makes the Server's half of a loop; it is what ring.Engine.Start
// wants.
func (s *Server) NewLoop(rl ring.Loop) ring.LoopHandler { return s.newLoop(0, rl) }

// NewLoopOf is NewLoop for one of several engines that share a Server: engine is
// 0 … Engines-1, and 0 is NewLoop's. Their listeners' IDs may be the same.
func (s *Server) NewLoopOf(engine int) func(ring.Loop) ring.LoopHandler {
	return func(rl ring.Loop) ring.LoopHandler { return s.newLoop(engine, rl) }
}

func (s *Server) newLoop(engine int, rl ring.Loop) ring.LoopHandler {
	l := newLoop(s, rl)
	l.engine = engine
	s.mu.Lock()
	s.loops = append(s.loops, l)
	s.mu.Unlock()
	l.draining = s.draining.Load() // after the append: Drain has seen l, or we see it
	return l
}

// Drain asks all connections to end: responses say Connection: close, and idle
// connections close after a lull in which requests that are on their way are
// still answered. New connections are served one request. It returns at once;
// there is no way back.
func (s *Server) Drain() {
	if !s.draining.Swap(true) {
		s.post(orderDrain)
	}
}

// Draining reports whether Drain was called.
func (s *Server) Draining() bool { return s.draining.Load() }

// AbortAll resets all connections, soon, and returns how many there were.
// Their handlers see a cancelled context and errors.
func (s *Server) AbortAll() (n int) {
	n = int(s.active.Load())
	s.post(orderAbort)
	return n
}

func (s *Server) post(o order) {
	s.mu.Lock()
	loops := s.loops // only ever appended to
	s.mu.Unlock()
	for _, l := range loops {
		l.orders.Or(uint32(o))
		l.rl.Post(l)
	}
}

// Active is the number of open connections.
func (s *Server) Active() int64 { return s.active.Load() }

// Wait returns nil when there is no connection, or ctx's error.
func (s *Server) Wait(ctx context.Context) error {
	for s.active.Load() != 0 {
		gone := make(chan struct{})
		s.mu.Lock()
		s.empty = append(s.empty, gone)
		s.mu.Unlock()
		if s.active.Load() == 0 {
			s.tellEmpty()
		}
		select {
		case <-gone:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// left takes note that a connection is gone.
func (s *Server) left() {
	if s.active.Add(-1) == 0 {
		s.tellEmpty()
	}
}

func (s *Server) tellEmpty() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, gone := range s.empty {
		close(gone)
	}
	s.empty = s.empty[:0]
}

// Handshakes are the counters of TLS handshakes, whatever their loop.
func (s *Server) Handshakes() tls.HandshakeStats { return s.handshaker.Stats() }

// Stats reads the counters.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	var st Stats
	for _, l := range s.loops {
		l.n.addTo(&st)
	}
	st.Active = s.active.Load()
	st.Hijackings = s.hijackings.Load()
	return st
}
