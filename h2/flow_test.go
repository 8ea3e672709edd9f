package h2

import (
	"strings"
	"testing"
)

func windowUpdates(frames []sentFrame) map[uint32]uint32 {
	sums := map[uint32]uint32{}
	for _, f := range frames {
		if f.Type == FrameWindowUpdate {
			sums[f.ID] += be32(f.payload)
		}
	}
	return sums
}

// Windows are given back when half is consumed, and not before.
func TestWindowsReturnedAtHalf(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Limits.StreamWindow, c.Limits.ConnWindow = 80000, 120000 })
	r.send(r.post(1))
	for range 4 {
		r.send(AppendDataFrame(nil, 1, make([]byte, 15000), false))
	}
	if got := windowUpdates(r.sent()); len(got) != 0 {
		t.Fatalf("nothing was consumed, and windows grow by %v", got)
	}
	r.c.Consumed(1, 39999)
	if got := windowUpdates(r.sent()); len(got) != 0 {
		t.Fatalf("less than half is consumed, and windows grow by %v", got)
	}
	r.c.Consumed(1, 1)
	if got := windowUpdates(r.sent()); len(got) != 1 || got[1] != 40000 {
		t.Fatalf("windows grow by %v, want 40000 of stream 1", got)
	}
	r.c.Consumed(1, 20000)
	if got := windowUpdates(r.sent()); len(got) != 1 || got[0] != 60000 {
		t.Fatalf("windows grow by %v, want 60000 of the connection", got)
	}
	if r.c.Unread(1) != 0 {
		t.Errorf("%d unread", r.c.Unread(1))
	}
}

// Whatever becomes of DATA, the connection's window gets all of it back, and
// the peer can go on for ever.
func TestConnWindowNeverLeaks(t *testing.T) {
	data := make([]byte, 10000)
	for name, one := range map[string]func(r *rig, id uint32){
		"released unread": func(r *rig, id uint32) {
			r.send(r.post(id), AppendDataFrame(nil, id, data, true))
			r.respond(id, "")
		},
		"reset by the peer": func(r *rig, id uint32) {
			r.send(r.post(id), AppendDataFrame(nil, id, data, false), AppendRSTStreamFrame(nil, id, CodeCancel))
		},
		"reset by us, DATA follows": func(r *rig, id uint32) {
			r.send(r.post(id))
			r.c.Reset(id, CodeInternalError)
			r.send(AppendDataFrame(nil, id, data, true))
		},
		"reset in the middle of a frame": func(r *rig, id uint32) {
			frame := AppendDataFrame(r.post(id), id, data, true)
			r.send(frame[:len(frame)-5000])
			r.c.Reset(id, CodeInternalError)
			r.send(frame[len(frame)-5000:])
		},
		"released in the middle of a padded frame": func(r *rig, id uint32) {
			frame := append(AppendFrameHeader(r.post(id), FrameHeader{10000, FrameData, FlagPadded, id}), 255)
			frame = append(frame, data[:9999]...)
			r.send(frame[:len(frame)-5000])
			r.c.Release(id)
			r.send(frame[len(frame)-5000:])
		},
		"released before the padding's length": func(r *rig, id uint32) {
			frame := AppendFrameHeader(r.post(id), FrameHeader{10000, FrameData, FlagPadded, id})
			r.send(frame)
			r.c.Release(id)
			r.send([]byte{255}, data[:9999])
		},
		"longer than Content-Length": func(r *rig, id uint32) {
			r.send(r.post(id, "content-length", "5"), AppendDataFrame(nil, id, data, true))
		},
		"after the end": func(r *rig, id uint32) {
			r.send(r.get(id), AppendDataFrame(nil, id, data, true))
		},
		"all padding": func(r *rig, id uint32) {
			frame := append(AppendFrameHeader(r.post(id), FrameHeader{256, FrameData, FlagPadded | FlagEndStream, id}), 255)
			r.send(append(frame, make([]byte, 255)...))
			r.respond(id, "")
		},
		"refused": func(r *rig, id uint32) {
			r.send(r.post(id, "X", "y"), AppendDataFrame(nil, id, data, true))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			window := int64(1 << 20)
			for i := range uint32(400) {
				before := r.c.recvWindow + r.c.consumed
				one(r, 2*i+1)
				r.c.Release(2*i + 1)
				if r.c.Err() != nil {
					t.Fatalf("round %d: %v", i, r.c.Err())
				}
				if after := r.c.recvWindow + r.c.consumed; after != before || after != 1<<20 {
					t.Fatalf("round %d: the window was %d and is %d", i, before, after)
				}
				for _, n := range windowUpdates(r.sent()) {
					window += int64(n)
				}
				r.now += 1e9
			}
			_ = window
		})
	}
}

