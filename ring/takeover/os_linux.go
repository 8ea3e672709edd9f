package takeover

import (
	"bytes"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

func (system) ThreadID() int { return unix.Gettid() }

// ThreadCPU reads the thread's CPU clock: its id is the thread's, inverted,
// with the bits for "of a thread" and "time on a CPU" below.
// https://man7.org/linux/man-pages/man3/clock_getcpuclockid.3.html
func (system) ThreadCPU(threadID int) int64 {
	const perThread, scheduled = 4, 2
	var now unix.Timespec
	if unix.ClockGettime(int32(^threadID<<3|perThread|scheduled), &now) != nil {
		return 0
	}
	return now.Nano()
}

// minProgress is the CPU time, since its run was seen first, from which a
// thread counts as computing. A tick is 1 ms.
const minProgress = 250 * time.Microsecond

// Verdict looks at the thread's state in the kernel: running (or ready to)
// with little CPU time means that it was not given a CPU.
func (s system) Verdict(threadID int, cpu int64) Verdict {
	switch state := threadState(threadID); {
	case state == 0:
		return Unknown
	case time.Duration(s.ThreadCPU(threadID)-cpu) >= minProgress:
		return Computing
	case state == 'R':
		return Descheduled
	}
	return Asleep
}

// threadState is the letter in /proc/self/task/<tid>/stat, 0 if it cannot be
// read. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: the field
// after the command's name, which is in parentheses and may hold some itself.
func threadState(threadID int) byte {
	stat, err := os.ReadFile("/proc/self/task/" + strconv.Itoa(threadID) + "/stat")
	if err != nil {
		return 0
	}
	i := bytes.LastIndexByte(stat, ')')
	if i < 0 || i+2 >= len(stat) {
		return 0
	}
	return stat[i+2]
}

// leaderSlice is how long a leader may compute at a stretch while others want
// its CPU: the least that Linux gives. In exchange it gets a CPU sooner when
// it wakes (EEVDF, since 6.12; elsewhere nothing changes).
const leaderSlice = 100 * time.Microsecond

// enlist prepares the calling thread for leading. Failure changes nothing, and
// neither does a thread that is scheduled by another policy than the default.
func (system) enlist() {
	attr, err := unix.SchedGetAttr(0, 0)
	if err != nil || attr.Policy != unix.SCHED_NORMAL {
		return
	}
	attr.Runtime = uint64(leaderSlice)
	// Threads and processes started from here begin as they would have.
	attr.Flags |= unix.SCHED_FLAG_RESET_ON_FORK
	_ = unix.SchedSetAttr(0, attr, 0)
}
