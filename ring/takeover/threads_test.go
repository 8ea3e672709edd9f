package takeover_test

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/takeover"
)

func spin(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
}

// TestThreads runs handlers of all kinds on two loops of real threads.
func TestThreads(t *testing.T) {
	g := takeover.NewGroup(takeover.Options{})
	defer g.Close()
	const jobs = 150
	var clients sync.WaitGroup
	for range 2 {
		s := newServer(t, g)
		s.l.Start()
		defer s.end()
		var entered atomic.Int64
		enter := func(r ring.Run) {
			if r.Enter() {
				entered.Add(1)
				s.count++ // the loop's: the race detector is the judge
				s.count--
				r.Leave()
			}
		}
		kinds := []func(r ring.Run){
			func(ring.Run) {},
			func(ring.Run) { time.Sleep(3 * time.Millisecond) }, // blocking is what is tested
			func(ring.Run) { spin(3 * time.Millisecond) },
			func(ring.Run) { runtime.Goexit() },
			func(r ring.Run) { enter(r); enter(r) },
			func(r ring.Run) {
				if r.Enter() {
					s.count += 0
					r.HandOver()
				}
				enter(r)
			},
			func(r ring.Run) {
				var others sync.WaitGroup
				for range 4 {
					others.Go(func() {
						for range 50 {
							enter(r)
						}
					})
				}
				enter(r)
				others.Wait()
			},
			func(r ring.Run) { // enters go on when the run is over
				for range 2 {
					clients.Go(func() {
						for range 200 {
							enter(r)
						}
					})
				}
			},
		}
		for range 2 {
			clients.Go(func() {
				for i := range jobs {
					key := uint64(i % (3 * len(kinds)))
					<-s.do(1+key, ring.HintNone, kinds[i%len(kinds)]).over
				}
			})
		}
		defer func() {
			// On loop, because the count is the loop's.
			var count, inline, elsewhere int
			<-s.do(0, ring.HintBlocking, func(ring.Run) {}).over
			s.mu.Lock()
			count, inline, elsewhere = s.count, s.inline, s.elsewhere
			s.mu.Unlock()
			if count < 2*jobs || inline == 0 || elsewhere == 0 || entered.Load() == 0 {
				t.Errorf("%d jobs done, %d inline, %d elsewhere, entered %d times", count, inline, elsewhere, entered.Load())
			}
			s.leftBehind(0) // a job is over a moment before its thread is back
			if st := s.l.Stats(); st.Takeovers == 0 || st.HandOvers == 0 || st.Goexits == 0 {
				t.Errorf("%+v", st)
			}
		}()
	}
	clients.Wait()
}

// TestTakeoverLatency: from the start of a handler that blocks to the next
// leader's start; one to two ticks, and waking a thread.
func TestTakeoverLatency(t *testing.T) {
	t.Run("sleeps", func(t *testing.T) {
		takeoverLatency(t, func() { time.Sleep(16 * time.Millisecond) }) // blocking is what is tested
	})
	t.Run("spins", func(t *testing.T) {
		if runtime.GOMAXPROCS(0) < 2 {
			t.Skip("a handler that spins holds the only P: the watchdog cannot run")
		}
		takeoverLatency(t, func() { spin(16 * time.Millisecond) })
	})
}

func takeoverLatency(t *testing.T, block func()) {
	g := takeover.NewGroup(takeover.Options{})
	defer g.Close()
	s := newServer(t, g)
	defer s.end()
	s.takenOver = make(chan time.Time, 1)
	s.l.Start()
	var took []time.Duration
	for i := range 40 {
		// The ends of sleeps and ticks fall together: get off them.
		spin(time.Duration(i*170%1000) * time.Microsecond)
		var began time.Time
		<-s.do(uint64(i+1), ring.HintInline, func(ring.Run) {
			began = time.Now()
			block()
		}).over
		select {
		case at := <-s.takenOver:
			took = append(took, at.Sub(began))
		default: // it ran elsewhere: the spare was not ready yet
		}
	}
	slices.Sort(took)
	if len(took) < 3 {
		t.Fatalf("only %d takeovers, %d ticks, %d inline: %+v", len(took), g.Ticks(), s.inline, s.l.Stats())
	}
	p50, p99 := took[len(took)/2], took[len(took)*99/100]
	t.Logf("%d takeovers, p50 %v, p99 %v", len(took), p50, p99)
	// No more than a hang is caught here: the machine may be busy.
	if p50 > 100*time.Millisecond {
		t.Errorf("takeovers take %v", p50)
	}
}

