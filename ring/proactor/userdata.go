package proactor

// UserData names an operation in its completions. It is a number, never a
// pointer, and is checked against the connection's generation before it is
// believed.
//
//	 63      56 55      48 47            24 23             0
//	┌──────────┬──────────┬────────────────┬────────────────┐
//	│ Op     8 │ thread 8 │ generation  24 │ slot        24 │
//	└──────────┴──────────┴────────────────┴────────────────┘
//
// The thread is the index of the thread that submitted the operation, because
// some ports run completions on it. The generation names the connection, not
// the operation: two receives of one connection share it.
type UserData uint64

// Op is the kind of an operation.
type Op uint8

// The operations. The zero Op is none, so that a zeroed completion is caught.
const (
	OpAccept Op = iota + 1
	OpRecv
	OpSend     // with Skip
	OpSendRest // without Skip
	OpPoll
	OpCancel
	OpShutdown
	OpClose
	OpWake
	OpNone // completions nobody waits for
)

// MaxSlots bounds the connections of one loop.
const MaxSlots = 1 << 24

const generationMask = 1<<24 - 1

// MakeUserData packs the four parts; each is cut to its width.
func MakeUserData(op Op, thread uint8, generation, slot uint32) UserData {
	return UserData(op)<<56 | UserData(thread)<<48 |
		UserData(generation&generationMask)<<24 | UserData(slot&(MaxSlots-1))
}

// Op is the kind of operation.
func (u UserData) Op() Op { return Op(u >> 56) }

// Thread is the index of the submitting thread.
func (u UserData) Thread() uint8 { return uint8(u >> 48) }

// Generation names the user of the slot.
func (u UserData) Generation() uint32 { return uint32(u>>24) & generationMask }

// Slot is the connection's (or listener's) place in its table.
func (u UserData) Slot() uint32 { return uint32(u) & (MaxSlots - 1) }
