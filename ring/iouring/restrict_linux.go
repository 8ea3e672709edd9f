package iouring

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A ring goes round filters: what is submitted to it is no system call, so a
// seccomp filter that denies openat, connect or execve to the process does not
// see theirs. So a ring is made to do what a server does with its sockets, and
// nothing else, before it does anything:
//
//	io_uring_setup(R_DISABLED) ──▶ REGISTER_RESTRICTIONS ──▶ ENABLE_RINGS ──▶ in use, for good
//	          ▲                            │ refused              │ refused
//	          └────── again, without ◀─────┴──────────────────────┘
//
// From then on the kernel completes any other operation, and any with another
// flag, with EACCES, and answers any other registration with EACCES: the list
// cannot be changed, and ENABLE_RINGS is not on it either. A process that has
// been taken over can still make another ring, unless a filter installed after
// the start denies io_uring_setup.

// serverOps are what the uring engine submits, and the operation that does
// nothing. One that the engine comes to use is to be added here.
var serverOps = [...]uint8{OpNop, OpPollAdd, OpAccept, OpAsyncCancel, OpClose, OpSend, OpRecv}

// serverFlags are the SQE.Flags that go with them.
const serverFlags = SQEBufferSelect | SQECQESkipSuccess

// serverRegisters are the registrations of an enabled ring: BufRing's and
// CancelEverything's.
var serverRegisters = [...]uint8{registerPbufRing, unregisterPbufRing, registerSyncCancel}

// errNotAskedFor is why a ring of Config.Unrestricted is not restricted.
var errNotAskedFor = errors.New("iouring: no restrictions were asked for")

// refusedError says that the system does not restrict rings.
type refusedError struct {
	call  string
	errno unix.Errno
}

func (e *refusedError) Error() string { return e.call + ": " + e.errno.Error() }

func (e *refusedError) Unwrap() error { return e.errno }

// Unrestricted is nil if the ring does only what a server needs, else why it
// is not restricted.
func (r *Ring) Unrestricted() error { return r.unrestricted }

// restrict restricts a ring that was set up with SetupRDisabled, and enables
// it. A *refusedError is one that the same call would meet again.
func (r *Ring) restrict(allow []uint8) error {
	list := restrictions(allow)
	// SAFETY: list is alive during the call, its elements' size is the
	// kernel's (tested).
	errno := r.register(registerRestrictions, unsafe.Pointer(&list[0]), uintptr(len(list)))
	if errno != 0 {
		return refusal("IORING_REGISTER_RESTRICTIONS", errno)
	}
	if errno := r.register(registerEnableRings, nil, 0); errno != 0 {
		return refusal("IORING_REGISTER_ENABLE_RINGS", errno)
	}
	return nil
}

// refusal tells want of memory, which passes, from a refusal, which does not.
func refusal(call string, errno unix.Errno) error {
	if errno == unix.ENOMEM {
		return fmt.Errorf("%s: %w", call, errno)
	}
	return &refusedError{call, errno}
}

// restrictions are what a server needs, and allow.
func restrictions(allow []uint8) []Restriction {
	list := []Restriction{{Opcode: restrictionSQEFlagsAllowed, Value: serverFlags}}
	for _, op := range append(serverOps[:], allow...) {
		list = append(list, Restriction{Opcode: restrictionSQEOp, Value: op})
	}
	for _, op := range serverRegisters {
		list = append(list, Restriction{Opcode: restrictionRegisterOp, Value: op})
	}
	return list
}
