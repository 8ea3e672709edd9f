//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// In real containers: which engine runs under which profile, and what is said
// about it.
func TestE2EContainers(t *testing.T) {
	d := startDockerd(t)
	d.build(t)
	allowed := "--security-opt=seccomp=" + profile
	deny := func(name string) string { return "--security-opt=seccomp=" + d.profile(name) }
	for _, c := range []struct {
		name   string
		args   []string // of docker run
		engine string
		says   string // in the start line
	}{
		{"the default profile", nil, "epoll", "seccomp filter denies io_uring_setup"},
		{"the default profile names its remedy", nil, "epoll", "--security-opt seccomp=deploy/seccomp/uringserve.json"},
		{"a pod", []string{"--env=KUBERNETES_SERVICE_HOST=10.0.0.1"}, "epoll", "securityContext.seccompProfile: {type: Localhost"},
		{"our profile", []string{allowed}, "uring", "io_uring does all"},
		{"no profile", []string{"--security-opt=seccomp=unconfined"}, "uring", "io_uring does all"},
		{"io_uring_register alone denied", []string{deny("no-register")}, "epoll", "seccomp filter denies io_uring_register (EPERM)"},
		{"epoll_pwait2 alone denied", []string{deny("no-pwait2")}, "uring", "io_uring does all"},
		{"io_uring and epoll_pwait2 denied", []string{deny("neither")}, "epoll", "seccomp filter denies io_uring_setup"},
		{"one CPU", []string{allowed, "--cpus=1"}, "uring", "loops=1 "},
		{"one CPU and epoll", []string{"--cpus=1"}, "epoll", "loops=1 "},
		{"nothing permitted", []string{allowed, "--read-only", "--user=65534:65534", "--cap-drop=ALL", "--security-opt=no-new-privileges"}, "uring", "io_uring does all"},
		{"nothing permitted by default", []string{"--read-only", "--user=65534:65534", "--cap-drop=ALL", "--security-opt=no-new-privileges"}, "epoll", "seccomp filter"},
		{"little memory", []string{allowed, "--memory=64m"}, "uring", "io_uring does all"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := d.serve(t, c.args...)
			if s.engine != c.engine || !strings.Contains(s.logged(), c.says) {
				t.Errorf("engine %s, not %s, or without %q", s.engine, c.engine, c.says)
			}
			s.answers()
		})
	}
	t.Run("forced", func(t *testing.T) { containerForced(t, d) })
	t.Run("by name", func(t *testing.T) {
		for _, engine := range []string{"uring", "epoll", "net"} {
			s := d.serve(t, allowed, "--", "--engine="+engine)
			if s.engine != engine {
				t.Errorf("%s runs, not %s", s.engine, engine)
			}
			s.answers()
			s.signal(syscall.SIGTERM)
			if code := s.wait(); code != 0 {
				t.Errorf("%s: exit %d", engine, code)
			}
		}
	})
	t.Run("coarse waits", func(t *testing.T) {
		out, err := d.run(t, deny("neither"), "--", "doctor", "--json").Output()
		if err != nil || !regexp.MustCompile(`"epoll",\s+"state": "works",\s+"reason": "[^"]*epoll_pwait2`).Match(out) {
			t.Errorf("%v: doctor says\n%s", err, out)
		}
	})
	t.Run("drains", func(t *testing.T) { containerDrains(t, d, allowed) })
	t.Run("manifest", func(t *testing.T) { containerManifest(t, d, allowed) })
}

// An engine that is asked for by name and can't run: one line, and exit 1.
func containerForced(t *testing.T, d *dockerd) {
	cmd := d.run(t, "--", "--engine=uring", "--listen=http://127.0.0.1:0")
	timer := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer timer.Stop()
	out, _ := cmd.CombinedOutput()
	code, line := cmd.ProcessState.ExitCode(), strings.TrimSpace(string(out))
	if code != 1 || strings.Contains(line, "\n") || !strings.Contains(line, "--security-opt seccomp=deploy/seccomp/uringserve.json") {
		t.Errorf("exit %d, printed %q", code, line)
	}
}

