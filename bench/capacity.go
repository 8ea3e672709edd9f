package main

import (
	"context"
	"errors"
	"math"
)

// commonRate is a share of what the slowest of peers can do: one rate for all,
// so that latencies compare.
func (r *runner) commonRate(ctx context.Context, peers []peer, share float64) (float64, error) {
	if r.cfg.rate > 0 {
		return r.cfg.rate, nil
	}
	rate := math.Inf(1)
	for _, p := range peers {
		c, err := r.capacity(ctx, p)
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if err != nil { // its cells will fail too, and say so
			r.out.say("capacity of %s: %v", p.name, err)
			continue
		}
		rate = min(rate, c.rate(share))
		r.out.say("capacity of %s: %.0f req/s; of the open-loop generator on it: %.0f", p.name, c.server, c.generator)
	}
	if math.IsInf(rate, 1) {
		return 0, errors.New("no server works")
	}
	return rate, nil
}

// capacity is what a server, and the open-loop generator, can do.
type capacity struct{ server, generator float64 } // requests per second

// rate is a share of the server's capacity; of the generator's at most half,
// beyond which its own queues would be measured.
func (c capacity) rate(share float64) float64 {
	rate := min(c.server*share, c.generator/2)
	return max(1, math.Floor(rate/100)*100)
}

// capacity finds out what p, and the generator on it, can do.
func (r *runner) capacity(ctx context.Context, p peer) (capacity, error) {
	s, err := r.start(ctx, p, plaintext, []int{r.cfg.serverCPU})
	if err != nil {
		return capacity{}, err
	}
	defer s.stop()
	closed, err := r.closedRate(ctx, s)
	if err != nil {
		return capacity{}, err
	}
	open, _, err := r.vegeta(ctx, s, plaintext, r.openConnections(), 0, r.cfg.calibration)
	if err != nil {
		return capacity{}, err
	}
	return capacity{closed, open.sample()[rps]}, nil
}

// closedRate is what s answers to a closed loop, in requests per second.
func (r *runner) closedRate(ctx context.Context, s *server) (float64, error) {
	if r.wire.h2 {
		l := h2Load{path: plaintext, connections: h2Streams[0].connections, streams: h2Streams[0].streams}
		m, err := r.h2load(ctx, s, l, r.cfg.warm, r.cfg.calibration)
		return m.sample[rps], err
	}
	res, _, err := r.wrk(ctx, s, wrkLoad{path: plaintext, connections: openConns}, r.cfg.calibration)
	if err != nil {
		return 0, err
	}
	return res.rate(), nil
}
