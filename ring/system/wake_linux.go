package system

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Wake makes a waiting loop return, from any goroutine, by an eventfd that the
// loop waits for. The zero value has none: Open makes it.
//
// The loop sets sleeping, then looks at woken, then waits; a waker sets woken,
// then looks at sleeping. One of them sees the other, so no wake is lost, and
// the eventfd is written only if the loop may wait, once until Take has
// forgotten the wake.
type Wake struct {
	woken    atomic.Bool // a Signal that no Take has forgotten
	sleeping atomic.Bool // the loop waits, or is about to
	// users counts the goroutines at fd; wakeClosed is added at the end, so
	// that nobody writes to a descriptor that has become another's.
	users atomic.Int32
	fd    int
	open  bool
}

const wakeClosed = -1 << 30

// Open makes the eventfd.
func (w *Wake) Open() error {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	w.fd, w.open = fd, true
	return nil
}

// FD is the eventfd: readable when a wake was written that was not drained,
// with an edge for each.
func (w *Wake) FD() int { return w.fd }

// Signal wakes. Safe for concurrent use, also with Close and after it.
func (w *Wake) Signal() {
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

// Sleep says that the loop is about to wait; false: it was woken, it must not.
// Awake follows in either case.
func (w *Wake) Sleep() bool {
	w.sleeping.Store(true)
	return !w.woken.Load()
}

// Awake says that the loop waits no more.
func (w *Wake) Awake() { w.sleeping.Store(false) }

// Take reports whether there was a Signal since it last did. Loop only.
func (w *Wake) Take() bool {
	// The load keeps the common case off the bus.
	return w.woken.Load() && w.woken.Swap(false)
}

// Drain empties the eventfd, so that whoever else waits for it does not see it
// again. Who waits for edges need not.
func (w *Wake) Drain() {
	var count [8]byte
	// EAGAIN if somebody drained it before.
	// SAFETY: count is alive during the call.
	unix.RawSyscall(unix.SYS_READ, uintptr(w.fd), uintptr(unsafe.Pointer(&count[0])), 8)
}

// Close closes the eventfd. It waits for wakers that are at the descriptor,
// some instructions.
func (w *Wake) Close() {
	if !w.open {
		return
	}
	w.open = false
	w.users.Add(wakeClosed)
	for w.users.Load() != wakeClosed {
		runtime.Gosched()
	}
	// The descriptor is gone whatever close says.
	_ = unix.Close(w.fd)
}
