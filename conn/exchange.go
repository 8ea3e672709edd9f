package conn

import (
	"context"
	"fmt"
	"math"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/bytebufferpool"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/app/ws"
	"github.com/uringserve/uringserve/ring"
)

// An exchange is one request and its response, whatever the protocol: the
// app.Stream that the handler talks to, and the ring.Posted by which handler
// code asks for the loop. How messages look on the wire is its exchanger's.
// Exchanges are pooled per loop; nothing of a loop or of another connection can
// be reached from one by handler code.
type exchange struct {
	// What every request needs is first, so that it takes few cache lines.

	l        *loop // immutable; of it handler code uses only what is safe anywhere
	p        exchanger
	live     atomic.Bool // the exchange has begun and not ended
	used     atomic.Bool // shared may be other than startExchange made it
	offLoop  atomic.Bool // the run has no loop any more: a hint
	clean    bool        // recycled
	bodyRead bool        // on loop: the body was read to its end by the loop
	deaf     bool        // on loop: what comes has no meaning any more
	handling bool        // on loop: dispatched, not done
	timing   bool        // on loop: the handler waits for its body, since:
	since    ring.Instant

	// The handler's:
	run      ring.Run
	panicked any // what the handler panicked with

	// Written on loop before the handler runs; the handler's from then on:
	opt  app.Options
	resp app.Response
	req  app.Request

	mu sync.Mutex
	shared

	// On loop:
	waited time.Duration // while timing
	rated  int64         // bytes of body that came
	timed  timed
	node   ring.PostNode

	// The handler's:
	rd      []byte                     // body bytes to be read next
	rdBuf   *bytebufferpool.ByteBuffer // they are in; nil: in the source
	flushes int                        // by the handler
	stack   []byte                     // where it panicked
}

// shared is what handler code and the loop both touch, guarded by exchange.mu.
type shared struct {
	length   int64         // of the request's body, as declared; -1: not known
	limit    int64         // bytes of body that the handler may read
	declared int64         // bytes of the response's body to be sent, -1: any
	queued   int           // bytes of it that the loop took and has not sent
	info     *app.ConnInfo //
	ended    bool          // pipe holds the last of the request's body
	started  bool          // the handler has read

	gone      error // why the connection is gone; nil: it is not
	ctx       context.Context
	cancelCtx context.CancelCauseFunc
	cancelled error // the context's cause; nil: it is not cancelled

	// Request body:
	pipe     *bytebufferpool.ByteBuffer // decoded, not yet in rd
	held     int                        // bytes in pipe and rd
	taken    int64                      // bytes given to rd
	bodyErr  *app.BodyError
	reading  bool // the handler is blocked, or about to
	readable ring.Waiter

	// Response:
	sink     *bytebufferpool.ByteBuffer // for the loop to take
	written  int64
	overrun  bool  // the handler wrote more than declared
	badHead  error // why the head that the handler wanted cannot be sent
	writing  bool  // the handler is blocked, or about to
	writable ring.Waiter

	asks []ring.Waiter // for info
	want want

	accepted *ws.Acceptance // to go on as a WebSocket
	late     bool           // the write deadline is over
	readBy   time.Time      // deadlines, zero: none
	writeBy  time.Time      //
	wakes    [2]ring.Waiter // to be woken by unlock
	answered []ring.Waiter  // those, too
}

// An exchanger is the protocol's half of an exchange.
type exchanger interface {
	app.Stream // exchange's, and what else the protocol offers to handlers

	// On loop:

	// service does what handler code wants of the loop, as often as one likes.
	service()
	// stage is service from within a handler, but that output leaves at the end
	// of the loop's turn, whoever has the loop then.
	stage()
	// offer is service from within a handler, which has the loop: what the
	// kernel takes at once is on its way. It reports whether that was all.
	offer() (all bool)
	// attached reports whether there is a connection that can carry anything.
	attached() bool
	// timeBody has checkBodyRate called after d; 0: not.
	timeBody(d time.Duration)

	// With exchange.mu held, on whatever goroutine:

	// commit frames the head of the response.
	commit(*app.Response) error
	// appendData frames what is staged.
	appendData(*app.Response) error
	// appendInterim frames an interim response, if the client may get one.
	appendInterim(status int, fields *app.Fields) error
	// begun reports whether the final response has begun.
	begun() bool
	// refused: the rest of the request's body will not be read.
	refused()
	// trailers are those of the request, whose body has ended; nil: none.
	trailers() *app.Fields

	// On the handler's goroutine:

	// connectProtocol is ws.Switcher's ConnectProtocol.
	connectProtocol() string
}

// want is what the handler asked the loop for.
type want uint8

const (
	wantBody     want = 1 << iota // it waits for its body
	wantRoom                      // it has read: receiving may go on
	wantLimit                     // the body's limit has changed
	wantInfo                      // it asks for the description of the connection
	wantDeadline                  // it has set a deadline
	wantHijack                    // it wants the connection
)

// must is for transitions that are legal as long as this package is right.
func (s *exchange) must(err error) {
	if err != nil {
		panic("BUG: " + err.Error())
	}
}

// begin prepares s for a request with a body of that length, -1: not known.
func (s *exchange) begin(length int64) {
	s.clean = false
	var stream app.Stream = s.p // to convert it takes time
	s.req.Reset(stream)
	s.resp.Reset(stream)
	s.length, s.declared, s.queued = length, -1, 0
}

// start has the handler take over.
func (s *exchange) start() {
	s.l.m.requests++
	s.handling = true
	s.live.Store(true)
}

