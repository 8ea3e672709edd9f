package main

import (
	"context"
	"fmt"
	"time"
)

// idle measures a fresh process that has served one request on each of n
// connections and has nothing to do: memory per connection, and the CPU time
// it still uses. With n = 0: of a process that has served one request.
func (r *runner) idle(ctx context.Context, s *server, n int) (sample, error) {
	if err := sleep(ctx, r.cfg.settle); err != nil {
		return nil, err
	}
	before, err := familyPSS(s.pid())
	if err != nil {
		return nil, err
	}
	m := sample{pss: float64(before) / (1 << 20)}
	if n > 0 {
		h, err := r.hold(ctx, s, plaintext, n, true)
		if err != nil {
			return nil, err
		}
		defer h.release()
		if err := sleep(ctx, r.cfg.settle); err != nil {
			return nil, err
		}
		after, err := familyPSS(s.pid())
		if err != nil {
			return nil, err
		}
		m[pss] = float64(after) / (1 << 20)
		m[idleConn] = float64(after-before) / float64(n) / (1 << 10)
	}
	began := time.Now()
	start, err := familyUsage(s.pid())
	if err != nil {
		return nil, err
	}
	if err := sleep(ctx, r.cfg.idleWindow); err != nil {
		return nil, err
	}
	end, err := familyUsage(s.pid())
	if err != nil {
		return nil, err
	}
	m[idleCPU] = 100 * (end.total - start.total).Seconds() / time.Since(began).Seconds()
	if n == 0 {
		return m, s.alive()
	}
	// Connections that the server has closed are no idle connections.
	if open, err := establishedTo(s); err == nil && open < n {
		return nil, fmt.Errorf("only %d of %d idle connections are still open", open, n)
	}
	return m, s.alive()
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
