package conn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/h2"
	"github.com/uringserve/uringserve/ring"
)

// The preface has HeaderTimeout from the accept on, however it comes.
func TestH2PrefaceTimeout(t *testing.T) {
	timeout := DefaultLimits().HeaderTimeout
	for _, protocols := range []Protocols{allProtocols, HTTP2} {
		for _, first := range []string{"PRI ", h2.Preface[:20], h2.Preface} { // SETTINGS belong to it
			f, srv := newFakeLoop(t, Config{Handler: hello})
			srv.SetEndpoint(3, Endpoint{Protocols: protocols})
			c := f.connectH2()
			f.advance(timeout / 2)
			c.send([]byte(first))
			f.advance(timeout/2 - 1)
			c.wantOpen("n-1")
			f.advance(1 + slack)
			c.wantGoAway(fmt.Sprintf("n, after %q", first), h2.CodeNoError)
			if n := srv.Stats().Timeouts[TimeoutHead]; n != 1 {
				t.Errorf("counted %d times", n)
			}
		}
	}
}

// A head in pieces, with nothing else under way, and with a stream.
func TestH2HeadTimeout(t *testing.T) {
	timeout := DefaultLimits().HeaderTimeout
	for _, busy := range []bool{false, true} {
		f, c := serveH2(t, func(r *app.Request, w *app.Response) { <-r.Context().Done() })
		f.detach = true
		f.advance(50 * time.Second) // it was idle
		if busy {
			c.get("/")
		}
		b, _ := c.head(nil, true, pseudo("GET", "/", "x", strings.Repeat("abc", 100))...)
		h := h2.ParseFrameHeader(b)
		h.Flags &^= h2.FlagEndHeaders
		whole := append(h2.AppendFrameHeader(nil, h), b[h2.HeaderBytes:]...)
		c.send(whole)
		for range 9 { // that something comes does not help
			f.advance(timeout / 10)
			c.send(h2.AppendFrameHeader(nil, h2.FrameHeader{Type: h2.FrameContinuation, ID: h.ID}))
		}
		f.advance(timeout/10 - 1)
		c.wantOpen("n-1")
		f.advance(1 + slack)
		code := h2.CodeNoError
		if busy {
			code = h2.CodeEnhanceYourCalm
		}
		c.wantGoAway("n", code)
		f.idle()
	}
}

func TestH2KeepAliveTimeout(t *testing.T) {
	f, c := serveH2(t, hello)
	idle := DefaultLimits().KeepAliveTimeout
	for range 3 {
		f.advance(idle - 1)
		c.want("in time", c.get("/"), 200, "path=/")
	}
	f.advance(idle - 1)
	c.wantOpen("n-1")
	f.advance(1 + slack)
	c.wantGoAway("n", h2.CodeNoError)
	f.advance(DefaultLimits().LingerTimeout + slack)
	if !c.done || c.aborted {
		t.Error("it lingers for ever")
	}
	if n := f.h.(*loop).srv.Stats().Timeouts[TimeoutKeepAlive]; n != 1 {
		t.Errorf("counted %d times", n)
	}
}

// What is not a request does not keep a connection open.
func TestH2KeepAlivePings(t *testing.T) {
	f, c := serveH2(t, hello)
	c.want("a request", c.get("/"), 200, "path=/")
	idle := DefaultLimits().KeepAliveTimeout
	for range 10 {
		f.advance(idle / 10)
		c.send(h2.AppendPingFrame(nil, [8]byte{}, false))
	}
	f.advance(slack)
	c.wantGoAway("PING alone", h2.CodeNoError)
}

// A connection with a stream is not idle.
func TestH2NotIdle(t *testing.T) {
	release := make(chan struct{})
	f, c := serveH2(t, func(r *app.Request, w *app.Response) { <-release })
	f.detach = true
	id := c.get("/")
	f.advance(time.Hour)
	c.wantOpen("a handler may take its time")
	close(release)
	f.idle()
	c.want("at last", id, 200, "")
}

