package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxFiles is the RLIMIT_NOFILE that servers and loads are given, in files.
const maxFiles = 65536

func cpuSet(cpus []int) *unix.CPUSet {
	var set unix.CPUSet
	for _, c := range cpus {
		set.Set(c)
	}
	return &set
}

// pinSelf pins every thread of this process, and so those to come.
func pinSelf(cpu int) error {
	tasks, err := filepath.Glob("/proc/self/task/[0-9]*")
	if err != nil {
		return err
	}
	for _, t := range tasks {
		tid, err := strconv.Atoi(filepath.Base(t))
		if err != nil {
			return err
		}
		err = unix.SchedSetaffinity(tid, cpuSet([]int{cpu}))
		if err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("pinning to CPU %d: %w", cpu, err)
		}
	}
	return nil
}

// become turns this process into argv, on these CPUs and in that network
// namespace. It returns only on failure.
func become(cpus []int, network string, argv []string) error {
	runtime.LockOSThread() // execve keeps what the calling thread is given here
	if err := unix.SchedSetaffinity(0, cpuSet(cpus)); err != nil {
		return fmt.Errorf("pinning to CPUs %v: %w", cpus, err)
	}
	if err := enterNetwork(network); err != nil {
		return fmt.Errorf("network namespace %s: %w", network, err)
	}
	if err := raiseFiles(); err != nil {
		return fmt.Errorf("RLIMIT_NOFILE: %w", err)
	}
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return err
	}
	return fmt.Errorf("%s: %w", path, unix.Exec(path, argv, os.Environ()))
}

func enterNetwork(network string) error {
	switch network {
	case networkHost:
		return nil
	case networkNew:
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		// A client that opens a connection per request needs every port.
		const ports = "/proc/sys/net/ipv4/ip_local_port_range"
		if err := os.WriteFile(ports, []byte("1024 65535"), 0); err != nil {
			return err
		}
		return loopbackUp()
	}
	return setNetwork("/proc/" + network + "/ns/net")
}

func setNetwork(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Setns(int(f.Fd()), unix.CLONE_NEWNET)
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr)
}

// raiseFiles raises the soft limit, and the hard one where that is allowed.
func raiseFiles() error {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return err
	}
	want := unix.Rlimit{Cur: maxFiles, Max: max(l.Max, maxFiles)}
	if unix.Setrlimit(unix.RLIMIT_NOFILE, &want) == nil {
		return nil
	}
	return unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: l.Max, Max: l.Max})
}

// dialIn opens a TCP connection to addr, an IP address with a port, from the
// network namespace of process pid. A socket stays in the namespace of the
// thread that made it, so the thread goes back at once.
func dialIn(pid int, addr string, timeout time.Duration) (net.Conn, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, err
	}
	defer home.Close()
	if err := setNetwork(fmt.Sprintf("/proc/%d/ns/net", pid)); err != nil {
		if errors.Is(err, unix.EPERM) { // then no namespace was made either
			return net.DialTimeout("tcp", addr, timeout)
		}
		return nil, err
	}
	c, err := net.DialTimeout("tcp", addr, timeout)
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
		panic("BUG: a thread cannot go back to its network namespace: " + back.Error())
	}
	return c, err
}

// ownGroup makes a child the leader of a process group, so that an interrupt
// from the terminal reaches us alone, and lets it die with us.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// killGroup kills what is left of the group that pid leads.
func killGroup(pid int) error {
	err := unix.Kill(-pid, unix.SIGKILL)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}

// cpuClock is the CPU time of a process, threads that have ended included, to
// the nanosecond. The clock's number is that of clock_getcpuclockid(3).
func cpuClock(pid int) (time.Duration, error) {
	const schedClock = 2
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|schedClock), &ts); err != nil {
		return 0, fmt.Errorf("CPU clock of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}

func kernelRelease() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Release[:])
}

// preciseSleep sleeps in the kernel, to tens of microseconds. The thread
// sleeps, not only the goroutine: with one P the others would sleep too.
func preciseSleep(d time.Duration) {
	ts := unix.NsecToTimespec(int64(d))
	for errors.Is(unix.Nanosleep(&ts, &ts), unix.EINTR) {
	}
}
