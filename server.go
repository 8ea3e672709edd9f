package uringserve

import (
	"cmp"
	"context"
	"errors"
	"log"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	cryptotls "crypto/tls"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/conn"
	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/auto"
	"github.com/uringserve/uringserve/ring/netengine"
	"github.com/uringserve/uringserve/tls"
)

// Server is an HTTP server. Its fields and methods are http.Server's as far as
// they have a meaning here, and its own. Fields must not be changed after the
// first call of a method; methods are safe for concurrent use. Any number of
// servers may run in one process.
type Server struct {
	// Addr is where ListenAndServe and ListenAndServeTLS listen: "host:port",
	// ":port" for all addresses, "localhost:port" for both loopback addresses,
	// "unix:/path". Port 0 is any free one. Empty: ":http", ":https".
	Addr string

	// Handler answers requests as in net/http; http.DefaultServeMux if neither
	// it nor App is set. What differs is in the README of app/nethttp.
	Handler http.Handler

	// App answers requests, without the cost of net/http's types. Not both.
	App app.Handler

	// DisableGeneralOptionsHandler has Handler see "OPTIONS *", which is otherwise
	// answered with 200.
	DisableGeneralOptionsHandler bool

	// TLSConfig is for connections with TLS, as in net/http: a copy is used, with
	// the names of Protocols added to its NextProtos.
	TLSConfig *cryptotls.Config

	// TLS is for connections with TLS, instead of TLSConfig: its Certificates may
	// change while they serve. Its Protocols are set from Protocols.
	TLS *tls.Options

	// Handshakes bound what TLS handshakes may cost together.
	Handshakes tls.HandshakerOptions

	// Protocols are those that are spoken; nil: all there are. UnencryptedHTTP2 is
	// for listeners without TLS, HTTP2 for those with it. ListenEndpoint and
	// AdoptEndpoint have their own.
	Protocols *http.Protocols

	// HTTP2 replaces limits of HTTP/2, where it has a value that is valid. What
	// it says about pings and cipher suites has no effect: see Limits and TLS.
	HTTP2 *http.HTTP2Config

	// Engine is "auto", "uring" or "net"; empty: "auto".
	Engine string

	// Loops is the number of loops; 0: one per CPU that this process may use.
	Loops int

	// TakeoverOff has handlers run on goroutines, unless they are marked with
	// app.Inline: slower, and no threads but Go's own.
	TakeoverOff bool

	// Limits bound what a connection may cost. Start from
	// conn.DefaultLimits; the zero value stands for it.
	Limits conn.Limits

	// ReadTimeout, if positive, bounds a request's head, and from there on its
	// body; ReadHeaderTimeout the head alone, instead. Negative: no limit. 0: what
	// Limits has. Of App, the body is not bounded by it.
	ReadTimeout, ReadHeaderTimeout time.Duration

	// WriteTimeout, if positive, bounds a response of Handler from the end of its
	// request's head on.
	WriteTimeout time.Duration

	// IdleTimeout bounds the time between requests; 0: ReadTimeout, if that is
	// set, else what Limits has; negative: no limit.
	IdleTimeout time.Duration

	// MaxHeaderBytes, if positive, bounds a request line (414), and a request's
	// fields (431), in bytes, instead of what Limits has: each by itself, where
	// net/http bounds both together, so that whoever raises it gets long targets,
	// too. The number of fields remains that of Limits.
	MaxHeaderBytes int

	// BaseContext gives the context of a listener, the parent of its requests'
	// contexts; nil: context.Background(). It is asked once for each, before its
	// connections are served, by the call that has it bound or adopted. It is given
	// the listener of Serve and Adopt itself, which is not for accepting; for one
	// that the server binds, one of which only Addr may be used.
	BaseContext func(net.Listener) context.Context

	// ConnContext changes the context of a connection that was accepted. It is
	// called on the loop and must not block. The net.Conn is a *nethttp.NetConn,
	// which is not for reading and writing.
	ConnContext func(ctx context.Context, c net.Conn) context.Context

	// ConnState is told when a connection changes state, with that net.Conn, as in
	// net/http, but that it is Active while handlers run: not with a request that
	// is refused. It is called on the loop, or by a handler's goroutine, and must
	// not block.
	ConnState func(net.Conn, http.ConnState)

	// ErrorLog is for what net/http would log; nil: Log for panics, else the
	// standard logger of package log.
	ErrorLog *log.Logger

	// Log gets what an operator should see; nil: ErrorLog, if that is set, else
	// slog.Default().
	Log *slog.Logger

	// ShutdownDelay is how long Shutdown goes on accepting, with responses
	// that ask clients to close, so that balancers can notice. Default 0.
	ShutdownDelay time.Duration

	mu      sync.Mutex
	state   serverState       // guarded by mu
	conns   *conn.Server      // guarded by mu; set from stateOpen on
	engines []ring.Engine     // guarded by mu; the first is the chosen one
	bound   [conn.Engines]int // guarded by mu; listeners by engine
	choice  auto.Choice       // guarded by mu
	addrs   []net.Addr        // guarded by mu
	hooks   []func()          // guarded by mu; of RegisterOnShutdown
	standIn *http.Server      // guarded by mu; for handlers
	bases   bases
	once    atomic.Bool   // connections are for one request each
	ended   chan struct{} // closed when Serve should return
	failure error         // guarded by mu; why, if not by Shutdown or Close
}

