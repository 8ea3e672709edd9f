package sched

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uringserve/uringserve/ring/takeover"
)

// order runs three threads that yield and sleep, and tells who ran when.
func order(seed uint64) []string {
	s := New(seed)
	var log []string
	for i := range 3 {
		s.Go(fmt.Sprint(i), func() {
			for n := range 5 {
				log = append(log, fmt.Sprint(i, n, s.Now()))
				s.Yield("here")
				s.Sleep(time.Duration(n) * time.Millisecond)
			}
		})
	}
	if err := s.Run(nil); err != nil {
		log = append(log, err.Error())
	}
	return log
}

func TestSameSeedSameRun(t *testing.T) {
	different := map[string]bool{}
	for seed := range uint64(50) {
		a, b := order(seed), order(seed)
		if !slices.Equal(a, b) {
			t.Fatalf("seed %d gave two runs:\n%v\n%v", seed, a, b)
		}
		if len(a) != 15 {
			t.Fatalf("seed %d: %v", seed, a)
		}
		different[strings.Join(a, ";")] = true
	}
	if len(different) < 30 {
		t.Errorf("50 seeds gave only %d different runs", len(different))
	}
}

func TestTimePassesWhenNobodyRuns(t *testing.T) {
	s := New(1)
	var woke time.Duration
	s.Go("sleeper", func() {
		s.Sleep(time.Hour)
		woke = s.Now()
	})
	if err := s.Run(nil); err != nil {
		t.Fatal(err)
	}
	if woke != time.Hour {
		t.Errorf("woke at %v, want 1h", woke)
	}
}

func TestSpinnerLosesTime(t *testing.T) {
	s := New(1)
	awake := false
	s.Go("spinner", func() {
		for !awake {
			s.Yield("spin")
		}
	})
	s.Go("sleeper", func() {
		s.Sleep(time.Hour)
		awake = true
	})
	if err := s.Run(nil); err != nil {
		t.Fatal(err)
	}
}

func TestDeadlockIsSeen(t *testing.T) {
	s := New(7)
	p := s.Runtime().NewParker()
	s.Go("stuck", p.Park)
	err := s.Run(nil)
	if err == nil || !strings.Contains(err.Error(), "deadlock") ||
		!strings.Contains(err.Error(), "stuck(1) is parked") || !strings.Contains(err.Error(), "seed 7") {
		t.Fatalf("error %v", err)
	}
	// A later Run goes on where the threads are.
	p.Unpark()
	if err := s.Run(nil); err != nil {
		t.Fatal(err)
	}
}

func TestEndlessRunIsSeen(t *testing.T) {
	// A thread that yields n times is chosen n+1 times.
	for yields, fails := range map[int]bool{98: false, 99: false, 100: true} {
		s := New(1)
		s.MaxSteps, s.Slowness = 100, 0
		s.Go("busy", func() {
			for range yields {
				s.Yield("spin")
			}
		})
		err := s.Run(nil)
		if got := err != nil && strings.Contains(err.Error(), "too many steps"); got != fails {
			t.Errorf("%d yields, at most 100 steps: %v", yields, err)
		}
	}
}

func TestPanicIsAnError(t *testing.T) {
	s := New(1)
	s.Go("other", func() { s.Sleep(time.Second) })
	s.Go("bad", func() { panic("oops") })
	if err := s.Run(nil); err == nil || !strings.Contains(err.Error(), "panic: oops") {
		t.Fatalf("error %v", err)
	}
}

func TestGoexitEndsAThread(t *testing.T) {
	s := New(1)
	s.Go("exits", func() { runtime.Goexit() })
	if err := s.Run(nil); err != nil {
		t.Fatal(err)
	}
}

func TestParkerIsBinary(t *testing.T) {
	for seed := range uint64(100) {
		s := New(seed)
		p := s.Runtime().NewParker()
		p.Unpark()
		p.Unpark()
		passed := 0
		s.Go("parks", func() {
			p.Park()
			passed++
			p.Park()
			passed++
		})
		if err := s.Run(nil); err == nil || passed != 1 {
			t.Fatalf("seed %d: %d parks passed on one token, %v", seed, passed, err)
		}
	}
}

func TestWaitFor(t *testing.T) {
	s := New(3)
	n := 0
	s.Go("waits", func() {
		s.WaitFor(func() bool { return n == 3 })
		n = 10
	})
	s.Go("counts", func() {
		for n < 3 {
			n++
			s.Sleep(time.Second)
		}
	})
	if err := s.Run(func() bool { return n == 10 }); err != nil {
		t.Fatal(err)
	}
	if len(s.Live()) == 0 {
		t.Error("nobody lives, though counts sleeps still")
	}
}

func TestWaitUntil(t *testing.T) {
	for seed := range uint64(50) {
		s := New(seed)
		ready := false
		var early, late bool
		var gaveUp time.Duration
		s.Go("waits", func() {
			late = s.WaitUntil(func() bool { return ready }, time.Second)
			gaveUp = s.Now()
			early = s.WaitUntil(func() bool { return ready }, time.Hour)
		})
		s.Go("sets", func() { s.Sleep(time.Minute); ready = true })
		if err := s.Run(nil); err != nil {
			t.Fatal(err)
		}
		if late || gaveUp != time.Second || !early {
			t.Fatalf("seed %d: %v at %v, then %v", seed, late, gaveUp, early)
		}
	}
}

func TestVerdict(t *testing.T) {
	s := New(1)
	s.Slowness = 0
	rt := s.Runtime()
	ids := make([]int, 4)
	p := rt.NewParker()
	s.Go("sleeps", func() { ids[0] = rt.ThreadID(); s.Sleep(time.Hour) })
	s.Go("computes", func() { ids[1] = rt.ThreadID(); s.Compute(time.Hour) })
	s.Go("parked", func() { ids[2] = rt.ThreadID(); p.Park() })
	done := false
	s.Go("yields", func() {
		ids[3] = rt.ThreadID()
		for !done {
			s.Yield("spin")
		}
	})
	s.Go("looks", func() {
		s.WaitFor(func() bool { return !slices.Contains(ids, 0) })
		for range 100 {
			s.Yield("let them get there")
		}
		want := []takeover.Verdict{takeover.Asleep, takeover.Computing, takeover.Asleep, takeover.Descheduled}
		for i, id := range ids {
			if got := rt.Verdict(id, 0); got != want[i] {
				t.Errorf("thread %d: verdict %v, want %v", i, got, want[i])
			}
		}
		if rt.Verdict(1000, 0) != takeover.Unknown {
			t.Error("a thread that is not there has a verdict")
		}
		done = true
		p.Unpark()
	})
	if err := s.Run(nil); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkStep(b *testing.B) {
	s := New(1)
	s.MaxSteps = 1 << 40
	for range 8 {
		s.Go("yields", func() {
			for range b.N / 8 {
				s.Yield("here")
			}
		})
	}
	if err := s.Run(nil); err != nil {
		b.Fatal(err)
	}
}
