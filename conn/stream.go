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
	"github.com/uringserve/uringserve/h1"
	"github.com/uringserve/uringserve/ring"
)

// A stream is one exchange: the ring.Task that an engine runs, the app.Stream
// that the handler talks to, and the ring.Posted by which handler code asks
// for the loop. Streams are pooled per loop; nothing of a loop or of another
// connection can be reached from it by handler code.
type stream struct {
	l       *loop // immutable; of it handler code uses only what is safe anywhere
	node    ring.PostNode
	live    atomic.Bool // the exchange has begun and not ended
	used    atomic.Bool // shared may be other than startExchange made it
	offLoop atomic.Bool // the run has no loop any more: a hint
	clean   bool        // recycled

	// On loop:
	c        *h1conn                    // nil: free
	lease    ring.Buf                   // the source: leased, …
	own      *bytebufferpool.ByteBuffer // … or of our own
	span     []byte                     // of the source, from the head on
	headLen  int                        // bytes of the head in span
	rest     []byte                     // of the source, not parsed yet
	body     h1.Body
	bodyRead bool         // the body was read to its end by the loop
	deaf     bool         // what comes has no meaning any more
	handling bool         // dispatched, not done
	timing   bool         // the handler waits for its body, since:
	since    ring.Instant //
	waited   time.Duration
	rated    int64 // bytes of body that came
	drained  int64 // bytes of body dropped in phaseUnread

	// Written on loop before the handler runs; the handler's from then on:
	req  app.Request
	resp app.Response
	head h1.Head
	opt  app.Options

	// The handler's:
	run      ring.Run
	rd       []byte                     // body bytes to be read next
	rdBuf    *bytebufferpool.ByteBuffer // they are in; nil: in the source
	flushes  int                        // by the handler
	panicked any                        // what the handler panicked with
	stack    []byte                     // where

	mu sync.Mutex
	shared
}

// shared is what handler code and the loop both touch, guarded by stream.mu.
type shared struct {
	x         h1.Exchange
	gone      error // why the connection is gone; nil: it is not
	ctx       context.Context
	cancelCtx context.CancelCauseFunc
	cancelled error // the context's cause; nil: it is not cancelled

	// Request body:
	pipe      *bytebufferpool.ByteBuffer // decoded, not yet in rd
	held      int                        // bytes in pipe and rd
	limit     int64                      // bytes of body that the handler may read
	taken     int64                      // bytes given to rd
	started   bool                       // the handler has read
	ended     bool                       // pipe holds the last of it
	bodyErr   *app.BodyError
	awaits100 bool // the client waits for 100 (Continue)
	reading   bool // the handler is blocked, or about to
	readable  ring.Waiter

	// Response:
	sink      *bytebufferpool.ByteBuffer // framed, for the loop to take
	dateAt    int                        // of the placeholder in sink, 0: none
	queued    int                        // bytes the loop took and has not sent
	framing   h1.Framing
	declared  int64 // bytes of body to be sent, -1: any
	written   int64
	overrun   bool  // the handler wrote more than declared
	badHead   error // why the head that the handler wanted cannot be sent
	pipelined bool  // at the start, more requests were here
	writing   bool  // the handler is blocked, or about to
	writable  ring.Waiter

	ends *addrs
	asks []ring.Waiter // for ends
	want want

	wakes    [2]ring.Waiter // to be woken by unlock
	answered []ring.Waiter  // those, too
}

// want is what the handler asked the loop for.
type want uint8

const (
	wantBody  want = 1 << iota // it waits for its body
	wantRoom                   // it has read: receiving may go on
	wantLimit                  // the body's limit has changed
	wantEnds                   // addresses
)

// startExchange prepares s for the request whose head was parsed.
func (s *stream) startExchange() {
	h := &s.head
	s.clean = false
	s.req.Reset(s)
	s.resp.Reset(s)
	s.x = h1.Exchange{}
	s.must(s.x.ReadHead(h.Length != 0, h.KeepAlive))
	s.fillRequest()
	s.req.Listener = s.c.rc.Listener()
	s.ends = s.c.addrs
	s.declared, s.queued = -1, 0
	s.pipelined = s.c.unparsed() > 0
}

// fillRequest shows the head to the handler.
func (s *stream) fillRequest() {
	h := &s.head
	r := &s.req
	r.Method = h.Method
	r.Target, r.Path, r.Query, r.Host = h.Target, h.Path, h.Query, h.Host
	r.Proto, r.Major, r.Minor = "HTTP/1.1", 1, 1
	if h.Minor == 0 {
		r.Proto, r.Minor = "HTTP/1.0", 0
	}
	r.Header = h.Fields
	r.ContentLength = h.Length
}

// must is for transitions that are legal as long as this package is right.
func (s *stream) must(err error) {
	if err != nil {
		panic("BUG: " + err.Error())
	}
}

