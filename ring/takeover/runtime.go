package takeover

import "time"

// Runtime is the world the unit lives in: threads, parking, time. There are
// two: the operating system's, and a simulator's that decides who runs.
type Runtime interface {
	// Go starts f on a thread of its own (the goroutine is locked to it).
	Go(name string, f func())

	// Spawn starts f on an ordinary goroutine, for a handler that is not run
	// inline.
	Spawn(f func())

	// Yield marks a point at which a simulator may let another thread run.
	// The shipping code calls it only when built with the invariants tag.
	Yield(point string)

	// NewParker makes a binary semaphore for one waiting thread.
	NewParker() Parker

	// Sleep waits for about d; the watchdog's tick.
	Sleep(d time.Duration)

	// Now is a monotonic clock in nanoseconds.
	Now() int64

	// ThreadID names the calling thread for Verdict.
	ThreadID() int

	// Verdict says what the thread has been doing since its CPU time was
	// cpu: asleep in the kernel, computing, or merely waiting for a CPU.
	// Called only when a handler is about to lose its loop.
	Verdict(threadID int, cpu int64) Verdict

	// ThreadCPU is the CPU time of the thread in nanoseconds, 0 if unknown.
	ThreadCPU(threadID int) int64
}

// Parker is a binary semaphore: Park returns once Unpark has been called
// since the last Park returned. Unpark never blocks.
type Parker interface {
	Park()
	Unpark()
}

// Verdict is what a thread that did not come back was doing.
type Verdict uint8

const (
	// Unknown: the system does not tell.
	Unknown Verdict = iota
	// Asleep: blocked in the kernel, or on a lock.
	Asleep
	// Computing: it used CPU time.
	Computing
	// Descheduled: runnable, but given no CPU; teaches nothing.
	Descheduled
)
