//go:build e2e

package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A second process on the port refuses, in one line, whatever the first set on
// its socket; also one of the same user.
func TestE2EPortTaken(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		for _, engine := range engines {
			out, code := refused(t, "--engine", engine, "--listen", s.url)
			if code != 1 || !strings.Contains(out, "in use") || strings.Count(strings.TrimSpace(out), "\n") != 0 {
				t.Errorf("%s: exit %d, printed %q", engine, code, out)
			}
		}
		s.fresh()
	})
}

func TestE2EUsage(t *testing.T) {
	for _, args := range [][]string{
		{"--no-such-flag"}, {"--engine", "bogus"}, {"--loops", "x"}, {"--loops", "-1"},
		{"--listen", "ftp://localhost"}, {"--listen", "http://localhost:99999"}, {"frobnicate"},
		{"--max-body", "many"}, {"--protocols", "h9"},
	} {
		out, code := refused(t, args...)
		if code != 2 || strings.Count(strings.TrimSpace(out), "\n") > 1 {
			t.Errorf("%v: exit %d, printed %q", args, code, out)
		}
	}
	for _, args := range [][]string{
		{"--root", "/"}, {"--proxy", "http://localhost"}, {"--config", "f"}, {"--admin", ":1"},
		{"--listen", "https://localhost:0"}, {"--cert", "f", "--key", "f"}, {"check", "--config", "f"},
	} {
		out, code := refused(t, args...)
		if code == 0 || strings.TrimSpace(out) == "" || strings.Count(strings.TrimSpace(out), "\n") != 0 {
			t.Errorf("%v: exit %d, printed %q", args, code, out)
		}
	}
}

// refused runs the binary to its end.
func refused(t *testing.T, args ...string) (printed string, code int) {
	t.Helper()
	cmd := exec.Command(binary, args...)
	timer := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer timer.Stop()
	out, _ := cmd.CombinedOutput()
	return string(out), cmd.ProcessState.ExitCode()
}

// Two hundred connections wait in the accept queue of a stopped process when
// it is told to end: all are answered, and then closed, not reset. Some may be
// answered before the process has seen its signal, and then do not say close.
func TestE2EShutdownServesTheQueue(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		const queued = 200
		s.fresh()
		s.signal(syscall.SIGSTOP)
		conns := make([]net.Conn, queued)
		for i := range conns {
			c, err := net.DialTimeout("tcp", s.address(), patience)
			if err != nil {
				t.Fatalf("connection %d: %v", i, err)
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(patience))
			if _, err := io.WriteString(c, "GET /plaintext HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			conns[i] = c
		}
		s.signal(syscall.SIGTERM)
		s.signal(syscall.SIGCONT)
		failed := 0
		for i, c := range conns {
			in := bufio.NewReader(c)
			resp, err := http.ReadResponse(in, nil)
			if err == nil {
				_, err = io.Copy(io.Discard, resp.Body)
			}
			if err == nil {
				_, err = io.Copy(io.Discard, in)
			}
			if err != nil || resp.StatusCode != 200 {
				failed++
				t.Logf("connection %d: %v %v", i, resp, err)
			}
		}
		if failed > 0 {
			t.Errorf("%d of %d queued connections were not served; log:\n%s", failed, queued, s.logged())
		}
		if code := s.wait(); code != 0 {
			t.Errorf("exit %d after draining:\n%s", code, s.logged())
		}
	})
}

// A request that runs when the server is told to end gets its answer; an idle
// connection is closed; then the process ends.
func TestE2EShutdownDrains(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		idle := dial(t, s)
		exchange(t, idle, "/plaintext")
		busy := dial(t, s)
		fmt.Fprintf(busy, "GET /delay?ms=1000 HTTP/1.1\r\nHost: h\r\n\r\n")
		s.fresh()
		s.signal(syscall.SIGTERM)
		resp, err := http.ReadResponse(bufio.NewReader(busy), nil)
		if err != nil || resp.StatusCode != 200 || !resp.Close {
			t.Errorf("the running request got %v %v", resp, err)
		}
		if n, err := idle.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the idle connection: %d %v", n, err)
		}
		if code := s.wait(); code != 0 {
			t.Errorf("exit %d:\n%s", code, s.logged())
		}
	})
}

