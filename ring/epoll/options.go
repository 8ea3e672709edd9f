package epoll

import (
	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/takeover"
)

// Name is the engine's name as --engine spells it.
const Name = "epoll"

// Options are the engine's settings. The zero value is the default.
type Options struct {
	// Loops is the number of loops; 0: one per CPU that this process may
	// use, by affinity and cgroup quota.
	Loops int

	// Queue is how many operations a loop queues for one Enter, 8 … 32768;
	// 0: 512.
	Queue int

	// BufferSize is the size of a receive buffer in bytes; 0: 4096.
	BufferSize int
	// Provided is how many receive buffers a loop may fill before handlers
	// give one back, 1 … 32768; 0: 256.
	Provided int
	// Reserve is how many further buffers a loop has, to stand in for those
	// that handlers hold on to; 0: 80, negative: none. All together at most
	// 65,536.
	Reserve int

	// ArenaBytes is the size of a loop's send arena, at least ring.MaxSend;
	// 0: 1 MiB.
	ArenaBytes int
	// RestBytes bounds, per loop, the memory for sends that their peers do
	// not take at once, at least ring.MaxSend; 0: 128 MiB.
	RestBytes int

	// Takeover is how handlers run.
	Takeover takeover.Options

	// Lost, if set, is told that a loop has ended because its epoll failed.
	// Called on the loop's thread.
	Lost func(loop int, err error)
}

const (
	defaultQueue      = 512
	defaultBufferSize = 4096
	defaultProvided   = 256
	defaultReserve    = 80
	defaultArenaBytes = 1 << 20
	defaultRestBytes  = 128 << 20

	minQueue   = 8 // what proactor.Port.Space promises
	maxBuffers = 1 << 16
)

// withDefaults replaces zeros and brings the rest into range.
func (o Options) withDefaults() Options {
	set := func(v *int, unset, low, high int) {
		if *v == 0 {
			*v = unset
		}
		*v = min(max(*v, low), high)
	}
	set(&o.Queue, defaultQueue, minQueue, 1<<15)
	set(&o.BufferSize, defaultBufferSize, 1, ring.MaxRecvAfterPause)
	set(&o.Provided, defaultProvided, 1, 1<<15)
	set(&o.Reserve, defaultReserve, 0, maxBuffers-o.Provided)
	set(&o.ArenaBytes, defaultArenaBytes, ring.MaxSend, 1<<30)
	set(&o.RestBytes, defaultRestBytes, ring.MaxSend, 1<<30)
	return o
}

// Report is what Probe found.
type Report struct {
	// Err is nil if the engine can run here, else a *ring.UnavailableError.
	Err error
	// CoarseWaits is why the loops wait in whole milliseconds, which costs
	// some of the speed: the system has no epoll_pwait2, or denies it. Empty:
	// they do not.
	CoarseWaits string
}
