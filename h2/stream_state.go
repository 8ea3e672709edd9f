package h2

import "fmt"

// State is the state of a stream, seen from the server (RFC 9113 §5.1). We
// never push, so that nothing is ever reserved.
//
//	                 idle
//	                  │ recv HEADERS           recv HEADERS+END
//	                  ▼                              │
//	  ┌───────────── open ─────────────┐             │
//	  │ send END            recv END   │             │
//	  ▼                                ▼             ▼
//	half-closed (local)             half-closed (remote)
//	  │ recv END                       │ send END
//	  └──────────▶ ended ◀─────────────┘
//
//	any of these but idle ── send RST_STREAM ──▶ reset by us
//	                      ── recv RST_STREAM ──▶ reset by the peer
//
// "Closed" of the RFC is five states here, since what a late frame is answered
// with depends on how the stream came to be closed. The last two are of
// streams that the connection has no record of, see closed.go.
//
// A stream's state is changed by transit alone.
type State uint8

const (
	// StateIdle: no frame has opened it.
	StateIdle State = iota
	// StateOpen: both sides may send.
	StateOpen
	// StateHalfClosedRemote: the peer has ended its side. The usual state of
	// a request while it is answered.
	StateHalfClosedRemote
	// StateHalfClosedLocal: we have ended our side, the peer may still send.
	StateHalfClosedLocal
	// StateEnded: both sides have ended. The peer knows: no frame of its may
	// be under way but WINDOW_UPDATE and RST_STREAM.
	StateEnded
	// StateResetByUs: we sent RST_STREAM. Anything may still be under way, and
	// is ignored.
	StateResetByUs
	// StateResetByPeer: the peer sent RST_STREAM. It may send no more.
	StateResetByPeer
	// StateForgotten: it was closed so long ago that it is not known how.
	StateForgotten
	// StateSkipped: it was never opened, but one above it was, and that
	// closed it (§5.1.1).
	StateSkipped

	numStates = iota
)

var stateNames = [numStates]string{"idle", "open", "half-closed (remote)", "half-closed (local)",
	"ended", "reset by us", "reset by the peer", "forgotten", "skipped"}

