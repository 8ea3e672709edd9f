//go:build e2e

package e2e

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Silent clients of TLS, as many as may wait and 1,000 more, of which half have
// begun a hello: those that wait longest are dropped, a fresh client is served
// within a second, and the others cost little. Each process needs a descriptor
// for each.
func TestE2ETLSSilentHellos(t *testing.T) {
	const bound, more = 10_000, 1000 // tls.HandshakerOptions.Waiting's default
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < bound+more+1000 {
		t.Skipf("%d descriptors are too few for as many clients: %v", limit.Cur, err)
	}
	onSecureEngines(t, func(t *testing.T, s *server, dir string) {
		address := strings.TrimPrefix(s.url, "https://")
		fresh := func() {
			t.Helper()
			begin := time.Now()
			out := run(t, "curl", "-sS", "--max-time", "20", "--cacert", filepath.Join(dir, "ca.pem"), s.url+"/plaintext")
			if took := time.Since(begin); took > time.Second || out != "Hello, World!" {
				t.Errorf("a fresh client got %q after %v", out, took)
			}
		}
		fresh()
		before, begin := residentBytes(t, s.cmd), time.Now()
		conns := make([]net.Conn, bound+more)
		for i := range conns {
			c, err := net.DialTimeout("tcp", address, patience)
			if err != nil {
				t.Fatalf("connection %d: %v", i, err)
			}
			defer c.Close()
			if conns[i] = c; i%2 == 0 {
				c.Write([]byte("\x16\x03\x01\x02\x00\x01")) // may be dropped meanwhile
			}
		}
		fresh()
		for i, c := range conns[:more] {
			c.SetReadDeadline(time.Now().Add(patience))
			if _, err := c.Read(make([]byte, 1)); os.IsTimeout(err) {
				t.Fatalf("client %d of %d is still there", i, len(conns))
			}
		}
		took, last := time.Since(begin), conns[len(conns)-1]
		last.SetReadDeadline(time.Now().Add(time.Millisecond))
		_, err := last.Read(make([]byte, 1))
		// Limits.HandshakeTimeout is 10 s: were it over, it would have dropped them all.
		if took < 9*time.Second && !os.IsTimeout(err) {
			t.Errorf("the newest is gone: %v", err)
		}
		if grown := residentBytes(t, s.cmd) - before; grown > 128<<20 {
			t.Errorf("%d MiB for silent clients", grown>>20)
		}
		t.Logf("%d clients in %v", len(conns), took)
		fresh()
	})
}

// residentBytes is the memory that a process has.
func residentBytes(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/status")
	must(t, err)
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	must(t, err)
	return kib << 10
}