// The peer's initial window moves all streams, below zero if need be (RFC 9113
// §6.9.2).
func TestInitialWindowMovesStreams(t *testing.T) {
	r := newRig(t)
	r.send(AppendSettingsFrame(nil, Setting{SettingInitialWindowSize, 3}), r.get(1))
	frames := r.respond(1, "hello")
	if last := frames[len(frames)-1]; string(last.payload) != "hel" {
		t.Fatalf("sent %q with a window of 3", last.payload)
	}
	if r.c.Blocked(1) != BlockStream {
		t.Error("the stream is not blocked")
	}
	// h2spec 6.9.2: lower it, so that it is negative, and update it to 1.
	r.wantKinds(r.send(AppendSettingsFrame(nil, Setting{SettingInitialWindowSize, 2})))
	if s, _ := r.c.SendWindow(1); s != -1 {
		t.Fatalf("the window is %d, want -1", s)
	}
	r.wantKinds(r.send(AppendWindowUpdateFrame(nil, 1, 1)))
	if _, _, ok := r.c.Pick(100); ok {
		t.Fatal("a window of 0 lets something through")
	}
	r.wantKinds(r.send(AppendWindowUpdateFrame(nil, 1, 1)), EventWindow)
	if id, n, ok := r.c.Pick(100); !ok || id != 1 || n != 1 {
		t.Fatalf("picked %d %d %v", id, n, ok)
	}
	r.wantKinds(r.send(AppendSettingsFrame(nil, Setting{SettingInitialWindowSize, 100})), EventWindow)
	if id, n, ok := r.c.Pick(100); !ok || id != 1 || n != 2 {
		t.Fatalf("picked %d %d %v", id, n, ok)
	}
}

// A peer that has not acknowledged our SETTINGS may go by the defaults, and
// one that has may not (RFC 9113 §6.9.2).
func TestSmallWindowHoldsFromAck(t *testing.T) {
	small := func(c *Config) { c.Limits.StreamWindow = 10 }
	r := freshRig(t, small)
	r.send([]byte(Preface), AppendSettingsFrame(nil), r.post(1))
	r.wantKinds(r.send(AppendDataFrame(nil, 1, make([]byte, 11), false)), EventData)
	r.send(AppendSettingsAck(nil))
	if !r.c.SettingsAcked() {
		t.Error("not acknowledged")
	}
	r.sent()
	r.wantReset(r.send(AppendDataFrame(nil, 1, []byte("x"), false)), 1, StreamWindowExceeded)
	r.send(r.post(3))
	r.wantKinds(r.send(AppendDataFrame(nil, 3, make([]byte, 10), false)), EventData)
	r.c.Consumed(3, 10)
	if got := windowUpdates(r.sent()); got[3] != 10 {
		t.Errorf("windows grow by %v", got)
	}
}

// What was consumed before the acknowledgement is returned with it, or the
// client would wait for ever: less than half of the default, more than the
// window.
func TestSmallWindowReturnedAtAck(t *testing.T) {
	r := freshRig(t, func(c *Config) { c.Limits.StreamWindow = 1000 })
	r.send([]byte(Preface), AppendSettingsFrame(nil), r.post(1), AppendDataFrame(nil, 1, make([]byte, 16000), false))
	r.c.Consumed(1, 16000)
	r.sent()
	r.send(AppendSettingsAck(nil))
	if got := windowUpdates(r.sent()); got[1] != 16000 {
		t.Errorf("windows grow by %v, want 16000 of stream 1", got)
	}
}

// A download whose client opens its windows by and by arrives whole.
func TestDownloadByAndBy(t *testing.T) {
	r := newRig(t)
	body := strings.Repeat("0123456789", 30000)
	r.send(r.get(1))
	var got strings.Builder
	take := func(frames []sentFrame) {
		for _, f := range frames {
			if f.Type == FrameData {
				got.Write(f.payload)
				if len(f.payload) > 16384 {
					t.Fatalf("a frame of %d bytes", len(f.payload))
				}
			}
		}
	}
	take(r.respond(1, body))
	for range 10000 {
		if got.Len() == len(body) {
			break
		}
		r.send(AppendWindowUpdateFrame(nil, 0, 1000), AppendWindowUpdateFrame(nil, 1, 700))
		for id, n, ok := r.c.Pick(1 << 20); ok; id, n, ok = r.c.Pick(1 << 20) {
			rest := body[got.Len():]
			take(r.frames(r.c.AppendData(nil, id, []byte(rest[:n]), n == len(rest))))
		}
	}
	if got.String() != body {
		t.Errorf("%d bytes arrived, want %d", got.Len(), len(body))
	}
}
