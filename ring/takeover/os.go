package takeover

import (
	"runtime"
	"time"
)

// OS is the operating system's Runtime. Verdict and ThreadCPU know something
// on Linux only.
func OS() Runtime { return system{start: time.Now()} }

type system struct{ start time.Time }

// Go starts f on a locked thread. The thread ends with f: handlers may have
// changed it.
func (s system) Go(_ string, f func()) {
	go func() {
		runtime.LockOSThread()
		s.enlist()
		f()
	}()
}

func (system) Spawn(f func()) { go f() }

// Yield does nothing: the system decides by itself who runs.
func (system) Yield(string) {}

func (system) NewParker() Parker { return make(parker, 1) }

// Sleep is a Go timer's. A sleep in the kernel keeps the scheduler's monitor
// awake, which was seen to double the cost of the watchdog's ticks, and to
// multiply it by ten beside a busy loop.
func (system) Sleep(d time.Duration) { time.Sleep(d) }

func (s system) Now() int64 { return int64(time.Since(s.start)) }

// parker is a channel with room for the one unpark that is remembered.
type parker chan struct{}

func (p parker) Park() { <-p }

func (p parker) Unpark() {
	select {
	case p <- struct{}{}:
	default:
	}
}
