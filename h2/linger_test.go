package h2

import (
	"bytes"
	"testing"
)

// early opens a stream for upload, answers it and releases it.
func (r *rig) early(id uint32, more ...string) {
	r.t.Helper()
	r.wantKinds(r.send(r.post(id, more...)), EventHead)
	r.respond(id, "early")
	r.c.Release(id)
}

// wantNothing checks that no control frame is due.
func (r *rig) wantNothing(what string) {
	r.t.Helper()
	if frames := r.sent(); len(frames) > 0 {
		r.t.Fatalf("%s: %v", what, frames[0])
	}
}

// A stream that is answered before its request has ended is reset later, but not
// much later.
func TestLinger(t *testing.T) {
	r := newRig(t)
	r.c.EndLingering() // there is none
	r.early(1)
	r.wantNothing("Release")
	if r.c.Lingering() != 1 || r.c.Streams() != 1 {
		t.Fatalf("%d linger of %d", r.c.Lingering(), r.c.Streams())
	}
	r.c.EndLingering()
	r.wantNothing("the first call")
	r.early(3)
	r.c.EndLingering()
	frames := r.sent()
	if len(frames) != 1 || frames[0].Type != FrameRSTStream || frames[0].ID != 1 || Code(be32(frames[0].payload)) != CodeNoError {
		t.Fatalf("the second call: %v", frames)
	}
	r.c.EndLingering()
	if frames = r.sent(); len(frames) != 1 || frames[0].ID != 3 || r.c.Streams() != 0 || r.c.Lingering() != 0 {
		t.Fatalf("the third call: %v; %d streams", frames, r.c.Streams())
	}
	r.wantKinds(r.send(AppendDataFrame(nil, 1, []byte("late"), true))) // ignored
	r.wantNothing("after the reset")
}

// A stream that lingers ends with its request, in whatever way, and nobody hears
// of that.
func TestLingerEnds(t *testing.T) {
	for name, c := range map[string]struct {
		frames func(r *rig) []byte
		after  State
	}{
		"data": {func(*rig) []byte {
			b := AppendDataFrame(nil, 1, []byte("12345"), false)
			b = AppendFrameHeader(b, FrameHeader{8, FrameData, FlagPadded, 1})
			b = append(b, "\x0267890\x00\x00"...)
			return AppendDataFrame(b, 1, nil, true)
		}, StateEnded},
		"padded data": {func(*rig) []byte {
			b := AppendFrameHeader(nil, FrameHeader{13, FrameData, FlagPadded | FlagEndStream, 1})
			return append(b, "\x021234567890\x00\x00"...)
		}, StateEnded},
		"trailers": {func(r *rig) []byte {
			b := AppendDataFrame(nil, 1, []byte("1234567890"), false)
			return AppendHeadersFrames(b, 1, r.block("x", "y"), true, 16384)
		}, StateEnded},
		"reset": {func(*rig) []byte { return AppendRSTStreamFrame(nil, 1, CodeCancel) }, StateResetByPeer},
	} {
		t.Run(name, func(t *testing.T) {
			for _, piece := range []int{1, 1 << 20} {
				r := newRig(t)
				r.early(1, "content-length", "10")
				for rest := c.frames(r); len(rest) > 0; rest = rest[min(piece, len(rest)):] {
					r.wantKinds(r.send(rest[:min(piece, len(rest))]))
				}
				r.wantNothing(name)
				if r.c.Streams() != 0 || r.c.Lingering() != 0 || r.c.closed.state(1) != c.after {
					t.Fatalf("%d streams, %d linger, %v", r.c.Streams(), r.c.Lingering(), r.c.closed.state(1))
				}
				r.wantKinds(r.send(r.get(3)), EventHead)
			}
		})
	}
}

