package main

import (
	"context"
	"fmt"
	"time"
)

// openConns are the connections of open-loop cells over HTTP/1.1.
const openConns = 64

// runH1 is the profile of HTTP/1.1: throughput, CPU time, latency and memory.
func runH1(ctx context.Context, r *runner) (*report, error) {
	return r.compare(ctx, comparison{title: "HTTP/1.1", chart: "request", columns: requestColumns(reference),
		reference: reference, workloads: r.h1Workloads()})
}

func (r *runner) h1Workloads() []workload {
	var all []workload
	for _, n := range []int{1, 8, 64, 256} {
		all = append(all, r.keepAlive(n))
	}
	all = append(all,
		r.closed("pipelined ×16/64", wrkLoad{path: plaintext, connections: 64, pipeline: 16}),
		r.closed("connection per request/64", wrkLoad{path: plaintext, connections: 64, header: []string{"Connection: close"}}),
		workload{name: fmt.Sprintf("open loop/%d", openConns)})
	return append(all, r.idleWorkloads()...)
}

// keepAlive is n connections, each of which asks again when answered.
func (r *runner) keepAlive(n int) workload {
	return r.closed(fmt.Sprintf("keep-alive/%d", n), wrkLoad{path: plaintext, connections: n})
}

func (r *runner) closed(name string, l wrkLoad) workload {
	return workload{name: name, cost: r.cfg.warm + r.cfg.window + 500*time.Millisecond,
		run: func(ctx context.Context, s *server) (sample, error) { return r.closedLoop(ctx, s, l) }}
}

// idleWorkloads are a process without connections, and with many.
func (r *runner) idleWorkloads() []workload {
	var all []workload
	for _, n := range []int{0, r.cfg.idleConns} {
		all = append(all, workload{name: fmt.Sprintf("idle/%d", n), cost: 2*r.cfg.settle + r.cfg.idleWindow,
			run: func(ctx context.Context, s *server) (sample, error) { return r.idle(ctx, s, n) }})
	}
	return all
}

// closedLoop warms s up and measures it under l.
func (r *runner) closedLoop(ctx context.Context, s *server, l wrkLoad) (sample, error) {
	if _, _, err := r.wrk(ctx, s, l, r.cfg.warm); err != nil {
		return nil, err
	}
	return r.window(ctx, s, func() (measured, error) {
		res, busy, err := r.wrk(ctx, s, l, r.cfg.window)
		if err != nil {
			return measured{}, err
		}
		return measured{sample: res.sample(l), requests: res.requests, busy: busy, failed: res.failed}, nil
	})
}
