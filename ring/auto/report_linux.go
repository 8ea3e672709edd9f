package auto

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/uringserve/uringserve/ring/iouring"
)

// kernel names the running system.
func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "Linux"
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " +
		unix.ByteSliceToString(u.Release[:]) + " " + unix.ByteSliceToString(u.Machine[:])
}

// limits are what the system sets for this process.
func limits() []Limit {
	return []Limit{
		{Name: "runs_in", Value: findPlace(os.Getenv, exists).String()},
		memlock(), files(), seccomp(), disabled(), backlog(),
	}
}

func memlock() Limit {
	l := Limit{Name: "memlock", Value: "unlimited"}
	if n, ok := iouring.MemlockLimit(); ok {
		l.Value = fmt.Sprintf("%d KiB", n>>10)
		if n < 8<<20 {
			l.Advice = "rings may have to be small: ulimit -l 8192, or LimitMEMLOCK=8M"
		}
	}
	return l
}

func files() Limit {
	l := Limit{Name: "nofile", Value: "unknown"}
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err == nil {
		l.Value = fmt.Sprint(r.Cur)
		if r.Cur < 4096 {
			l.Advice = "each connection takes one: ulimit -n 65536, or LimitNOFILE=65536"
		}
	}
	return l
}

// seccomp is the filter mode of this process.
func seccomp() Limit {
	l := Limit{Name: "seccomp", Value: "unknown"}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return l
	}
	switch value := statusField(status, "Seccomp"); value {
	case "":
	case "0":
		l.Value = "off"
	case "1":
		l.Value = "strict"
	case "2":
		l.Value = "filter"
	default:
		l.Value = value
	}
	return l
}

// disabled is the sysctl that switches io_uring off.
func disabled() Limit {
	l := Limit{Name: "io_uring_disabled", Value: "absent"}
	b, err := os.ReadFile("/proc/sys/kernel/io_uring_disabled")
	if err != nil {
		return l
	}
	switch l.Value = strings.TrimSpace(string(b)); l.Value {
	case "1":
		l.Advice = "only privileged processes, or those of the group in kernel.io_uring_group, may use io_uring: sysctl kernel.io_uring_disabled=0"
	case "2":
		l.Advice = "nobody may use io_uring: sysctl kernel.io_uring_disabled=0"
	}
	return l
}

func backlog() Limit {
	l := Limit{Name: "somaxconn", Value: "unknown"}
	b, err := os.ReadFile("/proc/sys/net/core/somaxconn")
	if err != nil {
		return l
	}
	l.Value = strings.TrimSpace(string(b))
	if l.Value == "128" {
		l.Advice = "bursts of connections overflow a queue of 128: sysctl net.core.somaxconn=4096"
	}
	return l
}
