package auto

import (
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// facts are what bears on who may use io_uring here, found out by asking.
type facts struct {
	// What the three calls answer to arguments with which they can't do
	// anything. A kernel that lets them in complains of the arguments.
	setup, enter, register unix.Errno

	filtered bool   // this thread has a seccomp filter
	disabled string // sysctl kernel.io_uring_disabled; empty: there is none
	exempt   bool   // kernel.io_uring_disabled=1 does not mean this process
	release  string // of the kernel
	place    place
}

// gather finds the facts. Nothing is left behind, whatever the calls do.
func gather() facts {
	runtime.LockOSThread() // a filter may be on one thread alone
	defer runtime.UnlockOSThread()
	const nothing = ^uintptr(0)
	f := facts{release: release(), place: findPlace(os.Getenv, exists)}
	// No entries, and no memory for the answer: EFAULT or EINVAL.
	_, _, f.setup = unix.Syscall(unix.SYS_IO_URING_SETUP, 0, 0, 0)
	// No descriptor: EBADF or EINVAL.
	_, _, f.enter = unix.Syscall6(unix.SYS_IO_URING_ENTER, nothing, 0, 0, 0, 0, 0)
	_, _, f.register = unix.Syscall6(unix.SYS_IO_URING_REGISTER, nothing, 0, 0, 0, 0, 0)

	status, _ := os.ReadFile("/proc/thread-self/status")
	f.filtered = statusField(status, "Seccomp") == "2"
	f.disabled = readWord("/proc/sys/kernel/io_uring_disabled")
	f.exempt = hasAdmin(status) || inGroup(readWord("/proc/sys/kernel/io_uring_group"))
	return f
}

// refusedCalls are the calls that were not let in. EINVAL, EBADF and EFAULT
// come from inside; ENOMEM and the like too.
func (f facts) refusedCalls() (names []string) {
	for _, c := range [...]struct {
		name  string
		errno unix.Errno
	}{{"io_uring_setup", f.setup}, {"io_uring_enter", f.enter}, {"io_uring_register", f.register}} {
		switch c.errno {
		case unix.EPERM, unix.EACCES, unix.ENOSYS:
			names = append(names, c.name)
		}
	}
	return names
}

// filteredCalls are the refused calls that only a filter can have refused: the
// kernel asks for permission in io_uring_setup alone, and has all three calls
// or none.
func (f facts) filteredCalls() []string {
	names := f.refusedCalls()
	switch {
	case len(names) == 0 || f.lacksAll():
		return nil
	case f.setup != unix.ENOSYS && (f.deniedBySysctl() || !f.filtered):
		return slices.DeleteFunc(names, func(s string) bool { return s == "io_uring_setup" })
	case f.setup == unix.EACCES && f.enter != unix.EACCES:
		// A security module's answer. A filter would give it to all.
		return slices.DeleteFunc(names, func(s string) bool { return s == "io_uring_setup" })
	}
	return names
}

// lacksAll reports whether the kernel has no io_uring, as far as can be told:
// the sysctl is a part of it, so where that is, ENOSYS is somebody else's.
func (f facts) lacksAll() bool {
	return f.setup == unix.ENOSYS && f.enter == unix.ENOSYS && f.register == unix.ENOSYS && f.disabled == ""
}

// deniedBySysctl reports whether the kernel denies this process a ring for the
// sysctl's sake, whatever a filter says.
func (f facts) deniedBySysctl() bool {
	return f.setup == unix.EPERM && (f.disabled == "2" || f.disabled == "1" && !f.exempt)
}

// release is the kernel's, such as 6.1.0-18-amd64.
func release() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "of unknown release"
	}
	return unix.ByteSliceToString(u.Release[:])
}

// statusField is a field of a status file in /proc; empty if it has none.
func statusField(status []byte, name string) string {
	for line := range strings.Lines(string(status)) {
		if key, value, ok := strings.Cut(line, ":"); ok && key == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// hasAdmin reports whether CAP_SYS_ADMIN is in effect.
func hasAdmin(status []byte) bool {
	caps, err := strconv.ParseUint(statusField(status, "CapEff"), 16, 64)
	return err == nil && caps>>unix.CAP_SYS_ADMIN&1 == 1
}

// inGroup reports whether this process is in the group of that number.
func inGroup(group string) bool {
	gid, err := strconv.Atoi(group)
	if err != nil || gid < 0 {
		return false
	}
	groups, _ := os.Getgroups()
	return gid == os.Getegid() || slices.Contains(groups, gid)
}

// readWord is a file's content without spaces around it; empty if there is no
// such file.
func readWord(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
