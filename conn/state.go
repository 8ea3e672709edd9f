package conn

import "fmt"

// A state is where a connection is in its life, whatever is spoken on it. One
// of them holds at a time; setState is the only setter.
//
//	open ──last response──▶ flushing ──all sent──▶ lingering
//	  │                        │                      │
//	  ├──broken, aborted──▶ closing ◀─────────────────┘
//	  │                     ▲  │
//	  └──▶ detaching ───────┘  ▼
//	           └──────────▶ closed ◀── any
//
// A handler may still run in closing and closed: its stream is then a failed
// one, and is freed when it is done.
type state uint8

const (
	// stateOpen: what comes is the protocol's, which has states of its own.
	stateOpen state = iota
	// stateFlushing: there will be no further request; output is being taken.
	// Bytes that come are dropped.
	stateFlushing
	// stateLingering: our FIN is sent, the peer's is awaited; bytes that come
	// are dropped. Timer: LingerTimeout.
	stateLingering
	// stateDetaching: Detach was called, because a handler has hijacked the
	// connection; Detached is awaited. Bytes that come are kept for it.
	stateDetaching
	// stateClosing: Close or Abort was called, Closed is awaited.
	stateClosing
	// stateClosed: Closed came, or Detached. The end.
	stateClosed

	numStates = iota
)

var stateNames = [numStates]string{"open", "flushing", "lingering", "detaching", "closing", "closed"}

func (s state) String() string { return stateNames[s] }

// successors are the states that may follow each.
var successors = [numStates]uint16{
	stateOpen:      set(stateFlushing, stateDetaching, stateClosing, stateClosed),
	stateFlushing:  set(stateLingering, stateClosing, stateClosed),
	stateLingering: set(stateClosing, stateClosed),
	stateDetaching: set(stateClosing, stateClosed),
	stateClosing:   set(stateClosed),
	stateClosed:    0,
}

// set is a set of states or phases.
func set[T state | phase](members ...T) (bits uint16) {
	for _, m := range members {
		bits |= 1 << m
	}
	return bits
}

// mayBecome reports whether t may follow s.
func (s state) mayBecome(t state) bool { return successors[s]&(1<<t) != 0 }

// setState is the only way to another state.
func (c *conn) setState(t state) {
	if !c.state.mayBecome(t) {
		panic(fmt.Sprintf("BUG: connection from %s to %s", c.state, t))
	}
	c.state = t
}

// over reports whether the connection can no longer carry anything.
func (s state) over() bool { return s >= stateClosing }
