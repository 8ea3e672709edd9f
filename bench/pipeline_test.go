//go:build e2e

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test executable play bench's other parts, as main does.
func TestMain(m *testing.M) {
	playPart()
	os.Exit(m.Run())
}

// TestPipeline runs every profile on net/http, as short as they can be: needs
// wrk, h2load, and two CPUs.
func TestPipeline(t *testing.T) {
	for profile, rows := range map[string][]string{
		"h1":       {"keep-alive/8", "connection per request/64", "open loop/64 at 500/s", "idle/50"},
		"h2c":      {"closed loop/16×32", "open loop/16 at 500/s"},
		"h2-tls":   {"closed loop/16×32", "open loop/16 at 500/s"},
		"h1-tls":   {"keep-alive/64"},
		"tls":      {"full handshake/16", "resumed handshake/16", "idle/50"},
		"nethttp":  {"keep-alive/64", "keep-alive/64 JSON", "h2c/16×32"},
		"grpc":     {"unary/16×32"},
		"blocking": {"1 CPU/alone", "1 CPU/200 × delay 50 ms", "1 CPU/100 for ever"},
	} {
		t.Run(profile, func(t *testing.T) {
			dir := t.TempDir()
			c, err := parseConfig([]string{"-profile", profile, "-quick", "-servers", "net/http,nope", "-peer", "nope=/nonexistent {port}",
				"-only", "keep-alive/8,keep-alive/64,16×32,handshake,connection,open,idle,delay,100 for", "-rate", "500", "-ours", "/nonexistent",
				"-out", dir, "-save", filepath.Join(dir, "kept.md")}, os.Stderr)
			if err != nil {
				t.Fatal(err)
			}
			c.idleConns, c.idleWindow, c.settle = 50, 200*time.Millisecond, 200*time.Millisecond
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			r, err := newRunner(ctx, c)
			if err != nil {
				t.Fatal(err)
			}
			defer r.close()
			rep, err := profiles[profile].run(ctx, r)
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if err := rep.write(&b, c); err != nil {
				t.Fatal(err)
			}
			for _, row := range rows {
				if !strings.Contains(b.String(), "| "+row+" ") {
					t.Errorf("no row %q in\n%s", row, b.String())
				}
			}
			if len(rep.failures) > 0 {
				t.Errorf("failures: %q", rep.failures)
			}
			for _, ext := range []string{".md", ".svg"} {
				if _, err := os.Stat(filepath.Join(dir, "kept"+ext)); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestPipelineInterrupted: an end of the context ends the children too.
func TestPipelineInterrupted(t *testing.T) {
	c := defaults()
	c.ours = "/nonexistent"
	ctx, cancel := context.WithCancel(context.Background())
	r, err := newRunner(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	p := r.others()[3]
	s, err := r.start(ctx, p, plaintext, []int{0})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, _, err := r.runLoad(ctx, s, "sleep", "60"); err == nil {
		t.Error("a load ran after the end")
	}
	s.stop()
	if s.alive() == nil {
		t.Error("the server is alive")
	}
}