// askOptions asks the handler how it wants to be run.
func (s *exchange) askOptions() (err error) {
	s.opt = app.Options{}
	if o := s.l.srv.options; o != nil {
		s.opt, err = callOptions(o, &s.req)
	}
	s.limit = s.l.srv.limits.MaxBodyBytes
	if s.opt.MaxBodyBytes != 0 {
		s.limit = s.opt.MaxBodyBytes
	}
	if s.limit < 0 {
		s.limit = math.MaxInt64
	}
	return err
}

func callOptions(o app.Optioned, r *app.Request) (opt app.Options, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: %v\n%s", errOptions, v, debug.Stack())
		}
	}()
	return o.Options(r), nil
}

// Route is ring.Task's.
func (s *exchange) Route() (key uint64, hint ring.Hint) {
	switch {
	case !s.bodyRead:
		hint = ring.HintBlocking // a slow upload must not cost a thread
	case s.opt.Mode == app.ModeInline:
		hint = ring.HintInline
	case s.opt.Mode == app.ModeBlocking:
		hint = ring.HintBlocking
	}
	return routeKey(s.req.Method, s.req.Path), hint
}

// Run calls the handler.
func (s *exchange) Run(r ring.Run) {
	s.run = r
	defer s.contain()
	s.l.srv.handler.Serve(&s.req, &s.resp)
}

// contain keeps a panic of the handler from leaving Run.
func (s *exchange) contain() {
	if v := recover(); v != nil {
		s.panicked = v
		if v != any(app.ErrAbort) {
			s.stack = debug.Stack()
		}
	}
}

// logFailure counts and logs a panic.
func (s *exchange) logFailure() {
	if s.panicked == nil || s.panicked == any(app.ErrAbort) {
		return
	}
	s.l.n.panics.Add(1)
	s.l.logPanic(fmt.Errorf("%v\n%s", s.panicked, s.stack))
}

// end cuts the handler off.
func (s *exchange) end() {
	s.handling = false
	s.live.Store(false)
	if !s.used.Load() {
		return
	}
	s.l.untime(s)
	s.mu.Lock()
	cancel := s.cancelCtx
	s.ctx, s.cancelCtx = nil, nil
	s.wakeAll()
	s.unlock()
	if cancel != nil {
		cancel(app.ErrEnded)
	}
}

// use notes that shared is in use: most requests have no body and are answered
// in one piece, and are spared the looks at it.
func (s *exchange) use() {
	if !s.used.Load() {
		s.used.Store(true)
	}
}

// recycle empties s for another exchange. It reports whether shared was in use
// and has been emptied.
func (s *exchange) recycle() (used bool) {
	if s.clean {
		return false
	}
	s.clean = true
	s.run = ring.Run{}
	if s.panicked != nil {
		s.panicked, s.stack = nil, nil
	}
	if s.offLoop.Load() {
		s.offLoop.Store(false)
	}
	if !s.used.Load() {
		return false
	}
	s.used.Store(false)
	s.rd, s.flushes = nil, 0
	s.timing, s.waited, s.rated = false, 0, 0
	putIfHeld(&s.rdBuf)
	s.mu.Lock()
	putIfHeld(&s.pipe)
	putIfHeld(&s.sink)
	s.shared = shared{readable: s.readable, writable: s.writable}
	s.mu.Unlock()
	return true
}

func putIfHeld(b **bytebufferpool.ByteBuffer) {
	if *b != nil {
		putBuffer(*b)
		*b = nil
	}
}

// poison spoils what a handler may have kept.
func (s *exchange) poison() {
	s.req = app.Request{Method: "POISON", Target: poisoned, Path: poisoned, Query: poisoned, Host: poisoned}
	s.req.Reset(s)
	s.resp = app.Response{}
	s.resp.Reset(s)
}

var poisoned = []byte("use of a request after its end")

// fail cuts the handler off from the connection. On loop.
func (s *exchange) fail(cause error) {
	s.use()
	s.mu.Lock()
	if s.gone != nil {
		s.mu.Unlock()
		return
	}
	s.gone = cause
	if !s.ended && s.bodyErr == nil {
		s.bodyErr = &app.BodyError{Fault: app.BodyGone, Err: cause}
	}
	s.cancelHeld(cause) // before anybody wakes: who is told by Read finds the context cancelled
	s.wakeAll()
	s.unlock()
}

// wakeAll has unlock wake whoever waits. s.mu is held, as in those that follow.
func (s *exchange) wakeAll() {
	s.wakeReader()
	s.wakeWriter()
	s.wakeAsks()
}

func (s *exchange) wakeReader() {
	if s.reading {
		s.reading = false
		s.wakes[0] = s.readable
	}
}

func (s *exchange) wakeWriter() {
	if s.writing {
		s.writing = false
		s.wakes[1] = s.writable
	}
}

func (s *exchange) wakeAsks() { s.answered, s.asks = append(s.answered, s.asks...), nil }

// unlock releases s.mu and wakes who is to be woken. They are not woken under
// the lock, so that nobody runs into it.
func (s *exchange) unlock() {
	wakes, answered := s.wakes, s.answered
	s.wakes, s.answered = [2]ring.Waiter{}, nil
	s.mu.Unlock()
	for _, w := range wakes {
		if w != nil {
			w.Signal()
		}
	}
	for _, w := range answered {
		w.Signal()
	}
}

// errNoLoop is why a connection is gone when its loop is.
var errNoLoop = fmt.Errorf("%w: the server has ended", app.ErrGone)
