//go:build e2e

package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// profile is the one that deploy offers.
const profile = "../../../deploy/seccomp/uringserve.json"

// dockerd is a daemon of our own, with its own images, socket and state, that
// leaves the system's network alone. Its default profile is one that denies
// io_uring, as those of Docker 25 and later do: older ones, which
// distributions still ship, let it pass.
type dockerd struct {
	dir string
	cmd *exec.Cmd
	log string
}

func startDockerd(t *testing.T) *dockerd {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("this test runs containers, so it has to start as root")
	}
	dir, err := os.MkdirTemp("", "ud") // short: a socket's path holds 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	d := &dockerd{dir: dir, log: filepath.Join(dir, "log")}
	without(t, d.profile("default"), "io_uring_setup", "io_uring_enter", "io_uring_register")
	without(t, d.profile("no-pwait2"), "epoll_pwait2")
	without(t, d.profile("neither"), "io_uring_setup", "io_uring_enter", "io_uring_register", "epoll_pwait2")
	without(t, d.profile("no-register"), "io_uring_register")
	log, err := os.Create(d.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	d.cmd = exec.Command("dockerd", "--host=unix://"+dir+"/s", "--data-root="+dir+"/data", "--exec-root="+dir+"/exec",
		"--pidfile="+dir+"/pid", "--config-file="+dir+"/none.json", "--storage-driver=vfs", "--bridge=none",
		"--iptables=false", "--ip6tables=false", "--exec-opt=native.cgroupdriver=cgroupfs", "--seccomp-profile="+d.profile("default"))
	d.cmd.Stdout, d.cmd.Stderr = log, log
	if err := os.WriteFile(dir+"/none.json", []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal("dockerd, of the package docker.io, is needed: ", err)
	}
	t.Cleanup(func() { d.stop(t) })
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) { // it tells nobody when it is ready
		if d.command("version").Run() == nil {
			return d
		}
		if time.Now().After(deadline) {
			b, _ := os.ReadFile(d.log)
			t.Fatalf("dockerd does not answer:\n%s", b)
		}
	}
}

func (d *dockerd) stop(t *testing.T) {
	d.cmd.Process.Signal(syscall.SIGTERM) // it takes its containerd along
	timer := time.AfterFunc(patience, func() { d.cmd.Process.Kill() })
	d.cmd.Wait()
	if !timer.Stop() {
		t.Error("dockerd did not end by itself")
	}
	exec.Command("umount", d.dir+"/exec/netns/default").Run() // what containers in the host's network leave mounted
	if err := os.RemoveAll(d.dir); err != nil {
		t.Errorf("dockerd left something behind: %v", err)
	}
}

func (d *dockerd) profile(name string) string { return filepath.Join(d.dir, name+".json") }

func (d *dockerd) command(args ...string) *exec.Cmd {
	cmd := exec.Command("docker", append([]string{"--host=unix://" + d.dir + "/s"}, args...)...)
	cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=0", "DOCKER_CONFIG="+d.dir) // the builder needs nothing from outside
	return cmd
}

// build makes the image from deploy's Dockerfile and a static binary.
func (d *dockerd) build(t *testing.T) {
	t.Helper()
	context := filepath.Join(d.dir, "context")
	if err := os.Mkdir(context, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, cmd := range []*exec.Cmd{
		buildStatic(filepath.Join(context, "uringserve")),
		exec.Command("cp", "../../../deploy/Dockerfile", "../../../deploy/.dockerignore", context),
		d.command("build", "--quiet", "--tag=uringserve", context),
	} {
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
		}
	}
}

// buildStatic builds the binary without C libraries, as deploy says.
func buildStatic(path string) *exec.Cmd {
	cmd := exec.Command("go", "build", "-trimpath", "-o", path, "..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	return cmd
}

// run is a container's command line: options of docker run, then, after "--",
// those of the server.
func (d *dockerd) run(t *testing.T, args ...string) *exec.Cmd {
	name := "c" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(t.Name()))
	i := slices.Index(args, "--")
	all := append([]string{"run", "--rm", "--name=" + name, "--network=host"}, args[:i]...)
	cmd := d.command(append(append(all, "uringserve"), args[i+1:]...)...)
	// Killing docker run leaves the container.
	t.Cleanup(func() { d.command("rm", "--force", name).Run() })
	return cmd
}

func (d *dockerd) serve(t *testing.T, args ...string) *server {
	t.Helper()
	if !slices.Contains(args, "--") {
		args = append(args, "--")
	}
	s := startCommand(t, d.run(t, append(args, "--listen", "http://127.0.0.1:0")...))
	t.Log(strings.TrimSpace(s.logged()))
	return s
}

// syscallRule is an entry of a profile.
type syscallRule struct {
	Names  []string         `json:"names"`
	Action string           `json:"action"`
	Errno  int              `json:"errnoRet,omitempty"`
	Args   []map[string]any `json:"args,omitempty"`
}

// readProfile is deploy's profile, and what of it is allowed without regard to
// arguments.
func readProfile(t *testing.T) (whole map[string]any, rules []syscallRule) {
	t.Helper()
	b, err := os.ReadFile(profile)
	if err != nil {
		t.Fatal(err)
	}
	var typed struct{ Syscalls []syscallRule }
	if err := json.Unmarshal(b, &whole); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &typed); err != nil {
		t.Fatal(err)
	}
	return whole, typed.Syscalls
}

// without writes deploy's profile to path, less some calls.
func without(t *testing.T, path string, calls ...string) {
	t.Helper()
	whole, rules := readProfile(t)
	left := 0
	var some []syscallRule
	for _, r := range rules {
		left += len(r.Names)
		r.Names = slices.DeleteFunc(r.Names, func(name string) bool { return slices.Contains(calls, name) })
		left -= len(r.Names)
		if len(r.Names) > 0 {
			some = append(some, r)
		}
	}
	if left != len(calls) {
		t.Fatalf("of %v the profile has %d", calls, left)
	}
	whole["syscalls"] = some
	b, err := json.Marshal(whole)
	if err == nil {
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// answers proves that the endpoints work.
func (s *server) answers() {
	s.t.Helper()
	s.fresh()
	client := &http.Client{Timeout: patience}
	resp, err := client.Post(s.url+"/echo", "text/plain", strings.NewReader("some text"))
	if err != nil {
		s.t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || string(b) != "some text" {
		s.t.Errorf("echo: %q %v", b, err)
	}
	const size = 5_000_000
	if resp, err = client.Get(s.url + "/bytes?n=5000000"); err != nil {
		s.t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if err != nil || n != size {
		s.t.Errorf("%d of %d bytes: %v", n, size, err)
	}
}