// Scenario 3: a body at a byte per second.
func TestH2SlowBody(t *testing.T) {
	var got error
	f, c := serveH2(t, func(r *app.Request, w *app.Response) { _, got = io.ReadAll(r) })
	id := c.post("/")
	other := c.post("/")
	start := f.now
	for c.answer(id).head == "" && f.now.Sub(start) < time.Minute {
		c.data(id, "x", false)
		c.data(other, strings.Repeat("x", 300), false)
		f.until("the readers wait", func() bool { return c.wantsBody(2)() || f.running < 2 })
		f.advance(time.Second)
		if f.now.Sub(start) >= 5*time.Second+slack {
			f.until("it is told", func() bool { return f.running == 1 })
		}
	}
	took := f.now.Sub(start)
	f.advance(lingerTime + slack)
	if a := c.want("too slow", id, 408, ""); a.reset == nil || *a.reset != h2.CodeNoError {
		t.Errorf("reset %v, want NO_ERROR", a.reset)
	}
	var be *app.BodyError
	if !errors.As(got, &be) || be.Fault != app.BodyTooSlow {
		t.Errorf("the handler got %v", got)
	}
	if took < 5*time.Second || took > 5*time.Second+2*slack {
		t.Errorf("ended after %v, want 5 s", took)
	}
	c.wantOpen("other streams are fast enough")
	c.data(other, "", true)
	f.idle()
	c.want("fast enough", other, 200, "")
	c.wantIdle("answered")
}

// Time in which the handler does not read does not count.
func TestH2BodyRateOnlyWhileReading(t *testing.T) {
	read := make(chan struct{})
	f, c := serveH2(t, func(r *app.Request, w *app.Response) {
		<-read
		echoAll(r, w)
	})
	id := c.post("/")
	f.advance(time.Hour)
	close(read)
	f.until("the reader waits", c.wantsBody(1))
	f.advance(4 * time.Second)
	c.data(id, "0123456789", true)
	f.idle()
	c.want("in time", id, 200, "0123456789")
}

// Scenario 21: windows of zero hold a response back; the client is not waited
// for for ever, but not given up before its time either.
func TestH2ResponseRate(t *testing.T) {
	for _, blocked := range []string{"stream", "connection"} {
		var cause error
		f, srv := newFakeLoop(t, Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
			if string(r.Path) == "/wait" {
				<-r.Context().Done()
				cause = context.Cause(r.Context())
				return
			}
			w.Write(make([]byte, 200_000))
		})})
		f.detach = true
		c := f.openH2(window(map[string]uint32{"stream": 0, "connection": 1 << 20}[blocked]))
		c.get("/wait")
		c.get("/")
		f.until("it waits", c.wantsRoom(1))
		start := f.now
		for f.now.Sub(start) < time.Minute && !c.over() {
			f.advance(100 * time.Millisecond)
		}
		if d := f.now.Sub(start); d < 5*time.Second || d > 5*time.Second+3*slack {
			t.Errorf("%s: ended after %v, want 5 s", blocked, d)
		}
		f.idle()
		if !c.aborted || !errors.Is(cause, errTooSlow) || srv.Stats().Timeouts[TimeoutResponseRate] != 1 {
			t.Errorf("%s: aborted %v, cause %v, counted %d", blocked, c.aborted, cause, srv.Stats().Timeouts[TimeoutResponseRate])
		}
	}
}

// A client that gives its windows back slowly: n-1, n and n+1 bytes a second.
func TestH2ResponseRateBoundary(t *testing.T) {
	for _, test := range []struct {
		perSecond int
		ends      bool
	}{{239, true}, {240, false}, {241, false}} {
		f, _ := newFakeLoop(t, Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) { w.Write(make([]byte, 10_000)) })})
		c := f.openH2(window(0))
		id := c.get("/")
		for range 30 {
			f.now = f.now.Add(time.Second) // the window comes just before the look
			if !c.over() {
				c.update(id, test.perSecond)
			}
			f.advance(0)
		}
		if c.over() != test.ends {
			t.Errorf("%d B/s: ended %v", test.perSecond, c.over())
		}
	}
}

// A handler whose clients may take their time; other streams have the rate.
func TestH2ResponseRateWaived(t *testing.T) {
	f, _ := newFakeLoop(t, Config{Handler: app.WithOptions(app.HandlerFunc(func(r *app.Request, w *app.Response) {
		w.Write(make([]byte, 1000))
	}), app.Options{NoMinResponseRate: true})})
	c := f.openH2(window(0))
	id := c.get("/")
	f.advance(time.Hour)
	c.wantOpen("it may take its time")
	c.update(id, 1000)
	c.want("at last", id, 200, string(make([]byte, 1000)))
	c.wantIdle("answered")
}

