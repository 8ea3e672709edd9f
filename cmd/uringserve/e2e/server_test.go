//go:build e2e

// Package e2e starts the real binary and real clients: curl, wrk, node, Go. A
// program that is missing fails the test; the package's own checks install
// them.
package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait of these tests; nothing normal comes near it.
const patience = 30 * time.Second

var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "uringserve-e2e")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "uringserve")
	build := exec.Command("go", "build", "-o", binary, "..")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "building the binary:", err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// engines are the engines that this system runs.
var engines = []string{"uring", "epoll", "net"}

// server is a running binary.
type server struct {
	t      *testing.T
	cmd    *exec.Cmd
	url    string // http://127.0.0.1:port
	engine string
	exited chan struct{}
	err    error // of Wait, after exited

	mu  sync.Mutex
	log bytes.Buffer
}

var startLine = regexp.MustCompile(`listening url=(\S+) engine=(\S+) loops=(\d+) reason=`)

// start runs the binary on a free port and waits for its start line.
func start(t *testing.T, args ...string) *server {
	t.Helper()
	return startCommand(t, exec.Command(binary, append([]string{"--listen", "http://127.0.0.1:0"}, args...)...))
}

func startCommand(t *testing.T, cmd *exec.Cmd) *server {
	t.Helper()
	s := &server{t: t, cmd: cmd, exited: make(chan struct{})}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	// A group of its own, so that a server started by another program (strace)
	// ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	started := make(chan [2]string, 1)
	go s.read(stderr, started)
	t.Cleanup(s.kill)
	select {
	case found := <-started:
		s.url, s.engine = found[0], found[1]
	case <-s.exited:
		t.Fatalf("the server ended at once: %v\n%s", s.err, s.logged())
	case <-time.After(patience):
		t.Fatalf("no start line:\n%s", s.logged())
	}
	return s
}

func (s *server) read(stderr io.Reader, started chan<- [2]string) {
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		s.mu.Lock()
		s.log.WriteString(lines.Text() + "\n")
		s.mu.Unlock()
		if m := startLine.FindStringSubmatch(lines.Text()); m != nil {
			select {
			case started <- [2]string{m[1], m[2]}:
			default:
			}
		}
	}
	s.err = s.cmd.Wait()
	close(s.exited)
}

func (s *server) logged() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

func (s *server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatalf("signal %v: %v", sig, err)
	}
}

// wait waits for the end of the process and returns its exit code.
func (s *server) wait() int {
	s.t.Helper()
	select {
	case <-s.exited:
	case <-time.After(patience):
		s.t.Fatalf("the server does not end:\n%s", s.logged())
	}
	return s.cmd.ProcessState.ExitCode()
}

func (s *server) kill() {
	select {
	case <-s.exited:
	default:
		syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
		<-s.exited
	}
	if log := s.logged(); strings.Contains(log, "panic") && !strings.Contains(log, "handler panic") {
		s.t.Errorf("a panic in the log:\n%s", log)
	}
}

func (s *server) address() string { return strings.TrimPrefix(s.url, "http://") }

// fresh proves that a new client is served promptly.
func (s *server) fresh() {
	s.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	begin := time.Now()
	resp, err := client.Get(s.url + "/plaintext")
	if err != nil {
		s.t.Fatalf("a fresh client: %v\n%s", err, s.logged())
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != 200 || string(body) != "Hello, World!" {
		s.t.Fatalf("a fresh client got %d %q", resp.StatusCode, body)
	}
	if took := time.Since(begin); took > time.Second {
		s.t.Errorf("a fresh client waited %v", took)
	}
}

// run starts an outside program and returns what it printed; a missing program
// or a failure fails the test.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	timer := time.AfterFunc(3*patience, func() { cmd.Process.Kill() })
	defer timer.Stop()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}

// onEngines runs test as a subtest for each engine, forced.
func onEngines(t *testing.T, test func(t *testing.T, s *server), args ...string) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			s := start(t, append([]string{"--engine", engine}, args...)...)
			if s.engine != engine {
				t.Fatalf("engine %s was asked for, %s runs", engine, s.engine)
			}
			test(t, s)
		})
	}
}
