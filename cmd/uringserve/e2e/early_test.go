//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// An upload that is too large is answered with 413 while it is under way, and
// the client finds that: not a broken stream.
func TestH2CurlEarlyAnswer(t *testing.T) {
	s := start(t, "--max-body", "1000")
	big := filepath.Join(t.TempDir(), "big")
	if err := os.WriteFile(big, make([]byte, 40_000_000), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		out, err := exec.Command("curl", "-sS", "--http2-prior-knowledge", "--max-time", "20", "-o", os.DevNull,
			"-w", "%{http_version} %{http_code}", "--data-binary", "@"+big, s.url+"/upload").CombinedOutput()
		if err != nil || string(out) != "2 413" {
			t.Errorf("%s, %v", out, err)
		}
	}
}
