package main

import (
	"strings"
	"testing"
	"time"
)

const wrkOutput = `Running 2s test @ http://127.0.0.1:18099/plaintext
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   303.34us  138.89us   4.13ms   96.95%
  347962 requests in 2.10s, 53.43MB read
Requests/sec: 165520.50
bench requests=347962 duration_us=2100000 p50_us=290 p99_us=410 p999_us=2201 max_us=4130 connect=1 read=2 write=3 status=4 timeout=5
`

func TestParseWrk(t *testing.T) {
	got, err := parseWrk(wrkOutput)
	if err != nil {
		t.Fatal(err)
	}
	want := wrkResult{requests: 347962, duration: 2100 * time.Millisecond, p50: 290 * time.Microsecond,
		p99: 410 * time.Microsecond, p999: 2201 * time.Microsecond, max: 4130 * time.Microsecond, failed: 15}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	m := got.sample(wrkLoad{})
	if m[p999] != 2.201 || m[rps] < 165_696 || m[rps] > 165_697 {
		t.Errorf("sample %v", m)
	}
	m = got.sample(wrkLoad{pipeline: 16})
	if _, ok := m[p99]; ok || m[rps] == 0 {
		t.Errorf("pipelined: %v", m)
	}
}

func TestParseWrkRejects(t *testing.T) {
	for name, out := range map[string]string{
		"nothing":   "",
		"no line":   strings.ReplaceAll(wrkOutput, "bench ", "bunch "),
		"no key":    strings.ReplaceAll(wrkOutput, "p999_us", "p99_9us"),
		"no number": strings.ReplaceAll(wrkOutput, "max_us=4130", "max_us=much"),
		"no answer": strings.ReplaceAll(wrkOutput, "requests=347962", "requests=0"),
	} {
		if got, err := parseWrk(out); err == nil {
			t.Errorf("%s: got %+v, want an error", name, got)
		}
	}
}
