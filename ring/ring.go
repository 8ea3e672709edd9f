package ring

import (
	"net"
	"time"
)

// Instant is a point on an engine's monotonic clock, in nanoseconds. Zero
// means "none". Instants of different engines do not compare.
type Instant int64

// Add returns the instant d after t.
func (t Instant) Add(d time.Duration) Instant { return t + Instant(d) }

// Sub returns the time from u to t.
func (t Instant) Sub(u Instant) time.Duration { return time.Duration(t - u) }

// Engine moves bytes between sockets and a protocol layer. Its methods are
// safe for concurrent use.
//
// The order of a life is: Listen or Adopt (any number, also later) and Start,
// StopAccept, Close.
type Engine interface {
	// Name is the engine's name as --engine spells it: uring, epoll, net, mem.
	Name() string

	// Loops is the number of loops, at least 1, fixed.
	Loops() int

	// Listen binds address ("host:port" for tcp, a path for unix) and, once
	// the engine is started, accepts from it on every loop. A port in use is
	// an error that wraps the platform's EADDRINUSE, also when the other
	// holder has set SO_REUSEPORT.
	Listen(network, address string) (Listener, error)

	// Adopt takes over a listener that the caller made. The engine owns ln
	// from then on, also when it fails. An engine that needs the descriptor
	// and cannot have it answers ErrNotAdoptable and leaves ln to the caller.
	Adopt(ln net.Listener) (Listener, error)

	// Start runs the loops. newLoop is called once per loop, before any of
	// its other callbacks.
	Start(newLoop func(Loop) LoopHandler) error

	// StopAccept ends all listeners: what the kernel has queued is accepted
	// and served first, so that no client that completed its handshake is
	// reset; then the listening sockets close. It returns when they are.
	StopAccept()

	// Close ends the engine: open connections are aborted, their Closed
	// callbacks run, then loops, threads and descriptors go. Handlers that
	// still run are not waited for longer than grace; how many were left
	// is returned. Close may be called without Start, and more than once.
	Close(grace time.Duration) (handlersLeft int)

	// Stats reads the engine's counters.
	Stats() Stats
}

// Listener is one bound address.
type Listener struct {
	// ID names the listener in Conn.Listener: 0, 1, … in order of Listen and
	// Adopt.
	ID int
	// Addr is the bound address, port resolved.
	Addr net.Addr
}

// Loop is what one loop of an engine offers to the protocol layer. Except for
// Post and NewWaiter, everything is "on loop": callable only from the
// callbacks of LoopHandler, ConnHandler and Task.Done, from Posted.OnLoop, and
// between Run.Enter and Run.Leave. On loop, nothing else of that loop runs.
type Loop interface {
	// Index is the loop's number, 0 … Engine.Loops()-1.
	Index() int

	// Now is the monotonic time of this turn of the loop: cheap, and the same
	// for all callbacks of a turn (a turn takes microseconds).
	Now() Instant

	// Wall is the wall-clock time of this turn.
	Wall() time.Time

	// Dispatch queues t: its handler runs after the current batch of
	// completions has been applied whole. Order is that of the calls.
	Dispatch(t Task)

	// Post has p.OnLoop called on the loop, soon and once. Safe from any
	// goroutine, never blocks, does not allocate. p must not be posted again
	// before its OnLoop has begun; a PostNode with its own flag guards that.
	// It reports false if the loop has ended; p is then not called.
	Post(p Posted) bool

	// NewWaiter makes a Waiter. Safe from any goroutine.
	NewWaiter() Waiter
}

// Posted is work handed to a loop from elsewhere. The node is embedded in the
// value, so that posting does not allocate.
type Posted interface {
	OnLoop()
	PostNode() *PostNode
}

// Waiter is a binary semaphore between handler code and the loop: the only
// way in which handler code blocks inside the server, so that a simulated
// engine can see it. Safe for concurrent use.
type Waiter interface {
	// Wait returns once Signal has been called since the last Wait returned.
	Wait()
	// Signal never blocks. Signals do not add up.
	Signal()
}

