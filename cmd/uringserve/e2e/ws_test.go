//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// npmScript installs a package in a directory of its own, with a script of
// testdata beside it.
func npmScript(t *testing.T, pkg, name string) string {
	t.Helper()
	script, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, script, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", dir, pkg)
	return path
}

// npm's ws: messages of both kinds and all sizes, compressed and not, in
// fragments; close codes; another origin; 200 clients at once.
func TestE2EWebSocketNode(t *testing.T) {
	script := npmScript(t, "ws@8", "ws.mjs")
	onEngines(t, func(t *testing.T, s *server) {
		if out := run(t, "node", script, s.url); strings.TrimSpace(out) != "ok" {
			t.Errorf("node: %s", out)
		}
		s.fresh()
	})
	for _, engine := range engines {
		t.Run("TLS, "+engine, func(t *testing.T) {
			s := secured(t, "--engine", engine)
			if out := run(t, "node", script, s.url); strings.TrimSpace(out) != "ok" {
				t.Errorf("node: %s", out)
			}
		})
	}
}
