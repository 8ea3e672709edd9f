package uring

import (
	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/iouring"
	"github.com/uringserve/uringserve/ring/takeover"
)

// Name is the engine's name as --engine spells it.
const Name = "uring"

// Options are the engine's settings. The zero value is the default.
type Options struct {
	// Loops is the number of loops; 0: one per CPU that this process may
	// use, by affinity and cgroup quota.
	Loops int

	// Entries and CQEntries are the sizes of a loop's rings, powers of two;
	// 0: 512 and 8 × Entries. Halved until the memory-lock limit allows them.
	Entries   int
	CQEntries int

	// BufferSize is the size of a receive buffer in bytes, at most 1 MiB (half
	// of ring.MaxRecvAfterPause); 0: 4096.
	BufferSize int
	// Provided is how many receive buffers a loop gives to the kernel, 1 …
	// 32768, but not more than 1 MiB of them; 0: 256, or what 1 MiB holds.
	Provided int
	// Reserve is how many further buffers a loop has, to stand in for those
	// that handlers hold on to; 0: 80, negative: none. All together at most 65,536.
	Reserve int

	// ArenaBytes is the size of a loop's send arena, at least ring.MaxSend;
	// 0: 1 MiB.
	ArenaBytes int
	// RestBytes bounds, per loop, the memory for sends that their peers do
	// not take at once, at least ring.MaxSend; 0: 128 MiB.
	RestBytes int

	// Takeover is how handlers run.
	Takeover takeover.Options

	// Lost, if set, is told that a loop has ended because its ring failed.
	// Called on the loop's thread.
	Lost func(loop int, err error)
}

const (
	defaultEntries    = 512
	defaultBufferSize = 4096
	defaultProvided   = 256
	defaultReserve    = 80
	defaultArenaBytes = 1 << 20
	defaultRestBytes  = 128 << 20

	maxBuffers  = 1 << 16
	maxProvided = 1 << 15
	// maxProvidedBytes bounds Provided × BufferSize. All of them can be filled
	// for one connection before it pauses, and as much again before the kernel
	// hears of the pause: together what ring.MaxRecvAfterPause promises.
	maxProvidedBytes = ring.MaxRecvAfterPause / 2
)

// withDefaults replaces zeros and brings the rest into range.
func (o Options) withDefaults() Options {
	set := func(v *int, unset, low, high int) {
		if *v == 0 {
			*v = unset
		}
		*v = min(max(*v, low), high)
	}
	set(&o.Entries, defaultEntries, iouring.MinEntries, 1<<15)
	set(&o.CQEntries, 8*o.Entries, o.Entries, 1<<16)
	set(&o.BufferSize, defaultBufferSize, 1, maxProvidedBytes)
	set(&o.Provided, defaultProvided, 1, min(maxProvided, maxProvidedBytes/o.BufferSize))
	set(&o.Reserve, defaultReserve, 0, maxBuffers-o.Provided)
	set(&o.ArenaBytes, defaultArenaBytes, ring.MaxSend, 1<<30)
	set(&o.RestBytes, defaultRestBytes, ring.MaxSend, 1<<30)
	return o
}

// Report is what Probe found.
type Report struct {
	// Err is nil if the engine can run here, else a *ring.UnavailableError.
	Err error
	// Features are the kernel's behaviours; empty if no ring can be made.
	Features []iouring.Feature
}
