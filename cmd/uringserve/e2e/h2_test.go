//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// secured starts the binary on https, with a certificate of its own making.
func secured(t *testing.T, args ...string) *server {
	t.Helper()
	dir := t.TempDir()
	run(t, binary, "dev-cert", dir)
	found := func(pattern string) string {
		files, _ := filepath.Glob(filepath.Join(dir, pattern))
		if len(files) != 1 {
			t.Fatalf("%s in the directory of dev-cert: %v", pattern, files)
		}
		return files[0]
	}
	cert, key := found("localhost.pem"), found("localhost-key.pem")
	return startCommand(t, exec.Command(binary, append([]string{"--listen", "https://127.0.0.1:0", "--cert", cert, "--key", key}, args...)...))
}

func (s *server) port() string { return s.url[strings.LastIndexByte(s.url, ':')+1:] }

var (
	h2specSummary = regexp.MustCompile(`(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed`)
	h2specSection = regexp.MustCompile(`^\d[\d.]*\. `)
)

// h2spec runs all cases, strictly, and answers how many there were and which
// failed. Many begin a request, do something that is not allowed before it has
// ended, and wait for the error. A handler that answers before the request has
// ended may be faster: the stream is then over and reset with NO_ERROR (RFC 9113
// §8.1), and what comes on it ignored. GET takes its time at /sse, POST at /echo, so
// all cases are run at both, and each must pass at one of them.
func h2spec(t *testing.T, s *server, more ...string) (tests int, failed []string) {
	t.Helper()
	tests, atEvents := h2specAt(t, s, "/sse?n=3&ms=100", more)
	_, atEcho := h2specAt(t, s, "/echo", more)
	for _, f := range atEvents {
		if slices.Contains(atEcho, f) {
			failed = append(failed, f)
		}
	}
	return tests, failed
}

// h2specAt exits with 1 if a case fails.
func h2specAt(t *testing.T, s *server, path string, more []string) (tests int, failed []string) {
	t.Helper()
	cmd := exec.Command("h2spec", append([]string{"-h", "127.0.0.1", "-p", s.port(), "-S", "-o", "2", "-P", path}, more...)...)
	out, err := cmd.CombinedOutput()
	m := h2specSummary.FindSubmatch(out)
	if m == nil {
		t.Fatalf("h2spec: %v\n%s", err, out)
	}
	tests, _ = strconv.Atoi(string(m[1]))
	passed, _ := strconv.Atoi(string(m[2]))
	// They are listed once more, by section, at the end.
	_, listed, _ := strings.Cut(string(out), "Failures:")
	section := ""
	for line := range strings.Lines(listed) {
		line = strings.TrimSpace(line)
		if h2specSection.MatchString(line) {
			section = line
		} else if strings.HasPrefix(line, "×") {
			failed = append(failed, section+" "+line)
		}
	}
	if tests-passed != len(failed) { // none is skipped, either
		t.Fatalf("%d of %d passed, yet these failed: %q\n%s", passed, tests, failed, out)
	}
	return tests, failed
}

const h2specCases = 146

func TestE2EH2Spec(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		if tests, failed := h2spec(t, s); tests != h2specCases || len(failed) > 0 {
			t.Errorf("of %d cases, want %d, failed: %q", tests, h2specCases, failed)
		}
	}, "--protocols", "h2")
}

// On a port that HTTP/1.1 shares, what does not begin as HTTP/2 does is a
// request of HTTP/1.1, a malformed one: it is answered with 400 and not with
// GOAWAY, which is what the case about invalid prefaces (RFC 9113 §3.4; in
// h2spec 3.5/2) waits for.
func TestE2EH2SpecSharedPort(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		tests, failed := h2spec(t, s)
		for _, f := range failed {
			if !strings.Contains(f, "invalid connection preface") {
				t.Errorf("failed: %q", f)
			}
		}
		if tests != h2specCases || len(failed) != 1 {
			t.Errorf("%d cases, failed: %q, want one", tests, failed)
		}
		s.fresh()
	})
}

func TestE2EH2SpecTLS(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			s := secured(t, "--engine", engine)
			if tests, failed := h2spec(t, s, "-t", "-k"); tests != h2specCases || len(failed) > 0 {
				t.Errorf("of %d cases, want %d, failed: %q", tests, h2specCases, failed)
			}
		})
	}
}

func TestE2EH2Curl(t *testing.T) {
	file := filepath.Join(t.TempDir(), "body")
	content := make([]byte, 3<<20)
	fill(content, 2)
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	onEngines(t, func(t *testing.T, s *server) {
		for _, c := range []struct {
			name string
			args []string
			want string // a prefix
		}{
			{"plaintext", []string{s.url + "/plaintext"}, "Hello, World!"},
			{"HEAD", []string{"-I", s.url + "/plaintext"}, "HTTP/2 200"},
			{"version", []string{"-o", "/dev/null", "-w", "%{http_version}", s.url + "/json"}, "2"},
			{"echo", []string{"-d", "some text", s.url + "/echo"}, "some text"},
			{"upload", []string{"--data-binary", "@" + file, s.url + "/upload"}, fmt.Sprintf(`{"bytes":%d`, len(content))},
			{"expecting", []string{"-H", "Expect: 100-continue", "--data-binary", "@" + file, s.url + "/upload"}, fmt.Sprintf(`{"bytes":%d`, len(content))},
			{"not there", []string{"-o", "/dev/null", "-w", "%{http_code}", s.url + "/nothing-here"}, "404"},
		} {
			out := run(t, "curl", append([]string{"-sS", "--http2-prior-knowledge", "--max-time", "20"}, c.args...)...)
			if !strings.HasPrefix(out, c.want) {
				t.Errorf("%s: got %.300q, want %q", c.name, out, c.want)
			}
		}
		s.fresh()
	})
}

func TestE2EH2Nghttp(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		if out := run(t, "nghttp", "-nv", s.url+"/plaintext", s.url+"/json"); strings.Count(out, ":status: 200") != 2 {
			t.Errorf("nghttp:\n%s", out)
		}
	})
}

func TestE2EH2Load(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		out := run(t, "h2load", "-n", "20000", "-c", "16", "-m", "32", s.url+"/plaintext")
		if !strings.Contains(out, "20000 done, 20000 succeeded, 0 failed, 0 errored, 0 timeout") {
			t.Errorf("h2load:\n%s", out)
		}
		s.fresh()
	})
}

// node's client opens 500 streams at once; each answer says which it is.
func TestE2EH2Node(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		if out := run(t, "node", "testdata/h2.mjs", s.url); strings.TrimSpace(out) != "ok" {
			t.Errorf("node: %s", out)
		}
		s.fresh()
	})
}
