package conn

import "fmt"

// A state is where a connection is in its life. One of them holds at a time;
// set is the only setter.
//
//	        ┌──────────────────────────────────────────────┐
//	        ▼                                              │
//	┌──▶  idle ──bytes──▶ head ──whole head──▶ handling ───┤ answered
//	│       │              ▲ │                 │  │  ▲     │
//	│       └──whole head──┼─┼─────────────────┘  │  │     │
//	│                      │ │ refused     output │  │     │
//	│  next head in pieces │ │              full  ▼  │Sent │
//	│  (from any ◀ of it)  │ │                 blocked     │
//	│                      │ │                    │        │
//	└── body read ── unread ◀┼──body left unread──┘        │
//	                    │    │                             │
//	   last response    ▼    ▼                             │
//	   ───────────▶  flushing ──all sent──▶ lingering      │
//	                    │                      │           │
//	                    ▼                      ▼           │
//	any ──broken──▶  closing ───────────▶   closed  ◀──────┘
//
// A handler may still run in closing and closed: its stream is then a failed
// one, and is freed when it is done.
type state uint8

const (
	// stateIdle: between requests; nothing is held but the conn itself. Also
	// from the accept on. Timer: KeepAliveTimeout, at first HeaderTimeout.
	stateIdle state = iota
	// stateHead: part of a head is here, in conn.in. Timer: HeaderTimeout.
	stateHead
	// stateHandling: a request was dispatched and is not done. Bytes that come
	// are its body's, or kept for later. Timer: the body's rate, while the
	// handler waits for it.
	stateHandling
	// stateBlocked: there may be further requests at hand, but the output is
	// full. It goes on when the client takes some. Timer: the response's rate.
	stateBlocked
	// stateUnread: the response is done, the request's body is read and
	// dropped. Timer: DrainTimeout.
	stateUnread
	// stateFlushing: there will be no further request; output is being taken.
	// Bytes that come are dropped.
	stateFlushing
	// stateLingering: our FIN is sent, the peer's is awaited; bytes that come
	// are dropped. Timer: LingerTimeout.
	stateLingering
	// stateClosing: Close or Abort was called, Closed is awaited.
	stateClosing
	// stateClosed: Closed came. The end.
	stateClosed

	numStates = iota
)

var stateNames = [numStates]string{"idle", "head", "handling", "blocked",
	"unread", "flushing", "lingering", "closing", "closed"}

func (s state) String() string { return stateNames[s] }

// successors are the states that may follow each.
var successors = [numStates]uint16{
	stateIdle:      set(stateHead, stateHandling, stateFlushing, stateClosing, stateClosed),
	stateHead:      set(stateIdle, stateHandling, stateFlushing, stateClosing, stateClosed),
	stateHandling:  set(stateIdle, stateHead, stateHandling, stateBlocked, stateUnread, stateFlushing, stateClosing, stateClosed),
	stateBlocked:   set(stateIdle, stateHead, stateHandling, stateFlushing, stateClosing, stateClosed),
	stateUnread:    set(stateIdle, stateHead, stateHandling, stateBlocked, stateFlushing, stateClosing, stateClosed),
	stateFlushing:  set(stateLingering, stateClosing, stateClosed),
	stateLingering: set(stateClosing, stateClosed),
	stateClosing:   set(stateClosed),
	stateClosed:    0,
}

func set(states ...state) (bits uint16) {
	for _, s := range states {
		bits |= 1 << s
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

// ending reports whether no further request will be looked for.
func (s state) ending() bool { return s >= stateFlushing }
