package main

import (
	"context"
	"fmt"
	"time"
)

// h2Reference is the peer that others are compared with over HTTP/2.
const h2Reference = "h2o"

// h2OpenConns are the connections of open-loop cells over HTTP/2.
const h2OpenConns = 16

// h2Streams are the connections and streams of closed-loop cells. Capacities
// are found out with the first.
var h2Streams = []struct{ connections, streams int }{{16, 32}, {64, 1}, {256, 1}}

// runH2 is the profile of HTTP/2, in cleartext or over TLS.
func runH2(ctx context.Context, r *runner) (*report, error) {
	if err := h2loadMissing(); err != nil {
		return nil, err
	}
	title := "HTTP/2 in cleartext"
	if r.wire.tls {
		title = "HTTP/2 over TLS"
	}
	return r.compare(ctx, comparison{title: title, chart: "request", columns: requestColumns(h2Reference),
		reference: h2Reference, workloads: r.h2Workloads()})
}

func (r *runner) h2Workloads() []workload {
	var all []workload
	for _, n := range h2Streams {
		l := h2Load{path: plaintext, connections: n.connections, streams: n.streams}
		all = append(all, workload{name: fmt.Sprintf("closed loop/%d×%d", n.connections, n.streams),
			cost: r.cfg.warm + r.cfg.window + 500*time.Millisecond,
			run:  func(ctx context.Context, s *server) (sample, error) { return r.h2ClosedLoop(ctx, s, l) }})
	}
	return append(all, workload{name: fmt.Sprintf("open loop/%d", h2OpenConns)})
}

// h2ClosedLoop warms s up and measures it under l, in one run of h2load.
func (r *runner) h2ClosedLoop(ctx context.Context, s *server, l h2Load) (sample, error) {
	return r.window(ctx, s, func() (measured, error) { return r.h2load(ctx, s, l, r.cfg.warm, r.cfg.window) })
}
