package sched

import "math/rand/v2"

// policy is how a run chooses among the threads that can run. One of three,
// by the seed, because each finds what the others rarely do:
//
//   - uniform: everybody is equally likely;
//   - sticky: the same thread mostly goes on, so that runs with few switches
//     come up, which most faults need;
//   - ranked: the thread of the highest rank runs always, and ranks change
//     seldom, so that one thread can overtake another by far.
type policy struct {
	kind uint8
	last *thread
}

const (
	uniform = iota
	sticky
	ranked
	kinds
)

func newPolicy(r *rand.Rand) policy { return policy{kind: uint8(r.IntN(kinds))} }

// rank is the rank of a new thread.
func (p *policy) rank(r *rand.Rand) int { return r.IntN(1 << 20) }

func (p *policy) choose(r *rand.Rand, able []*thread) *thread {
	switch p.kind {
	case sticky:
		if p.last != nil && r.IntN(16) != 0 {
			for _, t := range able {
				if t == p.last {
					return t
				}
			}
		}
	case ranked:
		return p.highest(r, able)
	}
	p.last = able[r.IntN(len(able))]
	return p.last
}

// highest chooses by rank; now and then the winner falls behind.
func (p *policy) highest(r *rand.Rand, able []*thread) *thread {
	best := able[0]
	for _, t := range able[1:] {
		if t.rank > best.rank {
			best = t
		}
	}
	if r.IntN(64) == 0 {
		best.rank = p.rank(r)
	}
	return best
}
