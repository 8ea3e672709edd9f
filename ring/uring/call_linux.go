package uring

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/uringserve/uringserve/ring/proactor"
)

// System calls that never wait keep the scheduler's P: entering and leaving
// the scheduler would cost more than they do.

// SendNow implements proactor.Port. b may be on the Go heap.
func (p *Port) SendNow(fd int, b []byte) (int, proactor.Errno) {
	for {
		// SAFETY: b is alive during the call, which copies what it takes.
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))),
			uintptr(len(b)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			return int(n), 0
		case unix.EINTR:
			continue
		}
		return 0, proactor.Errno(errno)
	}
}

func shutdown(fd, how int) unix.Errno {
	_, _, errno := unix.RawSyscall(unix.SYS_SHUTDOWN, uintptr(fd), uintptr(how), 0)
	return errno
}