// TestRouteIsLearned: a route that sleeps costs three takeovers, one that
// exits a single exit, and neither makes the others suspect.
func TestRouteIsLearned(t *testing.T) {
	g := takeover.NewGroup(takeover.Options{})
	defer g.Close()
	s := newServer(t, g)
	s.l.Start()
	defer s.end()
	const fast, slow, exits, hands = 1, 2, 3, 4
	inline := map[uint64]int{}
	do := func(key uint64, f func(ring.Run)) {
		k := s.do(key, ring.HintNone, f)
		<-k.over
		if k.inline {
			inline[key]++
		}
	}
	for range 25 {
		do(fast, func(ring.Run) {})
		do(slow, func(ring.Run) { time.Sleep(10 * time.Millisecond) }) // blocking is what is tested
		do(exits, func(ring.Run) { runtime.Goexit() })
		do(hands, func(r ring.Run) {
			if r.Enter() {
				r.HandOver()
			}
			time.Sleep(10 * time.Millisecond) // blocking is what is tested
		})
		do(fast, func(ring.Run) {})
	}
	// A slow machine may excuse a takeover, and a spare may not be ready.
	if inline[slow] > 10 || inline[slow] == 0 {
		t.Errorf("the route that sleeps ran inline %d times, want about 3", inline[slow])
	}
	if inline[hands] != takeover.BlockedRuns {
		t.Errorf("the route that hands over ran inline %d times, want 3", inline[hands])
	}
	if inline[exits] != 1 {
		t.Errorf("the route that exits ran inline %d times, want 1", inline[exits])
	}
	if inline[fast] < 25 {
		t.Errorf("the fast route ran inline only %d times of 50", inline[fast])
	}
}

// TestWatchdogParks: no ticks while all loops are idle; ticks again, and
// takeovers, after that.
func TestWatchdogParks(t *testing.T) {
	g := takeover.NewGroup(takeover.Options{})
	defer g.Close()
	s := newServer(t, g)
	s.l.Start()
	defer s.end()
	for range 3 {
		before := s.l.Stats().Takeovers
		for i := uint64(1); s.l.Stats().Takeovers == before; i++ {
			<-s.do(i, ring.HintInline, func(ring.Run) { time.Sleep(10 * time.Millisecond) }).over // blocking is what is tested
		}
		// It parks some ticks after the loop has become idle.
		ticks := g.Ticks()
		window := time.NewTicker(50 * time.Millisecond)
		quiet := false
		for range 100 {
			<-window.C
			now := g.Ticks()
			if now == ticks {
				quiet = true
				break
			}
			ticks = now
		}
		window.Stop()
		if !quiet {
			t.Fatal("the watchdog ticks on though all is idle")
		}
	}
}

// TestMaxLeftBehind: with one loop the bound is reached exactly; then handlers
// go to goroutines until one comes back.
func TestMaxLeftBehind(t *testing.T) {
	for _, most := range []int{1, 2, 5} {
		t.Run(fmt.Sprint(most), func(t *testing.T) {
			g := takeover.NewGroup(takeover.Options{MaxLeftBehind: most})
			defer g.Close()
			s := newServer(t, g)
			s.l.Start()
			defer s.end()
			release := make(chan struct{})
			var blocked []*job
			block := func() *job {
				began := make(chan struct{})
				k := s.do(uint64(100+len(blocked)), ring.HintInline, func(r ring.Run) {
					close(began)
					if r.Enter() {
						r.HandOver()
					}
					<-release
				})
				<-began
				return k
			}
			inline := 0
			for tries := 0; inline < most && tries < 1000; tries++ {
				k := block()
				blocked = append(blocked, k)
				if k.inline {
					inline++
					s.leftBehind(int64(inline))
				}
				if inline < most {
					s.spareReady()
				}
			}
			if n := g.LeftBehind(); inline != most || n != most {
				t.Fatalf("%d inline, %d left behind, want %d", inline, n, most)
			}
			s.spareReady()
			k := block()
			blocked = append(blocked, k)
			if k.inline {
				t.Error("inline beyond the bound")
			}
			close(release)
			for _, k := range blocked {
				<-k.over
			}
			s.leftBehind(0)
			<-s.do(1, ring.HintInline, func(ring.Run) {}).over
		})
	}
}

