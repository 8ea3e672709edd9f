package sched

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/uringserve/uringserve/ring/takeover"
)

const (
	// DefaultMaxSteps bounds a Run, in steps.
	DefaultMaxSteps = 5_000_000

	// SpinSteps is after how many steps without any time passing it is made
	// to pass.
	SpinSteps = 2_000

	// MaxSlow bounds how far Slowness moves the clock at once.
	MaxSlow = time.Millisecond

	traceLen = 80 // steps kept for an error
)

// Scheduler decides which thread runs. Its methods are for simulated threads
// and, while Run is not running, for the goroutine that calls Run.
type Scheduler struct {
	// MaxSteps bounds a Run; 0: DefaultMaxSteps. Set before Run.
	MaxSteps int

	// Slowness is the chance, in each step, that the clock moves although
	// somebody can run. New sets 1/128. Set before Run.
	Slowness float64

	seed   uint64
	random *rand.Rand
	policy policy
	now    int64 // nanoseconds

	threads  []*thread // not ended, oldest first
	current  *thread   // nil: Run's caller
	nextID   int
	steps    int
	limit    int // of steps, in this Run
	atNow    int // steps since time last passed
	until    func() bool
	err      error
	back     chan struct{} // gives the baton to Run
	choices  []*thread     // scratch of step
	trace    [traceLen]event
	sequence uint64 // of the trace
}

type event struct {
	now    int64
	thread string
	point  string
}

// thread is one simulated thread.
type thread struct {
	s     *Scheduler
	id    int
	name  string
	state state
	until int64       // sleeping, computing, waiting: when it goes on
	cond  func() bool // waiting: for what
	cpu   int64       // time spent in Compute
	baton chan struct{}
	rank  int // for the policy
}

// state is what a thread does.
type state uint8

const (
	runnable  state = iota
	sleeping        // until a time
	computing       // the same, but it uses a CPU meanwhile
	parked          // until Unpark
	waiting         // for a condition
	ended
)

// New makes a scheduler. Equal seeds give equal runs of equal code.
func New(seed uint64) *Scheduler {
	s := &Scheduler{
		seed:     seed,
		random:   rand.New(rand.NewPCG(seed, 0x5eed)),
		Slowness: 1.0 / 128,
		back:     make(chan struct{}),
	}
	s.policy = newPolicy(s.random)
	return s
}

// Seed is what New was given.
func (s *Scheduler) Seed() uint64 { return s.seed }

// Rand is the run's source of chance, for faults and loads of the caller's. It
// must be used only where the order of calls is the simulation's.
func (s *Scheduler) Rand() *rand.Rand { return s.random }

// Now is the simulated time since New.
func (s *Scheduler) Now() time.Duration { return time.Duration(s.now) }

// Steps is how often a thread has been chosen to run.
func (s *Scheduler) Steps() int { return s.steps }

// Live names the threads that have not ended, oldest first, with what they do.
func (s *Scheduler) Live() []string {
	var names []string
	for _, t := range s.threads {
		names = append(names, t.String())
	}
	return names
}

func (t *thread) String() string {
	what := [...]string{"can run", "sleeps", "computes", "is parked", "waits", "has ended"}[t.state]
	return fmt.Sprintf("%s(%d) %s", t.name, t.id, what)
}

// Go starts f on a new simulated thread.
func (s *Scheduler) Go(name string, f func()) {
	s.nextID++
	t := &thread{s: s, id: s.nextID, name: name, baton: make(chan struct{}, 1)}
	t.rank = s.policy.rank(s.random)
	s.threads = append(s.threads, t)
	go func() {
		<-t.baton
		// Deferred, because f may call runtime.Goexit.
		defer t.end()
		f()
	}()
	if s.current != nil {
		s.Yield("go " + name)
	}
}

// Yield lets another thread run, or not.
func (s *Scheduler) Yield(point string) { s.pass(runnable, point) }

