package mem

import (
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/proactor"
	"github.com/uringserve/uringserve/ring/takeover/sched"
)

// Engine is a ring.Engine in a simulation, and the simulation's controls.
type Engine struct {
	*proactor.Engine
	k      *kernel
	s      *sched.Scheduler
	loops  []ridden
	closed bool
	left   int // handlers that the close did not wait for
}

var _ ring.Engine = (*Engine)(nil)

// New makes a simulation. It panics if the options make no engine.
func New(o Options) *Engine {
	o = o.withDefaults()
	s := sched.New(o.Seed)
	s.MaxSteps = o.MaxSteps
	if o.Faults.none() {
		s.Slowness = 0
	}
	k := newKernel(s, o)
	s.Go("kernel", k.run)
	return newEngine(k, o)
}

// Another makes a second engine in the same simulation: they share the
// network, the clock and the controls. Of its options, those of sockets,
// buffers and faults, and the seed, are the first one's.
func (e *Engine) Another(o Options) *Engine { return newEngine(e.k, o.withDefaults()) }

func newEngine(k *kernel, o Options) *Engine {
	e := &Engine{s: k.s, k: k}
	procs := -1
	if o.BriefWaits {
		procs = o.Loops + 1
	}
	var err error
	e.Engine, err = proactor.New(proactor.Config{
		Name:  "mem",
		Loops: o.Loops,
		NewPort: func(i int) (proactor.Port, error) {
			if o.Style == Readiness {
				return e.newReadiness(i)
			}
			p := newPort(k, i)
			e.loops = append(e.loops, p)
			return p, nil
		},
		Sockets:  sockets{k},
		Takeover: o.takeover(k.rt),
		Procs:    procs,
	})
	if err != nil {
		panic("BUG: mem: " + err.Error())
	}
	k.engines++
	return e
}

// Run runs the simulation until until is true, which is asked before every
// step. It fails if nothing can ever happen again although until is false, if
// a simulated thread panics, or after too many steps; the error tells the seed
// and what happened last. Not from simulated threads.
func (e *Engine) Run(until func() bool) error {
	if e.k.running {
		panic("BUG: mem: Run within Run")
	}
	e.k.running = true
	defer func() { e.k.running = false }()
	if err := e.s.Run(until); err != nil {
		return fmt.Errorf("mem: %w\nkernel:\n%v", err, &e.k.trace)
	}
	return nil
}

// Settle runs until nothing happens any more without time passing.
func (e *Engine) Settle() error { return e.Advance(1) }

// Advance lets d of simulated time pass, and what is due in it happen.
func (e *Engine) Advance(d time.Duration) error {
	done := false
	e.s.Go("clock", func() {
		e.s.Sleep(d)
		done = true
	})
	return e.Run(func() bool { return done })
}

// do runs f on a simulated thread: the caller's, or one of its own.
func (e *Engine) do(name string, f func()) {
	if e.k.running {
		f()
		return
	}
	done := false
	e.s.Go(name, func() {
		defer func() { done = true }()
		f()
	})
	if err := e.Run(func() bool { return done }); err != nil {
		e.k.violate("%s: %v", name, err)
	}
}

// Listen implements ring.Engine: "tcp" with a numeric host, or "unix".
func (e *Engine) Listen(network, address string) (ln ring.Listener, err error) {
	err = errStuck
	e.do("listen", func() { ln, err = e.Engine.Listen(network, address) })
	return ln, err
}

// NewListener makes a listening socket for Adopt.
func (e *Engine) NewListener(network, address string) (net.Listener, error) {
	addr, err := e.k.resolve(network, address)
	if err != nil {
		return nil, err
	}
	l := e.k.listen(addr)
	l.refs = 1
	return &Listener{l: l, addr: addr}, nil
}

// Adopt implements ring.Engine, for what NewListener made.
func (e *Engine) Adopt(l net.Listener) (ln ring.Listener, err error) {
	err = errStuck
	e.do("adopt", func() { ln, err = e.Engine.Adopt(l) })
	return ln, err
}

// Start implements ring.Engine.
func (e *Engine) Start(newLoop func(ring.Loop) ring.LoopHandler) error {
	err := errStuck
	e.do("start", func() { err = e.Engine.Start(newLoop) })
	return err
}

var errStuck = fmt.Errorf("mem: the simulation is stuck; Check says why")

// StopAccept implements ring.Engine.
func (e *Engine) StopAccept() { e.do("stop accept", e.Engine.StopAccept) }

// Close implements ring.Engine. Then the simulated threads that are left are
// those of handlers that have not ended.
func (e *Engine) Close(grace time.Duration) (left int) {
	e.do("close", func() {
		left = e.Engine.Close(grace)
		if !e.closed {
			e.closed, e.left = true, left
			e.k.engines--
		}
		e.k.stopped = e.k.engines == 0
	})
	return left
}

// Go starts a simulated thread, a client's for instance. Everything it shares
// with others needs no lock.
func (e *Engine) Go(name string, f func()) { e.s.Go(name, f) }

// Sleep is for simulated threads: d of simulated time passes. The thread
// sleeps interruptibly, as in a lock or a read from a socket.
func (e *Engine) Sleep(d time.Duration) { e.s.Sleep(d) }

// SleepHard is Sleep in the uninterruptible way of a disk or a page fault:
// nothing that the thread has submitted completes meanwhile.
func (e *Engine) SleepHard(d time.Duration) {
	e.hardly(func() { e.s.Sleep(d) })
}

// Hard is WaitFor in the uninterruptible way.
func (e *Engine) Hard(cond func() bool) {
	e.hardly(func() { e.s.WaitFor(cond) })
}

func (e *Engine) hardly(wait func()) {
	id := e.k.rt.ThreadID()
	e.k.hard[id] = true
	wait()
	delete(e.k.hard, id)
	for _, p := range e.k.ports {
		for _, o := range p.due {
			if o.thread == id && id != p.leader {
				e.k.tickLater(o)
			}
		}
	}
}

// Compute is Sleep for a thread that uses its CPU.
func (e *Engine) Compute(d time.Duration) { e.s.Compute(d) }

// WaitFor is for simulated threads: it returns when cond is true. Cond must
// only look.
func (e *Engine) WaitFor(cond func() bool) { e.s.WaitFor(cond) }

// WaitUntil is WaitFor that gives up at a time since New.
func (e *Engine) WaitUntil(cond func() bool, at time.Duration) bool {
	return e.s.WaitUntil(cond, at)
}

// Yield lets another simulated thread run, or not.
func (e *Engine) Yield() { e.s.Yield("yield") }

// Now is the simulated time since New.
func (e *Engine) Now() time.Duration { return e.s.Now() }

// Steps is how many steps the simulation has taken.
func (e *Engine) Steps() int { return e.s.Steps() }

// Rand is the run's chance, for loads and handlers.
func (e *Engine) Rand() *rand.Rand { return e.s.Rand() }

// Trace tells what the kernel did last.
func (e *Engine) Trace() string { return e.k.trace.String() }

// Digest is a number that equal runs have in common.
func (e *Engine) Digest() uint64 { return e.k.trace.digest }

// Resets is how many connections Faults.Reset and Faults.Watch have broken, and
// Faults.Accept has kept from leaving.
func (e *Engine) Resets() int { return e.k.resets }
