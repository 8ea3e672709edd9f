//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// strace makes io_uring_setup answer what a container's policy, an old kernel
// or a memory limit would.
var denials = []struct{ errno, reason string }{
	{"EPERM", "EPERM"}, {"ENOSYS", "ENOSYS"}, {"ENOMEM", "ENOMEM"},
}

func denied(errno string, args ...string) *exec.Cmd {
	return exec.Command("strace", append([]string{"-f", "--seccomp-bpf", "-qq", "-o", "/dev/null",
		"-e", "trace=io_uring_setup", "-e", "inject=io_uring_setup:error=" + errno, binary}, args...)...)
}

// Where io_uring is denied, the server runs on another engine, says so in its
// start line, and behaves the same.
func TestE2EDenied(t *testing.T) {
	for _, d := range denials {
		t.Run(d.errno, func(t *testing.T) {
			s := startCommand(t, denied(d.errno, "--listen", "http://127.0.0.1:0"))
			if s.engine == "uring" || !strings.Contains(s.logged(), d.reason) {
				t.Errorf("engine %s, log:\n%s", s.engine, s.logged())
			}
			if out := run(t, "curl", "-sS", "-d", "text", s.url+"/echo"); out != "text" {
				t.Errorf("echo: %q", out)
			}
			s.fresh()
		})
		t.Run(d.errno+" forced", func(t *testing.T) {
			cmd := denied(d.errno, "--listen", "http://127.0.0.1:0", "--engine", "uring")
			timer := time.AfterFunc(patience, func() { cmd.Process.Kill() })
			defer timer.Stop()
			out, _ := cmd.CombinedOutput()
			if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), d.reason) {
				t.Errorf("exit %d, printed %q", cmd.ProcessState.ExitCode(), out)
			}
		})
	}
}

// An unprivileged user without lockable memory gets a server all the same.
func TestE2EMemlock(t *testing.T) {
	if os.Getuid() != 0 {
		t.Fatal("this test changes the user, so it has to start as root")
	}
	public := t.TempDir() + "/uringserve"
	run(t, "cp", binary, public)
	for dir := public; dir != "/"; dir = dir[:max(1, strings.LastIndexByte(dir, '/'))] {
		run(t, "chmod", "a+rx", dir)
		if dir == "/tmp" {
			break
		}
	}
	cmd := exec.Command("prlimit", "--memlock=0:0", "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
		public, "--listen", "http://127.0.0.1:0")
	s := startCommand(t, cmd)
	t.Logf("engine %s: %s", s.engine, s.logged())
	if out := run(t, "curl", "-sS", "-d", "text", s.url+"/echo"); out != "text" {
		t.Errorf("echo: %q", out)
	}
	s.fresh()
}

func TestE2EDoctor(t *testing.T) {
	var report struct {
		Engine, Reason, Kernel string
		Features               []struct{ Name, State, Reason string }
		Limits                 map[string]any
	}
	if err := json.Unmarshal([]byte(run(t, binary, "doctor", "--json")), &report); err != nil {
		t.Fatal(err)
	}
	if report.Engine != "uring" || report.Kernel == "" || len(report.Features) == 0 || len(report.Limits) == 0 {
		t.Errorf("doctor --json: %+v", report)
	}
	for _, f := range report.Features {
		if f.State != "works" && (f.State != "unsupported" && f.State != "inconclusive" || f.Reason == "") {
			t.Errorf("feature %+v", f)
		}
	}
	table := run(t, binary, "doctor")
	for _, f := range report.Features {
		if !strings.Contains(table, f.Name) {
			t.Errorf("the table lacks %q", f.Name)
		}
	}
	cmd := denied("EPERM", "doctor", "--json")
	out, _ := cmd.Output()
	if err := json.Unmarshal(out, &report); err != nil || report.Engine == "uring" {
		t.Errorf("doctor where io_uring is denied: %v %s", err, out)
	}
	if v := run(t, binary, "version"); !strings.HasPrefix(v, "uringserve ") {
		t.Errorf("version: %q", v)
	}
}

// cpuTime is the CPU time of a process so far.
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+2:]))
	var user, system int64
	fmt.Sscan(fields[11], &user)
	fmt.Sscan(fields[12], &system)
	return time.Duration(user+system) * 10 * time.Millisecond // ticks of USER_HZ, 100 a second
}
