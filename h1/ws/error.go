package ws

import (
	"errors"
	"fmt"
)

// Reason says what the peer did wrong. The set is closed.
type Reason uint8

const (
	// ReservedBits: a reserved bit is set whose meaning was not negotiated.
	ReservedBits Reason = iota + 1
	// ReservedOpcode: a frame of no kind that there is.
	ReservedOpcode
	// Unmasked: a frame of a client without a mask.
	Unmasked
	// Masked: a frame of a server with a mask.
	Masked
	// FragmentedControl: a control frame that is not all of its message.
	FragmentedControl
	// ControlTooLong: a control frame with more than 125 bytes.
	ControlTooLong
	// CompressedControl: a control frame with the bit of a compressed message.
	CompressedControl
	// CompressedContinuation: that bit on a frame that begins no message.
	CompressedContinuation
	// NonMinimalLength: a length that fits a shorter form.
	NonMinimalLength
	// LengthOverflow: a length of 2^63 or more.
	LengthOverflow
	// UnexpectedContinuation: more of a message where none has begun.
	UnexpectedContinuation
	// InterruptedMessage: a message begins before another is complete.
	InterruptedMessage
	// CloseTooShort: a Close with half a code.
	CloseTooShort
	// BadCloseCode: a Close with a code that may not be there.
	BadCloseCode
	// BadCloseReason: a Close whose reason is not UTF-8.
	BadCloseReason
	// InvalidUTF8: a text that is not UTF-8.
	InvalidUTF8
	// BadDeflate: a compressed message that cannot be decompressed.
	BadDeflate
	// MessageTooLarge: Limits.MessageBytes exceeded.
	MessageTooLarge
	// EmptyFrameFlood: Limits.EmptyFrames exceeded.
	EmptyFrameFlood

	// NumReasons is one more than the largest Reason; 0 is none.
	NumReasons = int(iota + 1)
)

// reasons are the name of each and the code to close with.
var reasons = [NumReasons]struct {
	name string
	code CloseCode
}{
	0:                      {"no reason", NormalClosure},
	ReservedBits:           {"reserved bit", ProtocolError},
	ReservedOpcode:         {"reserved opcode", ProtocolError},
	Unmasked:               {"frame without mask", ProtocolError},
	Masked:                 {"frame with mask", ProtocolError},
	FragmentedControl:      {"fragmented control frame", ProtocolError},
	ControlTooLong:         {"control frame too long", ProtocolError},
	CompressedControl:      {"compressed control frame", ProtocolError},
	CompressedContinuation: {"compression bit on a continuation", ProtocolError},
	NonMinimalLength:       {"length not in its shortest form", ProtocolError},
	LengthOverflow:         {"length beyond 63 bits", ProtocolError},
	UnexpectedContinuation: {"continuation of nothing", ProtocolError},
	InterruptedMessage:     {"message within a message", ProtocolError},
	CloseTooShort:          {"close with half a code", ProtocolError},
	BadCloseCode:           {"invalid close code", ProtocolError},
	BadCloseReason:         {"close reason is not UTF-8", InvalidPayload},
	InvalidUTF8:            {"text is not UTF-8", InvalidPayload},
	BadDeflate:             {"malformed compression", InvalidPayload},
	MessageTooLarge:        {"message too large", MessageTooBig},
	EmptyFrameFlood:        {"too many empty frames", PolicyViolation},
}

// String is the reason in words. It fits a Close frame.
func (r Reason) String() string {
	if int(r) < NumReasons {
		return reasons[r].name
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// Code is the code to close with.
func (r Reason) Code() CloseCode {
	if int(r) < NumReasons {
		return reasons[r].code
	}
	return InternalError
}

// Error says that the peer broke the rules, and that the connection must fail
// (RFC 6455 §7.1.7): send a Close with Code and end it. It is immutable.
type Error struct {
	Code   CloseCode
	Reason Reason
}

func (e *Error) Error() string { return fmt.Sprintf("ws: %s (%s)", e.Reason, e.Code) }

// errorOf are the errors there can be, so that bad input allocates nothing.
var errorOf = func() (all [NumReasons]Error) {
	for r := range all {
		all[r] = Error{Reason(r).Code(), Reason(r)}
	}
	return all
}()

// ErrNoKeys: a Config of a Client that cannot mask.
var ErrNoKeys = errors.New("ws: a client needs keys")

// The answers of the Append methods. Nothing was appended.
var (
	// ErrClosing: a Close was sent, after which there may be no message, or
	// the connection is closed. It happens to the best: closing and sending
	// race.
	ErrClosing = errors.New("ws: nothing may be sent after a close")
	// ErrTooLong: more than 125 bytes in a Ping or Pong.
	ErrTooLong = errors.New("ws: more than 125 bytes in a control frame")
	// ErrOpcode: a message that is neither Text nor Binary.
	ErrOpcode = errors.New("ws: a message is text or binary")
	// ErrCloseCode: a code that may not be sent, or a reason without a code.
	ErrCloseCode = errors.New("ws: close code may not be sent")
	// ErrCloseReason: a reason that is not UTF-8.
	ErrCloseReason = errors.New("ws: close reason is not UTF-8")
)
