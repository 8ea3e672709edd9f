package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// attackResult is what an open-loop load saw. Latencies are corrected: from
// the moment at which a request was due to the end of its answer, so that a
// stall is counted for every request that it delayed, not only for those that
// were under way.
type attackResult struct {
	Requests            int
	Failed              int
	FirstError          string
	Seconds             float64
	P50, P99, P999, Max time.Duration
	LagP99              time.Duration // how late requests were sent; part of the above
}

const (
	attackTimeout = 30 * time.Second // of a request
	attackStreams = 32               // requests at the same time on a connection of HTTP/2
)

// attack sends GET requests to url, rate per second whatever the answers, over
// at most so many connections. A request for which no connection is free
// waits, and its clock runs; over HTTP/2 connections are taken in turn, with up
// to attackStreams requests on each. Rate 0: each connection, or stream, asks
// again when answered.
func attack(w wire, url string, connections int, rate float64, d time.Duration) (attackResult, error) {
	options := []func(*vegeta.Attacker){vegeta.Timeout(attackTimeout), vegeta.Workers(uint64(connections))}
	most := connections
	if w.h2 {
		most = connections * attackStreams
		client, err := newRotation(w, url, connections)
		if err != nil {
			return attackResult{}, err
		}
		options = append(options, vegeta.Client(&http.Client{Transport: client, Timeout: attackTimeout}), vegeta.MaxWorkers(uint64(most)))
	} else {
		options = append(options, vegeta.Connections(connections), vegeta.MaxConnections(connections),
			vegeta.HTTP2(false), vegeta.TLSConfig(clientTLS()))
	}
	var p vegeta.Pacer = pacer{math.Round(rate)}
	if rate == 0 {
		p = vegeta.Rate{Freq: 0, Per: time.Second}
		options = append(options, vegeta.MaxWorkers(uint64(most)))
	}
	results := make([]*vegeta.Result, 0, int(d.Seconds()*max(rate, 50_000)))
	targeter := vegeta.NewStaticTargeter(vegeta.Target{Method: "GET", URL: url})
	began := time.Now()
	for res := range vegeta.NewAttacker(options...).Attack(targeter, p, d, "") {
		res.Body, res.Headers = nil, nil
		results = append(results, res)
	}
	if len(results) == 0 {
		return attackResult{}, fmt.Errorf("vegeta sent nothing to %s", url)
	}
	return summarize(results, began, math.Round(rate)), nil
}

// pacer is a constant rate, in requests per second. vegeta's own sleeps as Go
// does, to a millisecond when nothing else happens, which would be most of the
// latency that it measures.
type pacer struct{ rate float64 }

// Pace waits itself until the next request is due.
func (p pacer) Pace(elapsed time.Duration, hits uint64) (wait time.Duration, stop bool) {
	if wait := time.Duration(float64(hits)/p.rate*float64(time.Second)) - elapsed; wait > 0 {
		preciseSleep(wait)
	}
	return 0, false
}

// Rate is the rate at any time.
func (p pacer) Rate(time.Duration) float64 { return p.rate }

// summarize computes a result; rate is in requests per second, 0 if there was
// no schedule.
func summarize(results []*vegeta.Result, began time.Time, rate float64) attackResult {
	var a attackResult
	latencies := make([]time.Duration, 0, len(results))
	lags := make([]time.Duration, 0, len(results))
	var end time.Time
	for _, res := range results {
		if res.Error != "" || res.Code != 200 {
			a.Failed++
			if a.FirstError == "" {
				a.FirstError = fmt.Sprintf("%d %.80s", res.Code, res.Error)
			}
		}
		due := res.Timestamp
		if rate > 0 {
			due = began.Add(time.Duration(float64(res.Seq) / rate * float64(time.Second)))
		}
		lag := max(0, res.Timestamp.Sub(due))
		lags = append(lags, lag)
		latencies = append(latencies, lag+res.Latency)
		if t := res.Timestamp.Add(res.Latency); t.After(end) {
			end = t
		}
	}
	slices.Sort(latencies)
	slices.Sort(lags)
	a.Requests, a.Seconds = len(results), end.Sub(began).Seconds()
	a.P50, a.P99, a.P999 = quantile(latencies, 0.5), quantile(latencies, 0.99), quantile(latencies, 0.999)
	a.Max = latencies[len(latencies)-1]
	a.LagP99 = quantile(lags, 0.99)
	return a
}

// quantile is the smallest value that a share q of the sorted values do not
// exceed.
func quantile(sorted []time.Duration, q float64) time.Duration {
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[max(0, i)]
}

// vegeta runs an open-loop load against s in a process of its own.
func (r *runner) vegeta(ctx context.Context, s *server, path string, connections int, rate float64, d time.Duration) (attackResult, float64, error) {
	out, busy, err := r.runLoad(ctx, s, r.self, "load", "vegeta", "-addr", s.addr, "-path", path,
		fmt.Sprintf("-tls=%t", s.peer.wire.tls), fmt.Sprintf("-h2=%t", s.peer.wire.h2),
		"-connections", strconv.Itoa(connections), "-rate", strconv.FormatFloat(rate, 'f', 0, 64),
		"-duration", d.String())
	if err != nil {
		return attackResult{}, 0, err
	}
	var res attackResult
	if err := json.Unmarshal(out, &res); err != nil {
		return res, 0, fmt.Errorf("vegeta's result: %w", err)
	}
	return res, busy, nil
}

// sample is the result as a sample.
func (a attackResult) sample() sample {
	m := sample{rps: float64(a.Requests) / a.Seconds}
	m.latency(p50, a.P50)
	m.latency(p99, a.P99)
	m.latency(p999, a.P999)
	m.latency(maxLat, a.Max)
	m.latency(lag, a.LagP99)
	return m
}
