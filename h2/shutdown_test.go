package h2

import "testing"

// The two steps of a graceful end (RFC 9113 §6.8).
func TestShutdown(t *testing.T) {
	r := newRig(t)
	r.send(r.get(1))
	r.c.Shutdown()
	r.c.Shutdown() // once is enough
	frames := r.sent()
	if len(frames) != 2 || frames[0].Type != FrameGoAway || be32(frames[0].payload) != maxID || frames[1].Type != FramePing {
		t.Fatalf("Shutdown sends %v", frames)
	}
	r.wantKinds(r.send(r.get(3)), EventHead) // it was under way
	r.wantKinds(r.send(AppendPingFrame(nil, [8]byte(frames[1].payload), true)), EventDrainDue)
	r.c.FinishShutdown()
	frames = r.sent()
	if len(frames) != 1 || be32(frames[0].payload) != 3 || Code(be32(frames[0].payload[4:])) != CodeNoError {
		t.Fatalf("FinishShutdown sends %v %x", frames, frames[0].payload)
	}
	// What comes later is discarded, its DATA too, and the table stays right.
	r.wantKinds(r.send(r.post(5, "x", "indexed"), AppendDataFrame(nil, 5, []byte("x"), true)))
	if r.c.recvWindow+r.c.consumed != 1<<20 {
		t.Error("the window leaks")
	}
	r.respond(1, "a")
	r.c.Release(1)
	if r.c.Drained() {
		t.Error("drained while a stream is held")
	}
	frames = r.respond(3, "b")
	if len(frames) != 2 {
		t.Errorf("the last response is %v", frames)
	}
	r.c.Release(3)
	if !r.c.Drained() || len(r.sent()) != 0 {
		t.Error("not drained")
	}
	r.wantFail(r.send(AppendWindowUpdateFrame(nil, 0, 0)), ConnZeroIncrement)
}

// A failure after the final GOAWAY must not name more streams than that did.
func TestGoAwayNeverRises(t *testing.T) {
	r := newRig(t)
	r.send(r.get(1))
	r.c.FinishShutdown()
	r.send(r.get(9))
	r.sent()
	r.c.Close(CodeSettingsTimeout)
	frames := r.sent()
	if len(frames) != 1 || be32(frames[0].payload) != 1 || Code(be32(frames[0].payload[4:])) != CodeSettingsTimeout {
		t.Fatalf("Close sends %v", frames)
	}
	if ev, ok := r.c.Next(); ok {
		t.Errorf("Close makes an event: %v", ev)
	}
	if e := r.c.Err(); e == nil || e.Reason != OwnerClosed {
		t.Errorf("the error is %v", e)
	}
	r.c.Shutdown()
	r.c.Ping()
	r.c.Close(CodeNoError)
	if len(r.sent()) != 0 {
		t.Error("something is sent after the end")
	}
}

func TestPing(t *testing.T) {
	r := newRig(t)
	r.c.Ping()
	r.c.Ping()
	frames := r.sent()
	if len(frames) != 1 || frames[0].Type != FramePing || frames[0].Flags.Has(FlagAck) {
		t.Fatalf("Ping sends %v", frames)
	}
	r.wantKinds(r.send(AppendPingFrame(nil, [8]byte{}, true))) // not ours
	r.wantKinds(r.send(AppendPingFrame(nil, [8]byte(frames[0].payload), true)), EventPong)
	r.wantKinds(r.send(AppendPingFrame(nil, [8]byte(frames[0].payload), true))) // answered already
	r.c.Ping()
	if len(r.sent()) != 1 {
		t.Error("no second PING")
	}
}

// What the owner's timers go by.
func TestTimerStates(t *testing.T) {
	r := freshRig(t)
	if r.c.Greeted() || r.c.SettingsAcked() || r.c.InHead() {
		t.Error("at the start")
	}
	r.send([]byte(Preface))
	if r.c.Greeted() {
		t.Error("greeted by a preface without SETTINGS")
	}
	r.send(AppendSettingsFrame(nil))
	if !r.c.Greeted() || r.c.SettingsAcked() {
		t.Error("after SETTINGS")
	}
	r.send(AppendSettingsAck(nil))
	if !r.c.SettingsAcked() {
		t.Error("after the acknowledgement")
	}
	frames := AppendHeadersFrames(nil, 1, r.block(getFields()...), true, 3)
	r.send(frames[:HeaderBytes+3])
	if !r.c.InHead() {
		t.Error("not in a head")
	}
	r.send(frames[HeaderBytes+3:])
	if r.c.InHead() || r.c.Streams() != 1 {
		t.Error("after the head")
	}
}

// Trim takes nothing that is still needed.
func TestTrim(t *testing.T) {
	r := newRig(t)
	cut := r.get(1, "x", "y")
	for i := range cut {
		r.send(cut[i : i+1])
		r.c.Trim()
	}
	if r.c.Streams() != 1 {
		t.Fatal("the request is lost")
	}
	r.respond(1, "x")
	r.c.Trim()
	r.c.Release(1)
	r.c.Trim()
	if r.c.streams.slots != nil || r.c.streams.free != nil {
		t.Error("an idle connection holds streams")
	}
	r.wantKinds(r.send(r.get(3)), EventHead)
}
