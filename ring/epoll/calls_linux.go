package epoll

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/proactor"
	"github.com/uringserve/uringserve/ring/system"
)

// briefWait bounds a WaitBrief: a goroutine that wants the P, or the garbage
// collector, waits that long (and the kernel's timer slack, 50 µs by default).
const briefWait = 50 * time.Microsecond

// wakeToken is the token of the eventfd. No proactor.Op has this number.
const wakeToken = ^uint64(0)

// kernel is Calls by Linux.
type kernel struct {
	epoll  int
	wake   system.Wake
	rest   *system.Rest
	mapped [][]byte
	start  time.Time // Now counts from it

	// pwait2 is the number of epoll_pwait2; coarse is why it is not used, 0
	// if it is.
	pwait2 uintptr
	coarse unix.Errno

	raw [eventBatch]unix.EpollEvent
}

var _ Calls = (*kernel)(nil)

// newKernel makes the epoll of a loop. restBytes as Options.RestBytes.
func newKernel(start time.Time, restBytes int) (k *kernel, err error) {
	k = &kernel{epoll: -1, start: start, pwait2: unix.SYS_EPOLL_PWAIT2}
	defer func() {
		if err != nil {
			k.Dispose()
			k = nil
		}
	}()
	if k.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return k, fmt.Errorf("epoll_create1: %w", err)
	}
	if err = k.wake.Open(); err != nil {
		return k, err
	}
	// By edges, so that it need not be read: every write is one.
	if errno := k.Watch(k.wake.FD(), Readable|Edge, wakeToken); errno != 0 {
		return k, fmt.Errorf("epoll_ctl: %w", unix.Errno(errno))
	}
	if k.rest, err = system.NewRest(restBytes); err != nil {
		return k, err
	}
	return k, nil
}

// eventNames are the kernel's names of Events.
var eventNames = [...]struct {
	ours   Events
	kernel uint32
}{
	{Readable, unix.EPOLLIN},
	{Writable, unix.EPOLLOUT},
	{ReadEnded, unix.EPOLLRDHUP},
	{Hangup, unix.EPOLLHUP},
	{Error, unix.EPOLLERR},
	{Edge, unix.EPOLLET},
	{Exclusive, unix.EPOLLEXCLUSIVE},
}

// Watch implements Calls. Which of adding and changing it is is not said, so
// it tries: what is new is the common case.
func (k *kernel) Watch(fd int, events Events, token uint64) proactor.Errno {
	e := unix.EpollEvent{Fd: int32(uint32(token)), Pad: int32(token >> 32)}
	for _, n := range eventNames {
		if events&n.ours != 0 {
			e.Events |= n.kernel
		}
	}
	errno := k.control(unix.EPOLL_CTL_ADD, fd, &e)
	if errno == unix.EEXIST {
		errno = k.control(unix.EPOLL_CTL_MOD, fd, &e)
	}
	return proactor.Errno(errno)
}

// Unwatch implements Calls.
func (k *kernel) Unwatch(fd int) proactor.Errno {
	return proactor.Errno(k.control(unix.EPOLL_CTL_DEL, fd, &unix.EpollEvent{}))
}

func (k *kernel) control(op, fd int, e *unix.EpollEvent) unix.Errno {
	// SAFETY: e is alive during the call, which copies it.
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(k.epoll), uintptr(op), uintptr(fd),
		uintptr(unsafe.Pointer(e)), 0, 0)
	return errno
}

// Wait implements Calls. A brief wait keeps the scheduler's P.
func (k *kernel) Wait(out []Event, wait proactor.Wait, timeout time.Duration) (int, proactor.Errno) {
	var n int
	var errno unix.Errno
	most := min(len(out), len(k.raw))
	if wait == proactor.NoWait {
		n, errno = k.poll(most)
	} else {
		if k.wake.Sleep() {
			n, errno = k.sleep(most, wait, timeout)
		} else {
			n, errno = k.poll(most)
		}
		k.wake.Awake()
	}
	if errno != 0 {
		return 0, proactor.Errno(errno)
	}
	return k.translate(out, n), 0
}

// translate copies the first n raw events to out, but for wakes.
func (k *kernel) translate(out []Event, n int) int {
	told := 0
	for i := range k.raw[:n] {
		e := &k.raw[i]
		token := uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32
		if token == wakeToken {
			continue
		}
		out[told] = Event{Token: token, Events: eventsOf(e.Events)}
		told++
	}
	return told
}

// eventsOf spells what has happened.
func eventsOf(kernel uint32) (events Events) {
	if kernel == unix.EPOLLIN {
		return Readable // nearly always
	}
	for _, n := range eventNames {
		if kernel&n.kernel != 0 {
			events |= n.ours
		}
	}
	return events
}

