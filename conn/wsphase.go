package conn

import "fmt"

// A wsPhase is where a WebSocket session is in its life. One of them holds at a
// time; setPhase is the only setter. How far the closing handshake of the
// protocol is, the engine knows (ws.State in h1/ws).
//
//	opening ──Open returned──▶ open ──last message handled──┐
//	   │                         │                          │
//	   │ the transport is lost, or the closing handshake    │
//	   │ is over, or has taken too long                     │
//	   ▼                         ▼                          ▼
//	  over ◀────────────────────────────────────────────────┘
//	   │ the callback that runs has ended
//	   ▼
//	 ended: Close is called, or was
//
// From over on the session has no transport: what was written is the
// transport's, which ends by itself.
type wsPhase uint8

const (
	// wsOpening: Open is due, or runs. What comes waits.
	wsOpening wsPhase = iota
	// wsOpen: messages are handled, one by one. Timer: the peer's silence, or
	// its answer to our Close.
	wsOpen
	// wsOver: nothing comes or goes any more; a callback runs.
	wsOver
	// wsEnded: the handler's Close was called. The end.
	wsEnded

	numWSPhases = iota
)

var wsPhaseNames = [numWSPhases]string{"opening", "open", "over", "ended"}

func (p wsPhase) String() string { return wsPhaseNames[p] }

// nextWSPhases are the phases that may follow each.
var nextWSPhases = [numWSPhases]uint16{
	wsOpening: 1<<wsOpen | 1<<wsOver,
	wsOpen:    1 << wsOver,
	wsOver:    1 << wsEnded,
	wsEnded:   0,
}

// mayBecome reports whether q may follow p.
func (p wsPhase) mayBecome(q wsPhase) bool { return nextWSPhases[p]&(1<<q) != 0 }

// setPhase is the only way to another phase.
func (s *wsSession) setPhase(q wsPhase) {
	if !s.phase.mayBecome(q) {
		panic(fmt.Sprintf("BUG: WebSocket session from %s to %s", s.phase, q))
	}
	s.phase = q
}
