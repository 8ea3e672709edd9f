package h2

import (
	"errors"
	"fmt"
)

// ConnError says that the connection cannot go on: the peer broke the rules,
// or abused them. The GOAWAY that tells it is queued.
type ConnError struct {
	Code   Code
	Reason Reason
}

func (e *ConnError) Error() string { return fmt.Sprintf("h2: connection: %s (%s)", e.Reason, e.Code) }

// StreamError says that we ended one stream, and why. The connection goes on.
type StreamError struct {
	ID     uint32
	Code   Code
	Reason Reason
}

func (e *StreamError) Error() string {
	return fmt.Sprintf("h2: stream %d: %s (%s)", e.ID, e.Reason, e.Code)
}

// PeerError says that the peer ended a stream, or with ID 0 the connection.
type PeerError struct {
	ID   uint32
	Code Code
}

func (e *PeerError) Error() string {
	if e.ID == 0 {
		return fmt.Sprintf("h2: the peer ended the connection: %s", e.Code)
	}
	return fmt.Sprintf("h2: the peer reset stream %d: %s", e.ID, e.Code)
}

// ErrGone is the answer to the use of a stream that was reset, by either side,
// or whose connection has failed: what was to be sent has no way to go.
var ErrGone = errors.New("h2: the stream is gone")

// StateError says that a call was not legal: a bug of the caller, never caused
// by the peer. Nothing was changed.
type StateError struct {
	Call  string
	ID    uint32
	State State
}

func (e *StateError) Error() string {
	return fmt.Sprintf("h2: %s on stream %d, which is %s", e.Call, e.ID, e.State)
}

// Fault says what is wrong with a response. The set is closed.
type Fault uint8

const (
	// FaultStatus: a status code that cannot be sent this way.
	FaultStatus Fault = iota + 1
	// FaultName: a field name that is not a token.
	FaultName
	// FaultValue: a field value with a control octet other than tab.
	FaultValue
	// FaultLength: a Content-Length that is malformed or repeated.
	FaultLength
	// FaultTrailer: a field that may not come after the body.
	FaultTrailer
)

var faults = [...]string{"no fault", "invalid status", "invalid field name",
	"invalid field value", "invalid Content-Length", "field not allowed as trailer"}

// String is the fault in words.
func (f Fault) String() string {
	if int(f) < len(faults) {
		return faults[f]
	}
	return fmt.Sprintf("fault %d", uint8(f))
}

// ResponseError says that the application asked for a response that cannot be
// sent. The client did nothing wrong, nothing was appended, and another
// response may be tried.
type ResponseError struct {
	Fault  Fault
	Status int    // of the response; 0: trailers
	Name   string // of the field, if it is about one; at most 64 bytes of it
}

func (e *ResponseError) Error() string {
	if e.Name == "" {
		return fmt.Sprintf("h2: response %d: %s", e.Status, e.Fault)
	}
	return fmt.Sprintf("h2: response %d: %s: %q", e.Status, e.Fault, e.Name)
}
