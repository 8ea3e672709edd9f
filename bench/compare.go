package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// comparison is a profile that runs each workload on every server.
type comparison struct {
	title     string
	chart     string // what the CPU time in the plot is per
	columns   []column
	reference string     // the peer that ratios refer to
	peers     []peer     // nil: those that there are for HTTP
	workloads []workload // one without run is the open loop, whose rate is yet to be found out
}

// compare measures cmp on all servers that are there.
func (r *runner) compare(ctx context.Context, cmp comparison) (*report, error) {
	rep := r.newReport(cmp.title, cmp.columns,
		chart{title: cmp.title + ": CPU time per " + cmp.chart, axis: "µs", metric: cpuReq})
	peers := cmp.peers
	if peers == nil {
		peers = r.peerList(ctx)
	} else {
		peers = r.present(ctx, peers)
	}
	peers = rep.present(peers)
	if len(peers) == 0 {
		return nil, errors.New("there is no server to measure")
	}
	workloads, err := r.choose(ctx, cmp.workloads, peers)
	if err != nil {
		return nil, err
	}
	for _, w := range workloads {
		rep.addRow(w, peers, cmp.reference)
	}
	if err := r.measure(ctx, rep.cells); err != nil {
		return nil, err
	}
	rep.conclude()
	return rep, nil
}

// choose are those of all that were asked for.
func (r *runner) choose(ctx context.Context, all []workload, peers []peer) ([]workload, error) {
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

// openConnections are those of open-loop cells.
func (r *runner) openConnections() int {
	if r.wire.h2 {
		return h2OpenConns
	}
	return openConns
}

// openLoop warms s up and measures it at a constant rate.
func (r *runner) openLoop(ctx context.Context, s *server, path string, rate float64) (sample, error) {
	if _, _, err := r.vegeta(ctx, s, path, r.openConnections(), rate, r.cfg.warm); err != nil {
		return nil, err
	}
	return r.window(ctx, s, func() (measured, error) { return r.openWindow(ctx, s, path, rate) })
}

// openWindow is the measured part of an open loop.
func (r *runner) openWindow(ctx context.Context, s *server, path string, rate float64) (measured, error) {
	res, busy, err := r.vegeta(ctx, s, path, r.openConnections(), rate, r.cfg.openWindow)
	if err != nil {
		return measured{}, err
	}
	if 2*res.Failed > res.Requests {
		return measured{}, fmt.Errorf("%d of %d requests failed: %s", res.Failed, res.Requests, res.FirstError)
	}
	return measured{sample: res.sample(), requests: int64(res.Requests), busy: busy, failed: int64(res.Failed)}, nil
}