// LoopHandler is the protocol layer's half of a loop. All calls are on loop.
type LoopHandler interface {
	// Open announces an accepted connection, receiving already. The result
	// gets its events; nil refuses the connection, which is then reset.
	Open(c Conn) ConnHandler

	// Tick runs timers due at now and returns when it wants to be called
	// next, zero for never. The engine calls it at that time or shortly
	// after, and again before it waits once other callbacks have run: they
	// may have set timers that are due earlier.
	Tick(now Instant) (next Instant)
}

// ConnHandler gets the events of one connection, on loop, never nested: an
// engine never calls back from within a method of Conn.
//
// The order is: Recv…, then RecvEnd at most once; Sent for each Send; Broken
// at most once, after which only Closed follows; Closed exactly once, last, or
// Detached in its place.
type ConnHandler interface {
	// Recv hands over received bytes, at least one. The lease on b is the
	// handler's: it releases it exactly once, on loop, now or later.
	Recv(b Buf)

	// RecvEnd says that the peer has ended its sending (FIN). Ours goes on.
	RecvEnd()

	// Sent says that the kernel has taken all of the outstanding Send. It may
	// come as late as with the next event, as nothing depends on it as a
	// rule; who is in a hurry has the loop take a turn, with Loop.Post.
	Sent()

	// Broken says that the connection failed (reset, write error): nothing
	// more will be received or sent. The handler calls Close in answer, at
	// once or later.
	Broken(err error)

	// Closed says that the kernel holds nothing of this connection any more.
	// The Conn must not be used again.
	Closed()

	// Detached is the answer to Conn.Detach, in place of Closed: the connection
	// has left the engine. nc, which is the handler's from now on, is the same
	// socket with nothing lost and nothing read ahead: a *net.TCPConn or
	// *net.UnixConn where the system has them, without deadlines. Its methods
	// are not to be called on the loop: they block.
	Detached(nc net.Conn)
}

// Conn is one connection of an engine. All methods are on loop, none blocks.
type Conn interface {
	// Send queues b for the peer. b is copied, not retained. At most one
	// Send may be outstanding: the next is legal from Sent on. len(b) is
	// 1 … MaxSend.
	Send(b []byte)

	// SendNow offers b to the kernel at once, on the calling thread, for a
	// flush in the middle of a handler. It returns how many bytes were taken,
	// 0 while a Send is outstanding or where the engine cannot; the caller
	// keeps the rest for Send. A failure is reported by Broken.
	SendNow(b []byte) int

	// PauseRecv stops receiving; ResumeRecv goes on. Bytes already received
	// by the kernel on our behalf may still arrive by Recv after PauseRecv,
	// at most MaxRecvAfterPause of them. A reset is still reported while
	// receiving is paused. Both are idempotent.
	PauseRecv()
	ResumeRecv()

	// CloseWrite sends a FIN after everything sent before. Idempotent.
	CloseWrite()

	// Close ends the connection; Closed follows. Bytes of an outstanding
	// Send may be lost: wait for Sent first. Idempotent.
	Close()

	// Abort is Close with a reset (RST) to the peer where the transport has
	// one.
	Abort()

	// Detach takes the connection out of the engine: Detached follows once the
	// kernel holds nothing of it on our behalf. It is legal while no Send is
	// outstanding; none follows, nor anything else but Close and Abort, which
	// come before it: then Closed follows. What had been received by then still
	// comes by Recv and RecvEnd, whether receiving was paused or not. Instead of
	// Detached, Broken may come, if the connection fails meanwhile, or Closed,
	// as after Abort, if the system has no descriptor left. It may take as long
	// as a thread is stuck that has led the loop, as the end of Close may.
	Detach()

	// RemoteAddr and LocalAddr may allocate and ask the kernel at the first
	// call. Nil for an unnamed peer of a Unix socket.
	RemoteAddr() net.Addr
	LocalAddr() net.Addr

	// Listener is the ID of the listener that accepted the connection.
	Listener() int
}

