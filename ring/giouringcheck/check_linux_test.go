package giouringcheck

import (
	"testing"
	"unsafe"

	"github.com/pawelgaczynski/giouring"
	"golang.org/x/sys/unix"

	"github.com/uringserve/uringserve/ring/iouring"
)

type theirSQE = giouring.SubmissionQueueEntry

func theirs(prep func(*theirSQE)) [64]byte {
	var s theirSQE
	prep(&s)
	// SAFETY: both structures are 64 bytes, checked by TestSizes.
	return *(*[64]byte)(unsafe.Pointer(&s))
}

func ours(prep func(*iouring.SQE)) [64]byte {
	var s iouring.SQE
	prep(&s)
	// SAFETY: as above.
	return *(*[64]byte)(unsafe.Pointer(&s))
}

// Their PrepareSendZC, PrepareTimeout and others are wrong; only operations
// that they encode rightly are compared.
func TestEncodings(t *testing.T) {
	mem, err := iouring.Map(4096)
	if err != nil {
		t.Fatal(err)
	}
	defer iouring.Unmap(mem)
	// SAFETY: off-heap memory; the address is only compared.
	addr := uintptr(unsafe.Pointer(&mem[0]))
	const fd, group = 0x1234567, 0xABCD
	trySend := unix.MSG_DONTWAIT | unix.MSG_WAITALL | unix.MSG_NOSIGNAL
	for _, tt := range []struct {
		name   string
		ours   func(*iouring.SQE)
		theirs func(*theirSQE)
	}{
		{"accept multishot",
			func(s *iouring.SQE) { s.PrepAcceptMultishot(fd, unix.SOCK_CLOEXEC) },
			func(s *theirSQE) { s.PrepareMultishotAccept(fd, 0, 0, unix.SOCK_CLOEXEC) }},
		{"recv multishot",
			func(s *iouring.SQE) { s.PrepRecvMultishot(fd, group) },
			func(s *theirSQE) {
				s.PrepareRecvMultishot(fd, 0, 0, 0)
				s.Flags |= giouring.SqeBufferSelect
				s.BufIG = group
			}},
		{"send",
			func(s *iouring.SQE) { s.PrepSendAll(fd, mem[:100]) },
			func(s *theirSQE) { s.PrepareSend(fd, addr, 100, unix.MSG_WAITALL|unix.MSG_NOSIGNAL) }},
		{"send that tries",
			func(s *iouring.SQE) { s.PrepSendTry(fd, mem) },
			func(s *theirSQE) {
				s.PrepareSend(fd, addr, 4096, trySend)
				s.Flags |= giouring.SqeCQESkipSuccess
			}},
		{"poll",
			func(s *iouring.SQE) { s.PrepPollAdd(fd, unix.POLLIN|unix.POLLRDHUP) },
			func(s *theirSQE) { s.PreparePollAdd(fd, unix.POLLIN|unix.POLLRDHUP) }},
		{"poll multishot",
			func(s *iouring.SQE) { s.PrepPollMultishot(fd, unix.POLLIN) },
			func(s *theirSQE) { s.PreparePollMultishot(fd, unix.POLLIN) }},
		{"cancel a descriptor",
			func(s *iouring.SQE) { s.PrepCancelFD(fd) },
			func(s *theirSQE) { s.PrepareCancelFd(fd, giouring.AsyncCancelAll) }},
		{"cancel",
			func(s *iouring.SQE) { s.PrepCancel(0x0123456789ABCDEF) },
			func(s *theirSQE) { s.PrepareCancel64(0x0123456789ABCDEF, 0) }},
		{"shutdown",
			func(s *iouring.SQE) { s.PrepShutdown(fd, unix.SHUT_RDWR) },
			func(s *theirSQE) { s.PrepareShutdown(fd, unix.SHUT_RDWR) }},
		{"close",
			func(s *iouring.SQE) { s.PrepClose(fd) },
			func(s *theirSQE) { s.PrepareClose(fd) }},
		{"read",
			func(s *iouring.SQE) { s.PrepRead(fd, mem[:8]) },
			func(s *theirSQE) { s.PrepareRead(fd, addr, 8, ^uint64(0)) }},
	} {
		if o, th := ours(tt.ours), theirs(tt.theirs); o != th {
			t.Errorf("%s:\n ours   %x\n theirs %x", tt.name, o, th)
		}
	}
}

