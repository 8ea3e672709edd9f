package epoll

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/uringserve/uringserve/ring/proactor"
)

// The wait for events is as long as was said: a brief one short, a long one
// not shorter than its timeout, with both system calls.
func TestWaits(t *testing.T) {
	for _, coarse := range []bool{false, true} {
		p := newTestPort(t, Options{})
		if coarse {
			p.k.coarse = unix.ENOSYS
		}
		for _, timeout := range []time.Duration{0, 1, 300 * time.Microsecond, 2 * time.Millisecond, 20 * time.Millisecond} {
			began := time.Now()
			p.enter(proactor.WaitLong, timeout)
			if took := time.Since(began); took < timeout {
				t.Errorf("coarse %v: waited %v of %v", coarse, took, timeout)
			}
		}
		least := time.Hour
		for range 50 {
			began := time.Now()
			p.enter(proactor.WaitBrief, -1)
			least = min(least, time.Since(began))
		}
		if least > 5*time.Millisecond {
			t.Errorf("coarse %v: a brief wait took %v at least", coarse, least)
		}
	}
}

func TestMilliseconds(t *testing.T) {
	const ms = time.Millisecond
	for in, want := range map[time.Duration]int{
		-1: -1, 0: 0, 1: 1, ms - 1: 1, ms: 1, ms + 1: 2, 1<<31*ms - 2*ms: 1<<31 - 2,
		(1<<31 - 1) * ms: 1<<31 - 1, 1 << 31 * ms: 1<<31 - 1, 1<<63 - 1: 1<<31 - 1,
	} {
		if got := milliseconds(in); got != want {
			t.Errorf("%v: %d ms, want %d", in, got, want)
		}
	}
}