// A network that takes nothing ends the connection, too.
func TestH2ResponseRateNetwork(t *testing.T) {
	f, c := serveH2(t, hello)
	c.fakeConn.window = 0
	c.get("/")
	f.advance(5*time.Second - 1)
	if c.closed {
		t.Error("n-1: closed")
	}
	f.advance(1 + slack + heartbeat)
	if !c.aborted {
		t.Error("n: not reset")
	}
}

// Drain: an idle connection goes after a lull, in two steps; one with streams
// is told at once, serves them, and those that were on their way.
func TestH2Drain(t *testing.T) {
	release := make(chan struct{})
	f, srv := newFakeLoop(t, Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		if string(r.Path) == "/slow" {
			<-release
		}
		w.WriteString("served")
	})})
	idle, late, busy := f.openH2(), f.openH2(), f.openH2()
	f.detach = true
	busy.rude = true
	slow := busy.get("/slow")
	f.detach = false
	srv.Drain()
	f.turn()
	busy.read()
	if len(busy.goaways) != 1 || busy.goaways[0] != (h2goaway{1<<31 - 1, h2.CodeNoError}) || busy.pings != 1 {
		t.Fatalf("GOAWAYs %v, %d PINGs; want one of each", busy.goaways, busy.pings)
	}
	onItsWay := busy.get("/")
	busy.want("opened before it knew", onItsWay, 200, "served")
	busy.rude = false
	busy.send(h2.AppendPingFrame(nil, [8]byte{'d', 'r', 'a', 'i', 'n', 'e', 'd', '?'}, true))
	if len(busy.goaways) != 2 || busy.goaways[1] != (h2goaway{onItsWay, h2.CodeNoError}) {
		t.Fatalf("GOAWAYs %v, want a last one with %d", busy.goaways, onItsWay)
	}
	busy.wantNone("opened after it knew", busy.get("/"))

	lull := DefaultLimits().DrainLull
	f.advance(lull / 2)
	idle.read()
	if len(idle.goaways) != 0 {
		t.Error("no lull")
	}
	late.want("in the lull", late.get("/"), 200, "served")
	for range 20 {
		f.advance(lull / 5)
		idle.read()
		late.read()
	}
	for _, c := range []*h2client{idle, late} {
		if len(c.goaways) != 2 || c.goaways[0].last != 1<<31-1 || c.goaways[1].code != h2.CodeNoError {
			t.Errorf("GOAWAYs %v, want two", c.goaways)
		}
		c.wantEnd("idle")
		c.end()
	}
	if srv.Active() != 1 {
		t.Errorf("%d active, want the busy one", srv.Active())
	}
	close(release)
	f.idle()
	busy.want("it is answered", slow, 200, "served")
	busy.wantEnd("all is served")
	busy.end()
	if err := srv.Wait(context.Background()); err != nil {
		t.Error(err)
	}
	for _, c := range []*h2client{idle, late, busy} {
		if c.aborted {
			t.Error("a connection was reset")
		}
	}
}

// A client that does not answer the PING is not waited for.
func TestH2DrainRude(t *testing.T) {
	f, srv := newFakeLoop(t, Config{Handler: hello})
	c := f.openH2()
	c.rude = true
	srv.Drain()
	f.turn()
	for range 30 {
		f.advance(DefaultLimits().DrainLull / 2)
		c.read()
	}
	c.wantGoAway("twice told", h2.CodeNoError)
	if n := srv.Stats().Timeouts[TimeoutDrain]; n != 1 {
		t.Errorf("counted %d times", n)
	}
	c.end()
	if srv.Active() != 0 {
		t.Error("it is still there")
	}
}

