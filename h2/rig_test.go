package h2

import (
	"fmt"
	"strings"
	"testing"

	"github.com/uringserve/uringserve/app/field"
	"github.com/uringserve/uringserve/h2/hpack"
)

// rig is a connection with a client's side that can say anything.
type rig struct {
	t   *testing.T
	c   *Conn
	enc *hpack.Encoder
	dec *hpack.Decoder
	now int64
	str hpack.Scratch
}

// newRig is a connection that has been greeted and acknowledged.
func newRig(t *testing.T, changes ...func(*Config)) *rig {
	t.Helper()
	r := freshRig(t, changes...)
	r.wantKinds(r.send([]byte(Preface), AppendSettingsFrame(nil)), EventReady)
	r.wantKinds(r.send(AppendSettingsAck(nil)))
	r.sent()
	return r
}

// freshRig is a connection of which nothing was read.
func freshRig(t *testing.T, changes ...func(*Config)) *rig {
	t.Helper()
	cfg := DefaultConfig()
	for _, change := range changes {
		change(cfg)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	lim := hpack.DefaultLimits()
	return &rig{t: t, c: NewConn(cfg, new(Scratch)), enc: hpack.NewEncoder(4096), dec: hpack.NewDecoder(4096, &lim), now: 1}
}

// send feeds bytes, and answers the events.
func (r *rig) send(pieces ...[]byte) (events []Event) {
	for _, b := range pieces {
		b = b[:len(b):len(b)]
		for len(b) > 0 {
			n := r.c.Feed(r.now, b)
			b = b[n:]
			ev, ok := r.c.Next()
			if !ok && n == 0 {
				r.t.Fatal("Feed takes nothing and there is no event")
			}
			if ok {
				ev.Data = append([]byte(nil), ev.Data...)
				events = append(events, ev)
			}
		}
	}
	return events
}

// block encodes fields given as "name", "value", ….
func (r *rig) block(fields ...string) []byte {
	var b []byte
	for i := 0; i+1 < len(fields); i += 2 {
		b = r.enc.AppendField(b, []byte(fields[i]), []byte(fields[i+1]), false)
	}
	return b
}

// get is the frame of a request without body, with more fields.
func (r *rig) get(id uint32, more ...string) []byte {
	return AppendHeadersFrames(nil, id, r.block(append(getFields(), more...)...), true, 16384)
}

// post is the frame of a request with a body to follow.
func (r *rig) post(id uint32, more ...string) []byte {
	fields := append([]string{":method", "POST", ":scheme", "http", ":path", "/", ":authority", "a"}, more...)
	return AppendHeadersFrames(nil, id, r.block(fields...), false, 16384)
}

func getFields() []string {
	return []string{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a"}
}

// sentFrame is a frame of ours, for people.
type sentFrame struct {
	FrameHeader
	payload []byte
}

func (r *rig) sent() []sentFrame { return r.frames(r.c.AppendOutput(nil)) }

// frames cuts our output into frames.
func (r *rig) frames(out []byte) (all []sentFrame) {
	r.t.Helper()
	for len(out) > 0 {
		if len(out) < HeaderBytes {
			r.t.Fatalf("%d bytes of output are no frame", len(out))
		}
		h := ParseFrameHeader(out)
		if len(out) < HeaderBytes+h.Length {
			r.t.Fatalf("output ends within %v", h)
		}
		all = append(all, sentFrame{h, out[HeaderBytes : HeaderBytes+h.Length]})
		out = out[HeaderBytes+h.Length:]
	}
	return all
}

// fields decodes a block of ours.
func (r *rig) fields(block []byte) string {
	var b strings.Builder
	r.dec.Begin(block, &r.str)
	for f, ok := r.dec.Next(); ok; f, ok = r.dec.Next() {
		fmt.Fprintf(&b, "%s: %s\n", f.Name, f.Value)
	}
	if err := r.dec.Err(); err != nil {
		r.t.Fatal(err)
	}
	return b.String()
}

// wantKinds checks which events there were.
func (r *rig) wantKinds(events []Event, kinds ...EventKind) {
	r.t.Helper()
	var got []EventKind
	for _, e := range events {
		got = append(got, e.Kind)
	}
	if fmt.Sprint(got) != fmt.Sprint(kinds) {
		for _, e := range events {
			if err := e.Err(); err != nil {
				r.t.Log(err)
			}
		}
		r.t.Fatalf("events %v, want %v", got, kinds)
	}
}

// wantFail checks that the connection ended for that reason, and says so.
func (r *rig) wantFail(events []Event, reason Reason) {
	r.t.Helper()
	if len(events) == 0 || events[len(events)-1].Kind != EventFailed || events[len(events)-1].Reason != reason {
		r.t.Fatalf("events %+v, want failure: %s", events, reason)
	}
	frames := r.sent()
	last := frames[len(frames)-1]
	if last.Type != FrameGoAway || Code(be32(last.payload[4:])) != reason.Code() {
		r.t.Fatalf("the last frame is %v %x, want GOAWAY %v", last.FrameHeader, last.payload, reason.Code())
	}
}

// wantReset checks that the stream was reset for that reason, and the
// connection goes on.
func (r *rig) wantReset(events []Event, id uint32, reason Reason) {
	r.t.Helper()
	found := false
	for _, e := range events {
		found = found || (e.Kind == EventReset || e.Kind == EventRejected) && e.ID == id && e.Reason == reason && e.Code == reason.Code()
	}
	if !found || r.c.Err() != nil {
		r.t.Fatalf("events %+v, %v, want stream %d reset: %s", events, r.c.Err(), id, reason)
	}
	for _, f := range r.sent() {
		if f.Type == FrameRSTStream && f.ID == id && Code(be32(f.payload)) == reason.Code() {
			return
		}
	}
	r.t.Fatalf("no RST_STREAM for stream %d", id)
}

// respond answers with a body, as far as the windows let it.
func (r *rig) respond(id uint32, body string) []sentFrame {
	r.t.Helper()
	out, more, _, err := r.c.AppendResponse(nil, id, &ResponseMeta{Status: 200, RequestMethod: "GET", Length: int64(len(body))})
	if err != nil {
		r.t.Fatal(err)
	}
	if more {
		if err := r.c.Ready(id, len(body), true); err != nil {
			r.t.Fatal(err)
		}
		for len(body) > 0 {
			picked, n, ok := r.c.Pick(1 << 20)
			if !ok || picked != id {
				break
			}
			out = r.c.AppendData(out, id, []byte(body[:n]), n == len(body))
			body = body[n:]
		}
	}
	return r.frames(out)
}

func fieldsOf(lines ...string) *field.Fields {
	var f field.Fields
	for i := 0; i+1 < len(lines); i += 2 {
		f.Add(lines[i], lines[i+1])
	}
	return &f
}
