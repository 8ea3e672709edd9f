package conn

import "fmt"

// A phase is what an HTTP/1.1 connection does while it is open. One of them
// holds at a time; setPhase is the only setter.
//
//	        ┌──────────────────────────────────────────────┐
//	        ▼                                              │
//	┌──▶  idle ──bytes──▶ head ──whole head──▶ handling ───┤ answered
//	│       │              ▲                   │  │  ▲     │
//	│       └──whole head──┼───────────────────┘  │  │     │
//	│                      │               output │  │     │
//	│  next head in pieces │                 full ▼  │Sent │
//	│  (from any ◀ of it)  │                    blocked    │
//	│                      │                       │       │
//	└── body read ── unread ◀──body left unread────┴───────┘
//
//	handling ──Hijack──▶ leaving
//
// Any of them may be the last: conn.state says how a connection ends.
type phase uint8

const (
	// phaseIdle: between requests; nothing is held but the conn itself. Also
	// from the accept on. Timer: KeepAliveTimeout, at first HeaderTimeout.
	phaseIdle phase = iota
	// phaseHead: part of a head is here, in h1conn.in. Timer: HeaderTimeout.
	phaseHead
	// phaseHandling: a request was dispatched and is not done. Bytes that come
	// are its body's, or kept for later. Timer: the body's rate, while the
	// handler waits for it.
	phaseHandling
	// phaseBlocked: there may be further requests at hand, but the output is
	// full. It goes on when the client takes some. Timer: the response's rate.
	phaseBlocked
	// phaseUnread: the response is done, the request's body is read and
	// dropped. Timer: DrainTimeout.
	phaseUnread
	// phaseLeaving: the handler has asked for the connection, output is being
	// taken. Bytes that come are kept.
	phaseLeaving

	numPhases = iota
)

var phaseNames = [numPhases]string{"idle", "head", "handling", "blocked", "unread", "leaving"}

func (p phase) String() string { return phaseNames[p] }

// nextPhases are the phases that may follow each.
var nextPhases = [numPhases]uint16{
	phaseIdle:     set(phaseHead, phaseHandling),
	phaseHead:     set(phaseIdle, phaseHandling),
	phaseHandling: set(phaseIdle, phaseHead, phaseHandling, phaseBlocked, phaseUnread, phaseLeaving),
	phaseBlocked:  set(phaseIdle, phaseHead, phaseHandling),
	phaseUnread:   set(phaseIdle, phaseHead, phaseHandling, phaseBlocked),
}

// mayBecome reports whether q may follow p.
func (p phase) mayBecome(q phase) bool { return nextPhases[p]&(1<<q) != 0 }

// setPhase is the only way to another phase.
func (c *h1conn) setPhase(q phase) {
	if c.state != stateOpen || !c.phase.mayBecome(q) {
		panic(fmt.Sprintf("BUG: HTTP/1.1 connection, %s, from %s to %s", c.state, c.phase, q))
	}
	c.phase = q
}
