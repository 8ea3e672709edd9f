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
	used     *span // the server's CPU time; nil: between the load's beginning and end
}

// span is the CPU time of a server between two moments.
type span struct {
	from, to     usage
	begun, ended bool // the moments have been
}

// window runs load and adds to its sample what s used meanwhile: CPU time per
// request, memory at the end, and how quiet the server's CPUs were.
func (r *runner) window(ctx context.Context, s *server, load func() (measured, error)) (sample, error) {
	foreignBefore, err := foreignTime(r.cpus())
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
	foreignAfter, err := foreignTime(r.cpus())
	if err != nil {
		return nil, err
	}
	memory, err := familyPSS(s.pid())
	if err != nil {
		return nil, err
	}
	if got.used != nil {
		before, after = got.used.from, got.used.to
	}
	user, sys := after.since(before)
	perRequest := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) / float64(got.requests) }
	m := got.sample
	m[userReq], m[sysReq], m[cpuReq] = perRequest(user), perRequest(sys), perRequest(user+sys)
	m[pss] = float64(memory) / (1 << 20)
	m[loadBusy] = 100 * got.busy
	m[others] = 100 * max(0, (foreignAfter-foreignBefore).Seconds()/wall.Seconds())
	m[failed] = float64(got.failed)
	return m, s.alive()
}

// cpus are those of server and load.
func (r *runner) cpus() []int { return []int{r.cfg.serverCPU, r.cfg.loadCPU} }

// Before a cell the CPUs are to be busy for less than this share of this time.
const (
	calmShare = 0.1
	calmTime  = 200 * time.Millisecond
)

// awaitCalm waits until the CPUs have nothing to do, for as long as the
// configuration's patience lasts.
func (r *runner) awaitCalm(ctx context.Context) error {
	for deadline := time.Now().Add(r.cfg.patience); time.Now().Before(deadline); {
		before, err := busyTime(r.cpus())
		if err != nil {
			return err
		}
		if err := sleep(ctx, calmTime); err != nil {
			return err
		}
		after, err := busyTime(r.cpus())
		if err != nil {
			return err
		}
		if (after - before).Seconds() < calmShare*calmTime.Seconds() {
			return nil
		}
	}
	return ctx.Err()
}
