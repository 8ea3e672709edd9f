package mem_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/uringserve/uringserve/ring/mem"
	"github.com/uringserve/uringserve/ring/ringtest"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "run TestSimulator with this seed only, and tell its trace")
	seedsFlag = flag.Int("seeds", 600, "how many seeds TestSimulator runs")
	styleFlag = flag.String("style", "", "of the seeds, run only those of this style: completion or readiness")
)

// styleOf is the style of a seed's kernel: they take turns.
func styleOf(seed uint64) mem.Style { return mem.Style(seed % uint64(mem.Styles)) }

// TestSimulator runs the shipping loop and take-over, and every other seed the
// Port of ring/epoll below it, under seeded faults, with a protocol that shows
// every wrong byte.
func TestSimulator(t *testing.T) {
	if *seedFlag != 0 {
		e, err := simulate(*seedFlag)
		t.Logf("kernel:\n%s", e.Trace())
		if err != nil {
			t.Fatalf("seed %d: %v", *seedFlag, err)
		}
		return
	}
	ran := 0
	for seed := uint64(1); seed <= uint64(*seedsFlag); seed++ {
		if *styleFlag != "" && *styleFlag != styleOf(seed).String() {
			continue
		}
		ran++
		// A fault may also keep a thread from ever giving way.
		hangs := time.AfterFunc(20*time.Second, func() { panic(fmt.Sprintf("seed %d hangs", seed)) })
		_, err := simulate(seed)
		hangs.Stop()
		if err != nil {
			t.Fatalf("seed %d (%v): %v\nreplay: go test ./ring/mem -run TestSimulator -seed %d", seed, styleOf(seed), err, seed)
		}
	}
	if ran == 0 && *seedsFlag >= int(mem.Styles) {
		t.Fatalf("no seed has the style %q", *styleFlag)
	}
}

// run is one simulation.
type run struct {
	e        *mem.Engine
	random   *rand.Rand
	check    ringtest.Checker
	clients  []*client
	problems []string
	closing  bool
	address  string
}

func (r *run) problem(format string, args ...any) {
	if len(r.problems) < 10 {
		r.problems = append(r.problems, fmt.Sprintf(format, args...))
	}
}

// simulate runs one seed.
func simulate(seed uint64) (*mem.Engine, error) {
	r := &run{random: rand.New(rand.NewPCG(seed, 1))}
	hog := r.random.IntN(3) == 0
	o := r.options(seed, hog)
	r.e = mem.New(o)
	s := &server{e: r.e, problem: r.problem, released: r.onlyHogs, plain: o.PlainDispatch}
	for _, step := range []func() error{
		func() error { return r.start(s) },
		func() error { return r.load(hog) },
		r.end,
	} {
		err := step()
		if err == nil {
			err = r.check.Err()
		}
		if err == nil && len(r.problems) > 0 {
			err = fmt.Errorf("%q", r.problems)
		}
		if err != nil {
			return r.e, fmt.Errorf("%w\nat %v, after %d steps", err, r.e.Now(), r.e.Steps())
		}
	}
	return r.e, nil
}

// options draws the kernel. With a hog, sends must not need memory of their
// own: what the hog's thread has submitted of them ends with it only.
func (r *run) options(seed uint64, hog bool) mem.Options {
	o := mem.Options{
		Seed:       seed,
		Style:      styleOf(seed),
		Loops:      1 + r.random.IntN(2),
		BufferSize: [...]int{16, 64, 512, 4096}[r.random.IntN(4)],
		Provided:   1 << r.random.IntN(7),
		Reserve:    r.random.IntN(40),
		CQSize:     [...]int{2, 8, 64, 1024}[r.random.IntN(4)],
		SQSize:     [...]int{32, 256}[r.random.IntN(2)],
		RecvBuf:    1 << (10 + r.random.IntN(8)),
		SendBuf:    1 << (10 + r.random.IntN(8)),
		BriefWaits: r.random.IntN(2) == 0,
		MaxSteps:   400_000, // some take 20,000
	}
	if r.random.IntN(8) > 0 {
		o.Faults = mem.AnyFaults(r.random)
	}
	if *seedFlag != 0 {
		o.TraceLines = 1 << 14
	}
	o.PlainDispatch = r.random.IntN(8) == 0
	if hog {
		o.Loops, o.PlainDispatch = 1, false
		o.SendBuf, o.PeerRecvBuf = 1<<20, 1<<20
		o.Faults.ShortSend, o.Faults.SendError = 0, 0
	} else if r.random.IntN(6) == 0 {
		o.Faults.Reset = 0.02
	} else if r.random.IntN(10) == 0 {
		o.Faults.Watch = 0.05
	}
	return o
}

