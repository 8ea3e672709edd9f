package proactor

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/takeover"
)

// Engine is a ring.Engine over Ports. Methods are safe for concurrent use.
type Engine struct {
	// Immutable:
	cfg   Config
	rt    takeover.Runtime
	group *takeover.Group
	loops []*loop

	listening atomic.Int64 // acceptors of loops that have not let go
	running   atomic.Int64 // handlers on goroutines
	ended     atomic.Bool  // Close is over
	left      atomic.Int64 // what it answered

	// Guarded by mu, which is never held while waiting:
	mu        sync.Mutex
	state     engineState
	refuses   bool // StopAccept was called: no further listeners
	listeners [][]*socket
}

// engineState: made ──▶ started ──▶ closed, or made ──▶ closed.
type engineState uint8

const (
	engineMade engineState = iota
	engineStarted
	engineClosed
)

var _ ring.Engine = (*Engine)(nil)

// New makes an engine and its ports. Close frees it, also without Start.
func New(cfg Config) (*Engine, error) {
	if cfg.Loops < 1 || cfg.NewPort == nil || cfg.Sockets == nil {
		return nil, errors.New("ring: Config needs Loops, NewPort and Sockets")
	}
	if cfg.Takeover.Runtime == nil {
		cfg.Takeover.Runtime = takeover.OS()
	}
	e := &Engine{cfg: cfg, rt: cfg.Takeover.Runtime}
	e.group = takeover.NewGroup(cfg.Takeover)
	for i := range cfg.Loops {
		port, err := cfg.NewPort(i)
		if err != nil {
			e.dispose(false)
			return nil, fmt.Errorf("loop %d: %w", i, err)
		}
		e.loops = append(e.loops, e.newLoop(i, port))
	}
	return e, nil
}

func (e *Engine) newLoop(index int, port Port) *loop {
	l := &loop{
		engine:      e,
		index:       index,
		port:        port,
		rt:          e.rt,
		capacity:    port.Space(),
		threadBound: port.ThreadBound(),
		pending:     make([]Completion, 0, batchSize),
		batch:       make([]Completion, 0, batchSize),
		arena:       port.SendArena(),
	}
	l.to = e.group.NewLoop(l.lead)
	l.pool.init(port)
	return l
}

// Name is Config.Name.
func (e *Engine) Name() string { return e.cfg.Name }

// Loops is Config.Loops.
func (e *Engine) Loops() int { return e.cfg.Loops }

// Listen binds address and accepts from it on every loop.
func (e *Engine) Listen(network, address string) (ring.Listener, error) {
	return e.listen(func() ([]int, net.Addr, error) {
		return e.cfg.Sockets.Listen(network, address, len(e.loops))
	})
}

// Adopt takes over ln.
func (e *Engine) Adopt(ln net.Listener) (ring.Listener, error) {
	l, err := e.listen(func() ([]int, net.Addr, error) {
		return e.cfg.Sockets.Adopt(ln, len(e.loops))
	})
	if err != nil && !errors.Is(err, ring.ErrNotAdoptable) {
		ln.Close() // ours, also when it fails; a second close does no harm
	}
	return l, err
}

func (e *Engine) listen(open func() ([]int, net.Addr, error)) (ring.Listener, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.state == engineClosed || e.refuses {
		return ring.Listener{}, net.ErrClosed
	}
	fds, addr, err := open()
	if err != nil {
		return ring.Listener{}, err
	}
	if len(fds) != len(e.loops) {
		panic("BUG: proactor: Sockets did not answer one descriptor per loop")
	}
	id := len(e.listeners)
	socks := shareSockets(fds)
	e.listeners = append(e.listeners, socks)
	for i, l := range e.loops {
		e.listening.Add(1)
		if e.state == engineMade {
			l.addAcceptor(id, socks[i])
		} else {
			letGo := func() { e.letGo(socks[i]) }
			e.command(l, func() {
				if l.lost != nil {
					letGo()
				} else {
					l.settleAccept(l.addAcceptor(id, socks[i]))
				}
			}, letGo)
		}
	}
	return ring.Listener{ID: id, Addr: addr}, nil
}

// shareSockets makes one socket of equal descriptors.
func shareSockets(fds []int) []*socket {
	socks := make([]*socket, len(fds))
	known := map[int]*socket{}
	for i, fd := range fds {
		if known[fd] == nil {
			known[fd] = &socket{fd: fd}
		}
		socks[i] = known[fd]
		socks[i].loops.Add(1)
	}
	return socks
}

// letGo is release for a loop that does not run.
func (e *Engine) letGo(s *socket) {
	if s.loops.Add(-1) == 0 {
		e.cfg.Sockets.CloseListener(s.fd)
	}
	e.listening.Add(-1)
}

// command has do called on l, or otherwise once l has ended.
func (e *Engine) command(l *loop, do, otherwise func()) {
	if !l.Post(&command{do: do}) && otherwise != nil {
		otherwise()
	}
}

