package uring

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/ringtest/denied"
)

// childEnv makes this test binary a child that says what New answers, after
// it has limited itself: "" as it is, or a memory-lock limit in bytes, as an
// unprivileged user.
const childEnv = "URINGSERVE_URING_CHILD"

const childSays = "child says: "

func TestMain(m *testing.M) {
	if limit, ok := os.LookupEnv(childEnv); ok {
		child(limit)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func child(limit string) {
	if limit != "" {
		n, err := strconv.ParseUint(limit, 10, 64)
		if err == nil {
			err = unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: n, Max: n})
		}
		if err == nil {
			err = syscall.Setgid(nobody)
		}
		if err == nil {
			err = syscall.Setuid(nobody)
		}
		if err != nil {
			fmt.Println(childSays, "cannot limit itself:", err)
			return
		}
	}
	e, err := New(Options{Loops: 1})
	var u *ring.UnavailableError
	switch {
	case err == nil:
		e.Close(time.Second)
		fmt.Println(childSays, "works")
	case errors.As(err, &u) && errors.Is(err, errors.ErrUnsupported):
		fmt.Println(childSays, u.Engine, "|", u.Reason, "|", u.Remedy)
	default:
		fmt.Printf("%s %T %v\n", childSays, err, err)
	}
}

const nobody = 65534

// runChild returns what the child said.
func runChild(t *testing.T, limit string, run func(*exec.Cmd) ([]byte, error)) string {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), childEnv+"="+limit)
	out, err := run(cmd)
	_, said, found := strings.Cut(string(out), childSays)
	if err != nil || !found {
		t.Fatalf("child: %v, output %q", err, out)
	}
	return strings.TrimSpace(said)
}

func wantSaid(t *testing.T, said string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(said, w) {
			t.Errorf("the child said %q, without %q", said, w)
		}
	}
}

func TestUnavailableUnderSeccomp(t *testing.T) {
	deny := func(errno syscall.Errno) func(*exec.Cmd) ([]byte, error) {
		return func(cmd *exec.Cmd) ([]byte, error) { return denied.CombinedOutput(cmd, errno) }
	}
	said := runChild(t, "", deny(syscall.EPERM))
	wantSaid(t, said, "uring | a seccomp filter denies io_uring (EPERM)", "| use a seccomp profile that allows io_uring_setup")
	said = runChild(t, "", deny(syscall.ENOSYS))
	wantSaid(t, said, "uring | the kernel has no io_uring (ENOSYS)", "seccomp filter")
	said = runChild(t, "", deny(syscall.EACCES))
	wantSaid(t, said, "uring | a security module (SELinux, AppArmor) denies")
	if said = runChild(t, "", (*exec.Cmd).CombinedOutput); said != "works" {
		t.Errorf("without a filter the child said %q", said)
	}
}

// Ring memory is charged to the user on this kernel (6.14 and newer): with no
// limit to speak of nothing goes, with a little the rings are smaller.
func TestMemoryLockLimit(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become another user, whose limit counts")
	}
	run := (*exec.Cmd).CombinedOutput
	said := runChild(t, "0", run)
	wantSaid(t, said, "uring | not enough lockable memory", "the limit is 0 KiB", "| raise RLIMIT_MEMLOCK")
	if said := runChild(t, strconv.Itoa(64<<10), run); said != "works" {
		t.Errorf("with 64 KiB the child said %q", said)
	}
}