func (r *run) start(s *server) error {
	network, address := "tcp", "127.0.0.1:0"
	if r.random.IntN(4) == 0 {
		network, address = "unix", "/run/socket" // one listener for all loops
	}
	ln, err := r.e.Listen(network, address)
	if err != nil {
		return err
	}
	r.address = ln.Addr.String()
	return r.e.Start(r.check.Loop(s.newLoop))
}

// onlyHogs reports whether all clients but those of hogs are done.
func (r *run) onlyHogs() bool {
	for _, c := range r.clients[1:] {
		if !c.done {
			return false
		}
	}
	return true
}

func (r *run) idle() bool { return r.clients[0].done && r.onlyHogs() }

// load runs the clients, and perhaps the engine's end among them.
func (r *run) load(hog bool) error {
	l := r.drawLoad(hog)
	for i := range 1 + r.random.IntN(6) {
		c := &client{
			e: r.e, id: i, address: r.address, problem: r.problem, load: l,
			random: rand.New(rand.NewPCG(r.random.Uint64(), 2)),
		}
		if i == 0 && hog {
			own := *l
			own.actions, own.conns, own.requests = []action{actHog}, 1, 1
			c.load = &own
		}
		r.clients = append(r.clients, c)
	}
	for _, c := range r.clients {
		r.e.Go(fmt.Sprint("client ", c.id), c.run)
	}
	if !hog && r.random.IntN(5) == 0 {
		at := time.Duration(r.random.Int64N(int64(20 * time.Millisecond)))
		r.e.Go("end", func() {
			r.e.Sleep(at)
			r.closing = true
			r.e.StopAccept()
			r.e.Close(time.Minute)
		})
	}
	return r.e.Run(r.idle)
}

// drawLoad draws what clients do. With a hog, connections do not leave: what
// the hog's thread has submitted of them ends with it only.
func (r *run) drawLoad(hog bool) *load {
	l := &load{
		conns: 1 + r.random.IntN(4), requests: 1 + r.random.IntN(12),
		maxBody: [...]int{40, 1000, 9000, maxBody}[r.random.IntN(4)],
		maxTime: [...]time.Duration{100 * time.Microsecond, 4 * time.Millisecond, 60 * time.Millisecond}[r.random.IntN(3)],
		slow:    r.random.IntN(2) == 0,
		excused: func() bool { return r.closing || r.e.Resets() > 0 },
	}
	for a := range actHog {
		if r.random.IntN(2) == 0 && (a < actLeave || !hog) {
			l.actions = append(l.actions, a)
		}
	}
	if len(l.actions) == 0 {
		l.actions = []action{actNothing}
	}
	l.resets = r.random.IntN(3) == 0
	return l
}

// end closes the engine and looks for leaks.
func (r *run) end() error {
	settled := func() bool { return r.check.Open() == 0 }
	if err := r.e.Run(settled); err != nil {
		return fmt.Errorf("connections stay: %w", err)
	}
	if !r.closing {
		if err := r.settled(); err != nil {
			return err
		}
		r.e.StopAccept()
	}
	if left := r.e.Close(time.Minute); left != 0 {
		return fmt.Errorf("%d handlers left", left)
	}
	return r.settled()
}

// settled checks, after some time: descriptors are closed a turn later, and
// threads that are left behind end when their handlers do. Time leaps while a
// loop is busy, so one second may not be enough.
func (r *run) settled() (err error) {
	for range 5 {
		if err = r.e.Advance(time.Second); err != nil {
			break
		}
		if err = r.e.Check(); err == nil {
			break
		}
	}
	return err
}

// The same seed gives the same run.
func TestSameSeedSameRun(t *testing.T) {
	for seed := uint64(1); seed <= 20; seed++ {
		a, errA := simulate(seed)
		b, errB := simulate(seed)
		if errA != nil || errB != nil {
			continue // TestSimulator tells
		}
		if a.Steps() != b.Steps() || a.Trace() != b.Trace() || a.Digest() != b.Digest() {
			t.Errorf("seed %d: %d and %d steps\n%s\n%s", seed, a.Steps(), b.Steps(), a.Trace(), b.Trace())
		}
	}
}