// Sleep lets d of simulated time pass.
func (s *Scheduler) Sleep(d time.Duration) { s.passUntil(sleeping, d, "sleep") }

// Compute is Sleep for a thread that counts as busy meanwhile.
func (s *Scheduler) Compute(d time.Duration) {
	t := s.mustBeThread()
	s.passUntil(computing, d, "compute")
	t.cpu += int64(max(d, 0))
}

// WaitFor returns when cond is true. Cond is called often, by whichever thread
// runs, and must only look.
func (s *Scheduler) WaitFor(cond func() bool) { s.WaitUntil(cond, Never) }

// Never is a time that does not come.
const Never = time.Duration(1<<63 - 1)

// WaitUntil is WaitFor that gives up at that time since New; it returns what
// cond said last.
func (s *Scheduler) WaitUntil(cond func() bool, at time.Duration) bool {
	t := s.mustBeThread()
	for !cond() {
		if int64(at) <= s.now {
			return false
		}
		t.cond, t.until = cond, int64(at)
		s.pass(waiting, "wait")
	}
	return true
}

// Run runs the threads until until is true, which is asked before every step;
// nil: until all have ended. Threads then stay where they are, and another Run
// goes on with them. It fails if nobody can ever run again although until is
// false, if a thread panics, or after MaxSteps.
func (s *Scheduler) Run(until func() bool) error {
	if until == nil {
		until = func() bool { return len(s.threads) == 0 }
	}
	s.until, s.err = until, nil
	s.limit = s.steps + DefaultMaxSteps
	if s.MaxSteps > 0 {
		s.limit = s.steps + s.MaxSteps
	}
	if next := s.choose(); next != nil {
		s.current = next
		next.baton <- struct{}{}
		<-s.back
	}
	s.current = nil
	return s.err
}

func (s *Scheduler) mustBeThread() *thread {
	if s.current == nil {
		panic("BUG: sched: called while Run is not running")
	}
	return s.current
}

func (s *Scheduler) passUntil(st state, d time.Duration, point string) {
	s.mustBeThread().until = s.now + int64(max(d, 0))
	s.pass(st, point)
}

// pass puts the running thread into st and the next one on.
func (s *Scheduler) pass(st state, point string) {
	t := s.current
	if t == nil {
		if st == runnable {
			return // a yield point in code called outside Run
		}
		s.mustBeThread()
	}
	t.state = st
	s.note(t, point)
	next := s.choose()
	if next == t {
		return
	}
	s.give(next)
	<-t.baton
}

// give passes the baton to next, or to Run if there is none.
func (s *Scheduler) give(next *thread) {
	s.current = next
	if next == nil {
		s.back <- struct{}{}
		return
	}
	next.baton <- struct{}{}
}

// end is the end of a thread.
func (t *thread) end() {
	s, p := t.s, recover()
	t.state = ended
	s.note(t, "end")
	s.threads = slices.DeleteFunc(s.threads, func(o *thread) bool { return o == t })
	if p != nil {
		s.fail(fmt.Sprintf("panic: %v\n%s\n%s(%d) panicked", p, debug.Stack(), t.name, t.id))
		s.give(nil)
		return
	}
	s.give(s.choose())
}

// choose decides who runs now, and makes it runnable; nil: Run is over.
func (s *Scheduler) choose() *thread {
	if s.until() {
		return nil
	}
	if s.steps++; s.steps > s.limit {
		return s.fail("too many steps")
	}
	if s.atNow++; s.atNow > SpinSteps {
		s.jump(1 << 62)
	} else if s.Slowness > 0 && s.random.Float64() < s.Slowness {
		s.jump(int64(MaxSlow))
	}
	for {
		if able := s.able(); len(able) > 0 {
			t := s.policy.choose(s.random, able)
			t.state, t.cond = runnable, nil
			return t
		}
		if !s.jump(1 << 62) {
			return s.fail("deadlock")
		}
		if s.until() {
			return nil
		}
	}
}

