package netengine

import (
	"errors"
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/uringserve/uringserve/ring"
)

// Name is the engine's name as --engine spells it.
const Name = "net"

// Options are the engine's settings. The zero value is the default.
type Options struct {
	// Loops is the number of loops, which here are locks; 0: as many as keep
	// goroutines out of each other's way.
	Loops int
}

// maxLoops bounds Options.Loops.
const maxLoops = 1 << 12

// defaultLoops: goroutines that run at once seldom want the same lock.
func defaultLoops() int { return max(4, 2*runtime.GOMAXPROCS(0)) }

// Engine is a ring.Engine. Methods are safe for concurrent use.
type Engine struct {
	// Immutable:
	epoch   time.Time
	loops   []*loop
	changed waiter // signalled on the way to the end

	pools pools

	mu           sync.Mutex
	listeners    []*listener // guarded by mu
	phase        phase       // guarded by mu
	next         int         // guarded by mu; loop of the next connection
	acceptErrors uint64      // guarded by mu
}

// A phase is where an Engine is in its life; it only grows.
type phase uint8

const (
	// phaseNew: listeners are bound, nothing is accepted.
	phaseNew phase = iota
	// phaseRunning: after Start.
	phaseRunning
	// phaseStopped: after StopAccept.
	phaseStopped
	// phaseClosed: after Close.
	phaseClosed
)

var _ ring.Engine = (*Engine)(nil)

// New makes an engine.
func New(o Options) *Engine {
	n := o.Loops
	if n <= 0 {
		n = defaultLoops()
	}
	e := &Engine{epoch: time.Now(), loops: make([]*loop, min(n, maxLoops)), changed: make(waiter, 1)}
	for i := range e.loops {
		e.loops[i] = newLoop(e, i)
	}
	return e
}

// Name is ring.Engine's.
func (e *Engine) Name() string { return Name }

// Loops is ring.Engine's.
func (e *Engine) Loops() int { return len(e.loops) }

// errNotNow answers calls that come too late or too early.
var errNotNow = errors.New("netengine: the engine has been started or stopped already")

// Listen is ring.Engine's.
func (e *Engine) Listen(network, address string) (ring.Listener, error) {
	ln, err := listen(network, address)
	if err != nil {
		return ring.Listener{}, err
	}
	return e.Adopt(ln)
}

// Adopt is ring.Engine's. It takes any listener.
func (e *Engine) Adopt(ln net.Listener) (ring.Listener, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.phase >= phaseStopped {
		_ = ln.Close() // the caller gets the better error
		return ring.Listener{}, errNotNow
	}
	s := newListener(e, len(e.listeners), ln)
	e.listeners = append(e.listeners, s)
	if e.phase == phaseRunning {
		go s.serve()
	}
	return ring.Listener{ID: s.id, Addr: ln.Addr()}, nil
}

// Start is ring.Engine's.
func (e *Engine) Start(newLoop func(ring.Loop) ring.LoopHandler) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.phase != phaseNew {
		return errNotNow
	}
	e.phase = phaseRunning
	for _, l := range e.loops {
		l.start(newLoop)
	}
	for _, s := range e.listeners {
		go s.serve()
	}
	return nil
}

// StopAccept is ring.Engine's.
func (e *Engine) StopAccept() { e.stopAccept(true) }

// stopAccept ends the listeners: with what is queued, or at once.
func (e *Engine) stopAccept(drain bool) {
	e.mu.Lock()
	running := e.phase == phaseRunning
	e.phase = max(e.phase, phaseStopped)
	listeners := e.listeners
	e.mu.Unlock()
	for _, s := range listeners {
		s.stop(drain && running)
	}
	for _, s := range listeners {
		if running {
			<-s.done
		}
	}
}

// Close is ring.Engine's.
func (e *Engine) Close(grace time.Duration) (handlersLeft int) {
	e.stopAccept(false)
	e.mu.Lock()
	started, closed := e.phase > phaseNew && e.loops[0].isStarted(), e.phase == phaseClosed
	e.phase = phaseClosed
	e.mu.Unlock()
	if !started {
		for _, l := range e.loops {
			l.end()
		}
		return 0
	}
	if !closed {
		for _, l := range e.loops {
			l.abortAll()
		}
	}
	e.waitEnd(grace)
	for _, l := range e.loops {
		l.end()
	}
	_, handlersLeft = e.left()
	return handlersLeft
}

// closeGrace is how long Close waits for sockets, which is for strangers' only:
// the system's close at once.
const closeGrace = 5 * time.Second

// waitEnd waits for connections and handlers to end.
func (e *Engine) waitEnd(grace time.Duration) {
	deadline := time.NewTimer(grace)
	defer deadline.Stop()
	last := time.NewTimer(closeGrace)
	defer last.Stop()
	for handlers := true; ; {
		conns, running := e.left()
		if conns == 0 && (running == 0 || !handlers) {
			return
		}
		select {
		case <-e.changed:
		case <-deadline.C:
			handlers = false
		case <-last.C:
			if !handlers {
				return
			}
			last.Reset(closeGrace)
		}
	}
}

// left counts what has not ended.
func (e *Engine) left() (conns, handlers int) {
	for _, l := range e.loops {
		l.mu.Lock()
		conns += len(l.conns)
		handlers += l.handlers
		l.mu.Unlock()
	}
	return conns, handlers
}

func (l *loop) isStarted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.timer != nil
}

// abortAll ends all connections, and any that comes later.
func (l *loop) abortAll() {
	l.lock()
	l.closing = true
	for _, c := range l.conns {
		c.Abort()
	}
	l.leave()
}

// Stats is ring.Engine's. Reads and writes count as operations in flight;
// there are no submissions and completions here.
func (e *Engine) Stats() ring.Stats {
	e.mu.Lock()
	sum := ring.Stats{AcceptErrors: e.acceptErrors}
	e.mu.Unlock()
	for _, l := range e.loops {
		l.mu.Lock()
		s := &l.stats
		sum.Accepted += s.Accepted
		sum.Conns += int64(len(l.conns))
		sum.OpsInFlight += l.reading + l.writing
		sum.LeasesOut += l.leases
		sum.ShortSends += s.ShortSends
		sum.Inline += s.Inline
		sum.Goroutines += s.Goroutines
		sum.Takeovers += s.Takeovers
		sum.HandOvers += s.HandOvers
		sum.LeftBehind += s.LeftBehind
		sum.Goexits += s.Goexits
		l.mu.Unlock()
	}
	return sum
}

// pick is the loop of the next connection.
func (e *Engine) pick() *loop {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.next = (e.next + 1) % len(e.loops)
	return e.loops[e.next]
}
