package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// scenario is what goes on beside the fast requests that are measured.
type scenario struct {
	name  string
	cpus  int    // of the server, and its loops: 1 or 2
	path  string // of the fast requests
	built bool   // needs handlers that only the servers built into bench have
	alone bool   // nothing goes on: a baseline

	// Beside requests, one of the two. In flight ones are asked again as soon
	// as they are answered, from the moment on at which the measurement
	// begins, so that what the server has to learn, it learns meanwhile. Held
	// ones are under way before, and do not end.
	inFlight int
	held     int
	beside   string // their path
}

func scenarios() []scenario {
	return []scenario{
		{name: "1 CPU/alone", cpus: 1, path: plaintext, alone: true},
		{name: "1 CPU/200 × delay 50 ms", cpus: 1, path: plaintext, inFlight: 200, beside: "/delay?ms=50"},
		{name: "1 CPU/10000 asleep", cpus: 1, path: plaintext, held: 10_000, beside: "/delay?ms=60000"},
		{name: "1 CPU/8 × write and fsync", cpus: 1, path: plaintext, built: true, inFlight: 8, beside: "/disk"},
		{name: "1 CPU/8 × child process", cpus: 1, path: plaintext, built: true, inFlight: 8, beside: "/exec"},
		{name: "1 CPU/1 for ever", cpus: 1, path: plaintext, built: true, held: 1, beside: "/forever"},
		{name: "1 CPU/100 for ever", cpus: 1, path: plaintext, built: true, held: 100, beside: "/forever"},
		{name: "2 CPUs/alone", cpus: 2, path: plaintext, alone: true},
		{name: "2 CPUs/1 × spin 50 ms", cpus: 2, path: plaintext, inFlight: 1, beside: "/spin?ms=50"},
		{name: "2 CPUs/mutex held 2 µs", cpus: 2, path: "/mutex", built: true},
	}
}

// runBlocking is the profile of handlers that block: the latency of fast
// requests beside slow ones, against that of the same server alone.
func runBlocking(ctx context.Context, r *runner) (*report, error) {
	rep := r.newReport("Handlers that block", blockingColumns,
		chart{title: "Handlers that block: p99 of fast requests", axis: "ms", metric: p99})
	peers := rep.present(r.blockingPeers(ctx, 1))
	if len(peers) == 0 {
		return nil, errors.New("there is no server to measure")
	}
	rate, err := r.commonRate(ctx, peers, 0.25)
	if err != nil {
		return nil, err
	}
	rep.facts = append(rep.facts, fmt.Sprintf("%.0f requests/s over %d connections, open loop", rate, openConns))
	alone := map[string]*cell{} // by server and CPUs
	for _, sc := range scenarios() {
		if !sc.alone && !matches(sc.name, r.cfg.only) {
			continue
		}
		for _, p := range r.blockingPeers(ctx, sc.cpus) {
			if p.missing != "" || sc.built && !r.builtIn(p) {
				continue
			}
			if r.isLibrary(p) && r.unbuilt == "" && !sc.built && !sc.alone {
				continue // the binary shows it
			}
			key := fmt.Sprint(p.name, sc.cpus)
			c := &cell{workload: r.blockingWorkload(sc, rate), peer: p, ref: alone[key]}
			if sc.alone {
				alone[key] = c
			}
			rep.cells = append(rep.cells, c)
		}
	}
	if err := r.measure(ctx, rep.cells); err != nil {
		return nil, err
	}
	rep.conclude()
	return rep, nil
}

// blockingPeers are the servers of the profile, with so many loops: our
// binary, the library in a server of ours, and net/http, which has a goroutine
// for every connection.
func (r *runner) blockingPeers(ctx context.Context, loops int) []peer {
	var peers []peer
	for _, e := range r.cfg.engines {
		peers = append(peers, r.engine(e, loops))
	}
	if len(r.cfg.engines) > 0 {
		peers = append(peers, r.embedded(r.cfg.engines[0], loops))
	}
	for _, p := range r.others() {
		if p.name == "net/http" {
			peers = append(peers, p)
		}
	}
	return r.present(ctx, peers)
}

// builtIn reports whether p is a server of this executable.
func (r *runner) builtIn(p peer) bool { return p.argv[0] == r.self }

// isLibrary reports whether p is the library in a server of this executable.
func (r *runner) isLibrary(p peer) bool {
	return r.builtIn(p) && slices.Contains(p.argv, "ours-blocking")
}

func (r *runner) blockingWorkload(sc scenario, rate float64) workload {
	cpus := []int{r.cfg.serverCPU}
	if sc.cpus == 2 {
		cpus = append(cpus, r.cfg.loadCPU)
	}
	return workload{name: sc.name, cpus: cpus, path: sc.path,
		cost: r.cfg.warm + r.cfg.openWindow + 2*time.Second,
		run:  func(ctx context.Context, s *server) (sample, error) { return r.besides(ctx, s, sc, rate) }}
}

// besides measures fast requests while those of sc go on.
func (r *runner) besides(ctx context.Context, s *server, sc scenario, rate float64) (sample, error) {
	if _, _, err := r.vegeta(ctx, s, sc.path, openConns, rate, r.cfg.warm); err != nil {
		return nil, err
	}
	if sc.held > 0 {
		h, err := r.hold(ctx, s, sc.beside, sc.held, false)
		if err != nil {
			return nil, err
		}
		defer h.release()
	}
	if sc.inFlight == 0 {
		return r.window(ctx, s, func() (measured, error) { return r.openWindow(ctx, s, sc.path, rate) })
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var closed wrkResult
	var closedErr error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l := wrkLoad{path: sc.beside, connections: sc.inFlight}
		d := time.Duration(math.Ceil(r.cfg.openWindow.Seconds())+1) * time.Second
		closed, _, closedErr = r.wrk(ctx, s, l, d)
	}()
	m, err := r.window(ctx, s, func() (measured, error) { return r.openWindow(ctx, s, sc.path, rate) })
	if err != nil {
		cancel()
		<-ended
		return nil, err
	}
	if <-ended; closedErr != nil {
		return nil, closedErr
	}
	m[beside] = closed.rate()
	m[failed] += float64(closed.failed)
	return m, nil
}
