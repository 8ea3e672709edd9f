package stress

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uringserve/uringserve/ring/auto"
)

var (
	duration = flag.Duration("stress", 3*time.Second, "how long each engine is stressed")
	seed     = flag.Uint64("stress.seed", 0, "seed of the clients; 0: another one each time")
	clients  = flag.Int("stress.clients", 32, "how many clients there are at a time")
	exchange = flag.String("stress.op", "", "the one kind of exchange to have")
	only     = flag.String("stress.engine", "", "the one engine to stress")
)

func TestStress(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64() >> 1
	}
	for _, engine := range []string{auto.Uring, auto.Epoll, auto.Net} {
		if *only != "" && *only != engine {
			continue
		}
		t.Run(engine, func(t *testing.T) {
			e, _, err := auto.New(auto.Options{Engine: engine})
			if err != nil {
				t.Skipf("the engine does not run here: %v", err)
			}
			e.Close(0)
			stress(t, engine)
		})
	}
}

func stress(t *testing.T, engine string) {
	t.Logf("again: -stress.seed %d", *seed)
	s := startServer(t, engine)
	defer s.stop(t)
	// A first round warms everything up; what is there afterwards is the
	// baseline.
	round(t, s, *seed+1, *duration/10+200*time.Millisecond)
	base := measure(t, s)
	round(t, s, *seed, *duration)
	end := measure(t, s)
	t.Logf("baseline %+v", base)
	t.Logf("end      %+v", end)
	compare(t, s, base, end)
}

// round lets the clients work for a while.
func round(t *testing.T, s *server, seed uint64, d time.Duration) {
	stop := make(chan struct{})
	counts := make([]tally, len(ops))
	var wg sync.WaitGroup
	for i := range *clients {
		wg.Go(func() {
			w := &worker{server: s, random: rand.New(rand.NewPCG(seed, uint64(i))), number: i, counts: counts}
			if err := w.work(stop); err != nil {
				t.Error(err)
			}
		})
	}
	progress := time.NewTicker(30 * time.Second)
	defer progress.Stop()
	end := time.After(d)
	for running := true; running; {
		select {
		case <-end:
			running = false
		case <-progress.C:
			t.Logf("%+v", s.engine.Stats())
		}
	}
	close(stop)
	wg.Wait()
	var line strings.Builder
	for i := range ops {
		n := counts[i].count.Load()
		mean := time.Duration(counts[i].nanoseconds.Load() / max(n, 1)).Round(100 * time.Microsecond)
		fmt.Fprintf(&line, "\n\t%-28s %8d, %v each", ops[i].name, n, mean)
	}
	t.Log("exchanges" + line.String())
}

// state is what must come back to where it was.
type state struct {
	Conns, Ops, Leases, LeftBehind int64
	Descriptors, Goroutines        int
	RSS                            int64 // bytes
}

// measure waits until the connections are gone and reads the state. It is
// asked again for a while, because the last of them take their time.
func measure(t *testing.T, s *server) (now state) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		stats := s.engine.Stats()
		now = state{Conns: stats.Conns, Ops: stats.OpsInFlight, Leases: stats.LeasesOut, LeftBehind: stats.LeftBehind,
			Descriptors: descriptors(t), Goroutines: runtime.NumGoroutine()}
		if now.Conns == 0 && now.Leases == 0 && now.LeftBehind == 0 && s.conns.Active() == 0 || time.Now().After(deadline) {
			break
		}
		time.Sleep(20 * time.Millisecond) // a poll, not an order
	}
	runtime.GC()
	debug.FreeOSMemory()
	now.RSS = rss(t)
	return now
}

// compare allows for threads and pools that a longer round has grown, within
// bounds that do not depend on how long it was.
func compare(t *testing.T, s *server, base, end state) {
	t.Helper()
	if end.Conns != 0 || end.Leases != 0 || end.LeftBehind != 0 {
		t.Errorf("left over: %+v", end)
		t.Logf("%+v", s.conns.Stats())
	}
	if end.Ops > base.Ops+4 {
		t.Errorf("operations in flight: %d, were %d", end.Ops, base.Ops)
	}
	if end.Descriptors > base.Descriptors {
		t.Errorf("descriptors: %d, were %d", end.Descriptors, base.Descriptors)
	}
	if end.Goroutines > base.Goroutines+64 {
		t.Errorf("goroutines: %d, were %d", end.Goroutines, base.Goroutines)
	}
	if end.RSS > base.RSS+64<<20 {
		t.Errorf("resident memory: %d MiB, was %d MiB", end.RSS>>20, base.RSS>>20)
	}
}

func descriptors(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0 // not Linux
	}
	return len(entries)
}

func rss(t *testing.T) int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0 // not Linux
	}
	var kib int64
	for line := range strings.Lines(string(status)) {
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	return 0
}
