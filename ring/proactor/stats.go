package proactor

import (
	"sync/atomic"

	"github.com/uringserve/uringserve/ring"
)

// counts are a loop's own counters.
type counts struct {
	accepted, acceptErrors           uint64
	enters, submissions, completions uint64
	overflows, noBuffers             uint64
	shortSends, staleEvents          uint64
	inline, goroutines               uint64
}

// published is what other goroutines may read of a loop's counters. The loop
// writes it about once a millisecond and before it sleeps, not with every
// event.
type published struct {
	accepted, acceptErrors           atomic.Uint64
	enters, submissions, completions atomic.Uint64
	overflows, noBuffers             atomic.Uint64
	shortSends, staleEvents          atomic.Uint64
	inline, goroutines               atomic.Uint64
	conns, ops, leases               atomic.Int64
}

// publish makes the counters visible.
func (l *loop) publish() {
	n, p := &l.n, &l.counters
	for _, pair := range [...]struct {
		to   *atomic.Uint64
		from uint64
	}{
		{&p.accepted, n.accepted}, {&p.acceptErrors, n.acceptErrors},
		{&p.enters, n.enters}, {&p.submissions, n.submissions}, {&p.completions, n.completions},
		{&p.overflows, n.overflows}, {&p.noBuffers, n.noBuffers},
		{&p.shortSends, n.shortSends}, {&p.staleEvents, n.staleEvents},
		{&p.inline, n.inline}, {&p.goroutines, n.goroutines},
	} {
		if pair.to.Load() != pair.from {
			pair.to.Store(pair.from)
		}
	}
	p.conns.Store(l.conns)
	p.ops.Store(l.ops)
	p.leases.Store(int64(l.pool.leased))
}

// add adds the loop's counters to s. Safe for concurrent use.
func (l *loop) add(s *ring.Stats) {
	p := &l.counters
	s.Accepted += p.accepted.Load()
	s.AcceptErrors += p.acceptErrors.Load()
	s.Conns += p.conns.Load()
	s.OpsInFlight += p.ops.Load()
	s.LeasesOut += p.leases.Load()
	s.Enters += p.enters.Load()
	s.Submissions += p.submissions.Load()
	s.Completions += p.completions.Load()
	s.Overflows += p.overflows.Load()
	s.NoBuffers += p.noBuffers.Load()
	s.ShortSends += p.shortSends.Load()
	s.StaleEvents += p.staleEvents.Load()
	s.Inline += p.inline.Load()
	s.Goroutines += p.goroutines.Load()
	t := l.to.Stats()
	s.Takeovers += t.Takeovers
	s.HandOvers += t.HandOvers
	s.LeftBehind += t.LeftBehind
	s.Goexits += t.Goexits
}