const (
	// MaxSend bounds one Send, in bytes.
	MaxSend = 64 << 10

	// MaxRecvAfterPause bounds what Recv may still deliver after PauseRecv,
	// in bytes: what the kernel had put into our buffers before the pause,
	// and what it puts into those given back since until it hears of it. An
	// engine's provided buffers hold half of it at most.
	MaxRecvAfterPause = 2 << 20
)

// Hint is what the application says about a handler.
type Hint uint8

const (
	// HintNone leaves it to the engine: inline, left behind if it blocks,
	// learned.
	HintNone Hint = iota
	// HintInline says that the handler is fast: run it inline whatever was
	// learned. It is still left behind if it blocks.
	HintInline
	// HintBlocking says that the handler blocks: run it on a goroutine.
	HintBlocking
)

// Outcome says how Task.Run ended.
type Outcome uint8

const (
	// Returned: Run returned.
	Returned Outcome = iota
	// Exited: the handler called runtime.Goexit.
	Exited
)

// Task is one run of a handler, queued by Loop.Dispatch. The engine calls
// Route, then perhaps Detach, then Run, then Done, each once.
type Task interface {
	// Route gives the learning key (0: do not learn) and the hint. On loop.
	Route() (key uint64, hint Hint)

	// Detach prepares a run on another goroutine: what Run will look at is
	// copied out of leased buffers, and the leases are released. On loop.
	// Not called for a run that starts inline.
	Detach()

	// Run calls the handler. It is *not* on loop, whichever thread it is on;
	// r is its only way there. Panics of the handler do not leave Run.
	Run(r Run)

	// Done takes the result. On loop. A non-nil next is run at once, before
	// other queued tasks, as if dispatched.
	Done(o Outcome) (next Task)
}

// Run is the way from handler code, on whatever goroutine, to the loop that
// the request belongs to. It is a value that names one run of one task for
// ever: once the task is done, or its loop was taken over, Enter answers false.
// The zero Run is one that never has the loop. Methods are safe for concurrent
// use.
type Run struct {
	holder Holder
	token  uint64
}

// Holder decides who has a loop. For engines.
type Holder interface {
	EnterRun(token uint64) bool
	LeaveRun(token uint64)
	HandOverRun(token uint64)
}

// NewRun makes the Run that token names at h. For engines.
func NewRun(h Holder, token uint64) Run { return Run{h, token} }

// Token is what NewRun was given. For engines.
func (r Run) Token() uint64 { return r.token }

// Enter takes the loop for the calling goroutine, which may then do bounded,
// non-blocking on-loop work until Leave or HandOver. False: the loop cannot be
// had (the run is on a goroutine, was left behind, or has ended); use
// Loop.Post.
func (r Run) Enter() bool { return r.holder != nil && r.holder.EnterRun(r.token) }

// Leave gives back what Enter took.
func (r Run) Leave() { r.holder.LeaveRun(r.token) }

// HandOver is Leave for a handler that is about to block: the loop goes on on
// another thread at once, and later calls of Enter may answer false.
func (r Run) HandOver() { r.holder.HandOverRun(r.token) }

// Stats are an engine's counters since Start, summed over loops. Gauges are
// marked; all else only grows.
type Stats struct {
	Accepted     uint64 // connections opened
	AcceptErrors uint64 // failed accepts, EMFILE among them
	Conns        int64  // gauge: connections not yet Closed
	OpsInFlight  int64  // gauge: kernel operations that will still complete
	LeasesOut    int64  // gauge: receive buffers held by the protocol layer
	Enters       uint64 // entries into the kernel to submit or wait
	Submissions  uint64 // operations submitted
	Completions  uint64 // completions reaped
	Overflows    uint64 // times the completion queue was found overflowed
	NoBuffers    uint64 // times receiving ended for want of a buffer
	ShortSends   uint64 // sends that were not taken whole at once
	StaleEvents  uint64 // completions of connections that are gone
	Inline       uint64 // handlers started on the loop
	Goroutines   uint64 // handlers started on a goroutine
	Takeovers    uint64 // loops taken from a handler that blocked
	HandOvers    uint64 // loops given up by a handler about to block
	LeftBehind   int64  // gauge: threads in a handler that lost the loop
	Goexits      uint64 // handlers that called runtime.Goexit
}
