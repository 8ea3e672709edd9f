package h2

import (
	"bytes"
	"testing"

	"github.com/uringserve/uringserve/app/field"
)

// An owner for inputs that may be anything: it answers what it can and checks
// what must hold after each event.
type fuzzOwner struct {
	t      testing.TB
	c      *Conn
	out    []byte
	log    []byte // what does not depend on cuts
	data   uint32 // the stream that the last log entry is DATA of
	unread int
}

func (o *fuzzOwner) run(pieces ...[]byte) {
	for _, b := range pieces {
		for len(b) > 0 {
			n := o.c.Feed(1, b[:len(b):len(b)])
			b = b[n:]
			ev, ok := o.c.Next()
			if ok {
				o.event(ev)
			} else if n == 0 {
				o.t.Fatal("nothing is taken, and no event")
			}
			o.check()
		}
	}
}

func (o *fuzzOwner) event(ev Event) {
	if ev.Kind == EventData {
		if o.data != ev.ID && len(ev.Data) > 0 {
			o.log = append(o.log, byte(EventData), byte(ev.ID))
			o.data = ev.ID
		}
		o.log = append(o.log, ev.Data...)
		o.unread += len(ev.Data)
	} else {
		o.data = 0
		o.log = append(o.log, byte(ev.Kind), byte(ev.ID), byte(ev.Reason), byte(ev.Code))
	}
	if ev.Kind == EventHead && ev.Head.Fields.Len() > 0 {
		var mine field.Fields
		o.c.TakeHead(&mine)
		o.log = append(o.log, mine.Line(0).Value...)
	}
	if ev.End {
		o.log = append(o.log, 'e', byte(ev.ID))
		out, body, _, err := o.c.AppendResponse(o.out, ev.ID, &ResponseMeta{Status: 200, Length: 3})
		if err != nil || !body {
			o.t.Fatal(err)
		}
		if o.out = out; o.c.CanSend(ev.ID, 3) {
			o.out = o.c.AppendData(o.out, ev.ID, []byte("abc"), true)
		}
	}
	if ev.End || ev.Kind == EventReset {
		o.unread -= o.c.Unread(ev.ID)
		o.c.Release(ev.ID)
	}
}

func (o *fuzzOwner) check() {
	c, l := o.c, &o.c.cfg.Limits
	if c.streams.count > l.Streams || len(c.in.partial) > l.FrameBytes || len(c.block.joined) > l.BlockBytes ||
		len(c.out) > l.QueuedBytes+64 || len(c.closed.ring) > closedKept || len(c.early.list) > earlyKept {
		o.t.Fatalf("memory is out of bounds")
	}
	if c.err == nil && int(c.recvWindow+c.consumed)+o.unread > l.ConnWindow {
		o.t.Fatalf("the window grows")
	}
}

func newFuzzOwner(t testing.TB) *fuzzOwner {
	cfg := DefaultConfig()
	cfg.ConnectProtocol = true
	return &fuzzOwner{t: t, c: NewConn(cfg, new(Scratch))}
}

// FuzzConn: whatever comes, wherever it is cut: no panic, bounded memory, and
// the same events.
func FuzzConn(f *testing.F) {
	for _, path := range goldenPaths(f) {
		_, cases := readGolden(f, path)
		for _, c := range cases {
			input := script(f, c.source)
			if greeted := bytes.TrimPrefix(input, greeting()); len(greeted) < 2000 {
				f.Add(greeted, uint16(len(input)/2))
			}
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, cut uint16) {
		in = append(greeting(), in...)
		whole, halves, bytewise := newFuzzOwner(t), newFuzzOwner(t), newFuzzOwner(t)
		whole.run(in)
		at := int(cut) % len(in)
		halves.run(in[:at], in[at:])
		for i := range in {
			bytewise.run(in[i : i+1])
		}
		want := whole.c.AppendOutput(whole.out)
		for _, o := range []*fuzzOwner{halves, bytewise} {
			if !bytes.Equal(o.log, whole.log) {
				t.Fatalf("cut: %q\nwhole: %q", o.log, whole.log)
			}
			if got := o.c.AppendOutput(o.out); !bytes.Equal(got, want) {
				t.Fatalf("cut, we send %x\nwhole: %x", got, want)
			}
		}
	})
}

func greeting() []byte { return AppendSettingsAck(AppendSettingsFrame([]byte(Preface))) }

// FuzzFrames: headers and payloads are read as they were written.
func FuzzFrames(f *testing.F) {
	f.Add(uint32(1), uint32(5), byte(0), []byte("payload"))
	f.Add(uint32(maxID), uint32(0xffffffff), byte(0xff), []byte{})
	f.Fuzz(func(t *testing.T, id, value uint32, flags byte, p []byte) {
		id &= maxID
		p = p[:min(len(p), maxFrameBytes)]
		h := FrameHeader{len(p), FrameType(value), Flags(flags), id}
		b := AppendFrameHeader(nil, h)
		if got := ParseFrameHeader(b); got != h || len(b) != HeaderBytes {
			t.Errorf("%+v is read as %+v", h, got)
		}
		set := Setting{SettingID(value >> 8), value}
		b = AppendSettingsFrame(nil, set, set)
		if ParseFrameHeader(b).Length != 12 || parseSetting(b[HeaderBytes+settingBytes:]) != set {
			t.Errorf("%+v is read as %+v", set, parseSetting(b[HeaderBytes:]))
		}
		prio := PriorityParam{value & maxID, value>>31 != 0, flags}
		b = AppendPriorityFrame(nil, id, prio)
		if got := parsePriorityParam(b[HeaderBytes:]); got != prio || ParseFrameHeader(b).Length != priorityBytes {
			t.Errorf("%+v is read as %+v", prio, got)
		}
		var whole []byte
		for b := AppendHeadersFrames(nil, id, p, true, 1+int(value%64)); len(b) > 0; {
			h := ParseFrameHeader(b)
			if h.ID != id || (h.Type == FrameHeaders) != (len(whole) == 0 && h.Flags.Has(FlagEndStream)) && h.Length > 0 {
				t.Errorf("frame %+v", h)
			}
			whole = append(whole, b[HeaderBytes:HeaderBytes+h.Length]...)
			if b = b[HeaderBytes+h.Length:]; h.Flags.Has(FlagEndHeaders) != (len(b) == 0) {
				t.Errorf("END_HEADERS at %+v", h)
			}
		}
		if !bytes.Equal(whole, p) {
			t.Errorf("a block is cut to %x", whole)
		}
	})
}

// FuzzHost: validHost against what it must never let through, and the order of
// its parts.
func FuzzHost(f *testing.F) {
	for _, s := range hostCases {
		f.Add(s.host)
	}
	f.Fuzz(func(t *testing.T, host string) {
		if !validHost([]byte(host)) {
			return
		}
		for _, c := range host {
			if c <= ' ' || c >= 0x7f || bytes.ContainsRune([]byte("/?#@\\\"<>^`{|}%"), c) {
				t.Errorf("%q is valid", host)
			}
		}
		if !sameAuthority([]byte(host), bytes.ToUpper([]byte(host)), "http") {
			t.Errorf("%q is not itself", host)
		}
	})
}
