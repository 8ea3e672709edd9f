package main

import (
	"context"
	"fmt"
	"time"
)

// measured is a load's outcome in a window.
type measured struct {
	sample   sample
	requests int64
	busy     float64 // the generator's CPU time as a share of wall time
	failed   int64
}

// window runs load and adds to its sample what s used meanwhile: CPU time per
// request, memory at the end, and how quiet the server's CPUs were.
func (r *runner) window(ctx context.Context, s *server, load func() (measured, error)) (sample, error) {
	busyBefore, err := busyTime(s.cpus)
	if err != nil {
		return nil, err
	}
	before, err := familyUsage(s.pid())
	if err != nil {
		return nil, err
	}
	began := time.Now()
	got, err := load()
	if err != nil {
		return nil, err
	}
	wall := time.Since(began)
	after, err := familyUsage(s.pid())
	if err != nil {
		return nil, fmt.Errorf("%w (%v)", err, s.alive())
	}
	busyAfter, err := busyTime(s.cpus)
	if err != nil {
		return nil, err
	}
	memory, err := familyPSS(s.pid())
	if err != nil {
		return nil, err
	}
	user, sys := after.since(before)
	perRequest := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) / float64(got.requests) }
	m := got.sample
	m[userReq], m[sysReq], m[cpuReq] = perRequest(user), perRequest(sys), perRequest(user+sys)
	m[pss] = float64(memory) / (1 << 20)
	m[loadBusy] = 100 * got.busy
	foreign := busyAfter - busyBefore - user - sys
	if !r.sharesCPU(s) {
		m[others] = 100 * max(0, foreign.Seconds()/wall.Seconds())
	}
	m[failed] = float64(got.failed)
	return m, s.alive()
}

// sharesCPU reports whether the load runs on one of the server's CPUs.
func (r *runner) sharesCPU(s *server) bool {
	for _, c := range s.cpus {
		if c == r.cfg.loadCPU {
			return true
		}
	}
	return false
}
