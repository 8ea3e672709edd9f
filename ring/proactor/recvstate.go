package proactor

// recvState is what a connection wants of receiving. Which receives are armed
// is kept apart, in conn.arms; loop.settleRecv brings the one in line with the
// other.
//
//	            pause                    no buffers
//	paused ◀───────────── wanted ──────────────────▶ starved
//	   │ ▲  ─────────────▶   ▲ ◀──────────────────────  │
//	   │ │      resume       │          buffers         │
//	   │ └───────────────────┼──────────────────────────┘
//	   │                     │            pause
//	   └──── end ──▶ ended ◀─┴── end (from any)
//
// What is not drawn changes nothing.
type recvState uint8

const (
	// recvWanted: a receive is armed, or will be as soon as a cancelled one
	// of the same thread is over.
	recvWanted recvState = iota
	// recvPaused: no receive is armed, or they are being cancelled; a poll
	// watches for hang-ups.
	recvPaused
	// recvStarved: receiving ended for want of buffers and goes on when there
	// are some. On loop.starved.
	recvStarved
	// recvEnded: FIN, failure or close. Nothing more is received.
	recvEnded

	recvStates
)

type recvEvent uint8

const (
	recvPause     recvEvent = iota // PauseRecv
	recvResume                     // ResumeRecv
	recvNoBuffers                  // ENOBUFS
	recvBuffers                    // there are buffers again
	recvEnd                        // FIN, failure, close

	recvEvents
)

// recvNext is the state after each event.
var recvNext = [recvStates][recvEvents]recvState{
	recvWanted:  {recvPaused, recvWanted, recvStarved, recvWanted, recvEnded},
	recvPaused:  {recvPaused, recvWanted, recvPaused, recvPaused, recvEnded},
	recvStarved: {recvPaused, recvStarved, recvStarved, recvWanted, recvEnded},
	recvEnded:   {recvEnded, recvEnded, recvEnded, recvEnded, recvEnded},
}

// on moves c to the state after event, and reports whether it changed.
func (c *conn) on(event recvEvent) bool {
	old := c.recv
	c.recv = recvNext[old][event]
	return c.recv != old
}
