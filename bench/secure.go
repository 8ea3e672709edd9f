package main

import (
	"context"
	"fmt"
	"time"
)

// runH1TLS is the profile of HTTP/1.1 over TLS.
func runH1TLS(ctx context.Context, r *runner) (*report, error) {
	return r.compare(ctx, comparison{title: "HTTP/1.1 over TLS", chart: "request", columns: requestColumns(reference),
		reference: reference, workloads: []workload{r.keepAlive(64), r.keepAlive(256)}})
}

// handshakeConns are the connections that are opened at the same time.
const handshakeConns = 16

// runTLS is the profile of handshakes and of idle connections over TLS.
func runTLS(ctx context.Context, r *runner) (*report, error) {
	all := []workload{r.handshakeWorkload("full", false), r.handshakeWorkload("resumed", true)}
	return r.compare(ctx, comparison{title: "TLS", chart: "handshake", columns: tlsColumns(reference),
		reference: reference, workloads: append(all, r.idleWorkloads()...)})
}

func (r *runner) handshakeWorkload(kind string, resumed bool) workload {
	return workload{name: fmt.Sprintf("%s handshake/%d", kind, handshakeConns), cost: r.cfg.warm + r.cfg.window + time.Second,
		run: func(ctx context.Context, s *server) (sample, error) {
			if _, err := r.handshakes(ctx, s, handshakeConns, resumed, r.cfg.warm); err != nil {
				return nil, err
			}
			m, err := r.window(ctx, s, func() (measured, error) {
				return r.handshakes(ctx, s, handshakeConns, resumed, r.cfg.window)
			})
			if err == nil && m[cpuReq] > 0 {
				m[perCPU] = float64(time.Second/time.Microsecond) / m[cpuReq]
			}
			return m, err
		}}
}
