package uring

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/uringserve/uringserve/ring/proactor"
)

// wake makes a waiting Enter return, from any goroutine.
//
// The loop sets sleeping, then looks at woken, then waits; a waker sets woken,
// then looks at sleeping. One of them sees the other, so no wake is lost, and
// the eventfd is written only if the loop may wait, once until a Reap shows
// the wake.
type wake struct {
	woken    atomic.Bool // a Wake that no Reap has shown
	sleeping atomic.Bool // the loop is, or is about to be, in a waiting Enter
	// users counts the goroutines at fd; wakeClosed is added at the end, so
	// that nobody writes to a descriptor that has become another's.
	users atomic.Int32
	fd    int

	// Owned by the loop: the newest arm.
	armed bool
	ud    proactor.UserData
}

const wakeClosed = -1 << 30

func (w *wake) open() error {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("uring: eventfd: %w", err)
	}
	w.fd = fd
	return nil
}

// signal is Wake.
func (w *wake) signal() {
	if w.woken.Swap(true) || !w.sleeping.Load() {
		return
	}
	if w.users.Add(1) > 0 {
		one := [8]byte{1}
		// The write fails only if the counter is full: the loop is woken
		// already. It never waits.
		// SAFETY: one is alive during the call.
		unix.RawSyscall(unix.SYS_WRITE, uintptr(w.fd), uintptr(unsafe.Pointer(&one[0])), 8)
	}
	w.users.Add(-1)
}

// drain empties the eventfd, so that arms of other threads do not fire again.
func (w *wake) drain() {
	var count [8]byte
	// EAGAIN if another arm's completion drained it.
	// SAFETY: count is alive during the call.
	unix.RawSyscall(unix.SYS_READ, uintptr(w.fd), uintptr(unsafe.Pointer(&count[0])), 8)
}

// take reports whether there was a wake to show, and forgets it.
func (w *wake) take() bool {
	// The load keeps the common case off the bus.
	return w.armed && w.woken.Load() && w.woken.Swap(false)
}

// close waits for wakers that are at the descriptor, some instructions.
func (w *wake) close() {
	if w.fd < 0 {
		return
	}
	w.users.Add(wakeClosed)
	for w.users.Load() != wakeClosed {
		runtime.Gosched()
	}
	// The descriptor is gone whatever close says.
	_ = unix.Close(w.fd)
	w.fd = -1
}

// ArmWake implements proactor.Port.
func (p *Port) ArmWake(ud proactor.UserData) {
	p.sqe(ud).PrepPollMultishot(p.wake.fd, unix.POLLIN)
	p.wake.armed, p.wake.ud = true, ud
}

// Wake implements proactor.Port.
func (p *Port) Wake() { p.wake.signal() }
