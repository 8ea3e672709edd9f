package iouring

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The Prep methods fill a zeroed SQE, all but UserData (and Flags beyond what
// the operation needs): Ring.GetSQE zeroes it.

// PrepNop does nothing and completes with 0.
func (s *SQE) PrepNop() { s.Opcode = OpNop }

// PrepAcceptMultishot accepts connections from a listening socket, each with
// flags (SOCK_CLOEXEC …), until it fails. No addresses: they would be shared
// by all the completions.
func (s *SQE) PrepAcceptMultishot(fd int, flags uint32) {
	s.Opcode = OpAccept
	s.FD = int32(fd)
	s.IoPrio = AcceptMultishot
	s.OpFlags = flags
}

// PrepRecvMultishot receives from fd into buffers of the group until the end
// of the stream, a failure, or want of a buffer (ENOBUFS).
func (s *SQE) PrepRecvMultishot(fd int, group uint16) {
	s.Opcode = OpRecv
	s.FD = int32(fd)
	s.IoPrio = RecvMultishot
	s.Flags = SQEBufferSelect
	s.BufGroup = group
}

// PrepSend sends b, which is off-heap and not empty, with MSG_… flags.
func (s *SQE) PrepSend(fd int, b []byte, flags uint32) {
	s.Opcode = OpSend
	s.FD = int32(fd)
	// SAFETY: b lies outside the Go heap by the contract of this package, so
	// its address stays what it is; the kernel reads len(b) bytes of it.
	s.Addr = uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b))))
	s.Len = uint32(len(b))
	s.OpFlags = flags
}

// PrepSendTry sends what fits without waiting, inside the submitting enter.
// It completes only if that was not all of b: with the bytes taken or an
// error. MSG_WAITALL makes a short send a failure that is shown.
func (s *SQE) PrepSendTry(fd int, b []byte) {
	s.PrepSend(fd, b, unix.MSG_DONTWAIT|unix.MSG_WAITALL|unix.MSG_NOSIGNAL)
	s.Flags = SQECQESkipSuccess
}

// PrepSendAll sends all of b, waiting for the peer as long as it takes, and
// completes once: fewer bytes than len(b) mean that the connection failed.
func (s *SQE) PrepSendAll(fd int, b []byte) {
	s.PrepSend(fd, b, unix.MSG_WAITALL|unix.MSG_NOSIGNAL)
}

// PrepPollAdd completes once, with the events that came: those of the mask,
// POLLERR or POLLHUP.
func (s *SQE) PrepPollAdd(fd int, mask uint32) {
	s.Opcode = OpPollAdd
	s.FD = int32(fd)
	s.OpFlags = mask
}

// PrepPollMultishot completes each time that one of the events comes anew.
func (s *SQE) PrepPollMultishot(fd int, mask uint32) {
	s.PrepPollAdd(fd, mask)
	s.Len = PollAddMulti
}

// PrepCancel cancels the operation whose user data is target. Result: 0,
// ENOENT if there is none, EALREADY if it cannot be stopped any more.
func (s *SQE) PrepCancel(target uint64) {
	s.Opcode = OpAsyncCancel
	s.FD = -1
	s.Addr = target
}

// PrepCancelFD cancels all operations on fd. Result: how many.
func (s *SQE) PrepCancelFD(fd int) {
	s.Opcode = OpAsyncCancel
	s.FD = int32(fd)
	s.OpFlags = CancelFD | CancelAll
}

// PrepShutdown shuts fd down; how is SHUT_RD, SHUT_WR or SHUT_RDWR. The
// kernel hands it to a worker thread: it is not done when the enter is over.
func (s *SQE) PrepShutdown(fd int, how int) {
	s.Opcode = OpShutdown
	s.FD = int32(fd)
	s.Len = uint32(how)
}

// PrepClose closes fd.
func (s *SQE) PrepClose(fd int) {
	s.Opcode = OpClose
	s.FD = int32(fd)
}

// PrepRead reads into b, which is off-heap, at the file's own position.
func (s *SQE) PrepRead(fd int, b []byte) {
	s.Opcode = OpRead
	s.FD = int32(fd)
	// SAFETY: as in PrepSend; the kernel writes len(b) bytes of it.
	s.Addr = uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b))))
	s.Len = uint32(len(b))
	s.Off = ^uint64(0)
}
