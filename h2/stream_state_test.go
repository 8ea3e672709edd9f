package h2

import (
	"fmt"
	"testing"
)

// Every state and every input against the words of RFC 9113 §5.1, written
// down apart from the table.
func TestStateTable(t *testing.T) {
	for s := range State(numStates) {
		for in := range input(numInputs) {
			got := describe(transitions[s][in])
			if want := byTheRFC(s, in); got != want {
				t.Errorf("%s, input %d: %s, want %s", s, in, got, want)
			}
			st := stream{state: s}
			if o := st.transit(in); o.verdict != accept && st.state != s {
				t.Errorf("%s, input %d: not accepted, and the state is %s", s, in, st.state)
			} else if o.verdict == accept && st.state != o.next {
				t.Errorf("%s, input %d: the state is %s, want %s", s, in, st.state, o.next)
			}
		}
	}
}

func describe(o outcome) string {
	switch o.verdict {
	case accept:
		return o.next.String()
	case ignore:
		return "ignore"
	case streamError:
		return fmt.Sprint("stream ", o.reason.Code())
	case connError:
		return fmt.Sprint("connection ", o.reason.Code())
	}
	return "illegal"
}

// byTheRFC is §5.1 as rules, not as a table.
func byTheRFC(s State, in input) string {
	ends := in == recvHeadersEnd || in == recvDataEnd || in == sendHeadersEnd || in == sendDataEnd
	headers := in == recvHeaders || in == recvHeadersEnd
	message := headers || in == recvData || in == recvDataEnd
	if in >= sendHeaders {
		return sendByTheRFC(s, in, ends)
	}
	closed := s >= StateEnded
	switch {
	case in == recvPriority && closed:
		return "ignore"
	case in == recvPriority: // "PRIORITY frames can be sent and received in any state"
		return s.String()
	case s == StateIdle && in == recvHeaders:
		return StateOpen.String()
	case s == StateIdle && in == recvHeadersEnd:
		return StateHalfClosedRemote.String()
	case s == StateIdle:
		return "connection PROTOCOL_ERROR"
	case s == StateSkipped && headers: // §5.1.1
		return "connection PROTOCOL_ERROR"
	case s == StateResetByUs, s == StateForgotten:
		return "ignore"
	case closed && !message:
		return "ignore"
	case s == StateResetByPeer:
		return "stream STREAM_CLOSED"
	case closed:
		return "connection STREAM_CLOSED"
	case in == recvReset:
		return StateResetByPeer.String()
	case in == recvWindowUpdate:
		return s.String()
	case s == StateHalfClosedRemote:
		return "stream STREAM_CLOSED"
	case in == recvHeaders: // §8.1: trailers without END_STREAM
		return "stream PROTOCOL_ERROR"
	case ends && s == StateOpen:
		return StateHalfClosedRemote.String()
	case ends:
		return StateEnded.String()
	}
	return s.String()
}

func sendByTheRFC(s State, in input, ends bool) string {
	switch {
	case in == sendReset && (s >= StateOpen && s <= StateHalfClosedLocal || s == StateResetByPeer):
		return StateResetByUs.String()
	case in == sendReset, s != StateOpen && s != StateHalfClosedRemote:
		return "illegal"
	case ends && s == StateOpen:
		return StateHalfClosedLocal.String()
	case ends:
		return StateEnded.String()
	}
	return s.String()
}

func TestClosedStreams(t *testing.T) {
	var c closedStreams
	how := []State{StateEnded, StateResetByUs, StateResetByPeer}
	for i := range closedKept {
		c.add(uint32(4*i+1), how[i%3])
	}
	check := func(first int) {
		t.Helper()
		for i := first; i < first+closedKept; i++ {
			if got := c.state(uint32(4*i + 1)); got != how[i%3] {
				t.Fatalf("stream %d is %s, want %s", 4*i+1, got, how[i%3])
			}
			if got := c.state(uint32(4*i + 3)); got != StateSkipped {
				t.Fatalf("stream %d is %s, want skipped", 4*i+3, got)
			}
		}
	}
	check(0)
	if got := c.state(0x7fffffff); got != StateSkipped {
		t.Fatalf("the highest stream is %s", got)
	}
	c.add(4*closedKept+1, how[closedKept%3]) // one more: the first is forgotten
	check(1)
	if got := c.state(1); got != StateForgotten {
		t.Errorf("the oldest is %s", got)
	}
	if len(c.ring) != closedKept || cap(c.ring) > closedKept {
		t.Errorf("%d of %d words are used", len(c.ring), cap(c.ring))
	}
	c.add(0x7fffffff, StateResetByPeer)
	if got := c.state(0x7fffffff); got != StateResetByPeer {
		t.Errorf("the highest stream is %s", got)
	}
	c.reset(0x7fffffff)
	if got := c.state(0x7fffffff); got != StateResetByUs {
		t.Errorf("a stream answered is %s", got)
	}
}

// The table of streams against a map.
func TestStreamsTable(t *testing.T) {
	var table streams
	there := map[uint32]*stream{}
	rng := newRand(1)
	next := uint32(1)
	for range 20000 {
		if rng.n(2) == 0 && len(there) < 200 {
			next += 2 * uint32(1+rng.n(40))
			if rng.n(10) == 0 {
				next += 1 << 20
			}
			there[next] = table.add(next)
		} else {
			for id, s := range there {
				table.remove(s)
				delete(there, id)
				if table.get(id) != nil {
					t.Fatal("removed and still there")
				}
				break
			}
		}
		if table.count != len(there) {
			t.Fatalf("%d streams, want %d", table.count, len(there))
		}
		for id, s := range there {
			if table.get(id) != s || s.id != id {
				t.Fatalf("stream %d is lost", id)
			}
		}
	}
	if len(table.slots) > 512 {
		t.Errorf("%d slots for 200 streams", len(table.slots))
	}
}

// xorshift, so that a seed means the same for ever.
type rand struct{ x uint64 }

func newRand(seed uint64) *rand { return &rand{seed*0x9e3779b97f4a7c15 + 1} }

func (r *rand) n(n int) int {
	r.x ^= r.x << 13
	r.x ^= r.x >> 7
	r.x ^= r.x << 17
	return int(r.x>>11) % n
}
