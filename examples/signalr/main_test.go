package main

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/uringserve/uringserve/examples/internal/exampletest"
)

// TestClients: Microsoft's client for Node, over each transport and in each
// protocol; MessagePack is binary, which Server-Sent Events are not.
func TestClients(t *testing.T) {
	dir := installClient(t)
	newHandler := func(t *testing.T) http.Handler {
		ctx, cancel := context.WithCancel(context.Background())
		t.Cleanup(cancel)
		h, err := handler(ctx)
		exampletest.Check(t, err)
		return h
	}
	test := func(t *testing.T, s *exampletest.Server) {
		for _, how := range [][]string{
			{"WebSockets", "json"}, {"WebSockets", "messagepack"}, {"ServerSentEvents", "json"},
		} {
			t.Run(how[0]+" "+how[1], func(t *testing.T) {
				cmd := exec.CommandContext(t.Context(), "node", "client.mjs", s.URL+"/chat", how[0], how[1])
				cmd.Dir = dir
				cmd.Env = append(cmd.Environ(), "NODE_EXTRA_CA_CERTS="+s.CA)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%v\n%s", err, out)
				}
			})
		}
	}
	t.Run("cleartext", func(t *testing.T) { exampletest.Each(t, newHandler, test) })
	t.Run("tls", func(t *testing.T) { exampletest.EachTLS(t, newHandler, test) })
}

// installClient is a folder with the client and what it needs.
func installClient(t *testing.T) string {
	if _, err := exec.LookPath("npm"); err != nil && os.Getenv("CI") == "" {
		t.Skip("the client needs node and npm, which are not installed")
	}
	dir := t.TempDir()
	exampletest.Check(t, os.CopyFS(dir, os.DirFS("testdata")))
	cmd := exec.CommandContext(t.Context(), "npm", "ci", "--silent", "--no-audit", "--no-fund")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm ci in %s: %v\n%s", filepath.Base(dir), err, out)
	}
	return dir
}
