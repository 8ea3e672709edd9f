package ws

import "fmt"

// State is how far the closing handshake is (RFC 6455 §7):
//
//	           Open
//	send Close │  │ recv Close, or the peer broke the rules
//	           ▼  ▼
//	   CloseSent  CloseReceived
//	recv Close │  │ send Close
//	  or worse ▼  ▼
//	          Closed
//
// A connection whose peer broke the rules is told why, and nothing that it
// sends counts any more (§7.1.7): as if it had sent a Close. It is the owner's
// to end the transport: a server does so in Closed (§7.1.1), or when it has
// waited for long enough.
//
// The state is changed by transit alone.
type State uint8

const (
	// Open: both sides may send.
	Open State = iota
	// CloseSent: we may send no message any more. What comes is read until
	// the peer's Close.
	CloseSent
	// CloseReceived: what comes is dropped. We must send a Close, and may end
	// a message before it.
	CloseReceived
	// Closed: nothing is sent or read.
	Closed

	numStates = iota
)

var stateNames = [numStates]string{"open", "close sent", "close received", "closed"}

func (s State) String() string {
	if int(s) < numStates {
		return stateNames[s]
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// input is what may happen to a connection.
type input uint8

const (
	recvFrame   input = iota // any that is not a Close
	recvClose                // a valid one
	recvInvalid              // what breaks the rules
	sendMessage
	sendControl // a Ping or a Pong
	sendClose

	numInputs = iota
)

// verdict is what is to be done about an input.
type verdict uint8

const (
	// illegal: it is not sent, ErrClosing. The zero verdict, so that nothing
	// is legal that the table does not name.
	illegal verdict = iota
	accept
	// ignore: it is dropped.
	ignore
)

// outcome is the answer to an input in a state.
type outcome struct {
	verdict verdict
	next    State // if accepted
}

func to(s State) outcome { return outcome{accept, s} }

var drop = outcome{verdict: ignore}

// transitions is RFC 6455 §5.5 and §7. What is absent is illegal.
var transitions = [numStates][numInputs]outcome{
	Open: {
		recvFrame:   to(Open),
		recvClose:   to(CloseReceived),
		recvInvalid: to(CloseReceived),
		sendMessage: to(Open),
		sendControl: to(Open),
		sendClose:   to(CloseSent),
	},
	CloseSent: {
		recvFrame:   to(CloseSent), // sent before our Close was read
		recvClose:   to(Closed),
		recvInvalid: to(Closed),
		// §5.5.1: MUST NOT send any more data frames after sending a Close.
		// §5.5.2: a Ping MUST be answered until a Close has come.
		sendControl: to(CloseSent),
	},
	CloseReceived: {
		// §7.1.7: MUST NOT continue to attempt to process data.
		recvFrame:   drop,
		recvClose:   drop,
		recvInvalid: drop,
		// §5.5.1: MAY delay sending a Close until its current message is sent.
		sendMessage: to(CloseReceived),
		sendControl: to(CloseReceived),
		sendClose:   to(Closed),
	},
	Closed: {
		recvFrame:   drop,
		recvClose:   drop,
		recvInvalid: drop,
	},
}

// transit does what in leads to, and says whether it may be.
func (s *State) transit(in input) bool {
	o := transitions[*s][in]
	if o.verdict != accept {
		return false
	}
	*s = o.next
	return true
}

// reads: what comes has a meaning.
func (s State) reads() bool { return transitions[s][recvFrame].verdict == accept }
