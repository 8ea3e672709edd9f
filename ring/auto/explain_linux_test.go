package auto

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/uringserve/uringserve/ring"
)

// open are the answers of a kernel that lets all calls in.
func open() facts {
	return facts{setup: unix.EFAULT, enter: unix.EBADF, register: unix.EINVAL, disabled: "0", release: "6.1.0"}
}

func with(change func(*facts)) facts {
	f := open()
	change(&f)
	return f
}

func all(errno unix.Errno) func(*facts) {
	return func(f *facts) { f.setup, f.enter, f.register = errno, errno, errno }
}

// Who is to blame is found out from what the calls answer, not from what is
// usual.
func TestExplained(t *testing.T) {
	denied := fmt.Errorf("io_uring_setup: %w", unix.EPERM)
	for _, c := range []struct {
		name  string
		facts facts
		err   error // of the probe
		// Words of reason and remedy; after a dash, words that must not be there.
		reason, remedy string
	}{
		{"the default profile", with(func(f *facts) { all(unix.EPERM)(f); f.filtered = true }), denied,
			"seccomp filter, io_uring_setup, io_uring_enter and io_uring_register (EPERM), default profiles, -sysctl", "seccomp profile, uringserve.json, -sysctl"},
		{"a filter of io_uring_register alone", with(func(f *facts) { f.register, f.filtered = unix.EPERM, true }), nil,
			"seccomp filter, denies io_uring_register (EPERM), -io_uring_setup, -default profiles", "uringserve.json, -Linux 6.0"},
		{"a filter of io_uring_enter alone", with(func(f *facts) { f.enter, f.filtered = unix.ENOSYS, true }), nil,
			"denies io_uring_enter (ENOSYS)", "uringserve.json, -Linux 6.0"},
		{"a filter of io_uring_setup alone", with(func(f *facts) { f.setup, f.filtered = unix.EPERM, true }), denied,
			"seccomp filter, denies io_uring_setup (EPERM)", "uringserve.json"},
		{"a filter that says ENOSYS, and the sysctl of a kernel with io_uring", with(func(f *facts) { all(unix.ENOSYS)(f); f.filtered = true }), unix.ENOSYS,
			"seccomp filter denies, (ENOSYS)", "uringserve.json, -Linux 6.0"},
		{"ENOSYS beside a filter, no sysctl", with(func(f *facts) { all(unix.ENOSYS)(f); f.filtered, f.disabled = true, "" }), unix.ENOSYS,
			"(ENOSYS), Linux 6.1.0 has none, or the seccomp filter", "Linux 6.0 or newer, uringserve.json"},
		{"a kernel without io_uring", with(func(f *facts) { all(unix.ENOSYS)(f); f.disabled = "" }), unix.ENOSYS,
			"this kernel, (ENOSYS), -filter", "Linux 6.0 or newer, CONFIG_IO_URING, -seccomp"},
		{"switched off", with(func(f *facts) { f.setup, f.disabled = unix.EPERM, "2" }), denied,
			"kernel.io_uring_disabled=2, -filter", "sysctl kernel.io_uring_disabled=0, -seccomp"},
		{"switched off, and a filter of other calls", with(func(f *facts) { f.setup, f.disabled, f.filtered = unix.EPERM, "2", true }), denied,
			"kernel.io_uring_disabled=2, -filter", "sysctl kernel.io_uring_disabled=0, -seccomp"},
		{"switched off, and filtered", with(func(f *facts) { all(unix.EPERM)(f); f.disabled, f.filtered = "2", true }), denied,
			"kernel.io_uring_disabled=2, seccomp filter denies io_uring_enter and io_uring_register", "sysctl kernel.io_uring_disabled=0, uringserve.json"},
		{"for the privileged", with(func(f *facts) { f.setup, f.disabled = unix.EPERM, "1" }), denied,
			"privileged, kernel.io_uring_disabled=1", "kernel.io_uring_disabled=0, kernel.io_uring_group"},
		{"for the privileged, who are filtered", with(func(f *facts) { all(unix.EPERM)(f); f.disabled, f.exempt, f.filtered = "1", true, true }), denied,
			"seccomp filter denies io_uring_setup, -sysctl", "uringserve.json, -sysctl"},
		{"a security module", with(func(f *facts) { f.setup, f.filtered = unix.EACCES, true }), unix.EACCES,
			"as it was", "as before"},
		{"a filter that says EACCES", with(func(f *facts) { all(unix.EACCES)(f); f.filtered = true }), unix.EACCES,
			"seccomp filter denies, (EACCES)", "uringserve.json"},
		{"nobody that can be named", with(func(f *facts) { f.setup = unix.EPERM }), denied,
			"as it was", "as before"},
		{"a sandbox that hides its filter", with(all(unix.EPERM)), denied,
			"a sandbox, io_uring_enter and io_uring_register, -seccomp", "uringserve.json"},
		{"no lockable memory", with(func(f *facts) { f.place = inDocker }), fmt.Errorf("io_uring_setup: %w", unix.ENOMEM),
			"as it was", "--ulimit memlock=8388608"},
		{"an old kernel", with(func(f *facts) { f.release = "5.15.0-1" }), nil,
			"as it was", "Linux 6.0 or newer, 5.15.0-1"},
		{"a kernel whose io_uring_setup does not know a flag", with(func(f *facts) { f.release = "5.4.0" }), unix.EINVAL,
			"as it was", "Linux 6.0 or newer, 5.4.0"},
		{"a new kernel that lacks something", with(func(f *facts) {}), nil,
			"as it was", "restricts, 6.1.0, -newer"},
		{"no descriptors", with(func(f *facts) {}), unix.EMFILE, "as it was", "as before"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := ring.UnavailableError{Engine: Uring, Reason: "as it was", Remedy: "as before", Err: c.err}
			given := before
			got := explained(&given, c.facts)
			contains(t, "reason", got.Reason, c.reason)
			contains(t, "remedy", got.Remedy, c.remedy)
			if got.Engine != Uring || got.Err != c.err || given != before {
				t.Errorf("%+v, the original is %+v", got, given)
			}
			if s := got.Error(); strings.Contains(s, "\n") || len(s) > 500 {
				t.Errorf("not a line: %q", s)
			}
		})
	}
}

