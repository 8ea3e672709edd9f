package main

import (
	"slices"
	"time"
)

// metric names a quantity, with its unit.
type metric string

const (
	rps      metric = "req/s"
	p50      metric = "p50 ms"
	p99      metric = "p99 ms"
	p999     metric = "p99.9 ms"
	maxLat   metric = "max ms"
	cpuReq   metric = "CPU/req µs"
	userReq  metric = "user µs"
	sysReq   metric = "sys µs"
	pss      metric = "PSS MB"
	idleConn metric = "KB per idle connection"
	idleCPU  metric = "idle CPU %"
	perCPU   metric = "handshakes per CPU-second"

	// loadBusy and others qualify the rest: how busy the generator's CPU was,
	// and how much of both CPUs, in percent of one, went to processes that are
	// not of this run.
	loadBusy metric = "load CPU %"
	others   metric = "others %"
	// failed counts requests without the right answer.
	failed metric = "failed requests"
	// lag is how late the generator sent, at p99; it is part of the latencies.
	lag metric = "lag p99 ms"
	// beside is the rate at which the requests beside were answered.
	beside metric = "beside req/s"
)

// sample is what one cell yielded. A quantity it did not measure is absent.
type sample map[metric]float64

// latency sets a duration, in milliseconds.
func (s sample) latency(m metric, d time.Duration) { s[m] = float64(d) / float64(time.Millisecond) }

// spread is a quantity over rounds.
type spread struct {
	median, min, max float64
	n                int // rounds that measured it; 0: none did
}

// over is the spread of m over samples.
func over(samples []sample, m metric) spread {
	var values []float64
	for _, s := range samples {
		if v, ok := s[m]; ok {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return spread{}
	}
	slices.Sort(values)
	mid := values[len(values)/2]
	if len(values)%2 == 0 {
		mid = (mid + values[len(values)/2-1]) / 2
	}
	return spread{mid, values[0], values[len(values)-1], len(values)}
}
