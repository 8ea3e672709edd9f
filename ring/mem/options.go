package mem

import (
	"time"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/takeover"
)

// Options are a simulation's settings. The zero value is a faultless one.
type Options struct {
	// Seed decides everything that is left to chance.
	Seed uint64
	// Loops is the number of loops; 0: 1.
	Loops int
	// Style is what kind of kernel the loops ride; 0: Completion.
	Style Style
	// Faults are what goes wrong.
	Faults Faults

	// BufferSize is the size of a receive buffer in bytes; 0: 4096.
	BufferSize int
	// Provided is how many buffers the kernel has at most; 0: 64.
	Provided int
	// Reserve is how many further buffers there are; 0: 80, negative: none.
	Reserve int

	// CQSize is how many completions fit before they overflow; 0: 1024. Not of
	// Readiness.
	CQSize int
	// SQSize is how many operations can be queued, at least 32; 0: 256.
	SQSize int

	// SendBuf and RecvBuf are the sizes of a socket's buffers, in bytes;
	// 0: 256 KiB each. PeerSendBuf and PeerRecvBuf are those of the peers'
	// sockets; 0: the same.
	SendBuf, RecvBuf         int
	PeerSendBuf, PeerRecvBuf int
	// Backlog is how many connections wait to be accepted; 0: 4096. More
	// wait to be connected.
	Backlog int

	// RestBytes bounds, per loop, the memory for unfinished sends; 0: 64 MiB.
	RestBytes int

	// PlainDispatch is takeover.Options.Disabled.
	PlainDispatch bool
	// MaxLeftBehind is takeover.Options.MaxLeftBehind.
	MaxLeftBehind int
	// Tick is the watchdog's; 0: 1 ms.
	Tick time.Duration
	// BriefWaits lets loops wait briefly, for 20 µs.
	BriefWaits bool

	// TraceLines is how many lines of the trace are kept; 0: 200.
	TraceLines int

	// MaxSteps bounds one Run, in steps of the scheduler; 0: 5,000,000.
	MaxSteps int
}

// Style is a kind of kernel.
type Style uint8

const (
	// Completion does operations and tells when they are done, as io_uring
	// does: the loop rides on it as it is.
	Completion Style = iota
	// Readiness tells what can be done and has it done by calls, as epoll
	// does: the loop rides on the Port of ring/epoll.
	Readiness

	// Styles is how many there are.
	Styles
)

// String is the style's name, in lower case.
func (s Style) String() string { return [...]string{"completion", "readiness"}[s] }

func (o Options) withDefaults() Options {
	set := func(v *int, unset int) {
		if *v == 0 {
			*v = unset
		}
	}
	set(&o.Loops, 1)
	set(&o.BufferSize, 4096)
	set(&o.Provided, 64)
	set(&o.Reserve, 80)
	o.Reserve = max(o.Reserve, 0)
	set(&o.CQSize, 1024)
	set(&o.SQSize, 256)
	o.SQSize = max(o.SQSize, 32)
	set(&o.SendBuf, 256<<10)
	set(&o.RecvBuf, 256<<10)
	set(&o.PeerSendBuf, o.SendBuf)
	set(&o.PeerRecvBuf, o.RecvBuf)
	set(&o.Backlog, 4096)
	set(&o.TraceLines, 200)
	set(&o.RestBytes, 64<<20)
	return o
}

const arenaBytes = 4 * ring.MaxSend

func (o Options) takeover(rt takeover.Runtime) takeover.Options {
	return takeover.Options{
		Runtime:       rt,
		MaxLeftBehind: o.MaxLeftBehind,
		Tick:          o.Tick,
		Disabled:      o.PlainDispatch,
	}
}
