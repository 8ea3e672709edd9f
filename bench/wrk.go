package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

//go:embed wrk/report.lua
var reportLua []byte

// opensslConf is what makes wrk offer the same over TLS as other clients do.
//
//go:embed wrk/openssl.cnf
var opensslConf []byte

// wrkLoad is a closed loop: each connection asks again when it was answered.
type wrkLoad struct {
	path        string
	connections int
	pipeline    int      // requests sent together; 0: 1
	header      []string // "Name: value"
}

// wrkResult is what a run of wrk counted.
type wrkResult struct {
	requests            int64
	duration            time.Duration
	p50, p99, p999, max time.Duration
	failed              int64 // connections, requests, and answers other than 2xx or 3xx
}

// wrk runs a load against s for d.
func (r *runner) wrk(ctx context.Context, s *server, l wrkLoad, d time.Duration) (wrkResult, float64, error) {
	script := filepath.Join(r.dir, "report.lua")
	if err := os.WriteFile(script, reportLua, 0o644); err != nil {
		return wrkResult{}, 0, err
	}
	// wrk takes whole seconds only; a shorter d is for warming up.
	seconds := max(1, int(d.Round(time.Second)/time.Second))
	argv := []string{"wrk", "-t1", "-c" + strconv.Itoa(l.connections), "-d" + strconv.Itoa(seconds) + "s",
		"--timeout", "10s", "-s", script}
	for _, h := range l.header {
		argv = append(argv, "-H", h)
	}
	argv = append(argv, s.url(l.path), "--", strconv.Itoa(max(1, l.pipeline)))
	out, busy, err := r.runLoad(ctx, s, argv...)
	if err != nil {
		return wrkResult{}, 0, err
	}
	res, err := parseWrk(string(out))
	return res, busy, err
}

// parseWrk reads the line that report.lua prints: "bench key=number …".
func parseWrk(out string) (wrkResult, error) {
	values := map[string]int64{}
	for line := range strings.Lines(out) {
		rest, ok := strings.CutPrefix(line, "bench ")
		if !ok {
			continue
		}
		for _, pair := range strings.Fields(rest) {
			key, text, _ := strings.Cut(pair, "=")
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return wrkResult{}, fmt.Errorf("wrk: %q: %w", pair, err)
			}
			values[key] = n
		}
	}
	for _, key := range [...]string{"requests", "duration_us", "p50_us", "p99_us", "p999_us", "max_us",
		"connect", "read", "write", "status", "timeout"} {
		if _, ok := values[key]; !ok {
			return wrkResult{}, fmt.Errorf("wrk did not say %s: %s", key, lastLines(out, 3))
		}
	}
	us := func(key string) time.Duration { return time.Duration(values[key]) * time.Microsecond }
	res := wrkResult{requests: values["requests"], duration: us("duration_us"),
		p50: us("p50_us"), p99: us("p99_us"), p999: us("p999_us"), max: us("max_us"),
		failed: values["connect"] + values["read"] + values["write"] + values["status"] + values["timeout"]}
	if res.requests == 0 || res.duration == 0 {
		return res, fmt.Errorf("wrk got no answer: %s", lastLines(out, 3))
	}
	return res, nil
}

// rate is the answers per second.
func (w wrkResult) rate() float64 { return float64(w.requests) / w.duration.Seconds() }

// sample is the result of l as a sample. wrk times a pipeline as a whole and
// then corrects as if each request had been timed: its percentiles are
// nonsense, and left out.
func (w wrkResult) sample(l wrkLoad) sample {
	m := sample{rps: w.rate()}
	if l.pipeline > 1 {
		return m
	}
	m.latency(p50, w.p50)
	m.latency(p99, w.p99)
	m.latency(p999, w.p999)
	m.latency(maxLat, w.max)
	return m
}
