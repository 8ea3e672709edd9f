package auto

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/uringserve/uringserve/ring"
)

// explain says of the uring engine's error who is to blame, and what to change
// where this process runs. Errors of other types come back as they are.
func explain(err error) error {
	var u *ring.UnavailableError
	if !errors.As(err, &u) {
		return err
	}
	return explained(u, gather())
}

// explained is u with the reason and the remedy that the facts give. u is not
// changed.
//
//	the sysctl denies it                   → sysctl; and the filter, if it does so too
//	a call that only a filter refuses      → the filter
//	no call is there                       → the kernel; or the filter, if there is one
//	no lockable memory                     → the limit, as it is set in this place
//	a behaviour is missing, no call denied → the kernel
//	else                                   → as it was
func explained(u *ring.UnavailableError, f facts) *ring.UnavailableError {
	e := *u
	calls := f.filteredCalls()
	switch {
	case f.deniedBySysctl():
		e.Reason, e.Remedy = f.sysctl()
		if len(calls) > 0 {
			e.Reason += ", and " + f.byFilter(calls)
			e.Remedy += ", and " + f.place.profile()
		}
	case len(calls) > 0:
		e.Reason, e.Remedy = f.byFilter(calls), f.place.profile()
	case f.lacksAll():
		e.Reason, e.Remedy = f.lacking()
	case errors.Is(u, unix.ENOMEM):
		e.Remedy = f.place.memlock()
	case len(f.refusedCalls()) == 0 && (u.Err == nil || errors.Is(u, unix.EINVAL)):
		e.Remedy = f.missing()
	}
	return &e
}

// byFilter names what the filter denies, and how.
func (f facts) byFilter(calls []string) string {
	errno := map[string]unix.Errno{"io_uring_setup": f.setup, "io_uring_enter": f.enter, "io_uring_register": f.register}[calls[0]]
	who := "a seccomp filter"
	if !f.filtered {
		who = "a sandbox around this process"
	}
	s := fmt.Sprintf("%s denies %s (%s)", who, enumerate(calls), unix.ErrnoName(errno))
	if len(calls) == 3 && errno == unix.EPERM {
		s += ", as the default profiles of Docker, containerd and Kubernetes do"
	}
	return s
}

func (f facts) sysctl() (reason, remedy string) {
	remedy = "set the sysctl kernel.io_uring_disabled=0 on the " + f.place.machine()
	if f.disabled == "2" {
		return "io_uring is switched off on this " + f.place.machine() + " (sysctl kernel.io_uring_disabled=2)", remedy
	}
	return "io_uring is for privileged processes alone on this " + f.place.machine() + " (sysctl kernel.io_uring_disabled=1)",
		remedy + ", or kernel.io_uring_group to a group of this process"
}

func (f facts) lacking() (reason, remedy string) {
	const kernel = "run on Linux 6.0 or newer, with CONFIG_IO_URING, outside sandboxes like gVisor"
	if !f.filtered {
		return "this kernel, Linux " + f.release + ", has no io_uring (ENOSYS)", kernel
	}
	return "io_uring is not there (ENOSYS): Linux " + f.release + " has none, or the seccomp filter of this process says so",
		kernel + "; or " + f.place.profile()
}

// missing is the remedy where io_uring is let in, but lacks something.
func (f facts) missing() string {
	if newKernel(f.release) {
		return "look for what restricts io_uring here: Linux " + f.release + " should do it"
	}
	return "run on Linux 6.0 or newer: this is " + f.release
}

// newKernel reports whether a release is 6.0 or later, which has all that the
// engine needs. It only words a remedy; nothing is decided by it.
func newKernel(release string) bool {
	major, _, _ := strings.Cut(release, ".")
	n, err := strconv.Atoi(major)
	return err == nil && n >= 6
}

// enumerate is "a", "a and b", "a, b and c".
func enumerate(words []string) string {
	last := len(words) - 1
	if last <= 0 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
