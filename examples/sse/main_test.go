package main

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/uringserve/uringserve/examples/internal/exampletest"
)

// rig is the clock in a test: it ticks when the test says so, and tells how its
// handler ended.
type rig struct {
	ticks chan time.Time
	ended chan error
}

func TestClock(t *testing.T) {
	var r *rig
	newHandler := func(*testing.T) http.Handler {
		r = &rig{make(chan time.Time), make(chan error)}
		h := handler(func() (<-chan time.Time, func()) { return r.ticks, func() {} })
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			h.ServeHTTP(w, req)
			r.ended <- req.Context().Err()
		})
	}
	test := func(t *testing.T, s *exampletest.Server) {
		for _, http2 := range []bool{false, true} {
			testReader(t, s.Client(t, http2), s.URL+"/clock", r)
		}
	}
	t.Run("cleartext", func(t *testing.T) { exampletest.Each(t, newHandler, test) })
	t.Run("tls", func(t *testing.T) { exampletest.EachTLS(t, newHandler, test) })
}

// testReader reads two events, leaves, comes back, and reads one more.
func testReader(t *testing.T, c *http.Client, url string, r *rig) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	read := func(last string, want ...string) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		exampletest.Check(t, err)
		req.Header.Set("Accept", "text/event-stream")
		req.Header.Set("Last-Event-ID", last)
		resp, err := c.Do(req) // has the head, although nothing was pushed
		exampletest.Check(t, err)
		defer resp.Body.Close()
		exampletest.Equal(t, "type", resp.Header.Get("Content-Type"), "text/event-stream")
		lines := bufio.NewScanner(resp.Body)
		for i, event := range want {
			r.ticks <- noon.Add(time.Duration(i) * time.Second)
			exampletest.Equal(t, "event", readEvent(lines), event) // before the next tick
		}
		cancel()
		if err := <-r.ended; !errors.Is(err, context.Canceled) {
			t.Errorf("handler's context: %v", err)
		}
	}
	read("", "id: 1|event: tick|data: 12:00:00", "id: 2|event: tick|data: 12:00:01")
	read("2", "id: 3|event: tick|data: 12:00:00")
}

// readEvent reads lines to the empty one that ends an event.
func readEvent(lines *bufio.Scanner) string {
	var event []string
	for lines.Scan() && lines.Text() != "" {
		event = append(event, lines.Text())
	}
	return strings.Join(event, "|")
}

func TestPage(t *testing.T) {
	newHandler := func(*testing.T) http.Handler { return handler(nil) }
	exampletest.Each(t, newHandler, func(t *testing.T, s *exampletest.Server) {
		resp, err := s.Client(t, false).Get(s.URL)
		exampletest.Check(t, err)
		defer resp.Body.Close()
		exampletest.Equal(t, "type", resp.Header.Get("Content-Type"), "text/html; charset=utf-8")
		exampletest.Equal(t, "length", resp.ContentLength, int64(len(page)))
	})
}
