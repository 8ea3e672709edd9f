package iouring

// The kernel's structures, field for field (include/uapi/linux/io_uring.h).
// Sizes are checked by a test.

// SQE is a submission: 64 bytes. Names follow the kernel's where one field
// serves many operations, its first meaning names it.
type SQE struct {
	Opcode      uint8
	Flags       uint8  // SQE…
	IoPrio      uint16 // also: per-operation flags (multishot)
	FD          int32
	Off         uint64
	Addr        uint64 // off-heap memory, or what the operation says
	Len         uint32
	OpFlags     uint32 // msg_flags, accept_flags, poll32_events, cancel_flags
	UserData    uint64
	BufGroup    uint16 // also: buf_index
	Personality uint16
	FileIndex   int32 // also: splice_fd_in
	Addr3       uint64
	_           uint64
}

// CQE is a completion: 16 bytes.
type CQE struct {
	UserData uint64
	Res      int32
	Flags    uint32 // CQE…
}

// HasBuffer reports whether a provided buffer was used.
func (c CQE) HasBuffer() bool { return c.Flags&CQEBuffer != 0 }

// BufferID is the provided buffer, if HasBuffer.
func (c CQE) BufferID() uint16 { return uint16(c.Flags >> cqeBufferShift) }

// More reports whether the operation goes on.
func (c CQE) More() bool { return c.Flags&CQEMore != 0 }

// Params is struct io_uring_params: 120 bytes.
type Params struct {
	SQEntries    uint32
	CQEntries    uint32
	Flags        uint32
	SQThreadCPU  uint32
	SQThreadIdle uint32
	Features     uint32
	WQFD         uint32
	_            [3]uint32
	SQOff        SQOffsets
	CQOff        CQOffsets
}

// SQOffsets is struct io_sqring_offsets: 40 bytes.
type SQOffsets struct {
	Head, Tail, RingMask, RingEntries, Flags, Dropped, Array uint32

	_        uint32
	UserAddr uint64
}

// CQOffsets is struct io_cqring_offsets: 40 bytes.
type CQOffsets struct {
	Head, Tail, RingMask, RingEntries, Overflow, CQEs, Flags uint32

	_        uint32
	UserAddr uint64
}

// GetEventsArg is struct io_uring_getevents_arg: 24 bytes.
type GetEventsArg struct {
	Sigmask     uint64
	SigmaskSize uint32
	MinWaitUsec uint32
	TS          uint64 // address of a Timespec, 0: no timeout
}

// Timespec is struct __kernel_timespec, 64-bit on every architecture.
type Timespec struct {
	Sec, Nsec int64
}

// BufReg is struct io_uring_buf_reg: 40 bytes.
type BufReg struct {
	RingAddr    uint64
	RingEntries uint32
	Group       uint16
	Flags       uint16
	_           [3]uint64
}

// BufEntry is struct io_uring_buf: 16 bytes. In the first entry of a ring the
// last two bytes are the ring's tail.
type BufEntry struct {
	Addr uint64
	Len  uint32
	// BIDTail is the buffer id (low 16 bits) and, in entry 0, the tail.
	BIDTail uint32
}

// SyncCancelReg is struct io_uring_sync_cancel_reg: 64 bytes.
type SyncCancelReg struct {
	Addr    uint64
	FD      int32
	Flags   uint32
	Timeout Timespec
	Opcode  uint8
	_       [7]uint8
	_       [3]uint64
}

// Restriction is struct io_uring_restriction: 16 bytes.
type Restriction struct {
	Opcode uint16 // restriction…
	Value  uint8  // an opcode of registrations or of submissions, or SQE…
	_      uint8
	_      [3]uint32
}

// Opcodes.
const (
	OpNop         = 0
	OpPollAdd     = 6
	OpAccept      = 13
	OpAsyncCancel = 14
	OpClose       = 19
	OpRead        = 22
	OpSend        = 26
	OpRecv        = 27
	OpShutdown    = 34
)

// SQE.Flags.
const (
	SQEFixedFile      = 1 << 0
	SQELink           = 1 << 2
	SQEAsync          = 1 << 4
	SQEBufferSelect   = 1 << 5
	SQECQESkipSuccess = 1 << 6
)

// CQE.Flags.
const (
	CQEBuffer       = 1 << 0
	CQEMore         = 1 << 1
	CQESockNonEmpty = 1 << 2

	cqeBufferShift = 16
)

// Set-up flags.
const (
	SetupCQSize       = 1 << 3
	SetupClamp        = 1 << 4
	SetupRDisabled    = 1 << 6
	SetupSubmitAll    = 1 << 7
	SetupCoopTaskrun  = 1 << 8
	SetupTaskrunFlag  = 1 << 9
	SetupSingleIssuer = 1 << 12
	SetupDeferTaskrun = 1 << 13
	SetupNoSQArray    = 1 << 16
)

// Params.Features.
const (
	FeatSingleMmap = 1 << 0
	FeatNoDrop     = 1 << 1
	FeatFastPoll   = 1 << 5
	FeatExtArg     = 1 << 8
	FeatCQESkip    = 1 << 11
)

// Flags of io_uring_enter.
const (
	enterGetEvents = 1 << 0
	enterExtArg    = 1 << 3
)

// Flags that the kernel sets in the submission ring.
const (
	sqCQOverflow = 1 << 1
)

// Register operations.
const (
	registerRestrictions = 11
	registerEnableRings  = 12
	registerPbufRing     = 22
	unregisterPbufRing   = 23
	registerSyncCancel   = 24
)

// Kinds of Restriction.
const (
	restrictionRegisterOp      = 0
	restrictionSQEOp           = 1
	restrictionSQEFlagsAllowed = 2
)

// Offsets for mmap of the ring's parts.
const (
	offSQRing = 0
	offCQRing = 0x8000000
	offSQEs   = 0x10000000
)

// Per-operation flags.
const (
	AcceptMultishot = 1 << 0 // SQE.IoPrio
	RecvMultishot   = 1 << 1 // SQE.IoPrio
	PollAddMulti    = 1 << 0 // SQE.Len
	CancelAll       = 1 << 0 // SQE.OpFlags
	CancelFD        = 1 << 1 // SQE.OpFlags
	CancelAny       = 1 << 2 // SQE.OpFlags
)