// able lists the threads that can run now.
func (s *Scheduler) able() []*thread {
	able := s.choices[:0]
	for _, t := range s.threads {
		switch t.state {
		case runnable:
		case sleeping, computing:
			if t.until > s.now {
				continue
			}
		case waiting:
			if t.until > s.now && !t.cond() {
				continue
			}
		default:
			continue
		}
		able = append(able, t)
	}
	s.choices = able
	return able
}

// jump moves the clock to the next time at which a sleeper is due, if that is
// no farther than within.
func (s *Scheduler) jump(within int64) bool {
	due := int64(-1)
	for _, t := range s.threads {
		timed := t.state == sleeping || t.state == computing || t.state == waiting && t.until != int64(Never)
		if timed && t.until > s.now && (due < 0 || t.until < due) {
			due = t.until
		}
	}
	if due < 0 || due-s.now > within {
		return false
	}
	s.now, s.atNow = due, 0
	return true
}

func (s *Scheduler) fail(why string) *thread {
	s.err = fmt.Errorf("sched: %s", s.describe(why))
	return nil
}

func (s *Scheduler) note(t *thread, point string) {
	s.trace[s.sequence%traceLen] = event{s.now, t.name, point}
	s.sequence++
}

// describe tells why a run failed, what the threads do, and the last steps.
func (s *Scheduler) describe(why string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s at step %d, seed %d, time %v\n", why, s.steps, s.seed, s.Now())
	for _, t := range s.threads {
		fmt.Fprintf(&b, "\t%v\n", t)
	}
	b.WriteString(s.Trace())
	return b.String()
}

// Trace tells the last steps, one per line.
func (s *Scheduler) Trace() string {
	var b strings.Builder
	for i := s.sequence - min(s.sequence, traceLen); i < s.sequence; i++ {
		e := s.trace[i%traceLen]
		fmt.Fprintf(&b, "\t%12v  %-20s %s\n", time.Duration(e.now), e.thread, e.point)
	}
	return b.String()
}

// world is the Scheduler as a Runtime.
type world struct{ s *Scheduler }

// Runtime is the scheduler as shipping code sees it.
func (s *Scheduler) Runtime() takeover.Runtime { return world{s} }

func (w world) Go(name string, f func()) { w.s.Go(name, f) }
func (w world) Spawn(f func())           { w.s.Go("goroutine", f) }
func (w world) Yield(point string)       { w.s.Yield(point) }
func (w world) Sleep(d time.Duration)    { w.s.Sleep(d) }
func (w world) Now() int64               { return w.s.now }
func (w world) NewParker() takeover.Parker {
	return &parker{s: w.s}
}

func (w world) ThreadID() int { return w.s.mustBeThread().id }

func (w world) find(id int) *thread {
	for _, t := range w.s.threads {
		if t.id == id {
			return t
		}
	}
	return nil
}

// ThreadCPU is the time the thread has spent in Compute.
func (w world) ThreadCPU(id int) int64 {
	if t := w.find(id); t != nil {
		return t.cpu
	}
	return 0
}

// Verdict is what the thread does just now.
func (w world) Verdict(id int, _ int64) takeover.Verdict {
	t := w.find(id)
	switch {
	case t == nil:
		return takeover.Unknown
	case t.state == runnable:
		return takeover.Descheduled
	case t.state == computing:
		return takeover.Computing
	}
	return takeover.Asleep
}

// parker is a binary semaphore among simulated threads.
type parker struct {
	s      *Scheduler
	token  bool
	parked *thread
}

func (p *parker) Park() {
	t := p.s.mustBeThread()
	if p.parked != nil {
		panic("BUG: sched: two threads in one Parker")
	}
	if !p.token {
		p.parked = t
		p.s.pass(parked, "park")
	}
	p.token = false
	p.s.Yield("parked")
}

func (p *parker) Unpark() {
	p.token = true
	if t := p.parked; t != nil {
		p.parked = nil
		t.state = runnable
	}
	if p.s.current != nil {
		p.s.Yield("unpark")
	}
}
