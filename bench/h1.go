package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// runH1 is the profile of HTTP/1.1: throughput, CPU time, latency and memory.
func runH1(ctx context.Context, r *runner) (*report, error) {
	rep := r.newReport("HTTP/1.1", h1Columns,
		chart{title: "HTTP/1.1: CPU time per request", axis: "µs", metric: cpuReq})
	peers := rep.present(r.peerList(ctx))
	if len(peers) == 0 {
		return nil, errors.New("there is no server to measure")
	}
	workloads, err := r.h1Workloads(ctx, peers)
	if err != nil {
		return nil, err
	}
	for _, w := range workloads {
		var first []*cell
		var ref *cell
		for _, p := range peers {
			c := &cell{workload: w, peer: p}
			if p.name == reference {
				ref = c
			}
			first = append(first, c)
		}
		for _, c := range first {
			c.ref = ref
		}
		rep.cells = append(rep.cells, first...)
	}
	if err := r.measure(ctx, rep.cells); err != nil {
		return nil, err
	}
	rep.conclude()
	return rep, nil
}

func (r *runner) h1Workloads(ctx context.Context, peers []peer) ([]workload, error) {
	var all []workload
	closed := func(name string, l wrkLoad) {
		all = append(all, workload{name: name, cost: r.cfg.warm + r.cfg.window + 500*time.Millisecond,
			run: func(ctx context.Context, s *server) (sample, error) { return r.closedLoop(ctx, s, l) }})
	}
	for _, n := range []int{1, 8, 64, 256} {
		closed(fmt.Sprintf("keep-alive/%d", n), wrkLoad{path: plaintext, connections: n})
	}
	closed("pipelined ×16/64", wrkLoad{path: plaintext, connections: 64, pipeline: 16})
	closed("connection per request/64", wrkLoad{path: plaintext, connections: 64,
		header: []string{"Connection: close"}})
	all = append(all, workload{name: "open loop/64"})
	for _, n := range []int{0, r.cfg.idleConns} {
		all = append(all, workload{name: fmt.Sprintf("idle/%d", n),
			cost: 2*r.cfg.settle + r.cfg.idleWindow,
			run:  func(ctx context.Context, s *server) (sample, error) { return r.idle(ctx, s, n) }})
	}
	var chosen []workload
	for _, w := range all {
		if !matches(w.name, r.cfg.only) {
			continue
		}
		if w.run == nil { // the open loop's rate is found out only if it is wanted
			var err error
			if w, err = r.openLoopWorkload(ctx, w.name, peers); err != nil {
				return nil, err
			}
		}
		chosen = append(chosen, w)
	}
	if len(chosen) == 0 {
		return nil, usageError("no workload has such a name")
	}
	return chosen, nil
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
		return measured{res.sample(l), res.requests, busy, res.failed}, nil
	})
}

// openConns are the connections of open-loop cells.
const openConns = 64

// openLoopWorkload is the open loop at half of what the slowest of peers can
// do: the same rate for all, so that latencies compare.
func (r *runner) openLoopWorkload(ctx context.Context, name string, peers []peer) (workload, error) {
	rate, err := r.commonRate(ctx, peers, 0.5)
	if err != nil {
		return workload{}, err
	}
	return workload{name: fmt.Sprintf("%s at %.0f/s", name, rate), cost: time.Second + r.cfg.openWindow,
		run: func(ctx context.Context, s *server) (sample, error) { return r.openLoop(ctx, s, plaintext, rate) }}, nil
}

// openLoop warms s up and measures it at a constant rate.
func (r *runner) openLoop(ctx context.Context, s *server, path string, rate float64) (sample, error) {
	if _, _, err := r.vegeta(ctx, s, path, openConns, rate, r.cfg.warm); err != nil {
		return nil, err
	}
	return r.window(ctx, s, func() (measured, error) { return r.openWindow(ctx, s, path, rate) })
}

// openWindow is the measured part of an open loop.
func (r *runner) openWindow(ctx context.Context, s *server, path string, rate float64) (measured, error) {
	res, busy, err := r.vegeta(ctx, s, path, openConns, rate, r.cfg.openWindow)
	if err != nil {
		return measured{}, err
	}
	if 2*res.Failed > res.Requests {
		return measured{}, fmt.Errorf("%d of %d requests failed: %s", res.Failed, res.Requests, res.FirstError)
	}
	return measured{res.sample(), int64(res.Requests), busy, int64(res.Failed)}, nil
}