// poll takes the events that there are.
func (k *kernel) poll(most int) (int, unix.Errno) {
	// SAFETY: raw is part of k, which is alive during the call.
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(k.epoll), uintptr(unsafe.Pointer(&k.raw[0])),
		uintptr(most), 0, 0, 0)
	return int(n), errno
}

// timespec is the kernel's, 64 bits each on every architecture.
type timespec struct{ sec, nsec int64 }

// sleep waits for events.
func (k *kernel) sleep(most int, wait proactor.Wait, timeout time.Duration) (int, unix.Errno) {
	if k.coarse != 0 {
		return k.sleepCoarsely(most, wait, timeout)
	}
	if wait == proactor.WaitBrief && (timeout < 0 || timeout > briefWait) {
		timeout = briefWait
	}
	var limit *timespec // none
	if timeout >= 0 {
		limit = &timespec{int64(timeout / time.Second), int64(timeout % time.Second)}
	}
	var n uintptr
	var errno unix.Errno
	if wait == proactor.WaitBrief {
		// SAFETY: raw and limit are alive during the call.
		n, _, errno = unix.RawSyscall6(k.pwait2, uintptr(k.epoll), uintptr(unsafe.Pointer(&k.raw[0])),
			uintptr(most), uintptr(unsafe.Pointer(limit)), 0, 0)
	} else {
		// SAFETY: raw and limit are alive during the call.
		n, _, errno = unix.Syscall6(k.pwait2, uintptr(k.epoll), uintptr(unsafe.Pointer(&k.raw[0])),
			uintptr(most), uintptr(unsafe.Pointer(limit)), 0, 0)
	}
	if errno == unix.ENOSYS || errno == unix.EPERM {
		// Linux before 5.11, or a seccomp profile that is older.
		k.coarse = errno
		return k.sleepCoarsely(most, wait, timeout)
	}
	return int(n), errno
}

// sleepCoarsely waits in whole milliseconds, rounded up: a timer may be late,
// and never comes early. A brief wait does not wait then.
func (k *kernel) sleepCoarsely(most int, wait proactor.Wait, timeout time.Duration) (int, unix.Errno) {
	if wait == proactor.WaitBrief {
		return k.poll(most)
	}
	// SAFETY: raw is part of k, which is alive during the call.
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(k.epoll), uintptr(unsafe.Pointer(&k.raw[0])),
		uintptr(most), uintptr(milliseconds(timeout)), 0, 0)
	return int(n), errno
}

// milliseconds rounds up; -1 is for ever, as the kernel has it, which waits
// for 24 days at most.
func milliseconds(timeout time.Duration) int {
	if timeout < 0 {
		return -1
	}
	const most = 1<<31 - 1
	ms := timeout / time.Millisecond
	if timeout%time.Millisecond != 0 {
		ms++
	}
	return int(min(ms, most))
}

// Accept implements Calls.
func (k *kernel) Accept(listener int) (int, proactor.Errno) {
	fd, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(listener), 0, 0,
		unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0, 0)
	return int(fd), proactor.Errno(errno)
}

// Recv implements Calls.
func (k *kernel) Recv(fd int, b []byte) (int, proactor.Errno) { return system.Recv(fd, b) }

// Send implements Calls.
func (k *kernel) Send(fd int, b []byte) (int, proactor.Errno) { return system.Send(fd, b) }

// Shutdown implements Calls.
func (k *kernel) Shutdown(fd int, both bool) proactor.Errno { return system.Shutdown(fd, both) }

// ResetOnClose implements Calls.
func (k *kernel) ResetOnClose(fd int) { system.ResetOnClose(fd) }

// Close implements Calls.
func (k *kernel) Close(fd int) proactor.Errno { return system.Close(fd) }

// Wake implements Calls.
func (k *kernel) Wake() { k.wake.Signal() }

// Woken implements Calls.
func (k *kernel) Woken() bool { return k.wake.Take() }

// Map implements Calls.
func (k *kernel) Map(bytes int) ([]byte, error) {
	m, err := system.Map(bytes)
	if err == nil {
		k.mapped = append(k.mapped, m)
	}
	return m, err
}

// Allocate implements Calls.
func (k *kernel) Allocate(n int) []byte { return k.rest.Allocate(n) }

// Free implements Calls.
func (k *kernel) Free(b []byte) { k.rest.Free(b) }

// Now implements Calls.
func (k *kernel) Now() ring.Instant { return ring.Instant(time.Since(k.start) + 1) }

// Wall implements Calls.
func (k *kernel) Wall() time.Time { return time.Now() }

// Dispose implements Calls.
func (k *kernel) Dispose() {
	k.wake.Close()
	if k.epoll >= 0 {
		// The descriptor is gone whatever close says.
		_ = unix.Close(k.epoll)
		k.epoll = -1
	}
	for _, m := range k.mapped {
		system.Unmap(m)
	}
	k.mapped = nil
	if k.rest != nil {
		k.rest.Dispose()
		k.rest = nil
	}
}
