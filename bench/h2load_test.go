package main

import (
	"strings"
	"testing"
	"time"
)

// What h2load 1.52 printed, without its progress: in cleartext, over TLS.
const (
	h2loadOutput = `starting benchmark...
spawning thread #0: 16 total client(s). Timing-based test with 0.2s of warm-up time and 1s of main duration for measurements.
Warm-up started for thread #0.
progress: 100% of clients started
Application protocol: h2c
Warm-up phase is over for thread #0.
Main benchmark duration is started for thread #0.
Main benchmark duration is over for thread #0. Stopping all clients.
Stopped all clients for thread #0

finished in 1.21s, 100784.00 req/s, 3.36MB/s
requests: 100784 total, 100784 started, 100784 done, 100784 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 100784 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 3.36MB (3527808) total, 427.67KB (437936) headers (space savings 95.05%), 1.35MB (1420120) data
                     min         max         mean         sd        +/- sd
time for request:      412us    106.43ms      3.42ms      8.60ms    97.87%
time for connect:        0us         0us         0us         0us     0.00%
time to 1st byte:        0us         0us         0us         0us     0.00%
req/s           :    6144.49     6488.99     6274.97      103.44    62.50%
`
	h2loadTLSOutput = `starting benchmark...
spawning thread #0: 64 total client(s). Timing-based test with 0.2s of warm-up time and 1s of main duration for measurements.
Warm-up started for thread #0.
TLS Protocol: TLSv1.3
Cipher: TLS_AES_128_GCM_SHA256
Server Temp Key: X25519 253 bits
Application protocol: h2
Warm-up phase is over for thread #0.
Main benchmark duration is started for thread #0.
Main benchmark duration is over for thread #0. Stopping all clients.
Stopped all clients for thread #0

finished in 1.21s, 19130.00 req/s, 655.29KB/s
requests: 19130 total, 19130 started, 19130 done, 19130 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 19130 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 655.29KB (671022) total, 79.85KB (81768) headers (space savings 94.81%), 247.13KB (253058) data
                     min         max         mean         sd        +/- sd
time for request:      278us     45.36ms      2.04ms      2.98ms    95.73%
time for connect:        0us         0us         0us         0us     0.00%
time to 1st byte:        0us         0us         0us         0us     0.00%
req/s           :     287.51      313.30      297.79        6.96    65.63%
`
)

func TestParseH2load(t *testing.T) {
	got, err := parseH2load(h2loadOutput)
	if err != nil {
		t.Fatal(err)
	}
	want := h2Result{requests: 100_784, rate: 100_784, max: 106_430 * time.Microsecond, protocol: "h2c"}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if m := got.sample(); m[rps] != 100_784 || m[maxLat] != 106.43 {
		t.Errorf("sample %v", m)
	}
	some := strings.NewReplacer("0 failed", "780 failed", "0 3xx", "4 3xx").Replace(h2loadOutput)
	if got, err := parseH2load(some); err != nil || got.failed != 784 {
		t.Errorf("780 failed, 4 with 3xx: %+v, %v", got, err)
	}
	got, err = parseH2load(h2loadTLSOutput)
	if want := (h2Result{requests: 19130, rate: 19130.00, max: 45360 * time.Microsecond, protocol: "h2"}); err != nil || got != want {
		t.Errorf("over TLS: got %+v, %v; want %+v", got, err, want)
	}
}

func TestParseH2loadRejects(t *testing.T) {
	for name, out := range map[string]string{
		"nothing":     "",
		"no protocol": strings.Replace(h2loadOutput, "Application protocol", "Protocol", 1),
		"no rate":     strings.Replace(h2loadOutput, "100784.00 req/s", "0 req/s", 1),
		"no requests": strings.Replace(h2loadOutput, "requests: ", "request: ", 1),
		"no status":   strings.Replace(h2loadOutput, "status codes", "codes", 1),
		"no latency":  strings.Replace(h2loadOutput, "time for request", "time of request", 1),
		"no answers":  strings.Replace(h2loadOutput, "100784 done", "0 done", 1),
		"mostly bad":  strings.Replace(h2loadOutput, "0 failed", "60000 failed", 1),
		"no time":     strings.Replace(h2loadOutput, "106.43ms", "106.43", 1),
		"too many":    strings.Replace(h2loadOutput, "100784 done", "99999999999999999999 done", 1),
	} {
		if got, err := parseH2load(out); err == nil {
			t.Errorf("%s: got %+v, want an error", name, got)
		}
	}
}

func TestMillis(t *testing.T) {
	for d, want := range map[time.Duration]string{time.Second: "1000ms", 200 * time.Millisecond: "200ms", 0: "1ms"} {
		if got := millis(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}
