package main

import (
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/uringserve/uringserve/examples/internal/exampletest"
)

// cases are those of gRPC's interop-test-descriptions that need nothing but a
// server: all kinds of streams, deadlines, metadata, trailers, cancellation.
var cases = []string{
	"empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong", "empty_stream",
	"timeout_on_sleeping_server", "cancel_after_begin", "cancel_after_first_response",
	"custom_metadata", "status_code_and_message", "special_status_message",
	"unimplemented_method", "unimplemented_service",
}

func TestInterop(t *testing.T) {
	client := buildClient(t)
	newHandler := func(*testing.T) http.Handler { return handler() }
	run := func(t *testing.T, s *exampletest.Server, flags ...string) {
		host, port, err := net.SplitHostPort(s.Addr)
		exampletest.Check(t, err)
		for _, c := range cases {
			t.Run(c, func(t *testing.T) {
				args := append([]string{"-server_host", host, "-server_port", port, "-test_case", c}, flags...)
				if out, err := exec.CommandContext(t.Context(), client, args...).CombinedOutput(); err != nil {
					t.Errorf("%v\n%s", err, out)
				}
			})
		}
	}
	t.Run("h2c", func(t *testing.T) {
		exampletest.Each(t, newHandler, func(t *testing.T, s *exampletest.Server) { run(t, s) })
	})
	t.Run("tls", func(t *testing.T) {
		exampletest.EachTLS(t, newHandler, func(t *testing.T, s *exampletest.Server) {
			run(t, s, "-use_tls", "-use_test_ca", "-ca_file", s.CA)
		})
	})
}

func TestPageBesideService(t *testing.T) {
	newHandler := func(*testing.T) http.Handler { return handler() }
	exampletest.Each(t, newHandler, func(t *testing.T, s *exampletest.Server) {
		for _, http2 := range []bool{false, true} {
			resp, err := s.Client(t, http2).Get(s.URL + "/healthz")
			exampletest.Check(t, err)
			body, err := io.ReadAll(resp.Body)
			exampletest.Check(t, err)
			exampletest.Check(t, resp.Body.Close())
			exampletest.Equal(t, "body", string(body), "ok\n")
		}
	})
}

// buildClient builds grpc-go's interop client.
func buildClient(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "client")
	out, err := exec.Command("go", "build", "-o", path, "google.golang.org/grpc/interop/client").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}
