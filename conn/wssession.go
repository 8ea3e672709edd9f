package conn

import (
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/valyala/bytebufferpool"

	"github.com/uringserve/uringserve/app"
	appws "github.com/uringserve/uringserve/app/ws"
	"github.com/uringserve/uringserve/h1/ws"
	"github.com/uringserve/uringserve/ring"
)

// A wsSession is one WebSocket connection, whatever carries it: the
// appws.Session that the application writes to, the ring.Task that runs its
// callbacks one by one, and the ring.Posted by which application code asks for
// the loop. While it is idle it holds no buffers.
//
// What comes is read on loop (wsread.go); what the application writes is framed
// by the writer into sink, which the loop takes (wswrite.go, wsout.go).
type wsSession struct {
	l    *loop           // immutable, as are those down to key
	u    *appws.Upgrader //
	def  ws.Deflate      //
	key  uint64          // of the callbacks' runs
	face appws.Conn      // the application's, but for what Init sets
	node ring.PostNode
	due  atomic.Bool // the loop will take sink: nobody need ask it

	// On loop:
	t       wsTransport // nil: it is lost, or has all it will get
	phase   wsPhase
	running bool // a callback is dispatched, and not done
	listed  bool // in loop.wsRunning
	eof     bool // the peer has ended its sending
	parted  bool // the engine has seen the last of what comes; end says why
	pressed bool // there is more to be sent than the transport took
	burst   uint8
	wsInput
	wsTimes

	// Written on loop before a callback runs; the callback's from then on:
	call     wsCall
	kind     ws.Opcode
	msg      []byte
	panicked any    // what it panicked with
	stack    []byte // where

	queued atomic.Int64 // bytes that the transport took and has not sent

	mu       sync.Mutex
	wsShared // guarded by mu
}

// wsShared is what application code and the loop both touch.
type wsShared struct {
	x       ws.Conn
	run     ring.Run                   // of the callback
	sink    *bytebufferpool.ByteBuffer // frames for the loop to take; nil: none
	out     uint64                     // messages in it, to be counted
	dropped uint64                     // messages that were not taken, to be counted
	writers []ring.Waiter              // who waits for room
	gone    error                      // why nothing can be written; nil: it can
	end     appws.End                  // Code 0: not known yet
	info    *app.ConnInfo              // once asked for
	asks    []ring.Waiter              // for info
	context wsContext
}

// wsCall says which callback is due.
type wsCall uint8

const (
	wsCallOpen wsCall = iota
	wsCallMessage
	wsCallClose
)

// A wsTransport carries a session: a connection of HTTP/1.1, or a stream of
// HTTP/2. All calls are on loop. After finish and abort none follows.
type wsTransport interface {
	// idle reports whether put may be called.
	idle() bool
	// put takes output, and the buffer.
	put(b *bytebufferpool.ByteBuffer)
	// unsent is how much output the peer has not been sent, in bytes.
	unsent() int
	// send sends what was put. wsSession.sent is called when some of it has
	// gone.
	send()
	// holding says how many received bytes wait in the session, so that
	// receiving pauses or goes on.
	holding(n int)
	// arm has wsSession.expire called at about that time, if no other arm
	// comes before.
	arm(at ring.Instant)
	// finish ends the connection once last, which may be nil, is sent.
	finish(last *bytebufferpool.ByteBuffer)
	// abort ends it at once.
	abort(cause error)
	// describe gives what is known of the connection.
	describe() *app.ConnInfo
}

var (
	_ appws.Session = (*wsSession)(nil)
	_ ring.Task     = (*wsSession)(nil)
	_ ring.Posted   = (*wsSession)(nil)
)

// init prepares s, which is new. The caller sets t, hands over what has come
// (keep), and has s run as a task.
func (s *wsSession) init(l *loop, a *appws.Acceptance, path []byte) {
	s.l, s.u, s.def = l, a.Upgrader, a.Deflate
	s.key = routeKey("WEBSOCKET", path)
	s.face.Init(s, a)
	s.x.Reset(a.Config, a.Deflate)
	s.running = true
	l.m.ws.opened++
	s.startTimes()
}

// Route is ring.Task's. Output that the callback leaves is taken when it is
// done, or, if it loses the loop, in the next turn.
func (s *wsSession) Route() (key uint64, hint ring.Hint) {
	s.due.Store(true)
	if !s.listed {
		s.listed = true
		s.l.holdSession(s)
	}
	switch s.u.Mode {
	case app.ModeInline:
		hint = ring.HintInline
	case app.ModeBlocking:
		hint = ring.HintBlocking
	}
	return s.key, hint
}

// holdSession has s looked at in the next turn. On loop.
func (l *loop) holdSession(s *wsSession) {
	l.wsHeld = append(l.wsHeld, s)
	l.rl.Post(l)
}

// flushSessions looks at those whose callbacks have lost the loop: what they
// wrote must not wait for their end. On loop.
func (l *loop) flushSessions() {
	due := len(l.wsHeld) // what is held from now on is for the next turn
	for _, s := range l.wsHeld[:due] {
		s.listed = false
		if s.running || s.pressed {
			s.flush()
		}
	}
	l.wsHeld = slices.Delete(l.wsHeld, 0, due)
}

