package auto

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/uringserve/uringserve/ring/ringtest/denied"
	"github.com/uringserve/uringserve/ring/uring"
)

const childEnv = "URINGSERVE_AUTO_CHILD"

// TestMain is the child, too, whom a filter denies system calls.
func TestMain(m *testing.M) {
	if os.Getenv(childEnv) == "" {
		os.Exit(m.Run())
	}
	if err := json.NewEncoder(os.Stdout).Encode(look()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// seen is what a child finds.
type seen struct {
	Auto     Choice
	ByName   string // the error of --engine uring
	Examined Report
}

func look() (s seen) {
	engine, choice, err := New(Options{Loops: 1})
	if err != nil {
		panic(err)
	}
	engine.Close(0)
	s.Auto, s.Examined = choice, Examine(1)
	if engine, _, err := New(Options{Engine: Uring, Loops: 1}); err != nil {
		s.ByName = err.Error()
	} else {
		engine.Close(0)
	}
	return s
}

// Under a real filter the ladder goes on, and the reason says which calls are
// denied, and not that the kernel is too old.
func TestUnderFilters(t *testing.T) {
	if err := uring.Probe().Err; forceNet || err != nil {
		t.Skipf("io_uring is denied already (%v), or not in this build: a filter would change nothing", err)
	}
	for _, c := range []struct {
		name  string
		errno unix.Errno
		calls []uintptr
		// The chosen engine, and words of the reason; after a semicolon, words
		// of why it is not a better one than net.
		engine, reason string
	}{
		{"io_uring, EPERM", unix.EPERM, denied.IOUring(), Epoll, "seccomp filter, io_uring_setup, (EPERM), default profiles"},
		{"io_uring, ENOSYS", unix.ENOSYS, denied.IOUring(), Epoll, "ENOSYS, seccomp filter"},
		{"io_uring_setup", unix.EPERM, []uintptr{unix.SYS_IO_URING_SETUP}, Epoll, "seccomp filter denies io_uring_setup (EPERM)"},
		{"io_uring_enter", unix.EPERM, []uintptr{unix.SYS_IO_URING_ENTER}, Epoll, "seccomp filter denies io_uring_enter (EPERM)"},
		{"io_uring_register", unix.EPERM, []uintptr{unix.SYS_IO_URING_REGISTER}, Epoll, "seccomp filter denies io_uring_register (EPERM), -Linux 6.0"},
		{"epoll_pwait2 alone", unix.EPERM, []uintptr{denied.EpollPwait2}, Uring, whyFirst},
		{"io_uring and epoll_pwait2", unix.EPERM, append(denied.IOUring(), denied.EpollPwait2), Epoll, "seccomp filter, io_uring_setup, -epoll"},
		{"io_uring and sendto", unix.EPERM, append(denied.IOUring(), unix.SYS_SENDTO), Net, "a seccomp filter, io_uring_setup; epoll: , sendto"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := lookUnder(t, c.errno, c.calls)
			if s.Auto.Engine != c.engine || s.Examined.Choice != s.Auto {
				t.Errorf("New chose %+v, Examine %+v", s.Auto, s.Examined.Choice)
			}
			words, more, _ := strings.Cut(c.reason, "; ")
			contains(t, "reason", s.Auto.Reason, words)
			contains(t, "reason", s.Auto.Reason, more)
			if c.engine != Uring {
				contains(t, "the refusal by name", s.ByName, words)
				contains(t, "the refusal by name", s.ByName, "engine uring is unavailable")
			} else if s.ByName != "" {
				t.Errorf("refused by name: %s", s.ByName)
			}
			for _, e := range s.Examined.Engines {
				// Filters of one engine leave those below it.
				works := e.Name == Net || e.Name == Epoll && c.engine != Net || e.Name == c.engine
				coarse := e.Name == Epoll && slices.Contains(c.calls, denied.EpollPwait2)
				if works != (e.State == "works") || (works && !coarse) != (e.Reason == "") {
					t.Errorf("engine %+v", e)
				}
			}
		})
	}
}

// lookUnder is look in a child under a filter.
func lookUnder(t *testing.T, errno unix.Errno, calls []uintptr) (s seen) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), childEnv+"=1")
	out, err := denied.CombinedOutput(cmd, errno, calls...)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := json.Unmarshal(out, &s); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return s
}
