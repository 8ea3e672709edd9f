package system

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/uringserve/uringserve/ring/proactor"
)

// System calls that never wait keep the scheduler's P: entering and leaving
// the scheduler would cost more than they do.

// Send gives bytes to a socket without waiting: how many it took, or an Errno
// (EAGAIN: none), never EINTR. b may be on the Go heap and is not retained.
func Send(fd int, b []byte) (int, proactor.Errno) {
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

// Recv takes received bytes from a socket without waiting: at least one, 0 for
// the peer's FIN, or an Errno (EAGAIN: there are none), never EINTR.
func Recv(fd int, b []byte) (int, proactor.Errno) {
	for {
		// SAFETY: b is alive during the call, which does not keep it.
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))),
			uintptr(len(b)), unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			return int(n), 0
		case unix.EINTR:
			continue
		}
		return 0, proactor.Errno(errno)
	}
}

// Shutdown ends sending or, with both, sending and receiving. 0: done.
func Shutdown(fd int, both bool) proactor.Errno {
	how := unix.SHUT_WR
	if both {
		how = unix.SHUT_RDWR
	}
	_, _, errno := unix.RawSyscall(unix.SYS_SHUTDOWN, uintptr(fd), uintptr(how), 0)
	return proactor.Errno(errno)
}

// ResetOnClose makes closing fd send a reset. A socket that has no such option
// is closed as it is.
func ResetOnClose(fd int) {
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
}

// Close closes fd, which is gone whatever the answer. 0: all is well.
func Close(fd int) proactor.Errno {
	_, _, errno := unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
	return proactor.Errno(errno)
}