// A stream that lingers gets no more window, and costs the connection none.
func TestLingerWindows(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Limits.StreamWindow, c.Limits.ConnWindow = 65535, 65535 })
	for i := range uint32(8) {
		id := 2*i + 1
		r.wantKinds(r.send(r.post(id), AppendDataFrame(nil, id, make([]byte, 16000), false)), EventHead, EventData)
		r.respond(id, "early")
		r.c.Release(id)
		returned := 0
		for left := 65535 - 16000; left > 0; left -= min(left, 16000) {
			r.wantKinds(r.send(AppendDataFrame(nil, id, make([]byte, min(left, 16000)), false)))
			for _, f := range r.sent() {
				if f.Type != FrameWindowUpdate || f.ID != 0 {
					t.Fatalf("%v", f)
				}
				returned += int(be32(f.payload))
			}
		}
		if returned < 65535/2 {
			t.Fatalf("%d octets are given back", returned)
		}
		r.wantReset(r.send(AppendDataFrame(nil, id, []byte("x"), false)), id, StreamWindowExceeded)
		if r.c.Streams() != 0 || r.c.Lingering() != 0 {
			t.Fatalf("%d streams", r.c.Streams())
		}
	}
}

// What is wrong on a stream that lingers is still wrong.
func TestLingerErrors(t *testing.T) {
	r := newRig(t)
	r.early(1, "content-length", "3")
	r.wantReset(r.send(AppendDataFrame(nil, 1, []byte("1234"), false)), 1, BodyTooLong)
	r.early(3, "content-length", "3")
	r.wantReset(r.send(AppendDataFrame(nil, 3, []byte("12"), true)), 3, BodyTooShort)
	r.early(5)
	r.wantReset(r.send(AppendHeadersFrames(nil, 5, r.block("x", "y"), false, 16384)), 5, UnendedTrailers)
	r.early(7)
	r.wantReset(r.send(AppendWindowUpdateFrame(nil, 7, 0)), 7, StreamZeroIncrement)
	if r.c.Streams() != 0 || r.c.Lingering() != 0 {
		t.Errorf("%d streams", r.c.Streams())
	}
	r.early(9)
	r.wantFail(r.send(AppendFrameHeader(nil, FrameHeader{5, FrameData, FlagPadded, 9}), []byte("\x05")), BadPadding)
	r.c.EndLingering()
}

// At most half of the streams linger.
func TestLingerBound(t *testing.T) {
	for _, n := range []int{3, 4, 5} {
		r := newRig(t, func(c *Config) { c.Limits.Streams = 8 })
		for i := range n {
			r.early(uint32(2*i + 1))
		}
		if frames := r.sent(); len(frames) != max(0, n-4) || r.c.Lingering() != min(n, 4) {
			t.Errorf("%d: %d linger, %v", n, r.c.Lingering(), frames)
		}
	}
}

// Shutdown waits for streams that linger, and connections end with them.
func TestLingerShutdown(t *testing.T) {
	r := newRig(t)
	r.early(1)
	r.c.Shutdown()
	r.c.FinishShutdown()
	r.sent()
	if r.c.Drained() {
		t.Error("drained")
	}
	r.c.EndLingering()
	r.c.EndLingering()
	if out := r.c.AppendOutput(nil); !r.c.Drained() || !bytes.Contains(out, AppendRSTStreamFrame(nil, 1, CodeNoError)) {
		t.Errorf("drained: %v, %x", r.c.Drained(), out)
	}

	r = newRig(t)
	r.early(1)
	r.c.Close(CodeNoError)
	r.c.EndLingering()
	r.c.Release(1)
}

// RFC 9113 §6.9.1: a frame without content may come whatever the window is, also
// one that SETTINGS have made negative.
func TestEmptyDataWithoutWindow(t *testing.T) {
	r := freshRig(t, func(c *Config) { c.Limits.StreamWindow = 1000 })
	r.send([]byte(Preface), AppendSettingsFrame(nil))
	r.wantKinds(r.send(r.post(1), AppendDataFrame(nil, 1, make([]byte, 16000), false), AppendSettingsAck(nil)), EventHead, EventData)
	if w := r.c.streams.get(1).recvWindow; w >= 0 {
		t.Fatalf("the window is %d", w)
	}
	r.wantKinds(r.send(AppendDataFrame(nil, 1, nil, true)), EventData)
}
