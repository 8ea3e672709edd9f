package denied

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const childEnv = "URINGSERVE_DENIED_CHILD"

// TestMain is the child, too: it says what the calls answer.
func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		fmt.Printf("errno %d\nregister %d\npwait2 %d\n", setup(), register(), pwait2())
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// setup asks for a ring of no entries: EINVAL where it is allowed.
func setup() syscall.Errno {
	_, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 0, 0, 0)
	return errno
}

// register asks for nothing of no ring: EBADF or EINVAL where it is allowed.
func register() syscall.Errno {
	_, _, errno := unix.Syscall(unix.SYS_IO_URING_REGISTER, ^uintptr(0), 0, 0)
	return errno
}

// pwait2 waits on no epoll: EINVAL or EBADF where it is allowed.
func pwait2() syscall.Errno {
	_, _, errno := unix.Syscall6(EpollPwait2, ^uintptr(0), 0, 0, 0, 0, 0)
	return errno
}

func TestOnlyTheNamedCallsAreDenied(t *testing.T) {
	for _, c := range []struct {
		calls                   []uintptr
		setup, register, pwait2 bool // denied
	}{
		{nil, true, true, false},
		{IOUring(), true, true, false},
		{[]uintptr{EpollPwait2}, false, false, true},
		{[]uintptr{unix.SYS_IO_URING_REGISTER}, false, true, false},
		{append(IOUring(), EpollPwait2), true, true, true},
		{many(maxCalls-1, EpollPwait2), false, false, true},
	} {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), childEnv+"=1")
		// An errno that no kernel gives for these calls.
		out, err := CombinedOutput(cmd, syscall.EXDEV, c.calls...)
		if err != nil {
			t.Fatalf("%v: %v", c.calls, err)
		}
		for name, want := range map[string]bool{"errno": c.setup, "register": c.register, "pwait2": c.pwait2} {
			if got := strings.Contains(string(out), fmt.Sprintf("%s %d\n", name, syscall.EXDEV)); got != want {
				t.Errorf("%v: %s denied: %v; child said %q", c.calls, name, got, out)
			}
		}
	}
	if err := Install(syscall.EPERM, many(maxCalls, EpollPwait2)...); err == nil {
		t.Error("more calls than a filter can hold were taken")
	}
}

// many are n numbers that no system call has, and then call.
func many(n int, call uintptr) []uintptr {
	var calls []uintptr
	for i := range n {
		calls = append(calls, uintptr(100_000+i))
	}
	return append(calls, call)
}

func TestChildIsDeniedAndParentIsNot(t *testing.T) {
	before := setup()
	for _, errno := range []syscall.Errno{syscall.EPERM, syscall.ENOSYS} {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), childEnv+"=1")
		out, err := CombinedOutput(cmd, errno)
		if err != nil || !strings.Contains(string(out), fmt.Sprintf("errno %d\n", errno)) {
			t.Errorf("%v: child said %q, %v", errno, out, err)
		}
	}
	// New threads, too.
	for range 4 {
		done := make(chan syscall.Errno)
		go func() {
			runtime.LockOSThread()
			done <- setup()
		}()
		if errno := <-done; errno != before {
			t.Errorf("the parent is denied: %v, before %v", errno, before)
		}
	}
}
