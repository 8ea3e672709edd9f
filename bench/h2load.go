package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// h2Load is a closed loop over HTTP/2: each stream asks again when answered.
type h2Load struct {
	path        string
	connections int
	streams     int      // of each connection at the same time
	data        string   // path of the content of requests, which are POST then; empty: GET
	header      []string // "name: value"
}

// h2Result is what a run of h2load counted while it measured.
type h2Result struct {
	requests int64 // answered
	failed   int64 // not answered, or with a status other than 2xx; part of requests
	rate     float64
	max      time.Duration
	protocol string // "h2" or "h2c"
}

// h2loadMissing is nil where h2load is installed.
func h2loadMissing() error {
	if _, err := exec.LookPath("h2load"); err != nil {
		return fmt.Errorf("HTTP/2 is measured with h2load, which is missing (Debian: nghttp2-client): %w", err)
	}
	return nil
}

// Lines of h2load: between them it counts, without connecting and warming up.
const (
	h2loadBegins = "Main benchmark duration is started"
	h2loadEnds   = "Main benchmark duration is over"
)

// h2load warms s up, runs a load against it for d, and answers the server's
// CPU time within d: neither handshakes nor the warming up are in it.
func (r *runner) h2load(ctx context.Context, s *server, l h2Load, warm, d time.Duration) (measured, error) {
	argv := []string{"h2load", "-t1", "-c" + strconv.Itoa(l.connections), "-m" + strconv.Itoa(l.streams),
		"--warm-up-time=" + millis(warm), "-D" + millis(d)}
	if l.data != "" {
		argv = append(argv, "-d", l.data)
	}
	for _, h := range l.header {
		argv = append(argv, "-H", h)
	}
	argv = append(argv, s.url(l.path))
	used := &span{}
	var usageErr error
	see := func(line string) {
		var err error
		switch {
		case strings.HasPrefix(line, h2loadBegins):
			used.from, err = familyUsage(s.pid())
			used.begun = err == nil
		case strings.HasPrefix(line, h2loadEnds):
			used.to, err = familyUsage(s.pid())
			used.ended = err == nil
		}
		usageErr = errors.Join(usageErr, err)
	}
	out, busy, err := r.watchLoad(ctx, s, see, argv...)
	if err = errors.Join(err, usageErr); err != nil {
		return measured{}, err
	}
	if !used.begun || !used.ended {
		return measured{}, fmt.Errorf("h2load did not say when it measured: %s", lastLines(string(out), 3))
	}
	res, err := parseH2load(string(out))
	if err != nil {
		return measured{}, err
	}
	if want := map[bool]string{true: "h2", false: "h2c"}[s.peer.wire.tls]; res.protocol != want {
		return measured{}, fmt.Errorf("h2load spoke %q, not %q", res.protocol, want)
	}
	return measured{sample: res.sample(), requests: res.requests, busy: busy, failed: res.failed, used: used}, nil
}

// millis is d as h2load reads it.
func millis(d time.Duration) string { return strconv.FormatInt(max(1, d.Milliseconds()), 10) + "ms" }

var (
	h2loadProtocol = regexp.MustCompile(`(?m)^Application protocol: (\S+)$`)
	h2loadFinished = regexp.MustCompile(`(?m)^finished in [^,]+, ([0-9.]+) req/s`)
	h2loadRequests = regexp.MustCompile(`(?m)^requests: \d+ total, \d+ started, (\d+) done, \d+ succeeded, (\d+) failed,`)
	h2loadStatus   = regexp.MustCompile(`(?m)^status codes: \d+ 2xx, (\d+) 3xx,`)
	h2loadLatency  = regexp.MustCompile(`(?m)^time for request: +\S+ +(\S+) `)
)

// parseH2load reads what h2load prints of a run that was timed.
func parseH2load(out string) (h2Result, error) {
	var groups []string
	for _, re := range []*regexp.Regexp{h2loadProtocol, h2loadFinished, h2loadRequests, h2loadStatus, h2loadLatency} {
		found := re.FindStringSubmatch(out)
		if found == nil {
			return h2Result{}, fmt.Errorf("h2load did not say %s: %s", re, lastLines(out, 3))
		}
		groups = append(groups, found[1:]...)
	}
	rate, err := strconv.ParseFloat(groups[1], 64)
	if err != nil {
		return h2Result{}, fmt.Errorf("h2load: %w", err)
	}
	// Done, failed (errors, time-outs, 4xx and 5xx are in it), 3xx. Not 2xx: a
	// status that came while warming up may be of a request that is done later.
	var n [3]int64
	for i := range n {
		if n[i], err = strconv.ParseInt(groups[2+i], 10, 64); err != nil {
			return h2Result{}, fmt.Errorf("h2load: %w", err)
		}
	}
	slowest, err := time.ParseDuration(groups[5])
	if err != nil {
		return h2Result{}, fmt.Errorf("h2load: %w", err)
	}
	res := h2Result{requests: n[0], failed: n[1] + n[2], rate: rate, max: slowest, protocol: groups[0]}
	if res.requests == 0 || rate == 0 || 2*res.failed > res.requests {
		return res, fmt.Errorf("h2load got no good answers: %s", lastLines(h2loadRequests.FindString(out), 1))
	}
	return res, nil
}

// sample is the result as a sample. Of latencies h2load says no percentiles.
func (h h2Result) sample() sample {
	m := sample{rps: h.rate}
	m.latency(maxLat, h.max)
	return m
}
