package conn_test

import (
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/conn"
	"github.com/uringserve/uringserve/h2"
)

// reading reads bodies, and answers a large response if it is asked for one.
var reading = app.HandlerFunc(func(req *app.Request, resp *app.Response) {
	io.Copy(io.Discard, req) // what fails ends the stream
	if string(req.Path) == "/mebibyte" {
		part := make([]byte, 32<<10)
		for range 32 {
			if _, err := resp.Write(part); err != nil {
				return
			}
		}
	}
})

// withstand is survive, and memory comes back, too.
func withstand(t *testing.T, limits conn.Limits, test func(*rig)) {
	t.Helper()
	survive(t, conn.Config{Limits: limits, Handler: reading}, func(r *rig) {
		before := heap()
		test(r)
		eventually(r.T, "the attackers are gone", func() bool { return r.srv.Active() == 0 })
		if after := heap(); after > before+16<<20 {
			r.Errorf("%d MiB of heap, were %d", after>>20, before>>20)
		}
	})
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

const calm = h2.CodeEnhanceYourCalm

// What a client does again and again, and gets away with a bounded number of
// times.
func TestScenario21H2Floods(t *testing.T) {
	opened := func(w *wire) uint32 { // a request whose body is awaited
		b, id := w.head(nil, postBlock, false)
		w.say(b)
		return id
	}
	get := func(w *wire) ([]byte, uint32) { return w.head(nil, getBlock, true) }
	post := func(w *wire) ([]byte, uint32) { return w.head(nil, postBlock, false) }
	for _, attack := range []struct {
		name   string
		n      int // how often it is tried
		within int
		code   h2.Code                             // 0: calm, or that of a frame on a stream that has ended meanwhile
		piece  func(w *wire, stream uint32) []byte // stream is of opened
	}{
		{"rapid reset", 20_000, 5000, calm, func(w *wire, _ uint32) []byte {
			b, id := get(w)
			return h2.AppendRSTStreamFrame(b, id, h2.CodeCancel)
		}},
		{"made to reset by an increment of 0", 20_000, 2000, calm, func(w *wire, _ uint32) []byte {
			b, id := post(w)
			return h2.AppendWindowUpdateFrame(b, id, 0)
		}},
		{"made to reset by a window overflow", 20_000, 2000, calm, func(w *wire, _ uint32) []byte {
			b, id := post(w)
			return h2.AppendWindowUpdateFrame(b, id, math.MaxInt32)
		}},
		{"made to reset by DATA after the end", 20_000, 2000, 0, func(w *wire, _ uint32) []byte {
			b, id := get(w)
			return h2.AppendDataFrame(b, id, []byte("x"), false)
		}},
		{"made to reset by a self-dependency", 20_000, 2000, 0, func(w *wire, _ uint32) []byte {
			b, id := post(w)
			return h2.AppendPriorityFrame(b, id, h2.PriorityParam{Dependency: id})
		}},
		{"empty names", 20_000, 2000, calm, func(w *wire, _ uint32) []byte {
			b, _ := w.head(nil, getBlock+"\x00\x00\x01x", true)
			return b
		}},
		{"PING", 200_000, 5000, calm, func(w *wire, _ uint32) []byte { return h2.AppendPingFrame(nil, [8]byte{}, false) }},
		{"SETTINGS", 200_000, 5000, calm, func(w *wire, _ uint32) []byte { return h2.AppendSettingsFrame(nil) }},
		{"PRIORITY", 200_000, 10_000, calm, func(w *wire, id uint32) []byte {
			return h2.AppendPriorityFrame(nil, id, h2.PriorityParam{})
		}},
		{"empty DATA", 200_000, 5000, calm, func(w *wire, id uint32) []byte { return h2.AppendDataFrame(nil, id, nil, false) }},
		{"windows of one byte", 20_000, 10_000, calm, func(w *wire, id uint32) []byte {
			return h2.AppendWindowUpdateFrame(nil, id, 1)
		}},
		{"frames of no known type", 200_000, 10_000, calm, func(w *wire, _ uint32) []byte { return raw(nil, 0x42, 0, 0, "x") }},
	} {
		t.Run(attack.name, func(t *testing.T) {
			withstand(t, conn.Limits{}, func(r *rig) {
				w := r.greeted()
				defer w.c.Close()
				id, most := opened(w), 0
				said := w.flood(attack.n, func(int) []byte {
					most = max(most, int(r.srv.Stats().Handling))
					return attack.piece(w, id)
				})
				if said > attack.within {
					r.Errorf("it was let do that %d times, want at most %d", said, attack.within)
				}
				if limit := conn.DefaultLimits().H2.Streams; most > limit {
					r.Errorf("%d handlers ran, of %d streams", most, limit)
				}
				if attack.code == 0 {
					w.wantGoAway(attack.name, calm, h2.CodeProtocolError, h2.CodeStreamClosed)
				} else {
					w.wantGoAway(attack.name, attack.code)
				}
			})
		})
	}
}

// A field block without an end.
func TestScenario21H2Continuation(t *testing.T) {
	for name, part := range map[string]string{"full": "\x00\x01a\x7f\x81\x07" + strings.Repeat("b", 1024), "empty": ""} {
		t.Run(name, func(t *testing.T) {
			withstand(t, conn.Limits{}, func(r *rig) {
				w := r.greeted()
				defer w.c.Close()
				w.say(raw(nil, h2.FrameHeaders, h2.FlagEndStream, 1, getBlock))
				said := 0 // until TCP tells: there may be no PING in between
				for ; said < 200_000 && !w.isOver(); said++ {
					if w.say(raw(nil, h2.FrameContinuation, 0, 1, part)) != nil {
						break
					}
				}
				w.wantGoAway("CONTINUATION without end", calm)
				// What is said after the end is read and dropped, up to LingerBytes
				// and what the sockets hold by then.
				const most = 8 << 20
				if st := r.srv.Stats(); st.BytesIn > most || st.H2Rejections[h2.ContinuationFlood]+st.H2Rejections[h2.BlockTooLarge] != 1 {
					r.Errorf("%d bytes were taken in, %d frames said, %v", st.BytesIn, said, st.H2Rejections)
				}
			})
		})
	}
}

// A client that asks and does not read the answers: what waits is bounded, then
// the connection ends.
func TestScenario21H2Unread(t *testing.T) {
	limits := impatient()
	limits.H2Budgets.Pings = h2.Budget{Burst: 1 << 20, PerSecond: 1 << 20} // so that it is the answers that are too many
	limits.H2Budgets.Settings = limits.H2Budgets.Pings
	for name, frame := range map[string][]byte{
		"PING": h2.AppendPingFrame(nil, [8]byte{}, false), "SETTINGS": h2.AppendSettingsFrame(nil),
	} {
		t.Run(name, func(t *testing.T) {
			withstand(t, limits, func(r *rig) {
				c := r.dial()
				defer c.Close()
				c.SetReadBuffer(4096)
				w := r.silent(c)
				before, batch := heap(), []byte(strings.Repeat(string(frame), 1000))
				go func() { // it may be left writing to a socket that nobody has any more
					for w.say(batch) == nil {
					}
				}()
				eventually(r.T, "the connection has ended", func() bool { return r.srv.Stats().Conns == 1 && r.srv.Active() == 0 })
				c.Close()
				if after := heap(); after > before+4<<20 {
					r.Errorf("%d KiB of heap for answers", (after-before)>>10)
				}
			})
		})
	}
}

// A field of 4 KB in the table, and 14,000 references to it.
func TestScenario21H2Bomb(t *testing.T) {
	withstand(t, conn.Limits{}, func(r *rig) {
		w := r.greeted()
		defer w.c.Close()
		bomb := getBlock + "\x40\x01a\x7f\xa1\x1e" + strings.Repeat("b", 4000) + strings.Repeat("\xbe", 14_000)
		before := heap()
		for range 20 {
			b, id := w.head(nil, bomb, true)
			w.say(b)
			if !w.until(func(h *heard) bool { return h.status[id] == "431" && h.ended[id] }) {
				r.Fatalf("status %q", w.heard.status[id])
			}
		}
		if after := heap(); after > before+4<<20 {
			r.Errorf("%d KiB of heap", (after-before)>>10)
		}
		b, id := w.head(nil, getBlock, true)
		w.say(b)
		if !w.until(func(h *heard) bool { return h.status[id] == "200" }) {
			r.Error("the next request is not served")
		}
		if n := r.srv.Stats().H2Rejections[h2.HeadTooLarge]; n != 20 {
			r.Errorf("counted %d times", n)
		}
	})
}

// 100 responses of a mebibyte for a client with windows of 0: they are not made,
// and the minimum rate ends the wait.
func TestScenario21H2NoWindow(t *testing.T) {
	withstand(t, conn.Limits{}, func(r *rig) {
		w := r.greeted(h2.Setting{ID: h2.SettingInitialWindowSize, Value: 0})
		defer w.c.Close()
		before := heap()
		var b []byte
		for range 100 {
			b, _ = w.head(b, "\x82\x86\x01\x01x\x04\x09/mebibyte", true)
		}
		w.say(b)
		began := time.Now()
		most := before
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for !w.isOver() && time.Since(began) < patience {
			most = max(most, heap())
			<-tick.C
		}
		if !w.isOver() || r.srv.Stats().Timeouts[conn.TimeoutResponseRate] == 0 {
			r.Errorf("after %v: over %v, %v", time.Since(began), w.isOver(), r.srv.Stats().Timeouts)
		}
		if most > before+32<<20 {
			r.Errorf("%d MiB for a client that does not read", (most-before)>>20)
		}
	})
}

// A response that leaves byte by byte arrives, and costs no more than that.
func TestScenario21H2TinyWindows(t *testing.T) {
	const bytes = 500 // below the budget of tiny updates
	withstand(t, conn.Limits{}, func(r *rig) {
		w := r.greeted(h2.Setting{ID: h2.SettingInitialWindowSize, Value: 1})
		defer w.c.Close()
		b, id := w.head(nil, "\x82\x86\x01\x01x\x04\x09/mebibyte", true)
		w.say(b)
		before := heap()
		for i := range bytes {
			if !w.until(func(h *heard) bool { return h.body[id] == i+1 }) {
				r.Fatalf("byte %d does not come: %v", i, w.heard.codes)
			}
			w.say(h2.AppendWindowUpdateFrame(nil, id, 1))
		}
		if after := heap(); after > before+4<<20 {
			r.Errorf("%d KiB of heap", (after-before)>>10)
		}
		w.say(h2.AppendRSTStreamFrame(nil, id, h2.CodeCancel))
	})
}

// 2,000 streams at once: as many as may be are open, the others are refused, and
// the connection goes on.
func TestScenario21H2ManyStreams(t *testing.T) {
	limits := impatient()
	limits.MinBodyRate.BytesPerSecond = conn.Off
	withstand(t, limits, func(r *rig) {
		w := r.greeted()
		defer w.c.Close()
		const streams = 2000
		w.flood(streams, func(int) []byte {
			b, _ := w.head(nil, postBlock, false)
			return b
		})
		if !w.ping() {
			r.Fatalf("it has ended: %v", w.heard.codes)
		}
		open := limits.H2.Streams
		w.mu.Lock()
		defer w.mu.Unlock()
		if n := len(w.heard.resets); n != streams-open {
			r.Errorf("%d were refused, want %d", n, streams-open)
		}
		for id, code := range w.heard.resets {
			if code != h2.CodeRefusedStream || id <= uint32(2*open) {
				r.Errorf("stream %d: %v", id, code)
			}
		}
	})
}

// Server push does not exist: a client may allow it and gets none; one that
// promises itself is wrong (RFC 9113 §8.4).
func TestScenario21H2Push(t *testing.T) {
	withstand(t, conn.Limits{}, func(r *rig) {
		w := r.greeted(h2.Setting{ID: h2.SettingEnablePush, Value: 1})
		defer w.c.Close()
		for range 100 {
			b, id := w.head(nil, getBlock+"\x00\x04link\x1f</a.css>; rel=preload; as=style", true)
			w.say(b)
			if !w.until(func(h *heard) bool { return h.ended[id] && h.status[id] == "200" }) {
				r.Fatalf("stream %d is not answered", id)
			}
		}
		if w.ping(); w.heard.pushes != 0 || w.heard.strange != 0 {
			r.Errorf("%d promises, %d strange frames", w.heard.pushes, w.heard.strange)
		}
		b, id := w.head(nil, postBlock, false)
		w.say(raw(b, h2.FramePushPromise, h2.FlagEndHeaders, id, "\x00\x00\x00\x02"+getBlock))
		w.wantGoAway("PUSH_PROMISE", h2.CodeProtocolError)
	})
}