// Run calls the handler.
func (s *wsSession) Run(r ring.Run) {
	s.mu.Lock()
	s.run = r
	s.mu.Unlock()
	defer s.contain()
	switch h := s.u.Handler; s.call {
	case wsCallOpen:
		h.Open(&s.face)
	case wsCallMessage:
		h.Message(&s.face, s.kind, s.msg)
	case wsCallClose:
		h.Close(&s.face, s.ended())
	}
}

// ended is the end as it is told.
func (s *wsSession) ended() appws.End {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end
}

// contain keeps a panic of the handler from leaving Run.
func (s *wsSession) contain() {
	if v := recover(); v != nil {
		s.panicked = v
		if v != any(app.ErrAbort) {
			s.stack = debug.Stack()
		}
	}
}

// Done goes on with what is due next, which is run at once.
func (s *wsSession) Done(o ring.Outcome) ring.Task {
	s.running = false
	s.dropMessage()
	s.judge(o)
	if s.call == wsCallOpen {
		s.face.Opened()
	}
	if s.phase == wsEnded {
		s.l.n.ws.ended.Add(1)
		s.l.publish() // there may be no turn after this
		return nil
	}
	if s.phase == wsOpening {
		s.setPhase(wsOpen)
	}
	if !s.next() {
		s.burst = 0
		s.flush()
		return nil
	}
	s.running = true
	if s.burst++; s.burst < s.maxBurst() {
		return s
	}
	s.burst = 0
	s.flush()
	s.l.rl.Dispatch(s)
	return nil
}

// maxBurst is how many messages of one session are handled in a row. Those that
// may be compressed cost more than they look.
func (s *wsSession) maxBurst() uint8 {
	if s.def.On() {
		return 1
	}
	return maxBurst
}

// judge looks how the callback ended.
func (s *wsSession) judge(o ring.Outcome) {
	if s.panicked == nil && o != ring.Exited {
		return
	}
	switch {
	case o == ring.Exited:
		s.l.n.exits.Add(1)
	case s.panicked != any(app.ErrAbort):
		s.l.n.panics.Add(1)
		s.l.logPanic(fmt.Errorf("%v\n%s", s.panicked, s.stack))
	}
	s.panicked, s.stack = nil, nil
	_ = s.Close(ws.InternalError, "") // ErrClosed: something else ended it before
}

// over: nothing comes or goes any more; err is why nothing can be written. It
// happens once.
func (s *wsSession) over(err error) {
	s.setPhase(wsOver)
	s.t = nil
	s.release()
	s.mu.Lock()
	s.l.n.ws.closed(s.end.Code)
	s.tally()
	tell := s.dismiss(err)
	s.mu.Unlock()
	tell()
}

// dismiss forgets what was to be sent, because of err; tell has everybody know who
// waits for s. s.mu is held, but not for tell.
func (s *wsSession) dismiss(err error) (tell func()) {
	s.gone = err
	putIfHeld(&s.sink)
	waiters := append(s.writers, s.asks...)
	s.writers, s.asks = nil, nil
	cancel := s.context.cancel(err)
	return func() {
		signal(waiters)
		if cancel != nil {
			cancel(err)
		}
	}
}

func signal(waiters []ring.Waiter) {
	for _, w := range waiters {
		w.Signal()
	}
}

// fail: the transport is lost. It may come more than once.
func (s *wsSession) fail(cause error) {
	if s.phase >= wsOver {
		return
	}
	s.lost(cause)
	s.dispatchEnd()
}

// lost: the closing handshake is not over, and will not be.
func (s *wsSession) lost(cause error) {
	s.mu.Lock()
	if s.end.Code == 0 {
		s.end.Code = ws.AbnormalClosure
	}
	if s.end.Err == nil {
		s.end.Err = cause
	}
	s.mu.Unlock()
	s.over(cause)
}

// dispatchEnd has Close called, if no callback runs: Done does it then.
func (s *wsSession) dispatchEnd() {
	if !s.running {
		s.next()
		s.running = true
		s.l.rl.Dispatch(s)
	}
}

// finish ends the connection as it should: what was written is sent first.
func (s *wsSession) finish() {
	t := s.t
	s.mu.Lock()
	last := s.sink
	s.sink = nil
	s.mu.Unlock()
	s.over(appws.ErrClosed)
	t.finish(last)
}

// abort ends it at once.
func (s *wsSession) abort(cause error) {
	t := s.t
	s.lost(cause)
	t.abort(cause)
}

// drain: the server wants its connections to end.
func (s *wsSession) drain() {
	_ = s.Close(ws.GoingAway, "") // ErrClosed: it ends already
}

// OnLoop takes what was written; it makes a session a ring.Posted.
func (s *wsSession) OnLoop() {
	s.flush()
	s.tellInfo()
	if s.phase == wsOver {
		s.dispatchEnd()
	}
}

// PostNode is ring.Posted's.
func (s *wsSession) PostNode() *ring.PostNode { return &s.node }
