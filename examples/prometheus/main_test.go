package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uringserve/uringserve"
	"github.com/uringserve/uringserve/examples/internal/exampletest"
)

func TestMetrics(t *testing.T) {
	newHandler := func(*testing.T) http.Handler { return handler(prometheus.NewRegistry()) }
	exampletest.Each(t, newHandler, func(t *testing.T, s *exampletest.Server) {
		c := s.Client(t, false)
		for range 3 {
			get(t, c, s.URL+"/hello")
		}
		get(t, s.Client(t, true), s.URL+"/hello")
		get(t, c, s.URL+"/nowhere")
		wantLines(t, get(t, c, s.URL+"/metrics"), // packed with gzip, which the client undoes
			`http_requests_total{code="200",method="get"} 4`,
			`http_requests_total{code="404",method="get"} 1`,
			`http_request_seconds_count{method="get"} 5`)
	})
}

func TestConnections(t *testing.T) {
	for _, engine := range []string{"auto", "net"} {
		registry := prometheus.NewRegistry()
		server := &uringserve.Server{Handler: handler(registry), Engine: engine}
		registry.MustRegister(connections(server))
		addrs, err := server.Listen("127.0.0.1:0")
		exampletest.Check(t, err)
		exampletest.Check(t, server.Start())
		transport := &http.Transport{}
		out := get(t, &http.Client{Transport: transport}, "http://"+addrs[0].String()+"/metrics")
		wantLines(t, out, "http_connections_open 1", "http_connections_accepted_total 1")
		transport.CloseIdleConnections()
		exampletest.Check(t, server.Shutdown(t.Context()))
	}
}

func get(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	resp, err := c.Get(url)
	exampletest.Check(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	exampletest.Check(t, err)
	return string(body)
}

func wantLines(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains("\n"+text, "\n"+line+"\n") {
			t.Errorf("no line %q in\n%s", line, text)
		}
	}
}
