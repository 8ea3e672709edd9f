package main

import (
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// TestSummarizeCorrects: of ten requests, one each 10 ms, the third stalls the
// sender for 50 ms. Those that were due meanwhile waited too, and must say so.
func TestSummarizeCorrects(t *testing.T) {
	began := time.Unix(1000, 0)
	var results []*vegeta.Result
	for i := range 10 {
		sent := time.Duration(i) * 10 * time.Millisecond
		if i > 2 {
			sent = max(sent, 70*time.Millisecond)
		}
		r := &vegeta.Result{Seq: uint64(i), Timestamp: began.Add(sent), Latency: time.Millisecond, Code: 200}
		if i == 2 {
			r.Latency = 50 * time.Millisecond
		}
		results = append(results, r)
	}
	results[9].Code, results[9].Error = 503, "busy"
	got := summarize(results, began, 100)
	if got.Max != 50*time.Millisecond || got.P50 != time.Millisecond {
		t.Errorf("max %v, p50 %v", got.Max, got.P50)
	}
	// Due at 30, 40, 50, 60 ms, sent at 70: late by 40, 30, 20, 10.
	if got.LagP99 != 40*time.Millisecond {
		t.Errorf("lag %v, want 40ms", got.LagP99)
	}
	if got.Requests != 10 || got.Failed != 1 || !strings.Contains(got.FirstError, "busy") {
		t.Errorf("%d requests, %d failed: %s", got.Requests, got.Failed, got.FirstError)
	}
	if got.Seconds < 0.0909 || got.Seconds > 0.0911 {
		t.Errorf("took %v s", got.Seconds)
	}
	if free := summarize(results, began, 0); free.LagP99 != 0 {
		t.Errorf("without a schedule: lag %v", free.LagP99)
	}
}

func TestQuantile(t *testing.T) {
	sorted := []time.Duration{1, 2, 3, 4}
	for q, want := range map[float64]time.Duration{0: 1, 0.25: 1, 0.26: 2, 0.5: 2, 0.99: 4, 1: 4} {
		if got := quantile(sorted, q); got != want {
			t.Errorf("%v: got %d, want %d", q, got, want)
		}
	}
}

// TestAttackSeesStall: a server that stalls once for a fifth of a second,
// under an open loop, has a p99 near it, though few requests met the stall.
func TestAttackSeesStall(t *testing.T) {
	const stall = 200 * time.Millisecond
	gate := make(chan struct{}, 1)
	gate <- struct{}{}
	first := true
	h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		<-gate
		if first {
			first = false
			time.Sleep(stall) // what is tested, not a wait for something
		}
		gate <- struct{}{}
	})
	srv := httptest.NewServer(h)
	defer srv.Close()
	got, err := attack(wire{}, srv.URL, 4, 200, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if got.Failed > 0 || got.Requests < 150 {
		t.Fatalf("%d requests, %d failed: %s", got.Requests, got.Failed, got.FirstError)
	}
	if got.P99 < stall/2 || got.Max < stall {
		t.Errorf("p99 %v, max %v: the stall of %v is hidden", got.P99, got.Max, stall)
	}
}

func TestHold(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer srv.Close()
	var out bytes.Buffer
	if err := holdMain(srv.Listener.Addr().String(), "/", 50, false, true, strings.NewReader(""), &out); err != nil {
		t.Fatal(err)
	}
	if out.String() != "held 50\n" {
		t.Errorf("said %q", out.String())
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	if err := holdMain(ln.Addr().String(), "/", 2, false, true, strings.NewReader(""), &out); err == nil {
		t.Error("held connections to nobody")
	}
}
