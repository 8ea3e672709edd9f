package ring

import (
	"errors"
	"fmt"
)

// ErrNotAdoptable is Engine.Adopt's answer to a listener without a descriptor
// that the engine could use.
var ErrNotAdoptable = errors.New("ring: listener has no socket that this engine can use")

// UnavailableError says why an engine cannot run here. It is an
// errors.ErrUnsupported.
type UnavailableError struct {
	Engine string // as --engine spells it
	Reason string // for a person: what was tried and what the kernel said
	Remedy string // what to change to get the engine; may be empty
	Err    error  // the system's error, if there was one
}

func (e *UnavailableError) Error() string {
	s := fmt.Sprintf("engine %s is unavailable: %s", e.Engine, e.Reason)
	if e.Remedy != "" {
		s += "; " + e.Remedy
	}
	return s
}

func (e *UnavailableError) Unwrap() error { return e.Err }

// Is makes errors.Is(err, errors.ErrUnsupported) true.
func (e *UnavailableError) Is(target error) bool { return target == errors.ErrUnsupported }

// ErrReset is given to ConnHandler.Broken when the peer reset the connection.
var ErrReset = errors.New("ring: connection reset by peer")