// askOptions asks the handler how it wants to be run.
func (s *stream) askOptions() (err error) {
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
func (s *stream) Route() (key uint64, hint ring.Hint) {
	switch {
	case !s.bodyRead:
		hint = ring.HintBlocking // a slow upload must not cost a thread
	case s.opt.Mode == app.ModeInline:
		hint = ring.HintInline
	case s.opt.Mode == app.ModeBlocking:
		hint = ring.HintBlocking
	}
	return routeKey(s.head.Method, s.head.Path), hint
}

// Detach copies the source, so that the leased buffer can go back.
func (s *stream) Detach() {
	s.offLoop.Store(true)
	if s.c.out != nil && !s.c.state.over() {
		s.c.send()
	}
	if !s.lease.Held() {
		return
	}
	own := getBuffer()
	own.B = append(own.B[:0], s.span...)
	rest := len(own.B) - len(s.rest)
	if n, _, err := h1.ParseHead(own.B, 0, &s.l.srv.limits.H1, &s.head); n != s.headLen || err != nil {
		panic("BUG: a copied head is another head")
	}
	s.fillRequest()
	if s.rd != nil && s.rdBuf == nil {
		s.rd = own.B[s.headLen : s.headLen+len(s.rd)]
	}
	if len(s.rest) > 0 {
		s.rest = own.B[rest:]
	} else {
		s.rest = nil
	}
	s.span = own.B
	s.lease.Release()
	s.lease = ring.Buf{}
	s.own = own
}

// Run calls the handler.
func (s *stream) Run(r ring.Run) {
	s.run = r
	defer s.contain()
	s.l.srv.handler.Serve(&s.req, &s.resp)
}

// contain keeps a panic of the handler from leaving Run.
func (s *stream) contain() {
	if v := recover(); v != nil {
		s.panicked = v
		if v != any(app.ErrAbort) {
			s.stack = debug.Stack()
		}
	}
}

// Done sends the response, and gives the next request that is here already.
func (s *stream) Done(o ring.Outcome) ring.Task {
	c, l := s.c, s.l
	l.m.handled++
	s.end()
	if c.state.over() {
		l.publish() // there may be no turn after this
		s.logFailure()
		s.dropSource()
		l.freeStream(s)
		return nil
	}
	c.stopTimer()
	switch {
	case o == ring.Exited:
		l.n.exits.Add(1)
		c.abort(app.ErrAbort)
		return nil
	case s.panicked != nil:
		s.logFailure()
		if s.resp.Committed() || s.panicked == any(app.ErrAbort) {
			c.abort(app.ErrAbort)
			return nil
		}
		s.resp.Fail(500)
		s.x.MustClose()
	}
	s.respond()
	if next := c.answered(); next != nil {
		return next
	}
	return nil
}

// logFailure counts and logs a panic.
func (s *stream) logFailure() {
	if s.panicked == nil || s.panicked == any(app.ErrAbort) {
		return
	}
	s.l.n.panics.Add(1)
	s.l.logPanic(fmt.Errorf("%v\n%s", s.panicked, s.stack))
}

// end cuts the handler off.
func (s *stream) end() {
	s.handling = false
	s.live.Store(false)
	if !s.used.Load() {
		return
	}
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
func (s *stream) use() {
	if !s.used.Load() {
		s.used.Store(true)
	}
}

// recycle empties s for another exchange; the source stays.
func (s *stream) recycle() {
	if s.clean {
		return
	}
	s.clean = true
	s.run = ring.Run{}
	s.panicked, s.stack = nil, nil
	if s.offLoop.Load() {
		s.offLoop.Store(false)
	}
	if !s.used.Load() {
		return
	}
	s.used.Store(false)
	s.rd, s.flushes = nil, 0
	s.timing, s.waited, s.rated, s.drained = false, 0, 0, 0
	putIfHeld(&s.rdBuf)
	s.mu.Lock()
	putIfHeld(&s.pipe)
	putIfHeld(&s.sink)
	readable, writable, x := s.readable, s.writable, s.x
	s.shared = shared{readable: readable, writable: writable, x: x}
	s.mu.Unlock()
}

func putIfHeld(b **bytebufferpool.ByteBuffer) {
	if *b != nil {
		putBuffer(*b)
		*b = nil
	}
}

// fail cuts the handler off from the connection. On loop.
func (s *stream) fail(cause error) {
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
	s.wakeAll()
	s.unlock()
	s.cancel(cause)
}

// wakeAll has unlock wake whoever waits. s.mu is held, as in those that follow.
func (s *stream) wakeAll() {
	s.wakeReader()
	s.wakeWriter()
	s.wakeAsks()
}

func (s *stream) wakeReader() {
	if s.reading {
		s.reading = false
		s.wakes[0] = s.readable
	}
}

func (s *stream) wakeWriter() {
	if s.writing {
		s.writing = false
		s.wakes[1] = s.writable
	}
}

func (s *stream) wakeAsks() { s.answered, s.asks = append(s.answered, s.asks...), nil }

// unlock releases s.mu and wakes who is to be woken. They are not woken under
// the lock, so that nobody runs into it.
func (s *stream) unlock() {
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
