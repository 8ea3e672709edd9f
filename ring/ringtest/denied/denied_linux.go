package denied

import (
	"bytes"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// EpollPwait2 is the call that filters older than it (Linux 5.11) do not know,
// and so deny.
const EpollPwait2 = unix.SYS_EPOLL_PWAIT2

// IOUring are the calls of io_uring.
func IOUring() []uintptr {
	return []uintptr{unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER}
}

// Start starts cmd like cmd.Start, so that in it, and in its children, the
// system calls of these numbers (none given: those of io_uring) fail with
// errno: EPERM as by the default profiles of container runtimes, ENOSYS as on
// kernels that lack the call. The caller is not affected. Needs no privilege.
// cmd.SysProcAttr must not set Pdeathsig: the thread that starts the child ends
// at once.
func Start(cmd *exec.Cmd, errno syscall.Errno, calls ...uintptr) error {
	result := make(chan error)
	go func() {
		// A child inherits the filter of the thread that starts it. A filter
		// cannot be taken off again, so the thread ends with this goroutine:
		// it stays locked to it.
		runtime.LockOSThread()
		if err := Install(errno, calls...); err != nil {
			result <- err
			return
		}
		result <- cmd.Start()
	}()
	return <-result
}

// CombinedOutput is cmd.CombinedOutput for a cmd started by Start.
func CombinedOutput(cmd *exec.Cmd, errno syscall.Errno, calls ...uintptr) ([]byte, error) {
	// One writer for both, at which os/exec writes one at a time.
	var b bytes.Buffer
	cmd.Stdout, cmd.Stderr = &b, &b
	if err := Start(cmd, errno, calls...); err != nil {
		return nil, err
	}
	err := cmd.Wait()
	return b.Bytes(), err
}

// Install denies calls (none given: those of io_uring) to the calling thread,
// for good, and to threads and processes that it starts. The caller has locked
// the thread and never unlocks it. At most 200 calls.
func Install(errno syscall.Errno, calls ...uintptr) error {
	if len(calls) > maxCalls {
		return fmt.Errorf("denied: %d calls; at most %d", len(calls), maxCalls)
	}
	filter := program(errno, calls)
	fprog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("denied: no_new_privs: %w", err)
	}
	// SAFETY: fprog and what it points to are alive during the call.
	_, _, e := unix.Syscall(unix.SYS_PRCTL, unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&fprog)))
	runtime.KeepAlive(filter)
	if e != 0 {
		return fmt.Errorf("denied: seccomp: %w", e)
	}
	return nil
}

// maxCalls bounds how many calls one filter denies: a jump of the filter's
// language skips at most 255 instructions.
const maxCalls = 200

// program is the filter: the calls answer errno, all else is allowed.
func program(errno syscall.Errno, calls []uintptr) []unix.SockFilter {
	const (
		load   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		jumpIf = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		answer = unix.BPF_RET | unix.BPF_K

		offsetOfNumber = 0 // in struct seccomp_data
	)
	if len(calls) == 0 {
		calls = IOUring()
	}
	p := []unix.SockFilter{{Code: load, K: offsetOfNumber}}
	for i, call := range calls {
		// To the last instruction: over the comparisons that are left, and one.
		p = append(p, unix.SockFilter{Code: jumpIf, K: uint32(call), Jt: uint8(len(calls) - i)})
	}
	return append(p,
		unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ERRNO | uint32(errno)&unix.SECCOMP_RET_DATA})
}
