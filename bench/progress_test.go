package main

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestProgress(t *testing.T) {
	var b strings.Builder
	now := time.Unix(0, 0)
	p := &progress{w: &b, now: func() time.Time { return now }}
	c := &cell{workload: workload{name: "fast", cost: 6 * time.Second}, peer: peer{name: "ours"}}
	p.begin(3, 18*time.Second)
	now = now.Add(8 * time.Second)
	p.done(c, 0, 3, sample{rps: 100_000, cpuReq: 4.5}, nil)
	now = now.Add(8 * time.Second)
	p.done(c, 1, 3, nil, errors.New("gone"))
	for _, want := range []string{"3 cells, about 18s", "[1/3] round 1/3", "100000 req/s", "4.50 µs/req",
		"(elapsed 8s, remaining 16s)", "[2/3]", "FAILED: gone", "(elapsed 16s, remaining 8s)"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}
