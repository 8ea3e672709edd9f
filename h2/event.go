package h2

import "github.com/uringserve/uringserve/app/field"

// EventKind says what an Event is about.
type EventKind uint8

const (
	noEvent EventKind = iota
	// EventReady: the preface and the first SETTINGS are here. Once.
	EventReady
	// EventHead: a request. ID, Head, End. The stream is the owner's until
	// Release.
	EventHead
	// EventRefusal: a request that must be answered with Status and nothing
	// else (400, 405, 414, 417, 431). ID, Reason, End. The stream is the
	// owner's until Release.
	EventRefusal
	// EventData: bytes of a request's body, Data, maybe none. ID, End. They
	// count against the windows until Consumed.
	EventData
	// EventTrailers: the fields after the body, Trailers; its end. ID, End.
	EventTrailers
	// EventReset: a stream of the owner's is over. ID, Code; ByPeer says who
	// did it, and if it was us Reason says why. It still must be Released.
	EventReset
	// EventRejected: we reset a stream that was never announced, or answered
	// a late frame. ID, Code, Reason. For counting.
	EventRejected
	// EventWindow: more may be sent: call Pick. ID is the stream, 0 all.
	EventWindow
	// EventPong: the answer to Ping.
	EventPong
	// EventGoAway: the peer will open no more streams. Code.
	EventGoAway
	// EventDrainDue: the answer to the PING of Shutdown: call FinishShutdown.
	EventDrainDue
	// EventFailed: the connection is over, with Code and Reason. GOAWAY is
	// queued: send it and close. The last event; streams get no EventReset.
	EventFailed
)

var eventNames = [...]string{"no event", "ready", "head", "refusal", "data", "trailers", "reset",
	"rejected", "window", "pong", "goaway", "drain due", "failed"}

func (k EventKind) String() string { return eventNames[k] }

// Event is something that the peer did. Slices and pointers in it are valid
// until the next Feed of any connection with the same Scratch, and Data only
// as long as the bytes given to Feed.
type Event struct {
	Kind   EventKind
	End    bool   // the peer has ended its side of the stream
	ByPeer bool   // of EventReset
	Reason Reason // of refusals, rejects, resets by us, failures
	Status int    // of EventRefusal
	Code   Code
	ID     uint32
	Data   []byte
	Head   *Head
	// Trailers of EventTrailers.
	Trailers *field.Fields
}

// Err is the error that EventReset, EventRejected, EventGoAway and EventFailed
// stand for, nil for others: *StreamError, *PeerError or *ConnError.
func (e *Event) Err() error {
	switch e.Kind {
	case EventReset, EventRejected:
		if e.ByPeer {
			return &PeerError{e.ID, e.Code}
		}
		return &StreamError{e.ID, e.Code, e.Reason}
	case EventGoAway:
		return &PeerError{0, e.Code}
	case EventFailed:
		return &ConnError{e.Code, e.Reason}
	}
	return nil
}
