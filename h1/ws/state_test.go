package ws

import (
	"errors"
	"fmt"
	"testing"
)

// byTheRFC is §5.5 and §7 as rules, not as a table.
func byTheRFC(s State, in input) string {
	sent, received := s == CloseSent || s == Closed, s == CloseReceived || s == Closed
	switch in {
	case recvFrame, recvClose, recvInvalid:
		if received {
			return "ignored"
		}
		received = in != recvFrame
	case sendMessage: // §5.5.1
		if sent {
			return "illegal"
		}
	case sendControl: // §5.5.2: a pong until a Close was received
		if sent && received {
			return "illegal"
		}
	case sendClose:
		if sent {
			return "illegal"
		}
		sent = true
	}
	switch {
	case sent && received:
		return "closed"
	case sent:
		return "close sent"
	case received:
		return "close received"
	}
	return "open"
}

func TestStateTable(t *testing.T) {
	for s := range State(numStates) {
		for in := range input(numInputs) {
			state := s
			got := "illegal"
			if transitions[s][in].verdict == ignore {
				got = "ignored"
			}
			if ok := state.transit(in); ok {
				got = state.String()
			} else if state != s {
				t.Errorf("%s, input %d: not accepted, and the state is %s", s, in, state)
			}
			if want := byTheRFC(s, in); got != want {
				t.Errorf("%s, input %d: %s, want %s", s, in, got, want)
			}
		}
	}
}

// inState is a server's connection that has got into a state.
func inState(s State) *replayer {
	r := newReplayer(Server, Deflate{}, nil)
	var err error
	if s == CloseSent || s == Closed {
		_, err = r.c.AppendClose(nil, NormalClosure, "")
	}
	if s == CloseReceived || s == Closed {
		r.feed(fr(closing, "")(Server))
	}
	if r.log = nil; err != nil || r.c.State() != s {
		panic(fmt.Sprint(r.c.State(), err))
	}
	return r
}

// Every state and every input, by what a connection does.
func TestStates(t *testing.T) {
	received := map[input][2]string{ // what comes, and what is found
		recvFrame:   {string(fr(endText, "x")(Server)), `text "x"`},
		recvClose:   {string(fr(closing, "")(Server)), `close 1005 ""`},
		recvInvalid: {string(fr(0x83, "")(Server)), "reserved opcode: 1002"},
	}
	for s := range State(numStates) {
		for in := range input(numInputs) {
			r := inState(s)
			want := byTheRFC(s, in)
			if io, ok := received[in]; ok {
				r.feed([]byte(io[0]))
				if found := r.String(); (found == "") != (want == "ignored") || found != "" && found != io[1] {
					t.Errorf("%s, input %d: %q, want it %s", s, in, found, want)
				}
			} else if err := sendAs(r.c, in); errors.Is(err, ErrClosing) != (want == "illegal") {
				t.Errorf("%s, input %d: %v, want it %s", s, in, err, want)
			}
			if want == "ignored" || want == "illegal" {
				want = s.String()
			}
			if r.c.State().String() != want {
				t.Errorf("%s, input %d: it is %s, want %s", s, in, r.c.State(), want)
			}
		}
	}
}

// sendAs sends what in says, and checks that nothing is appended with an error.
func sendAs(c *Conn, in input) error {
	var b []byte
	var err error
	switch in {
	case sendMessage:
		if b, err = c.AppendPrepared(nil, Prepare(Text, nil)); err != nil {
			_, other := c.AppendMessage(nil, Text, nil)
			err = errors.Join(err, other)
		}
	case sendControl:
		b, err = c.AppendPing(nil, nil)
		if _, other := c.AppendPong(nil, nil); !errors.Is(other, err) {
			return fmt.Errorf("a pong: %w, a ping: %w", other, err)
		}
	case sendClose:
		b, err = c.AppendClose(nil, NormalClosure, "")
	}
	if (len(b) == 0) != (err != nil) {
		return fmt.Errorf("%d bytes and %w", len(b), err)
	}
	return err
}

// Whatever the state and the error, nothing more is read after it, and what
// was held is given back.
func TestErrorEndsReading(t *testing.T) {
	r := newReplayer(Server, Deflate{}, nil)
	r.feed(join(Server, []part{fr(binary0, "0123456789"), fr(0x83, ""), fr(endText, "x")}))
	if r.feed(fr(endText, "y")(Server)); r.String() != "reserved opcode: 1002" {
		t.Error(r)
	}
	if r.c.Buffered() != 0 {
		t.Errorf("%d bytes are held", r.c.Buffered())
	}
	b, err := r.c.AppendClose(nil, ProtocolError, ReservedOpcode.String())
	if err != nil || r.c.State() != Closed || string(b) != "\x88\x11\x03\xeareserved opcode" {
		t.Errorf("%q, %v, %s", b, err, r.c.State())
	}
}
