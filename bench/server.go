package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	wantBody  = "Hello, World!"
	wantType  = "text/plain"
	plaintext = "/plaintext"

	startTimeout = 10 * time.Second
	stopTimeout  = 3 * time.Second
)

// server is a running server, alone on its CPUs. It must be stopped.
type server struct {
	peer  peer
	cmd   *exec.Cmd
	addr  string // 127.0.0.1:port, in the server's network namespace
	netns bool   // it has a network namespace of its own
	cpus  []int
	log   string // path of what it wrote to stdout and stderr
	ended chan struct{}
}

func (s *server) url(path string) string { return s.peer.wire.scheme() + "://" + s.addr + path }
func (s *server) pid() int               { return s.cmd.Process.Pid }

// network names the network namespace that a client has to be in.
func (s *server) network() string {
	if s.netns {
		return strconv.Itoa(s.pid())
	}
	return networkHost
}

// start starts p in a fresh directory, with a port and a network of its own,
// and returns once path was answered as it should.
func (r *runner) start(ctx context.Context, p peer, path string, cpus []int) (*server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(r.dir, "server-")
	if err != nil {
		return nil, err
	}
	argv, err := p.render(place{port, dir, r.certificate})
	if err != nil {
		return nil, err
	}
	s := &server{peer: p, addr: fmt.Sprintf("127.0.0.1:%d", port), netns: r.netns, cpus: cpus,
		log: filepath.Join(dir, "log"), ended: make(chan struct{})}
	network := networkHost
	if r.netns {
		network = networkNew
	}
	s.cmd = r.command(ctx, launch{cpus, network}, argv...)
	s.cmd.Env = append(os.Environ(), p.env...)
	log, err := os.Create(s.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = s.cmd.Wait() // how it ended is in its log
		close(s.ended)
	}()
	if err := s.waitReady(ctx, path); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// freePort is a TCP port that was free a moment ago.
func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port, nil
}

// waitReady asks until the server answers, and checks the answer.
func (s *server) waitReady(ctx context.Context, path string) error {
	deadline := time.Now().Add(startTimeout)
	for {
		c, err := dialIn(s.pid(), s.addr, time.Second)
		if err == nil {
			defer c.Close()
			if s.peer.verify != nil {
				return s.peer.verify(c, s.addr)
			}
			return verify(s.peer.wire, c, s.addr, path)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.ended:
			return fmt.Errorf("ended at once: %s", s.lastWords())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no answer within %v (%w): %s", startTimeout, err, s.lastWords())
		}
	}
}

// verify sends one request over c, in w, and checks that the answer is the one
// that all servers must give.
func verify(w wire, c net.Conn, host, path string) error {
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	t := w.transport(func(context.Context, string, string) (net.Conn, error) { return c, nil })
	defer t.CloseIdleConnections()
	req, err := http.NewRequest("GET", w.scheme()+"://"+host+path, nil)
	if err != nil {
		return err
	}
	resp, err := t.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return err
	}
	if got := resp.Header.Get("Content-Type"); resp.StatusCode != 200 ||
		string(body) != wantBody || !strings.HasPrefix(got, wantType) {
		return fmt.Errorf("answered %s with %d, %q, %.40q; want 200, %q, %q",
			path, resp.StatusCode, got, body, wantType, wantBody)
	}
	if resp.Close {
		return errors.New("does not keep the connection")
	}
	if resp.ProtoMajor == 2 != w.h2 {
		return fmt.Errorf("answered over %s", resp.Proto)
	}
	return nil
}

// alive is nil while the server runs.
func (s *server) alive() error {
	select {
	case <-s.ended:
		return fmt.Errorf("the server has ended: %s", s.lastWords())
	default:
		return nil
	}
}

// lastWords are the end of the server's log.
func (s *server) lastWords() string {
	b, err := os.ReadFile(s.log)
	if err != nil || len(b) == 0 {
		return "it said nothing"
	}
	return lastLines(string(b[max(0, len(b)-1024):]), 3)
}

// stop ends the server: politely, then by force, with all its children.
func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-s.ended:
	case <-time.After(stopTimeout):
	}
	_ = killGroup(s.pid())
	<-s.ended
}