func TestSizes(t *testing.T) {
	for _, tt := range []struct {
		name         string
		ours, theirs uintptr
	}{
		{"SQE", unsafe.Sizeof(iouring.SQE{}), unsafe.Sizeof(theirSQE{})},
		{"CQE", unsafe.Sizeof(iouring.CQE{}), unsafe.Sizeof(giouring.CompletionQueueEvent{})},
		{"Params", unsafe.Sizeof(iouring.Params{}), unsafe.Sizeof(giouring.Params{})},
		{"SQOffsets", unsafe.Sizeof(iouring.SQOffsets{}), unsafe.Sizeof(giouring.SQRingOffsets{})},
		{"CQOffsets", unsafe.Sizeof(iouring.CQOffsets{}), unsafe.Sizeof(giouring.CQRingOffsets{})},
		{"GetEventsArg", unsafe.Sizeof(iouring.GetEventsArg{}), unsafe.Sizeof(giouring.GetEventsArg{})},
		{"BufReg", unsafe.Sizeof(iouring.BufReg{}), unsafe.Sizeof(giouring.BufReg{})},
		{"BufEntry", unsafe.Sizeof(iouring.BufEntry{}), unsafe.Sizeof(giouring.BufAndRing{})},
	} {
		if tt.ours != tt.theirs {
			t.Errorf("%s: ours %d bytes, theirs %d", tt.name, tt.ours, tt.theirs)
		}
	}
}

func TestConstants(t *testing.T) {
	for _, tt := range []struct {
		name         string
		ours, theirs uint64
	}{
		{"OpNop", iouring.OpNop, uint64(giouring.OpNop)},
		{"OpPollAdd", iouring.OpPollAdd, uint64(giouring.OpPollAdd)},
		{"OpAccept", iouring.OpAccept, uint64(giouring.OpAccept)},
		{"OpAsyncCancel", iouring.OpAsyncCancel, uint64(giouring.OpAsyncCancel)},
		{"OpClose", iouring.OpClose, uint64(giouring.OpClose)},
		{"OpRead", iouring.OpRead, uint64(giouring.OpRead)},
		{"OpSend", iouring.OpSend, uint64(giouring.OpSend)},
		{"OpRecv", iouring.OpRecv, uint64(giouring.OpRecv)},
		{"OpShutdown", iouring.OpShutdown, uint64(giouring.OpShutdown)},
		{"SQEFixedFile", iouring.SQEFixedFile, uint64(giouring.SqeFixedFile)},
		{"SQELink", iouring.SQELink, uint64(giouring.SqeIOLink)},
		{"SQEAsync", iouring.SQEAsync, uint64(giouring.SqeAsync)},
		{"SQEBufferSelect", iouring.SQEBufferSelect, uint64(giouring.SqeBufferSelect)},
		{"SQECQESkipSuccess", iouring.SQECQESkipSuccess, uint64(giouring.SqeCQESkipSuccess)},
		{"CQEBuffer", iouring.CQEBuffer, uint64(giouring.CQEFBuffer)},
		{"CQEMore", iouring.CQEMore, uint64(giouring.CQEFMore)},
		{"SetupCQSize", iouring.SetupCQSize, uint64(giouring.SetupCQSize)},
		{"SetupClamp", iouring.SetupClamp, uint64(giouring.SetupClamp)},
		{"SetupRDisabled", iouring.SetupRDisabled, uint64(giouring.SetupRDisabled)},
		{"SetupSubmitAll", iouring.SetupSubmitAll, uint64(giouring.SetupSubmitAll)},
		{"SetupCoopTaskrun", iouring.SetupCoopTaskrun, uint64(giouring.SetupCoopTaskrun)},
		{"SetupTaskrunFlag", iouring.SetupTaskrunFlag, uint64(giouring.SetupTaskrunFlag)},
		{"SetupSingleIssuer", iouring.SetupSingleIssuer, uint64(giouring.SetupSingleIssuer)},
		{"SetupDeferTaskrun", iouring.SetupDeferTaskrun, uint64(giouring.SetupDeferTaskrun)},
		{"FeatSingleMmap", iouring.FeatSingleMmap, uint64(giouring.FeatSingleMMap)},
		{"FeatNoDrop", iouring.FeatNoDrop, uint64(giouring.FeatNoDrop)},
		{"FeatFastPoll", iouring.FeatFastPoll, uint64(giouring.FeatFastPoll)},
		{"FeatExtArg", iouring.FeatExtArg, uint64(giouring.FeatExtArg)},
		{"FeatCQESkip", iouring.FeatCQESkip, uint64(giouring.FeatCQESkip)},
		{"AcceptMultishot", iouring.AcceptMultishot, uint64(giouring.AcceptMultishot)},
		{"RecvMultishot", iouring.RecvMultishot, uint64(giouring.RecvMultishot)},
		{"PollAddMulti", iouring.PollAddMulti, uint64(giouring.PollAddMulti)},
		{"CancelAll", iouring.CancelAll, uint64(giouring.AsyncCancelAll)},
		{"CancelFD", iouring.CancelFD, uint64(giouring.AsyncCancelFd)},
		{"CancelAny", iouring.CancelAny, uint64(giouring.AsyncCancelAny)},
	} {
		if tt.ours != tt.theirs {
			t.Errorf("%s: ours %#x, theirs %#x", tt.name, tt.ours, tt.theirs)
		}
	}
}
