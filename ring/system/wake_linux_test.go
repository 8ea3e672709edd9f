package system

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// written is what the eventfd counts; reading forgets it.
func written(t *testing.T, w *Wake) byte {
	t.Helper()
	var b [8]byte
	if n, err := unix.Read(w.FD(), b[:]); err == unix.EAGAIN {
		return 0
	} else if n != 8 || err != nil {
		t.Fatalf("read: %d, %v", n, err)
	}
	return b[0]
}

// The eventfd is written only while the loop may wait, once until the wake is
// taken.
func TestWakeWritesOnlyForASleeper(t *testing.T) {
	var w Wake
	if err := w.Open(); err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if w.Take() {
		t.Error("woken before anybody signalled")
	}
	w.Signal()
	if n := written(t, &w); n != 0 {
		t.Errorf("written %d times though nobody slept", n)
	}
	if w.Sleep() {
		t.Error("it may sleep after a signal")
	}
	w.Awake()
	if !w.Take() || w.Take() {
		t.Error("a signal is taken once")
	}
	if !w.Sleep() {
		t.Error("it may not sleep")
	}
	w.Signal()
	w.Signal()
	if n := written(t, &w); n != 1 {
		t.Errorf("written %d times for a sleeper", n)
	}
	w.Awake()
	if !w.Take() {
		t.Error("the signal was lost")
	}
	w.Sleep()
	w.Signal()
	w.Drain()
	if n := written(t, &w); n != 0 {
		t.Errorf("%d left by Drain", n)
	}
}

// Whoever wakes a loop that is gone must not write to a descriptor that has
// become another's.
func TestSignalAfterClose(t *testing.T) {
	var w Wake
	if err := w.Open(); err != nil {
		t.Fatal(err)
	}
	w.Sleep()
	fd := w.FD()
	var wakers sync.WaitGroup
	var stop atomic.Bool
	for range 2 {
		wakers.Go(func() {
			for !stop.Load() {
				w.woken.Store(false)
				w.Signal()
			}
		})
	}
	runtime.Gosched()
	w.Close()
	// The lowest free number: fd again, or one below it.
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	defer closeAll(pipe[:])
	for pipe[1] < fd {
		d, err := unix.Dup(pipe[1])
		if err != nil {
			t.Fatal(err)
		}
		defer closeAll([]int{pipe[1]})
		pipe[1] = d
	}
	w.Signal()
	stop.Store(true)
	wakers.Wait()
	var b [8]byte
	if n, err := unix.Read(pipe[0], b[:]); err != unix.EAGAIN {
		t.Errorf("a wake wrote to another descriptor: %d, %v", n, err)
	}
}
