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

// Start starts cmd like cmd.Start, so that in it, and in its children, every
// system call of io_uring fails with errno: EPERM as by the default profiles
// of container runtimes, ENOSYS as on kernels without io_uring. The caller is
// not affected. Needs no privilege. cmd.SysProcAttr must not set Pdeathsig: the
// thread that starts the child ends at once.
func Start(cmd *exec.Cmd, errno syscall.Errno) error {
	result := make(chan error)
	go func() {
		// A child inherits the filter of the thread that starts it. A filter
		// cannot be taken off again, so the thread ends with this goroutine:
		// it stays locked to it.
		runtime.LockOSThread()
		if err := Install(errno); err != nil {
			result <- err
			return
		}
		result <- cmd.Start()
	}()
	return <-result
}

// CombinedOutput is cmd.CombinedOutput for a cmd started by Start.
func CombinedOutput(cmd *exec.Cmd, errno syscall.Errno) ([]byte, error) {
	// One writer for both, at which os/exec writes one at a time.
	var b bytes.Buffer
	cmd.Stdout, cmd.Stderr = &b, &b
	if err := Start(cmd, errno); err != nil {
		return nil, err
	}
	err := cmd.Wait()
	return b.Bytes(), err
}

// Install denies io_uring to the calling thread, for good, and to threads and
// processes that it starts. The caller has locked the thread and never unlocks
// it.
func Install(errno syscall.Errno) error {
	filter := program(errno)
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

// program is the filter: the three calls, whose numbers are the same on every
// architecture, answer errno, all else is allowed.
func program(errno syscall.Errno) []unix.SockFilter {
	const (
		load   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		jumpIf = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		answer = unix.BPF_RET | unix.BPF_K

		offsetOfNumber = 0 // in struct seccomp_data
	)
	return []unix.SockFilter{
		{Code: load, K: offsetOfNumber},
		{Code: jumpIf, K: unix.SYS_IO_URING_SETUP, Jt: 3},
		{Code: jumpIf, K: unix.SYS_IO_URING_ENTER, Jt: 2},
		{Code: jumpIf, K: unix.SYS_IO_URING_REGISTER, Jt: 1},
		{Code: answer, K: unix.SECCOMP_RET_ALLOW},
		{Code: answer, K: unix.SECCOMP_RET_ERRNO | uint32(errno)&unix.SECCOMP_RET_DATA},
	}
}
