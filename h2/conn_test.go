package h2

import (
	"strings"
	"testing"

	"github.com/uringserve/uringserve/app/field"
)

func TestRequestAndResponse(t *testing.T) {
	r := freshRig(t)
	first := r.sent()
	if len(first) != 2 || first[0].Type != FrameSettings || first[1].Type != FrameWindowUpdate {
		t.Fatalf("our preface is %v", first)
	}
	r.wantKinds(r.send([]byte(Preface), AppendSettingsFrame(nil)), EventReady)
	if ack := r.sent(); len(ack) != 1 || ack[0].Type != FrameSettings || !ack[0].Flags.Has(FlagAck) {
		t.Fatalf("the answer to SETTINGS is %v", ack)
	}
	events := r.send(r.get(1, "accept", "*/*", "cookie", "a=b", "cookie", "c=d", "x", "y"))
	r.wantKinds(events, EventHead)
	h := events[0].Head
	if !events[0].End || h.Method != "GET" || h.Scheme != "http" || string(h.Host) != "a" ||
		string(h.Target) != "/" || h.Length != 0 || h.Fields.Len() != 3 || string(h.Fields.Get("cookie")) != "a=b; c=d" {
		t.Fatalf("head %+v", h)
	}
	var mine field.Fields
	r.c.TakeHead(&mine)
	frames := r.respond(1, "hello")
	if len(frames) != 2 || frames[0].Type != FrameHeaders || string(frames[1].payload) != "hello" || !frames[1].Flags.Has(FlagEndStream) {
		t.Fatalf("response %v", frames)
	}
	if got := r.fields(frames[0].payload); got != ":status: 200\ncontent-length: 5\n" {
		t.Fatalf("fields %s", got)
	}
	if r.c.Streams() != 1 {
		t.Fatal("the stream is gone before Release")
	}
	r.c.Release(1)
	if r.c.Streams() != 0 || string(mine.Get("accept")) != "*/*" {
		t.Fatal("release")
	}
	r.wantKinds(r.send(r.post(3, "content-length", "5"), AppendDataFrame(nil, 3, []byte("hel"), false), AppendDataFrame(nil, 3, []byte("lo"), true)),
		EventHead, EventData, EventData)
	if frames := r.respond(3, strings.Repeat("x", 100000)); len(frames) != 1+4 {
		t.Fatalf("%d frames, want one head and DATA for a window of 65535", len(frames))
	}
	if n, streams := r.c.Pinned(); n != 100000+5-65535 || streams != 1 || r.c.Blocked(3) != BlockConn {
		t.Fatalf("pinned %d on %d", n, streams)
	}
}
