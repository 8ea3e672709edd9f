package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// runner is one run of a profile.
type runner struct {
	cfg   config
	self  string // path of this executable
	dir   string // for everything temporary
	wire  wire   // of the profile
	netns bool   // servers get network namespaces of their own
	certificate
	opensslConf string // path, for generators
	binary      string // ours
	unbuilt     string // why there is no binary; empty: there is one
	commit      string // of ours
	out         *progress
}

// newRunner prepares a run: it pins this process, makes a temporary directory,
// finds out what it is allowed to do, and builds our binary.
func newRunner(ctx context.Context, cfg config) (*runner, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if err := pinSelf(cfg.loadCPU); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "uringserve-bench-")
	if err != nil {
		return nil, err
	}
	r := &runner{cfg: cfg, self: self, dir: dir, wire: profiles[cfg.profile].wire, commit: commitOf(ctx), out: newProgress(os.Stderr)}
	if err := r.prepareFiles(); err != nil {
		r.close()
		return nil, err
	}
	r.netns = r.command(ctx, launch{[]int{cfg.serverCPU}, networkNew}, "true").Run() == nil
	r.buildOurs(ctx)
	return r, ctx.Err()
}

// prepareFiles writes what all cells need.
func (r *runner) prepareFiles() error {
	if err := os.Chmod(r.dir, 0o755); err != nil { // for workers of another user
		return err
	}
	r.opensslConf = filepath.Join(r.dir, "openssl.cnf")
	if err := os.WriteFile(r.opensslConf, opensslConf, 0o644); err != nil {
		return err
	}
	var err error
	r.certificate, err = makeCertificate(r.dir)
	return err
}

// close removes what the run has left. No process of it is alive by then.
func (r *runner) close() { _ = os.RemoveAll(r.dir) }

// commitOf names the commit of the tree that is measured.
func commitOf(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "commit unknown"
	}
	return "commit " + strings.TrimSpace(string(out))
}

// workload is one row per server.
type workload struct {
	name string
	cost time.Duration // how long a cell takes, roughly; for the progress
	cpus []int         // of the server; nil: the server's CPU
	path string        // that verifies the server; empty: /plaintext
	run  func(context.Context, *server) (sample, error)
}

// cell is the place of a row in the plan of a run.
type cell struct {
	workload workload
	peer     peer
	ref      *cell // what its ratios refer to; nil: nothing
	samples  []sample
	err      error // of the first round that failed
}

// measure runs every cell once per round, the servers of a workload
// alternating.
func (r *runner) measure(ctx context.Context, cells []*cell) error {
	var total time.Duration
	for _, c := range cells {
		total += c.workload.cost * time.Duration(r.cfg.rounds)
	}
	r.out.begin(len(cells)*r.cfg.rounds, total)
	for start := 0; start < len(cells); {
		end := start
		for end < len(cells) && cells[end].workload.name == cells[start].workload.name {
			end++
		}
		for round := range r.cfg.rounds {
			for _, c := range cells[start:end] {
				m, err := r.once(ctx, c)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				r.out.done(c, round, r.cfg.rounds, m, err)
				if err == nil {
					c.samples = append(c.samples, m)
				} else if c.err == nil {
					c.err = fmt.Errorf("%s, %s: %w", c.workload.name, c.peer.name, err)
				}
			}
		}
		start = end
	}
	return nil
}

// once runs a cell on a server of its own.
func (r *runner) once(ctx context.Context, c *cell) (sample, error) {
	cpus, path := c.workload.cpus, c.workload.path
	if cpus == nil {
		cpus = []int{r.cfg.serverCPU}
	}
	if path == "" {
		path = plaintext
	}
	if err := r.awaitCalm(ctx); err != nil {
		return nil, err
	}
	s, err := r.start(ctx, c.peer, path, cpus)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	return c.workload.run(ctx, s)
}
