package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// buildOurs builds the binary that is measured, as users would, unless one was
// given. A failure is kept: it is the reason why our rows are missing.
func (r *runner) buildOurs(ctx context.Context) {
	if r.cfg.ours != "" {
		r.binary, _ = filepath.Abs(r.cfg.ours) // fails only without a working directory
		if _, err := os.Stat(r.binary); err != nil {
			r.unbuilt = err.Error()
		}
		return
	}
	r.binary = filepath.Join(r.dir, "uringserve")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", r.binary, "./cmd/uringserve")
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		r.unbuilt = fmt.Sprintf("go build ./cmd/uringserve: %v: %s", err, lastLines(string(out), 2))
	}
}

// engineName splits "uring+off" into the engine and whether takeover is off.
func engineName(s string) (engine string, off bool) {
	return strings.CutSuffix(s, "+off")
}

// engineTitle names a row: "uringserve (uring, takeover off)".
func engineTitle(what, spec string) string {
	engine, off := engineName(spec)
	if off {
		engine += ", takeover off"
	}
	return what + " (" + engine + ")"
}

// ours are our servers, one per engine asked for.
func (r *runner) ours() []peer {
	var peers []peer
	for _, e := range r.cfg.engines {
		peers = append(peers, r.engine(e, 1))
	}
	return peers
}

// engine is our server on one engine, with so many loops.
func (r *runner) engine(name string, loops int) peer {
	engine, off := engineName(name)
	p := peer{name: engineTitle("uringserve", name), missing: r.unbuilt, about: r.commit, wire: r.wire,
		argv: []string{r.binary, "serve", "--listen", r.wire.scheme() + "://127.0.0.1:{port}",
			"--engine", engine, "--loops", fmt.Sprint(loops), "--log-level", "warn", "--test-endpoints"}}
	if r.wire.tls {
		p.argv = append(p.argv, "--cert", "{cert}", "--key", "{key}")
	}
	if off {
		p.argv = append(p.argv, "--takeover", "off")
	}
	return p
}
