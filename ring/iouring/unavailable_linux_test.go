package iouring

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/uringserve/uringserve/ring"
)

func TestWhyNotPermitted(t *testing.T) {
	for _, tt := range []struct {
		system         system
		reason, remedy string
	}{
		{system{"0", true}, "a seccomp filter", "seccomp profile"},
		{system{"", true}, "a seccomp filter", "seccomp profile"},
		{system{"1", true}, "a seccomp filter", "io_uring_disabled to 0"},
		{system{"1", false}, "privileged processes", "io_uring_group"},
		{system{"2", false}, "switched off on this host", "io_uring_disabled"},
		{system{"2", true}, "switched off on this host", "io_uring_disabled"},
		{system{"0", false}, "not by seccomp", "security module"},
	} {
		var u ring.UnavailableError
		explainEPERM(&u, tt.system)
		if !strings.Contains(u.Reason, tt.reason) || !strings.Contains(u.Remedy, tt.remedy) {
			t.Errorf("%+v: %q; %q", tt.system, u.Reason, u.Remedy)
		}
	}
}

// Every error of a set-up is told apart, and keeps the system's error.
func TestUnavailable(t *testing.T) {
	reasons := map[string]unix.Errno{}
	for _, errno := range []unix.Errno{unix.EPERM, unix.ENOSYS, unix.EACCES, unix.ENOMEM, unix.EINVAL, unix.EMFILE} {
		u := unavailable(fmt.Errorf("io_uring_setup: %w", errno))
		if !errors.Is(u, errno) || !errors.Is(u, errors.ErrUnsupported) || u.Engine != engineName || u.Remedy == "" {
			t.Errorf("%v: %+v", errno, u)
		}
		if other, ok := reasons[u.Reason]; ok {
			t.Errorf("%v and %v have one reason: %q", errno, other, u.Reason)
		}
		reasons[u.Reason] = errno
		if again := unavailable(fmt.Errorf("registering: %w", u)); again != u {
			t.Errorf("%v is explained twice", errno)
		}
	}
	if u := unavailable(unix.EIO); !errors.Is(u, unix.EIO) || u.Reason == "" {
		t.Errorf("%+v", u)
	}
}
