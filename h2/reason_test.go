package h2

import (
	"errors"
	"strings"
	"testing"
)

func TestReasons(t *testing.T) {
	seen := map[string]bool{}
	for r := Reason(1); int(r) < NumReasons; r++ {
		s := r.String()
		if s == "" || seen[s] || strings.HasPrefix(s, "reason ") {
			t.Errorf("reason %d is %q", r, s)
		}
		seen[s] = true
		if r.Code() == CodeNoError && r != OwnerClosed {
			t.Errorf("%s has no code", r)
		}
		if (r.Status() != 0) != (r >= HeadTooLarge) {
			t.Errorf("%s has status %d", r, r.Status())
		}
	}
	unknown := Reason(NumReasons)
	if unknown.Status() != 0 || unknown.Code() != CodeInternalError || unknown.String() == "" {
		t.Errorf("%s", unknown)
	}
	if Code(99).String() != "code 0x63" || CodeHTTP11Required.String() != "HTTP_1_1_REQUIRED" {
		t.Error("names of codes")
	}
	if FrameType(0x20).String() == "" || FrameContinuation.String() != "CONTINUATION" || FrameType(0xb).String() == "" {
		t.Error("names of frames")
	}
}

func TestErrors(t *testing.T) {
	var (
		conn   *ConnError
		stream *StreamError
		peer   *PeerError
	)
	for _, c := range []struct {
		e    Event
		into any
		says string
	}{
		{Event{Kind: EventFailed, Code: CodeProtocolError, Reason: BadPreface}, &conn, "connection preface (PROTOCOL_ERROR)"},
		{Event{Kind: EventReset, ID: 5, Code: CodeCancel, ByPeer: true}, &peer, "stream 5: CANCEL"},
		{Event{Kind: EventReset, ID: 5, Code: CodeProtocolError, Reason: BadTE}, &stream, "stream 5: TE"},
		{Event{Kind: EventRejected, ID: 5, Code: CodeRefusedStream, Reason: TooManyStreams}, &stream, "REFUSED_STREAM"},
		{Event{Kind: EventGoAway, Code: CodeNoError}, &peer, "ended the connection"},
	} {
		if err := c.e.Err(); !errors.As(err, c.into) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v", c.e.Kind, err)
		}
	}
	if e := (Event{Kind: EventData}); e.Err() != nil {
		t.Error("DATA is an error")
	}
	for _, err := range []error{&StateError{"Ready", 1, StateIdle}, &ResponseError{FaultName, 200, "a b"}, &ResponseError{FaultStatus, 0, ""}, &LimitError{"Streams", 0, 1, 2}} {
		if !strings.HasPrefix(err.Error(), "h2: ") {
			t.Errorf("%q", err)
		}
	}
	if State(99).String() == "" || Fault(99).String() == "" {
		t.Error("unknown values")
	}
}