// spareReady waits for a spare.
func (s *server) spareReady() {
	for s.l.Stats().Spares == 0 {
		runtime.Gosched()
	}
}

// leftBehind waits until n threads are left behind.
func (s *server) leftBehind(n int64) {
	for s.l.Stats().LeftBehind != n {
		runtime.Gosched()
	}
}

// TestMaxThreads: a loop whose threads are all left behind goes on, with
// goroutines.
func TestMaxThreads(t *testing.T) {
	g := takeover.NewGroup(takeover.Options{MaxLeftBehind: 2 * takeover.MaxThreads})
	defer g.Close()
	s := newServer(t, g)
	s.l.Start()
	defer s.end()
	release := make(chan struct{})
	var blocked []*job
	for i := range takeover.MaxThreads - 1 {
		s.spareReady()
		began := make(chan struct{})
		k := s.do(uint64(i+1), ring.HintInline, func(r ring.Run) {
			close(began)
			if r.Enter() {
				r.HandOver()
			}
			<-release
		})
		<-began
		if !k.inline {
			t.Fatalf("thread %d: not inline though a spare is ready", i)
		}
		s.leftBehind(int64(i + 1))
		blocked = append(blocked, k)
	}
	if st := s.l.Stats(); st.Threads != takeover.MaxThreads || st.Spares != 0 {
		t.Errorf("%+v", st)
	}
	k := s.do(500, ring.HintInline, func(ring.Run) {})
	<-k.over
	if k.inline {
		t.Error("inline although nobody could take over")
	}
	close(release)
	for _, k := range blocked {
		<-k.over
	}
	s.spareReady()
	k = s.do(501, ring.HintInline, func(ring.Run) {})
	<-k.over
	if !k.inline {
		t.Error("not inline although threads have come back")
	}
}

// TestDisabled: goroutines, unless hinted; a hinted handler may still hand its
// loop over and exit.
func TestDisabled(t *testing.T) {
	g := takeover.NewGroup(takeover.Options{Disabled: true})
	defer g.Close()
	s := newServer(t, g)
	s.l.Start()
	defer s.end()
	for hint, inline := range map[ring.Hint]bool{ring.HintNone: false, ring.HintInline: true, ring.HintBlocking: false} {
		k := s.do(1, hint, func(ring.Run) {})
		<-k.over
		if k.inline != inline {
			t.Errorf("hint %d: inline %v", hint, k.inline)
		}
	}
	// What the handler waits for is behind it in the queue.
	later := make(chan struct{})
	k := s.do(2, ring.HintInline, func(r ring.Run) {
		if r.Enter() {
			r.HandOver()
		}
		<-later
	})
	s.do(3, ring.HintInline, func(ring.Run) { close(later) })
	<-k.over
	<-s.do(4, ring.HintInline, func(ring.Run) { runtime.Goexit() }).over
	<-s.do(5, ring.HintInline, func(ring.Run) {}).over // a job is over a moment before its exit is counted
	if st := s.l.Stats(); st.HandOvers != 1 || st.Takeovers != 0 || st.Goexits != 1 {
		t.Errorf("%+v", st)
	}
	if g.Ticks() != 0 {
		t.Error("the watchdog ticks")
	}
}

// TestStopWhileLeftBehind: the loop ends although a handler is still running;
// Wait tells, and the thread goes with the handler.
func TestStopWhileLeftBehind(t *testing.T) {
	g := takeover.NewGroup(takeover.Options{})
	defer g.Close()
	s := newServer(t, g)
	s.l.Start()
	release := make(chan struct{})
	refused := make(chan bool, 1)
	s.spareReady()
	k := s.do(1, ring.HintInline, func(r ring.Run) {
		if !r.Enter() {
			return
		}
		r.HandOver()
		<-release
		refused <- !r.Enter()
	})
	s.leftBehind(1)
	s.mu.Lock()
	s.stop = true
	s.mu.Unlock()
	s.nudge()
	if left := s.l.Wait(50 * time.Millisecond); left != 1 {
		t.Errorf("%d threads left, want the one in its handler", left)
	}
	select {
	case <-k.over:
		t.Error("the handler that blocks is over")
	default:
	}
	close(release)
	if !<-refused {
		t.Error("entered a loop that has ended")
	}
	if left := s.l.Wait(10 * time.Second); left != 0 {
		t.Errorf("%d threads left", left)
	}
}