// A serverState is where a Server is in its life; it only grows.
type serverState uint8

const (
	// stateNew: nothing has been made yet.
	stateNew serverState = iota
	// stateOpen: there is an engine, addresses may be bound.
	stateOpen
	// stateStarted: loops run.
	stateStarted
	// stateShutting: Shutdown has begun.
	stateShutting
	// stateClosed: all is over.
	stateClosed
)

// ListenAndServe serves h at addr, until it fails; see Server.ListenAndServe.
func ListenAndServe(addr string, h http.Handler) error {
	return (&Server{Addr: addr, Handler: h}).ListenAndServe()
}

// ListenAndServeTLS serves h at addr over TLS, until it fails; see
// Server.ListenAndServeTLS.
func ListenAndServeTLS(addr, certFile, keyFile string, h http.Handler) error {
	return (&Server{Addr: addr, Handler: h}).ListenAndServeTLS(certFile, keyFile)
}

// ListenAndServe listens at Addr and serves until Shutdown or Close, and then
// returns ErrServerClosed at once: wait for Shutdown before you exit.
func (s *Server) ListenAndServe() error {
	if _, err := s.Listen(cmp.Or(s.Addr, ":http")); err != nil {
		return err
	}
	return s.startAndWait()
}

// ListenAndServeTLS is ListenAndServe over TLS. The files, in PEM, have the
// certificate with its chain, and its key; both are empty if TLSConfig or TLS
// has a certificate.
func (s *Server) ListenAndServeTLS(certFile, keyFile string) error {
	e, err := s.secureEndpoint(certFile, keyFile)
	if err != nil {
		return err
	}
	if _, err := s.ListenEndpoint(cmp.Or(s.Addr, ":https"), e); err != nil {
		return err
	}
	return s.startAndWait()
}

// Serve serves what ln accepts, which may be any listener, until Shutdown or
// Close, and then returns ErrServerClosed at once. The server owns ln.
func (s *Server) Serve(ln net.Listener) error {
	if err := s.Adopt(ln); err != nil {
		return err
	}
	return s.startAndWait()
}

// ServeTLS is Serve over TLS, with files as in ListenAndServeTLS.
func (s *Server) ServeTLS(ln net.Listener, certFile, keyFile string) error {
	e, err := s.secureEndpoint(certFile, keyFile)
	if err != nil {
		_ = ln.Close() // the caller gets the better error
		return err
	}
	if err := s.AdoptEndpoint(ln, e); err != nil {
		return err
	}
	return s.startAndWait()
}

func (s *Server) startAndWait() error {
	if err := s.Start(); err != nil && !errors.Is(err, ErrStarted) {
		return err
	}
	return s.Wait()
}

// Start begins to serve what was bound by Listen and Adopt.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(); err != nil {
		return err
	}
	if s.state == stateStarted {
		return &ConfigError{"Start", ErrStarted}
	}
	if len(s.addrs) == 0 {
		return &ConfigError{"Start", ErrNoAddress}
	}
	s.warn()
	for i, e := range s.engines {
		if err := e.Start(s.conns.NewLoopOf(i)); err != nil {
			return err
		}
	}
	s.state = stateStarted
	return nil
}

