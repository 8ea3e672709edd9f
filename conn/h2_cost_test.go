package conn

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/h2"
	"github.com/uringserve/uringserve/h2/hpack"
	"github.com/uringserve/uringserve/ring"
)

// h2rounds is connections whose clients ask on many streams at a time, as load
// generators do: all connections receive, then all handlers run. Nothing of it
// but the server's part costs anything.
type h2rounds struct {
	loop  *h2rush
	l     *loop
	conns []*h2roundsConn
}

type h2roundsConn struct {
	countingConn
	h     ring.ConnHandler
	batch []byte // HEADERS, of which the ids are set anew
	ids   []int  // where they are
	next  uint32
}

// An h2rush is a loop that gathers tasks.
type h2rush struct {
	fakeLoop
	due []ring.Task
}

func (l *h2rush) Dispatch(k ring.Task)  { l.due = append(l.due, k) }
func (l *h2rush) Post(ring.Posted) bool { return true }

// newH2rounds has conns clients that ask on streams streams each. Paths differ
// in their ends, paths of them there are.
func newH2rounds(tb testing.TB, conns, streams, paths int) *h2rounds {
	tb.Helper()
	r := &h2rounds{loop: &h2rush{}}
	srv, err := New(Config{Handler: app.HandlerFunc(func(_ *app.Request, w *app.Response) {
		w.Set("Content-Type", "text/plain")
		w.WriteString("Hello, World!")
	})})
	if err != nil {
		tb.Fatal(err)
	}
	r.loop.now = 1
	r.l = srv.NewLoop(r.loop).(*loop)
	for range conns {
		c := &h2roundsConn{next: 1}
		c.h = r.l.Open(c)
		hello := h2.AppendSettingsFrame([]byte(h2.Preface), h2.Setting{ID: h2.SettingInitialWindowSize, Value: 1<<30 - 1})
		hello = h2.AppendWindowUpdateFrame(hello, 0, 1<<30-1-65535)
		c.h.Recv(ring.NewBuf(h2.AppendSettingsAck(hello), c, 0))
		c.h.Sent()
		r.conns = append(r.conns, c)
		r.fill(c, streams, paths)
	}
	return r
}

// fill prepares a batch as nghttp2's clients make it: the path is a literal that
// is not indexed, all else is indexed. The first one, which fills the tables, is
// sent.
func (r *h2rounds) fill(c *h2roundsConn, streams, paths int) {
	enc := hpack.NewEncoder(4096)
	fields := [][2]string{{":scheme", "http"}, {":authority", "127.0.0.1:8080"}, {":method", "GET"}, {"user-agent", "h2load nghttp2/1.52.0"}}
	for range 2 {
		c.batch, c.ids = nil, nil
		for i := range streams {
			block := enc.AppendField(nil, []byte(":path"), fmt.Appendf(nil, "/plaintext?%d", i%paths), true)
			for _, f := range fields {
				block = enc.AppendField(block, []byte(f[0]), []byte(f[1]), false)
			}
			c.ids = append(c.ids, len(c.batch)+5)
			c.batch = h2.AppendHeadersFrames(c.batch, 1, block, true, 1<<14)
		}
		c.ask()
		r.answer()
	}
}

// ask has the client's requests come.
func (c *h2roundsConn) ask() {
	for _, at := range c.ids {
		binary.BigEndian.PutUint32(c.batch[at:], c.next)
		c.next += 2
	}
	c.h.Recv(ring.NewBuf(c.batch, c, 0))
}

// answer runs the handlers of all that came, and has the output go.
func (r *h2rounds) answer() {
	for _, k := range r.loop.due {
		k.Route()
		k.Run(ring.Run{})
		k.Done(ring.Returned)
	}
	r.loop.due = r.loop.due[:0]
	r.l.OnLoop()
	for _, c := range r.conns {
		c.h.Sent()
	}
}

func (r *h2rounds) round() {
	for _, c := range r.conns {
		c.ask()
	}
	r.answer()
}

// Requests over HTTP/2 allocate nothing, also if there are many at a time.
func TestH2RoundsNoAllocations(t *testing.T) {
	if raceEnabled || invariants {
		t.Skip("the race detector and the asserts allocate")
	}
	for _, c := range []struct{ conns, streams int }{{1, 1}, {64, 1}, {16, 32}, {10, 100}} {
		r := newH2rounds(t, c.conns, c.streams, 3)
		for range 4 + 128/c.streams { // until as many closed streams are remembered as ever
			r.round()
		}
		if n := testing.AllocsPerRun(20, r.round); n != 0 {
			t.Errorf("%d connections of %d streams: %v allocations a round", c.conns, c.streams, n)
		}
		if handled := r.l.m.handled; handled == 0 || r.l.m.responses[2] != handled {
			t.Errorf("%d handled, %v", handled, r.l.m.responses)
		}
	}
}

func BenchmarkH2(b *testing.B) {
	for _, c := range []struct{ conns, streams, paths int }{{16, 32, 1}, {16, 32, 32}, {64, 1, 1}} {
		b.Run(fmt.Sprintf("%dx%d/%d paths", c.conns, c.streams, c.paths), func(b *testing.B) {
			r := newH2rounds(b, c.conns, c.streams, c.paths)
			r.round()
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; n += c.conns * c.streams {
				r.round()
			}
		})
	}
}
