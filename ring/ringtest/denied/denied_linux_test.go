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

// TestMain is the child, too: it says what io_uring_setup answers.
func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		fmt.Printf("errno %d\n", setup())
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// setup asks for a ring of no entries: EINVAL where it is allowed.
func setup() syscall.Errno {
	_, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 0, 0, 0)
	return errno
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
