package mem_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/mem"
	"github.com/uringserve/uringserve/ring/ringtest"
)

// TestConformance runs the suite in both styles, without faults and with those
// of some seeds.
func TestConformance(t *testing.T) {
	for style := range mem.Styles {
		for seed := range uint64(8) {
			t.Run(fmt.Sprintf("%v/seed=%d", style, seed), func(t *testing.T) {
				ringtest.Run(t, func(t *testing.T) ringtest.World { return newWorld(t, style, seed) })
			})
		}
	}
}

func newWorld(t *testing.T, style mem.Style, seed uint64) *world {
	o := mem.Options{Style: style, Seed: seed, Loops: 2, MaxSteps: 20_000_000}
	if seed > 0 {
		o.Faults = mem.AnyFaults(rand.New(rand.NewPCG(seed, 3)))
		o.BriefWaits = seed%2 == 0
		o.CQSize = 16
	}
	return &world{t: t, e: mem.New(o), o: o}
}

// world is a simulation as a ringtest.World.
type world struct {
	t    *testing.T
	e    *mem.Engine
	o    mem.Options
	used bool
	more []*mem.Engine
}

func (w *world) NewEngine() ring.Engine {
	if !w.used {
		w.used = true
		return w.e
	}
	e := w.e.Another(w.o)
	w.more = append(w.more, e)
	return e
}

func (w *world) Run(f func()) {
	done := false
	w.e.Go("test", func() {
		defer func() { done = true }()
		f()
	})
	if err := w.e.Run(func() bool { return done }); err != nil {
		w.t.Error(err)
	}
	if w.t.Failed() {
		w.t.Logf("kernel:\n%s", w.e.Trace())
	}
}

func (w *world) Go(f func()) { w.e.Go("test's", f) }

// Until has no limit in simulated time, which leaps while threads are busy: a
// deadlock, or too many steps, ends Run.
func (w *world) Until(cond func() bool) bool {
	w.e.WaitFor(cond)
	return true
}

func (w *world) Sleep(d time.Duration) { w.e.Sleep(d) }

func (w *world) Dial(addr net.Addr) (ringtest.Client, error) {
	p := w.e.Dial(addr.String())
	if _, err := p.Write(nil); err != nil {
		return nil, err
	}
	return &peer{w.e, p}, nil
}

func (w *world) Listen() (net.Listener, error) { return w.e.NewListener("tcp", "127.0.0.1:0") }
func (w *world) UnixPath() string              { return "/run/socket" }

func (w *world) Check() error {
	for _, e := range append(w.more, w.e) {
		// Threads that were left behind end when their handlers do.
		if err := w.e.Advance(time.Second); err != nil {
			return err
		}
		if err := e.Check(); err != nil {
			return err
		}
	}
	return nil
}

// peer is a Peer that blocks.
type peer struct {
	e *mem.Engine
	*mem.Peer
}

func (p *peer) Write(b []byte) error {
	for len(b) > 0 {
		p.e.WaitFor(p.Writable)
		n, err := p.Peer.Write(b)
		if b = b[n:]; err != nil {
			return err
		}
	}
	return nil
}

func (p *peer) Read(b []byte) (int, error) {
	for {
		p.e.WaitFor(p.Readable)
		if n, err := p.Peer.Read(b); n > 0 || err != nil {
			return n, err
		}
	}
}
