package main

import (
	"context"
	"embed"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// configs are the configurations of the peers that have one.
//
//go:embed peers
var configs embed.FS

// peer is a server to be measured.
type peer struct {
	name string

	// argv is the command. In it, and in the configuration, {port} stands for
	// the port to listen on, {dir} for a directory of its own, {conf} for the
	// path of the configuration, {cert} and {key} for those of the certificate.
	argv []string
	wire wire     // what it speaks
	env  []string // added to the environment

	// verify checks one answer, over a connection that it is given; nil: that of
	// /plaintext.
	verify func(c net.Conn, host string) error

	config  string   // file under peers/, of which a part may be for other wires; empty: none
	version []string // command that prints the version; empty: see about
	about   string   // version, or whatever the report should say of it
	missing string   // why it cannot run here; empty: it can
}

// reference is the peer that others are compared with.
const reference = "nginx"

// peerList are the servers of a run in the order in which they alternate:
// ours, then the others.
func (r *runner) peerList(ctx context.Context) []peer {
	return r.present(ctx, append(r.ours(), r.others()...))
}

// present finds out which of peers were asked for, which are missing, and
// their versions.
func (r *runner) present(ctx context.Context, peers []peer) []peer {
	var kept []peer
	for _, p := range peers {
		if !matches(p.name, r.cfg.servers) {
			continue
		}
		if p.missing == "" {
			if _, err := exec.LookPath(p.argv[0]); err != nil {
				p.missing = err.Error()
			}
		}
		if p.missing == "" && len(p.version) > 0 {
			p.about = programVersion(ctx, p.version)
		}
		kept = append(kept, p)
	}
	return kept
}

// others are the servers that are not ours.
func (r *runner) others() []peer {
	peers := []peer{
		{name: reference, config: "nginx.conf", version: []string{"nginx", "-v"},
			argv: []string{"nginx", "-p", "{dir}", "-c", "{conf}"}},
		{name: "h2o", config: "h2o.conf", version: []string{"h2o", "--version"},
			argv: []string{"h2o", "-c", "{conf}"}},
		{name: "fasthttp", about: moduleVersion("github.com/valyala/fasthttp"),
			argv: r.wire.builtin(r.self, "fasthttp")},
		{name: "net/http", about: goVersion(),
			argv: append(r.wire.builtin(r.self, "nethttp"), "-dir", "{dir}")},
	}
	if r.wire.h2 {
		peers[2].missing = "it does not speak HTTP/2"
	}
	for _, name := range r.cfg.extras {
		peers = append(peers, peer{name: name, about: r.cfg.extra[name], argv: strings.Fields(r.cfg.extra[name])})
	}
	for i := range peers {
		peers[i].wire = r.wire
	}
	return peers
}

// builtin is the command of a peer that is part of bench.
func (w wire) builtin(self, name string) []string {
	argv := []string{self, "peer", name, "-addr", "127.0.0.1:{port}"}
	switch {
	case w.tls:
		argv = append(argv, "-cert", "{cert}", "-key", "{key}")
	case w.h2:
		argv = append(argv, "-h2c")
	}
	return argv
}

var versionNumber = regexp.MustCompile(`\d+(\.\d+)+`)

// programVersion is the first version number that a program prints when asked.
func programVersion(ctx context.Context, argv []string) string {
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		return "version unknown"
	}
	return string(versionNumber.Find(out))
}

// place is what a server is given to run.
type place struct {
	port int
	dir  string // of its own
	certificate
}

// render writes the peer's files and answers its command.
func (p peer) render(at place) ([]string, error) {
	if err := os.Chmod(at.dir, 0o755); err != nil { // for workers of another user
		return nil, err
	}
	conf := filepath.Join(at.dir, "conf")
	fill := strings.NewReplacer("{port}", strconv.Itoa(at.port), "{dir}", at.dir, "{conf}", conf,
		"{cert}", at.cert, "{key}", at.key)
	if p.config != "" {
		text, err := configs.ReadFile("peers/" + p.config)
		if err != nil {
			return nil, fmt.Errorf("BUG: %w", err)
		}
		if err := os.WriteFile(conf, []byte(fill.Replace(only(string(text), p.wire.variant()))), 0o644); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(at.dir, "plaintext.txt"), []byte(wantBody), 0o644); err != nil {
			return nil, err
		}
	}
	argv := make([]string, len(p.argv))
	for i, a := range p.argv {
		argv[i] = fill.Replace(a)
	}
	return argv, nil
}

// only leaves out the lines of a configuration that are for other variants:
// they end in "# only " and the name of theirs.
func only(text, variant string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		head, name, marked := strings.Cut(line, "# only ")
		switch {
		case !marked:
			b.WriteString(line)
		case strings.TrimSpace(name) == variant:
			b.WriteString(strings.TrimRight(head, " ") + "\n")
		}
	}
	return b.String()
}

// matches reports whether name contains one of parts, or there are none.
func matches(name string, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(name, part) {
			return true
		}
	}
	return len(parts) == 0
}