// warn says what makes the loops slower than they need to be. GOMAXPROCS is the
// process's to set, not a library's.
func (s *Server) warn() {
	loops, procs := s.engines[0].Loops(), runtime.GOMAXPROCS(0)
	if s.choice.Engine != auto.Net && procs <= loops {
		s.log().Warn("GOMAXPROCS is not above the number of loops, so that they never wait briefly in the kernel",
			slog.Int("gomaxprocs", procs), slog.Int("loops", loops))
	}
}

// Wait returns when the server is no more to serve: ErrServerClosed after
// Shutdown or Close, or why a loop has failed for good.
func (s *Server) Wait() error {
	s.mu.Lock()
	if s.state < stateOpen {
		s.mu.Unlock()
		return &ConfigError{"Wait", ErrNoAddress}
	}
	ended := s.ended
	s.mu.Unlock()
	<-ended
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure != nil {
		return s.failure
	}
	return ErrServerClosed
}

// open checks the configuration and makes the engine, once. s.mu is held.
func (s *Server) open() error {
	switch s.state {
	case stateNew:
	case stateOpen, stateStarted:
		return nil
	default:
		return ErrServerClosed
	}
	if s.Handler != nil && s.App != nil {
		return &ConfigError{"Handler", ErrTwoHandlers}
	}
	if err := s.checkProtocols(); err != nil {
		return err
	}
	conns, err := conn.New(s.config())
	if err != nil {
		return &ConfigError{fieldOf(err), err}
	}
	engine, choice, err := auto.New(auto.Options{Engine: s.Engine, Loops: s.Loops, TakeoverOff: s.TakeoverOff, Lost: s.lost})
	if err != nil {
		return &ConfigError{"Engine", err}
	}
	s.conns, s.engines, s.choice = conns, []ring.Engine{engine}, choice
	s.ended = make(chan struct{})
	s.state = stateOpen
	return nil
}

// fieldOf is the field of Server that conn.New complains about.
func fieldOf(err error) string {
	if _, ok := errors.AsType[*tls.OptionError](err); ok {
		return "Handshakes"
	}
	return "Limits"
}

func (s *Server) log() *slog.Logger {
	switch {
	case s.Log != nil:
		return s.Log
	case s.ErrorLog != nil:
		return slog.New(errorLog{Logger: s.ErrorLog})
	}
	return slog.Default()
}

// lost is told by the engine that a loop is no more; without its loops a server
// is none, and another process should have its place.
func (s *Server) lost(loop int, err error) {
	s.log().Error("a loop has failed", slog.Int("loop", loop), slog.String("error", err.Error()))
	go func() { // the loop's thread must not wait for mu
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.state == stateStarted && s.failure == nil {
			s.failure = err
			close(s.ended)
		}
	}()
}

// foreign is the engine for listeners that the chosen one cannot accept from.
// s.mu is held.
func (s *Server) foreign() (ring.Engine, error) {
	if len(s.engines) > 1 {
		return s.engines[1], nil
	}
	e := netengine.New(netengine.Options{})
	if s.state == stateStarted {
		if err := e.Start(s.conns.NewLoopOf(1)); err != nil {
			return nil, err
		}
	}
	s.engines = append(s.engines, e)
	return e, nil
}

// Info says what a Server runs on.
type Info struct {
	Engine string // uring, epoll or net
	Reason string // why it was chosen, and how to get a better one; one line
	Loops  int
}

// Info is known once Listen, Adopt or Start has succeeded.
func (s *Server) Info() Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.engines) == 0 {
		return Info{}
	}
	return Info{Engine: s.choice.Engine, Reason: s.choice.Reason, Loops: s.engines[0].Loops()}
}

// Stats are a Server's counters.
type Stats struct {
	Engine     ring.Stats
	Conn       conn.Stats
	Handshakes tls.HandshakeStats
}

// Stats reads the counters; of listeners that are not the system's, only Conn
// counts.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.engines) == 0 {
		return Stats{}
	}
	return Stats{Engine: s.engines[0].Stats(), Conn: s.conns.Stats(), Handshakes: s.conns.Handshakes()}
}