// A connection that was queued to be accepted, or has not spoken, when Drain
// was called, is served.
func TestH2DrainQueued(t *testing.T) {
	f, srv := newFakeLoop(t, Config{Handler: hello})
	silent := f.connectH2()
	srv.Drain()
	f.turn()
	both := []*h2client{silent, f.connectH2()}
	for _, c := range both {
		b, id := c.head(h2.AppendSettingsFrame([]byte(h2.Preface)), true, pseudo("GET", "/")...)
		c.send(b)
		c.want("it was connected", id, 200, "path=/")
	}
	for range 30 {
		f.advance(DefaultLimits().DrainLull / 2)
	}
	for _, c := range both {
		c.wantGoAway("and then no more", h2.CodeNoError)
		c.end()
	}
	if srv.Active() != 0 {
		t.Error("not drained")
	}
}

// One that never speaks is not waited for: browsers have such, to spare.
func TestH2DrainSilent(t *testing.T) {
	f, srv := newFakeLoop(t, Config{Handler: hello})
	srv.SetEndpoint(3, Endpoint{Protocols: HTTP2}) // as ALPN chooses it
	before := f.connectH2()
	srv.Drain()
	f.turn()
	after := f.connectH2()
	for range 30 {
		f.advance(DefaultLimits().DrainLull / 2)
	}
	for _, c := range []*h2client{before, after} {
		c.read()
		c.wantGoAway("there is an end", h2.CodeNoError)
		c.end()
	}
	if n := srv.Stats().Timeouts[TimeoutHead]; srv.Active() != 0 || n != 0 {
		t.Errorf("%d are left, %d were waited for", srv.Active(), n)
	}
}

func TestH2AbortAll(t *testing.T) {
	f, srv := newFakeLoop(t, Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) { <-r.Context().Done() })})
	idle, busy := f.openH2(), f.openH2()
	f.detach = true
	for range 10 {
		busy.get("/")
	}
	if n := srv.AbortAll(); n != 2 {
		t.Errorf("AbortAll: %d", n)
	}
	f.idle()
	if !idle.aborted || !busy.aborted || srv.Active() != 0 || srv.Stats().ShutAborted != 2 {
		t.Errorf("%+v", srv.Stats())
	}
}

// A request over HTTP/2 allocates nothing.
func TestH2NoAllocations(t *testing.T) {
	if raceEnabled || invariants {
		t.Skip("the race detector and the asserts allocate")
	}
	l := &countingLoop{}
	srv, err := New(Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		w.Set("Content-Type", "text/plain")
		w.WriteString("Hello, World!")
	})})
	if err != nil {
		t.Fatal(err)
	}
	c := &countingConn{}
	h := srv.NewLoop(l).Open(c)
	request := h2requests(h, l, c)
	for range 10 {
		request()
	}
	if n := testing.AllocsPerRun(1000, request); n != 0 {
		t.Errorf("%v allocations per request", n)
	}
	if c.sent == 0 || c.released != c.sent {
		t.Errorf("%d sends, %d releases", c.sent, c.released)
	}
	if st := srv.Stats(); st.H2Conns != 1 {
		t.Error("it was not HTTP/2")
	}
}

// h2requests greets, and gives what sends one request after another.
func h2requests(h ring.ConnHandler, l *countingLoop, c *countingConn) func() {
	hi := h2.AppendSettingsFrame([]byte(h2.Preface))
	hi = h2.AppendWindowUpdateFrame(h2.AppendSettingsAck(hi), 0, 1<<30)
	h.Recv(ring.NewBuf(hi, c, 0))
	h.Sent()
	// Fields of the static table, and literals that are not indexed.
	block := "\x82\x86\x84\x01\x01x\x0f\x2b\x03abc"
	frame := h2.AppendHeadersFrames(nil, 1, []byte(block), true, 16384)
	buf := ring.NewBuf(frame, c, 0)
	id := uint32(1)
	return func() {
		frame[5], frame[6], frame[7], frame[8] = byte(id>>24), byte(id>>16), byte(id>>8), byte(id)
		id += 2
		h.Recv(buf)
		l.task.Route()
		l.task.Run(ring.Run{})
		l.task.Done(ring.Returned)
		h.Sent()
	}
}

func BenchmarkH2Request(b *testing.B) {
	l := &countingLoop{}
	srv, _ := New(Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		w.Set("Content-Type", "text/plain")
		w.WriteString("Hello, World!")
	})})
	c := &countingConn{}
	request := h2requests(srv.NewLoop(l).Open(c), l, c)
	b.ReportAllocs()
	for b.Loop() {
		request()
	}
}
