package epoll

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/proactor"
	"github.com/uringserve/uringserve/ring/system"
)

// New makes the engine: one epoll and its buffers per loop, no thread yet. An
// error is a *ring.UnavailableError where the system denies what the engine
// needs.
func New(o Options) (ring.Engine, error) {
	if err := Probe().Err; err != nil {
		return nil, err
	}
	o = o.withDefaults()
	start := time.Now()
	return newEngine(o, func() (Calls, error) {
		k, err := newKernel(start, o.RestBytes)
		if err != nil {
			return nil, unavailable(err)
		}
		return k, nil
	})
}

// newEngine makes an engine whose loops make the calls that newCalls answers.
func newEngine(o Options, newCalls func() (Calls, error)) (ring.Engine, error) {
	if o.Loops < 1 {
		o.Loops = system.CPUs()
	}
	e, err := proactor.New(proactor.Config{
		Name:  Name,
		Loops: o.Loops,
		NewPort: func(int) (proactor.Port, error) {
			calls, err := newCalls()
			if err != nil {
				return nil, err
			}
			return NewPort(calls, o)
		},
		Sockets:  &system.Sockets{},
		Takeover: o.Takeover,
		Lost:     o.Lost,
	})
	if err != nil {
		return nil, err
	}
	return e, nil
}

// Probe tries what the engine needs of the system, on two connected sockets of
// its own, in less than a millisecond. Safe for concurrent use.
func Probe() Report {
	k, err := newKernel(time.Now(), ring.MaxSend)
	if err != nil {
		return Report{Err: unavailable(err)}
	}
	defer k.Dispose()
	if err := k.try(); err != nil {
		return Report{Err: unavailable(err)}
	}
	var r Report
	if k.coarse != 0 {
		r.CoarseWaits = fmt.Sprintf("epoll_pwait2: %s", unix.ErrnoName(k.coarse))
		if k.coarse == unix.EPERM {
			r.CoarseWaits += ", a seccomp filter denies it"
		} else {
			r.CoarseWaits += ", Linux is older than 5.11, or a seccomp filter says so"
		}
	}
	return r
}

// try has a byte go through two sockets, with an event for it.
func (k *kernel) try() error {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("socketpair: %w", err)
	}
	defer system.Close(fds[0])
	defer system.Close(fds[1])
	const token = 7
	if errno := k.Watch(fds[0], interest, token); errno != 0 {
		return fmt.Errorf("epoll_ctl: %w", unix.Errno(errno))
	}
	if n, errno := k.Send(fds[1], []byte{1}); n != 1 {
		return fmt.Errorf("sendto: %w", unix.Errno(errno))
	}
	var events [4]Event
	n, errno := k.Wait(events[:], proactor.WaitLong, time.Second)
	if errno != 0 {
		return fmt.Errorf("epoll_pwait: %w", unix.Errno(errno))
	}
	if n != 1 || events[0].Token != token || events[0].Events&Readable == 0 {
		return fmt.Errorf("epoll_pwait: a byte was sent, and the events are %v", events[:n])
	}
	var b [1]byte
	if n, errno := k.Recv(fds[0], b[:]); n != 1 {
		return fmt.Errorf("recvfrom: %w", unix.Errno(errno))
	}
	return nil
}

// unavailable turns a failed call into what a person can act on.
func unavailable(err error) *ring.UnavailableError {
	u := &ring.UnavailableError{Engine: Name, Reason: err.Error(), Err: err}
	switch {
	case errors.Is(err, unix.EPERM):
		u.Reason = "a seccomp filter denies " + err.Error() + " (EPERM)"
		u.Remedy = "allow epoll_create1, epoll_ctl, epoll_pwait and eventfd2 in the seccomp profile"
	case errors.Is(err, unix.ENOSYS):
		u.Reason = "the kernel, or a seccomp filter, has no " + err.Error() + " (ENOSYS)"
		u.Remedy = "run on Linux 4.5 or newer, with epoll_create1, epoll_ctl, epoll_pwait and eventfd2 allowed"
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		u.Reason = "no file descriptor left: " + err.Error()
		u.Remedy = "raise the limit of open files (ulimit -n)"
	case errors.Is(err, unix.ENOMEM):
		u.Reason = "not enough memory: " + err.Error()
	}
	return u
}