// Start runs the loops.
func (e *Engine) Start(newLoop func(ring.Loop) ring.LoopHandler) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch e.state {
	case engineStarted:
		return errors.New("ring: engine started twice")
	case engineClosed:
		return net.ErrClosed
	}
	procs := e.cfg.Procs
	if procs == 0 {
		procs = runtime.GOMAXPROCS(0)
	}
	for _, l := range e.loops {
		l.mayBrief = procs > len(e.loops)
		l.readClock()
		l.handler = newLoop(l)
	}
	e.state = engineStarted
	for _, l := range e.loops {
		l.to.Start()
	}
	return nil
}

// StopAccept ends all listeners.
func (e *Engine) StopAccept() {
	e.mu.Lock()
	state := e.state
	first := !e.refuses && state != engineClosed
	e.refuses = true
	listeners := e.listeners
	e.mu.Unlock()
	if first && state == engineMade {
		for _, socks := range listeners {
			for _, s := range socks {
				e.letGo(s)
			}
		}
		for _, l := range e.loops {
			l.acceptors = nil
		}
	}
	if first && state == engineStarted {
		for _, l := range e.loops {
			e.command(l, l.stopAccepts, nil)
		}
	}
	e.await(-1, func() bool { return e.listening.Load() == 0 || e.ended.Load() })
}

// stopAccepts stops all acceptors of the loop.
func (l *loop) stopAccepts() {
	for _, a := range l.acceptors {
		l.stopAccept(a)
	}
}

// await polls until done answers true, or for so long as limit says, negative
// for ever. It is for the beginning and the end of things.
func (e *Engine) await(limit time.Duration, done func() bool) bool {
	deadline := e.rt.Now() + int64(limit)
	for pause := 50 * time.Microsecond; ; pause = min(2*pause, 5*time.Millisecond) {
		if done() {
			return true
		}
		if limit >= 0 {
			rest := time.Duration(deadline - e.rt.Now())
			if rest <= 0 {
				return false
			}
			pause = min(pause, rest)
		}
		e.rt.Sleep(pause)
	}
}

// Close ends the engine. Loops end within grace, or within a second if that
// is longer, unless their leader is in a handler that cannot be left behind.
func (e *Engine) Close(grace time.Duration) (handlersLeft int) {
	e.mu.Lock()
	state := e.state
	e.state = engineClosed
	stoppedBefore := e.refuses
	e.mu.Unlock()
	switch state {
	case engineClosed:
		e.await(-1, e.ended.Load)
		return int(e.left.Load())
	case engineMade:
		if !stoppedBefore {
			e.closeListeners()
		}
		e.group.Close()
		e.dispose(false)
	case engineStarted:
		e.left.Store(int64(e.shutdown(max(grace, 0))))
	}
	e.ended.Store(true)
	return int(e.left.Load())
}

func (e *Engine) closeListeners() {
	for _, socks := range e.listeners {
		for _, s := range socks {
			e.letGo(s)
		}
	}
}

func (e *Engine) shutdown(grace time.Duration) (handlersLeft int) {
	began := e.rt.Now()
	for _, l := range e.loops {
		e.command(l, func() { l.beginClose(grace) }, nil)
	}
	for _, l := range e.loops {
		e.await(e.rest(began, max(grace, drainFor)+drainFor), l.stopped.Load)
	}
	e.await(e.rest(began, grace), func() bool { return e.handlers() == 0 })
	handlersLeft = e.handlers()
	for _, l := range e.loops {
		if handlersLeft == 0 {
			l.to.Wait(time.Second)
		}
	}
	e.group.Close()
	e.dispose(true)
	return handlersLeft
}

// rest is what is left of limit since began.
func (e *Engine) rest(began int64, limit time.Duration) time.Duration {
	return max(limit-time.Duration(e.rt.Now()-began), 0)
}

// handlers counts the handlers that have not come back: those left behind,
// those on goroutines, and the leaders of loops that do not end.
func (e *Engine) handlers() int {
	n := e.running.Load()
	for _, l := range e.loops {
		n += l.to.Stats().LeftBehind
		if !l.stopped.Load() {
			n++
		}
	}
	return int(n)
}

// dispose frees the ports that nothing uses any more. One with operations in
// flight stays: the kernel may still write to its memory. So does one with
// leased buffers: handlers that Close did not wait for still look at them.
func (e *Engine) dispose(started bool) {
	for _, l := range e.loops {
		if started && !l.stopped.Load() || l.unclean.Load() || l.pool.leased > 0 {
			continue
		}
		e.await(time.Second, func() bool { return l.wakers.Load() == 0 })
		l.port.Dispose()
	}
}

// Stats reads the counters.
func (e *Engine) Stats() ring.Stats {
	var s ring.Stats
	for _, l := range e.loops {
		l.add(&s)
	}
	return s
}
