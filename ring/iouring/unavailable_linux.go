package iouring

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/uringserve/uringserve/ring"
)

// engineName is how --engine spells the engine that is unavailable.
const engineName = "uring"

// unavailable turns a failed set-up into what a person can act on.
func unavailable(err error) *ring.UnavailableError {
	var done *ring.UnavailableError
	if errors.As(err, &done) {
		return done
	}
	u := &ring.UnavailableError{Engine: engineName, Reason: err.Error(), Err: err}
	switch {
	case errors.Is(err, unix.EPERM):
		explainEPERM(u, readSystem())
	case errors.Is(err, unix.ENOSYS):
		u.Reason = "the kernel has no io_uring (ENOSYS)"
		u.Remedy = "run on Linux 6.0 or newer, with CONFIG_IO_URING, outside sandboxes like gVisor"
		if readSystem().filtered {
			u.Remedy += "; this process has a seccomp filter, which may have given this answer: allow io_uring_setup, io_uring_enter and io_uring_register in it"
		}
	case errors.Is(err, unix.EACCES):
		u.Reason = "a security module (SELinux, AppArmor) denies io_uring (EACCES)"
		u.Remedy = "allow io_uring for this process in its policy"
	case errors.Is(err, unix.ENOMEM):
		explainENOMEM(u)
	case errors.Is(err, unix.EINVAL):
		u.Reason = "the kernel's io_uring is too old: " + err.Error()
		u.Remedy = "run on Linux 6.0 or newer"
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		u.Reason = "no file descriptor left: " + err.Error()
		u.Remedy = "raise the limit of open files (ulimit -n)"
	}
	return u
}

// system is what the system says about who may use io_uring.
type system struct {
	disabled string // kernel.io_uring_disabled; empty: no such sysctl
	filtered bool   // a seccomp filter is installed
}

func readSystem() system {
	var s system
	if b, err := os.ReadFile("/proc/sys/kernel/io_uring_disabled"); err == nil {
		s.disabled = strings.TrimSpace(string(b))
	}
	// Of this thread: a filter may be on one thread alone.
	if b, err := os.ReadFile("/proc/thread-self/status"); err == nil {
		s.filtered = seccompMode(b) == 2
	}
	return s
}

// seccompMode finds the mode in a /proc status file: 0 none, 1 strict, 2
// filter; -1 if it does not say.
func seccompMode(status []byte) int {
	for line := range bytes.Lines(status) {
		if v, ok := bytes.CutPrefix(line, []byte("Seccomp:")); ok {
			if n, err := strconv.Atoi(string(bytes.TrimSpace(v))); err == nil {
				return n
			}
		}
	}
	return -1
}

func explainEPERM(u *ring.UnavailableError, s system) {
	switch {
	case s.disabled == "2":
		u.Reason = "io_uring is switched off on this host (sysctl kernel.io_uring_disabled=2)"
		u.Remedy = "set kernel.io_uring_disabled to 0"
	case s.disabled == "1" && !s.filtered:
		u.Reason = "io_uring is reserved for privileged processes on this host (sysctl kernel.io_uring_disabled=1)"
		u.Remedy = "set kernel.io_uring_disabled to 0, or kernel.io_uring_group to a group of this process"
	case s.filtered:
		u.Reason = "a seccomp filter denies io_uring (EPERM), as the default profiles of Docker, containerd and Kubernetes do"
		u.Remedy = "use a seccomp profile that allows io_uring_setup, io_uring_enter and io_uring_register"
		if s.disabled == "1" {
			u.Remedy += ", and set kernel.io_uring_disabled to 0 (it is 1)"
		}
	default:
		u.Reason = "the system denies io_uring (EPERM), not by seccomp and not by kernel.io_uring_disabled"
		u.Remedy = "look for a security module's policy"
	}
}

func explainENOMEM(u *ring.UnavailableError) {
	u.Reason = "not enough lockable memory for a ring, even a small one (ENOMEM)"
	if limit, ok := MemlockLimit(); ok {
		u.Reason += fmt.Sprintf("; the limit is %d KiB for all processes of this user", limit>>10)
	}
	u.Remedy = "raise RLIMIT_MEMLOCK (ulimit -l, LimitMEMLOCK=) to 8 MiB or give the process CAP_IPC_LOCK"
}

// MemlockLimit is the soft RLIMIT_MEMLOCK in bytes, to which ring memory is
// charged on new kernels. ok is false where there is no limit.
func MemlockLimit() (limit uint64, ok bool) {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &l); err != nil || l.Cur == unix.RLIM_INFINITY {
		return 0, false
	}
	return l.Cur, true
}