func (s State) String() string {
	if int(s) < numStates {
		return stateNames[s]
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// live: neither closed nor idle.
func (s State) live() bool { return s >= StateOpen && s <= StateHalfClosedLocal }

// remoteOpen: the peer may send HEADERS and DATA.
func (s State) remoteOpen() bool { return s == StateOpen || s == StateHalfClosedLocal }

// localOpen: we may send HEADERS and DATA.
func (s State) localOpen() bool { return s == StateOpen || s == StateHalfClosedRemote }

// input is what may happen to a stream. An END is END_STREAM on a frame;
// HEADERS that we send without it are any of interim, final, and none.
type input uint8

const (
	recvHeaders input = iota
	recvHeadersEnd
	recvData
	recvDataEnd
	recvReset
	recvWindowUpdate
	recvPriority
	sendHeaders
	sendHeadersEnd
	sendData
	sendDataEnd
	sendReset

	numInputs = iota
)

// verdict is what is to be done about an input.
type verdict uint8

const (
	// illegal: a bug of ours. The zero verdict, so that nothing is legal
	// that the table does not name.
	illegal verdict = iota
	accept
	// ignore: minimal processing, no answer (§5.1).
	ignore
	// streamError: RST_STREAM.
	streamError
	// connError: GOAWAY.
	connError
)

// outcome is the answer to an input in a state.
type outcome struct {
	verdict verdict
	next    State  // if accepted
	reason  Reason // of an error
}

func to(s State) outcome            { return outcome{verdict: accept, next: s} }
func breaks(r Reason) outcome       { return outcome{verdict: connError, reason: r} }
func breaksStream(r Reason) outcome { return outcome{verdict: streamError, reason: r} }

var drop = outcome{verdict: ignore}

// transitions is RFC 9113 §5.1. What is absent is illegal.
var transitions = [numStates][numInputs]outcome{
	StateIdle: {
		recvHeaders:    to(StateOpen),
		recvHeadersEnd: to(StateHalfClosedRemote),
		// Receiving any frame other than HEADERS or PRIORITY on a stream in
		// this state MUST be treated as a connection error.
		recvData:         breaks(IdleStream),
		recvDataEnd:      breaks(IdleStream),
		recvReset:        breaks(IdleStream),
		recvWindowUpdate: breaks(IdleStream),
		recvPriority:     to(StateIdle),
	},
	StateOpen: {
		recvHeaders:      breaksStream(UnendedTrailers), // §8.1
		recvHeadersEnd:   to(StateHalfClosedRemote),
		recvData:         to(StateOpen),
		recvDataEnd:      to(StateHalfClosedRemote),
		recvReset:        to(StateResetByPeer),
		recvWindowUpdate: to(StateOpen),
		recvPriority:     to(StateOpen),
		sendHeaders:      to(StateOpen),
		sendHeadersEnd:   to(StateHalfClosedLocal),
		sendData:         to(StateOpen),
		sendDataEnd:      to(StateHalfClosedLocal),
		sendReset:        to(StateResetByUs),
	},
	StateHalfClosedRemote: {
		// An endpoint that receives additional frames, other than
		// WINDOW_UPDATE, PRIORITY, or RST_STREAM, for a stream that is in this
		// state MUST respond with a stream error of type STREAM_CLOSED.
		recvHeaders:      breaksStream(HalfClosedStream),
		recvHeadersEnd:   breaksStream(HalfClosedStream),
		recvData:         breaksStream(HalfClosedStream),
		recvDataEnd:      breaksStream(HalfClosedStream),
		recvReset:        to(StateResetByPeer),
		recvWindowUpdate: to(StateHalfClosedRemote),
		recvPriority:     to(StateHalfClosedRemote),
		sendHeaders:      to(StateHalfClosedRemote),
		sendHeadersEnd:   to(StateEnded),
		sendData:         to(StateHalfClosedRemote),
		sendDataEnd:      to(StateEnded),
		sendReset:        to(StateResetByUs),
	},
	StateHalfClosedLocal: {
		recvHeaders:      breaksStream(UnendedTrailers),
		recvHeadersEnd:   to(StateEnded),
		recvData:         to(StateHalfClosedLocal),
		recvDataEnd:      to(StateEnded),
		recvReset:        to(StateResetByPeer),
		recvWindowUpdate: to(StateHalfClosedLocal), // sent before our end came
		recvPriority:     to(StateHalfClosedLocal),
		sendReset:        to(StateResetByUs),
	},
	StateEnded: {
		recvHeaders:      breaks(EndedStream),
		recvHeadersEnd:   breaks(EndedStream),
		recvData:         breaks(EndedStream),
		recvDataEnd:      breaks(EndedStream),
		recvReset:        drop,
		recvWindowUpdate: drop,
		recvPriority:     drop,
	},
	StateResetByUs: {
		// An endpoint MUST minimally process and then discard any frames it
		// receives in this state.
		recvHeaders:      drop,
		recvHeadersEnd:   drop,
		recvData:         drop,
		recvDataEnd:      drop,
		recvReset:        drop,
		recvWindowUpdate: drop,
		recvPriority:     drop,
	},
	StateResetByPeer: {
		recvHeaders:      breaksStream(ResetStream),
		recvHeadersEnd:   breaksStream(ResetStream),
		recvData:         breaksStream(ResetStream),
		recvDataEnd:      breaksStream(ResetStream),
		recvReset:        drop,
		recvWindowUpdate: drop,
		recvPriority:     drop,
		sendReset:        to(StateResetByUs), // the answer to those above
	},
	StateForgotten: {
		recvHeaders:      drop,
		recvHeadersEnd:   drop,
		recvData:         drop,
		recvDataEnd:      drop,
		recvReset:        drop,
		recvWindowUpdate: drop,
		recvPriority:     drop,
	},
	StateSkipped: {
		// §5.1.1: An endpoint that receives an unexpected stream identifier
		// MUST respond with a connection error of type PROTOCOL_ERROR.
		recvHeaders:      breaks(FallingStreamID),
		recvHeadersEnd:   breaks(FallingStreamID),
		recvData:         breaks(EndedStream),
		recvDataEnd:      breaks(EndedStream),
		recvReset:        drop,
		recvWindowUpdate: drop,
		recvPriority:     drop,
	},
}