// contains checks for words, and for the absence of those after a dash.
func contains(t *testing.T, what, s, words string) {
	t.Helper()
	for w := range strings.SplitSeq(words, ", ") {
		if absent, ok := strings.CutPrefix(w, "-"); ok && !strings.HasPrefix(absent, "-") {
			if strings.Contains(s, absent) {
				t.Errorf("%s has %q: %s", what, absent, s)
			}
		} else if !strings.Contains(s, w) { // every string has the empty one
			t.Errorf("%s lacks %q: %s", what, w, s)
		}
	}
}

func TestExplainLeavesOtherErrors(t *testing.T) {
	odd := errors.New("odd")
	if err := explain(odd); err != odd {
		t.Errorf("%v", err)
	}
}

// This kernel lets the calls in unless the probe says otherwise; asking leaves
// nothing open.
func TestGather(t *testing.T) {
	before := openFiles(t)
	f := gather()
	if after := openFiles(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	if f.release == "" || f.setup == 0 || f.enter == 0 || f.register == 0 {
		t.Errorf("%+v", f)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(fds)
}

func TestFindPlace(t *testing.T) {
	self := strconv.Itoa(os.Getpid())
	for _, c := range []struct {
		env, file string
		want      place
	}{
		{"", "", onHost},
		{"KUBERNETES_SERVICE_HOST=10.0.0.1", "", inPod},
		{"KUBERNETES_SERVICE_HOST=10.0.0.1", "/.dockerenv", inPod},
		{"", "/var/run/secrets/kubernetes.io/serviceaccount", inPod},
		{"", "/.dockerenv", inDocker},
		{"container=lxc", "", inOther},
		{"", "/run/.containerenv", inOther},
		{"SYSTEMD_EXEC_PID=" + self, "", inService},
		{"SYSTEMD_EXEC_PID=1" + self, "", onHost}, // a child of a service's
	} {
		key, value, _ := strings.Cut(c.env, "=")
		got := findPlace(func(name string) string {
			if name == key {
				return value
			}
			return ""
		}, func(path string) bool { return path == c.file })
		if got != c.want {
			t.Errorf("%s %s: %v, not %v", c.env, c.file, got, c.want)
		}
	}
}

// Every place has its own words, and the pod's are those of a pod spec.
func TestPlaceWords(t *testing.T) {
	for p := onHost; p <= inService; p++ {
		if p.String() == "" || p.profile() == "" || p.memlock() == "" || p.machine() == "" {
			t.Errorf("place %d has no words", p)
		}
	}
	contains(t, "profile in a pod", inPod.profile(), "securityContext.seccompProfile, type: Localhost, localhostProfile: uringserve.json, /var/lib/kubelet/seccomp")
	contains(t, "profile in Docker", inDocker.profile(), "--security-opt seccomp=deploy/seccomp/uringserve.json")
	if _, err := os.Stat("../../" + profilePath); err != nil {
		t.Errorf("the remedies name a file that is not there: %v", err)
	}
}

func TestStatusFile(t *testing.T) {
	status := []byte("Name:\tx\nCapEff:\t0000000000200000\nSeccomp:\t2\nSeccomp_filters:\t1\n")
	if v := statusField(status, "Seccomp"); v != "2" {
		t.Errorf("Seccomp: %q", v)
	}
	if v := statusField(status, "NoNewPrivs"); v != "" {
		t.Errorf("a field that is not there: %q", v)
	}
	if !hasAdmin(status) || hasAdmin([]byte("CapEff:\t00000000ffdfffff\n")) || hasAdmin(nil) {
		t.Error("CAP_SYS_ADMIN is bit 21")
	}
	if !inGroup(strconv.Itoa(os.Getegid())) || inGroup("-1") || inGroup("") || inGroup("4294967294") {
		t.Error("groups")
	}
}