// What does not end in time is reset, counted and logged; a second signal ends
// the process at once.
func TestE2EShutdownTimesOut(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		c := dial(t, s)
		fmt.Fprintf(c, "GET /delay?ms=60000 HTTP/1.1\r\nHost: h\r\n\r\n")
		s.fresh()
		s.signal(syscall.SIGTERM)
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("the connection got an answer")
		}
		s.wait()
		if !strings.Contains(s.logged(), "1") || !strings.Contains(s.logged(), "reset") {
			t.Errorf("the log does not count what was reset:\n%s", s.logged())
		}
	}, "--shutdown-timeout", "1s")
	s := start(t)
	c := dial(t, s)
	fmt.Fprintf(c, "GET /delay?ms=60000 HTTP/1.1\r\nHost: h\r\n\r\n")
	s.fresh()
	begin := time.Now()
	s.signal(syscall.SIGTERM)
	s.signal(syscall.SIGINT)
	if code := s.wait(); code == 0 || time.Since(begin) > 5*time.Second {
		t.Errorf("exit %d after %v", code, time.Since(begin))
	}
}

// timeout(1) sends its signal twice, to the program and to its group: that is one
// end, and what runs gets its answer.
func TestE2EShutdownByTimeout(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		busy := dial(t, s)
		fmt.Fprintf(busy, "GET /delay?ms=1000 HTTP/1.1\r\nHost: h\r\n\r\n")
		s.fresh()
		s.signal(syscall.SIGTERM)
		s.signal(syscall.SIGTERM)
		if resp, err := http.ReadResponse(bufio.NewReader(busy), nil); err != nil || resp.StatusCode != 200 {
			t.Errorf("the running request got %v %v", resp, err)
		}
		if code := s.wait(); code != 0 {
			t.Errorf("exit %d:\n%s", code, s.logged())
		}
	})
}

func dial(t *testing.T, s *server) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", s.address(), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

// exchange sends a GET on c and reads its answer, which must be a 200.
func exchange(t *testing.T, c net.Conn, path string) {
	t.Helper()
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != 200 {
		t.Fatalf("%s: %s", path, resp.Status)
	}
}

// Out of descriptors: connections that are there go on, the others wait, and
// are served when there is room; the process does not spin meanwhile.
func TestE2EOutOfDescriptors(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			cmd := exec.Command("prlimit", "--nofile=64:64", binary, "--listen", "http://127.0.0.1:0", "--engine", engine)
			s := startCommand(t, cmd)
			old := dial(t, s)
			exchange(t, old, "/plaintext")
			var conns []net.Conn
			for range 120 {
				conns = append(conns, dial(t, s))
			}
			for range 20 {
				exchange(t, old, "/plaintext")
			}
			begin := cpuTime(t, cmd.Process.Pid)
			time.Sleep(time.Second) // the interval over which CPU time is measured
			if used := cpuTime(t, cmd.Process.Pid) - begin; used > 200*time.Millisecond {
				t.Errorf("%v of CPU in a second of waiting for descriptors", used)
			}
			for _, c := range conns[:100] {
				c.Close()
			}
			exchange(t, conns[119], "/plaintext")
			exchange(t, old, "/plaintext")
			s.fresh()
		})
	}
}

// An idle process uses no CPU.
func TestE2EIdleCPU(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		c := dial(t, s)
		exchange(t, c, "/plaintext")
		time.Sleep(time.Second) // let it come to rest
		begin := cpuTime(t, s.cmd.Process.Pid)
		time.Sleep(3 * time.Second) // the interval over which CPU time is measured
		if used := cpuTime(t, s.cmd.Process.Pid) - begin; used > 30*time.Millisecond {
			t.Errorf("%v of CPU in three idle seconds", used)
		}
	})
}
