package takeover

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// DefaultMaxLeftBehind is Options.MaxLeftBehind unless set.
	DefaultMaxLeftBehind = 64

	// DefaultTick is Options.Tick unless set.
	DefaultTick = time.Millisecond

	// MaxThreads bounds the threads of one loop, from its start to its end:
	// the leader, the spare, those left behind and those worn out.
	MaxThreads = 64
)

// Options are a group's settings. The zero value is the default.
type Options struct {
	// Runtime is the world of threads and time. Nil: the operating system's.
	Runtime Runtime

	// MaxLeftBehind bounds the threads that are in a handler without a loop,
	// over all loops of the group. When as many could be left behind, handlers
	// go to goroutines. 0: 64. Fewer than the group's loops: as many as those.
	MaxLeftBehind int

	// Tick is how often the watchdog looks. A handler keeps its loop for one
	// to two ticks. 0: 1 ms.
	Tick time.Duration

	// Disabled is plain dispatch: handlers run on goroutines unless they are
	// hinted inline. There is no watchdog and no spare; a thread is made when
	// a handler hands its loop over.
	Disabled bool
}

// Group is the loops of one engine: they share a watchdog and a bound on
// threads left behind. Methods are safe for concurrent use.
type Group struct {
	// Immutable:
	rt            Runtime
	tick          time.Duration
	disabled      bool
	maxLeftBehind int64

	leftBehind atomic.Int64 // threads in handlers without a loop
	loopCount  atomic.Int64 // loops made and not stopped
	loops      atomic.Pointer[[]*Loop]
	dog        watchdog

	mu sync.Mutex // guards writes of loops. Never held while waiting.
}

// NewGroup makes a group. Close ends it.
func NewGroup(o Options) *Group {
	g := &Group{
		rt:            o.Runtime,
		tick:          o.Tick,
		disabled:      o.Disabled,
		maxLeftBehind: int64(o.MaxLeftBehind),
	}
	if g.rt == nil {
		g.rt = OS()
	}
	if g.tick <= 0 {
		g.tick = DefaultTick
	}
	if g.maxLeftBehind <= 0 {
		g.maxLeftBehind = DefaultMaxLeftBehind
	}
	g.loops.Store(new([]*Loop))
	g.dog.init(g)
	return g
}

// Close ends the watchdog and returns when it has gone. Call it after every
// Loop has been stopped; threads still in their handlers do not matter. It may
// be called more than once.
func (g *Group) Close() { g.dog.stop() }

// LeftBehind is how many threads are in handlers without a loop.
func (g *Group) LeftBehind() int { return int(g.leftBehind.Load()) }

// Ticks is how often the watchdog has looked.
func (g *Group) Ticks() uint64 { return g.dog.ticks.Load() }

func (g *Group) add(l *Loop) {
	g.mu.Lock()
	defer g.mu.Unlock()
	old := *g.loops.Load()
	loops := append(old[:len(old):len(old)], l)
	g.loops.Store(&loops)
}

func (g *Group) remove(l *Loop) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var loops []*Loop
	for _, other := range *g.loops.Load() {
		if other != l {
			loops = append(loops, other)
		}
	}
	g.loops.Store(&loops)
}

// room reports whether one more handler may run inline. Each loop can leave
// one thread behind before it asks again, so that many are kept free: the
// bound is never passed.
func (g *Group) room() bool {
	loops := g.loopCount.Load()
	return g.leftBehind.Load()+loops <= max(g.maxLeftBehind, loops)
}
