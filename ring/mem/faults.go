package mem

import (
	"math/rand/v2"
	"time"

	"github.com/uringserve/uringserve/ring/proactor"
)

// Faults are the chances, 0 … 1, of what can go wrong or merely otherwise. The
// zero value is a kernel in which everything happens at once and whole. All
// but Reset and Watch are things that a server must not let its clients notice.
type Faults struct {
	// In both styles:
	Split     float64       // a receive or a segment is cut short
	Delay     float64       // a segment, a completion or an event comes later
	MaxDelay  time.Duration // how much later at most; 0: 300 µs
	Reorder   float64       // completions or events of different sockets change places
	ShortSend float64       // a send that must not wait takes less than there is room for
	SendError float64       // it fails with EAGAIN or EINTR
	Accept    float64       // an accept fails with EMFILE, ENFILE, ECONNABORTED, ENOMEM
	Enter     float64       // an Enter or a Wait is interrupted, or submits only a part
	Wake      float64       // it returns for nothing, or with less than there is
	Stale     float64       // a closed connection's receive completes once more, or its watch tells
	Reset     float64       // the network resets a connection, per segment

	// Of completions:
	End    float64 // a multishot ends after a result (no More)
	Error  float64 // a multishot ends with ENOBUFS, ECANCELED, EINTR
	Cancel float64 // a cancel says EALREADY or ENOENT, and works

	// Of readiness:
	Again    float64 // a receive or an accept says EAGAIN or EINTR although it could be done
	Spurious float64 // an event tells of what is not so, or again of what is
	Watch    float64 // a watch fails with ENOMEM: its connection cannot go on
}

// AnyFaults draws chances, so that seeds differ in what they stress: a run
// without short sends finds what one full of them hides.
func AnyFaults(r *rand.Rand) Faults {
	chance := func() float64 {
		return [...]float64{0, 0, 0.01, 0.05, 0.2, 0.5}[r.IntN(6)]
	}
	return Faults{
		Split: chance(), Delay: chance(), Reorder: chance(),
		MaxDelay:  [...]time.Duration{0, 20 * time.Microsecond, 5 * time.Millisecond}[r.IntN(3)],
		ShortSend: chance(), SendError: chance() / 2,
		End: chance() / 2, Error: chance() / 4,
		Accept: chance() / 2, Enter: chance() / 2,
		Cancel: chance(), Wake: chance() / 2, Stale: chance(),
		Again: chance(), Spurious: chance(),
	}
}

const defaultMaxDelay = 300 * time.Microsecond

// none reports whether nothing is left to chance.
func (f Faults) none() bool { return f == Faults{} }

func (k *kernel) chance(p float64) bool { return p > 0 && k.random.Float64() < p }

// some is n, or with the chance of Split a part of it.
func (k *kernel) some(n int) int {
	if n > 1 && k.chance(k.o.Faults.Split) {
		if k.random.IntN(3) == 0 {
			return 1
		}
		return 1 + k.random.IntN(n)
	}
	return n
}

// delay is how much later something happens, mostly 0.
func (k *kernel) delay() int64 {
	if k.stopped || !k.chance(k.o.Faults.Delay) {
		return 0
	}
	most := k.o.Faults.MaxDelay
	if most <= 0 {
		most = defaultMaxDelay
	}
	return 1 + k.random.Int64N(int64(most))
}

func (k *kernel) anyOf(e ...proactor.Errno) proactor.Errno { return e[k.random.IntN(len(e))] }