// After SIGTERM the server goes on for --shutdown-delay, asking its clients to
// close; a request that runs gets its answer; then it ends with 0.
func containerDrains(t *testing.T, d *dockerd, allowed string) {
	s := d.serve(t, allowed, "--", "--shutdown-delay=2s")
	busy := make(chan error, 1)
	ran := make(chan struct{})
	go func() {
		close(ran)
		resp, err := http.Get(s.url + "/delay?ms=3000")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode != 200 {
				err = fmt.Errorf("status %s", resp.Status)
			}
		}
		busy <- err
	}()
	<-ran
	s.fresh() // the request above has begun, or begins in the delay: it is served either way
	s.signal(syscall.SIGTERM)
	for deadline := time.Now().Add(patience); !strings.Contains(s.logged(), "shutting down"); time.Sleep(10 * time.Millisecond) { // a poll: the log is written some time
		if time.Now().After(deadline) {
			t.Fatalf("no sign of a shutdown:\n%s", s.logged())
		}
	}
	resp, err := http.Get(s.url + "/plaintext")
	if err != nil {
		t.Fatalf("in the delay: %v", err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 || !resp.Close {
		t.Errorf("in the delay: %s, close %v", resp.Status, resp.Close)
	}
	if err := <-busy; err != nil {
		t.Errorf("the running request: %v", err)
	}
	if code := s.wait(); code != 0 || !strings.Contains(s.logged(), "all clients were served") {
		t.Errorf("exit %d:\n%s", code, s.logged())
	}
}

// The Deployment's command line and restrictions work, and its numbers fit.
func containerManifest(t *testing.T, d *dockerd, allowed string) {
	b, err := os.ReadFile("../../../deploy/kubernetes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	yaml := string(b)
	find := func(pattern string) string {
		m := regexp.MustCompile(pattern).FindStringSubmatch(yaml)
		if m == nil {
			t.Fatalf("kubernetes.yaml has no %s", pattern)
		}
		return m[1]
	}
	var args []string
	for quoted := range strings.SplitSeq(find(`args: \[(.*)\]`), ",") {
		args = append(args, strings.Trim(strings.TrimSpace(quoted), `"`))
	}
	value := func(flag string) string { return args[slices.Index(args, flag)+1] }
	seconds := func(s string) time.Duration {
		d, err := time.ParseDuration(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	grace := seconds(find(`terminationGracePeriodSeconds: (\d+)`) + "s")
	if least := seconds(value("--shutdown-delay")) + seconds(value("--shutdown-timeout")); grace <= least {
		t.Errorf("a grace of %v is not above %v of delay and time-out", grace, least)
	}
	if port := find(`containerPort: (\d+)`); value("--listen") != "http://:"+port {
		t.Errorf("it listens at %s, and the port is %s", value("--listen"), port)
	}
	if !strings.HasSuffix(profile, "/"+find(`localhostProfile: (\S+)`)) {
		t.Error("the profile has another name")
	}
	uid := find(`runAsUser: (\d+)`) + ":" + find(`runAsGroup: (\d+)`)
	// Its port may be taken here.
	args[slices.Index(args, "--listen")+1] = "http://127.0.0.1:0"
	args[slices.Index(args, "--shutdown-delay")+1] = "0s"
	s := startCommand(t, d.run(t, append([]string{allowed, "--read-only", "--user=" + uid, "--cap-drop=ALL",
		"--security-opt=no-new-privileges", "--cpus=" + find(`limits: \{cpu: "(\d+)"`), "--"}, args...)...))
	resp, err := http.Get(s.url + find(`readinessProbe:\s+httpGet: \{path: ([^,]+),`))
	if err != nil || resp.StatusCode != 200 || s.engine != "uring" {
		t.Errorf("the readiness probe: %v %v, engine %s", resp, err, s.engine)
	} else {
		resp.Body.Close()
	}
	s.signal(syscall.SIGTERM)
	if code := s.wait(); code != 0 {
		t.Errorf("exit %d", code)
	}
}

// The profile allows what the process calls on each engine, and nothing that
// would let it out of a container.
func TestE2EProfile(t *testing.T) {
	whole, rules := readProfile(t)
	if whole["defaultAction"] != "SCMP_ACT_ERRNO" {
		t.Errorf("default action %v", whole["defaultAction"])
	}
	allowed := map[string]bool{}
	for _, r := range rules {
		for _, name := range r.Names {
			if r.Action == "SCMP_ACT_ALLOW" {
				allowed[name] = true
			}
		}
	}
	for _, b := range whole["syscalls"].([]any) {
		for key := range b.(map[string]any) {
			// containerd knows no conditions, and would allow the calls without.
			if !slices.Contains([]string{"comment", "names", "action", "args", "errnoRet"}, key) {
				t.Errorf("an entry has the key %q, which not every runtime knows", key)
			}
		}
	}
	for _, bad := range []string{"mount", "umount2", "pivot_root", "chroot", "setns", "unshare", "ptrace", "process_vm_writev", "bpf",
		"perf_event_open", "keyctl", "add_key", "init_module", "finit_module", "kexec_load", "open_by_handle_at", "userfaultfd",
		"reboot", "settimeofday", "clock_settime", "personality", "clone3", "swapon", "mknod", "mknodat", "iopl", "ioperm"} {
		if allowed[bad] {
			t.Errorf("the profile allows %s", bad)
		}
	}
	tracedCalls(t, allowed)
}

// tracedCalls fails for each call that the process makes and the profile does
// not allow.
func tracedCalls(t *testing.T, allowed map[string]bool) {
	static := filepath.Join(t.TempDir(), "uringserve")
	if out, err := buildStatic(static).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	call := regexp.MustCompile(`(?m)^\d+ +([a-z][a-z0-9_]*)\(`)
	for _, engine := range []string{"uring", "epoll", "net"} {
		trace := t.TempDir() + "/trace"
		s := startCommand(t, exec.Command("strace", "-f", "-qq", "-o", trace, static, "--listen", "http://127.0.0.1:0", "--engine", engine))
		s.answers()
		exchange(t, dial(t, s), "/delay?ms=20")
		s.kill()
		b, err := os.ReadFile(trace)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, m := range call.FindAllStringSubmatch(string(b), -1) {
			seen[m[1]] = true
		}
		if len(seen) < 20 {
			t.Errorf("%s: only %d calls seen: the test looks in the wrong place", engine, len(seen))
		}
		for name := range seen {
			if !allowed[name] {
				t.Errorf("%s: the process calls %s, which the profile denies", engine, name)
			}
		}
	}
}
