package takeover

import (
	"runtime"
	"testing"
	"time"
)

// onThread runs f on a thread of its own and returns the thread's id. The
// thread ends when stop is closed and f has returned.
func onThread(f func(), stop chan struct{}) (id int) {
	ids := make(chan int)
	OS().Go("test", func() {
		ids <- OS().ThreadID()
		f()
		<-stop
	})
	return <-ids
}

func TestThreadCPU(t *testing.T) {
	stop := make(chan struct{})
	defer close(stop)
	spun := make(chan struct{})
	id := onThread(func() {
		for end := time.Now().Add(20 * time.Millisecond); time.Now().Before(end); {
		}
		close(spun)
	}, stop)
	before := OS().ThreadCPU(id)
	<-spun
	if after := OS().ThreadCPU(id); after-before < int64(time.Millisecond) {
		t.Errorf("the thread that spun used %v", time.Duration(after-before))
	}
	if OS().ThreadCPU(1<<22+1) != 0 {
		t.Error("a thread that is not there has CPU time")
	}
}

func TestVerdict(t *testing.T) {
	stop, spin := make(chan struct{}), make(chan struct{})
	defer close(stop)
	asleep := onThread(func() {}, stop)
	spinning := onThread(func() {
		for {
			select {
			case <-spin:
				return
			default:
			}
		}
	}, stop)
	defer close(spin)

	// The threads take a moment to get there.
	want := func(id int, cpu int64, verdict Verdict) {
		t.Helper()
		var got Verdict
		for range 10000 {
			if got = OS().Verdict(id, cpu); got == verdict {
				return
			}
			runtime.Gosched()
		}
		t.Errorf("verdict %d, want %d", got, verdict)
	}
	want(asleep, OS().ThreadCPU(asleep), Asleep)
	want(spinning, OS().ThreadCPU(spinning), Computing)
	// As if it had got no further since.
	want(spinning, 1<<62, Descheduled)
	want(1<<22+1, 0, Unknown)
}
