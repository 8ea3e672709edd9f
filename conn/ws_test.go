package conn

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/uringserve/uringserve/app"
	appws "github.com/uringserve/uringserve/app/ws"
	"github.com/uringserve/uringserve/h1/ws"
	"github.com/uringserve/uringserve/ring"
)

const wsRequest = "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// wsFake is a connection that speaks WebSocket, from the client's end.
type wsFake struct {
	*fakeConn
	x ws.Conn
}

// wsHandler is a Handler of functions, any of which may be nil.
type wsHandler struct {
	open    func(*appws.Conn)
	message func(*appws.Conn, appws.Kind, []byte)
	ended   []appws.End
}

func (h *wsHandler) Open(c *appws.Conn) {
	if h.open != nil {
		h.open(c)
	}
}

func (h *wsHandler) Message(c *appws.Conn, kind appws.Kind, p []byte) {
	if h.message != nil {
		h.message(c, kind, p)
		return
	}
	_ = c.Write(kind, p)
}

func (h *wsHandler) Close(_ *appws.Conn, end appws.End) { h.ended = append(h.ended, end) }

// serveWS is a server with a WebSocket open on it.
func serveWS(t *testing.T, u *appws.Upgrader) (*fakeLoop, *Server, *wsFake) {
	t.Helper()
	f, srv := newFakeLoop(t, Config{Handler: u})
	return f, srv, f.openWS()
}

func (f *fakeLoop) openWS() *wsFake {
	f.t.Helper()
	w := &wsFake{fakeConn: f.open()}
	w.window = anyWindow
	cfg := ws.DefaultConfig()
	cfg.Role, cfg.Keys = ws.Client, rand.Uint32
	cfg.Limits.MessageBytes = 64 << 20
	if err := cfg.Validate(); err != nil {
		f.t.Fatal(err)
	}
	w.x.Reset(cfg, ws.Deflate{})
	w.write(wsRequest)
	f.idle() // Open has returned
	head, rest, _ := strings.Cut(w.take(), "\r\n\r\n")
	if !strings.HasPrefix(head, "HTTP/1.1 101 ") {
		f.t.Fatalf("answered %q", head)
	}
	w.got = []byte(rest)
	return w
}

func (w *wsFake) session() *wsSession { return w.h.(*conn).p.(*wsconn).s }

func (w *wsFake) frame(op ws.Opcode, p string) string {
	b, err := w.x.AppendMessage(nil, op, []byte(p))
	if err != nil {
		w.f.t.Fatal(err)
	}
	return string(b)
}

func (w *wsFake) say(p string) { w.write(w.frame(ws.Text, p)) }

func (w *wsFake) ping(p string) {
	b, _ := w.x.AppendPing(nil, []byte(p))
	w.write(string(b))
}

func (w *wsFake) bye(code ws.CloseCode) {
	b, _ := w.x.AppendClose(nil, code, "")
	w.write(string(b))
}

// hears is what came since the last call, in words.
func (w *wsFake) hears() string {
	w.x.Feed([]byte(w.take()))
	return wsEvents(&w.x)
}

// wsEvents is what x finds in what it was fed, in words.
func wsEvents(x *ws.Conn) string {
	var all []string
	for {
		ev, err := x.Next()
		switch {
		case err != nil:
			return err.Error()
		case ev.Kind == ws.EventNone:
			return strings.Join(all, "; ")
		case ev.Kind == ws.EventMessage:
			all = append(all, fmt.Sprintf("%.40s", ev.Data))
		case ev.Kind == ws.EventClose:
			all = append(all, fmt.Sprintf("close %s", ev.Code))
		default:
			all = append(all, fmt.Sprintf("%s %s", ev.Kind, ev.Data))
		}
	}
}

func (w *wsFake) wants(why, want string) {
	w.f.t.Helper()
	if got := w.hears(); got != want {
		w.f.t.Fatalf("%s: got %q, want %q", why, got, want)
	}
}

func TestWSPhases(t *testing.T) {
	legal := map[[2]wsPhase]bool{{wsOpening, wsOpen}: true, {wsOpening, wsOver}: true, {wsOpen, wsOver}: true, {wsOver, wsEnded}: true}
	for from := range wsPhase(numWSPhases) {
		for to := range wsPhase(numWSPhases) {
			s := &wsSession{phase: from}
			panicked := func() (p bool) {
				defer func() { p = recover() != nil }()
				s.setPhase(to)
				return false
			}()
			if panicked == legal[[2]wsPhase{from, to}] || !panicked && s.phase != to || panicked && s.phase != from {
				t.Errorf("%s to %s: panicked %v, now %s", from, to, panicked, s.phase)
			}
		}
	}
}

// Idle, a session holds no buffer, and little besides.
func TestWSIdleIsSmall(t *testing.T) {
	const conns, budget = 1000, 1 << 10
	u := &appws.Upgrader{Handler: &wsHandler{}}
	f, _, w := serveWS(t, u)
	w.say("one")
	w.write(w.frame(ws.Text, "two")[:3])
	w.wants("a whole one", "one")
	s := w.session()
	if s.lease.Held() || s.own != nil || s.more != nil || s.ahead != nil || s.sink != nil || s.ponged != nil || w.h.(*conn).out != nil || f.leases != 0 {
		t.Errorf("an idle session holds %+v", s.wsInput)
	}
	if raceEnabled || invariants {
		return // they make all larger
	}
	l := &countingLoop{}
	srv, _ := New(Config{Handler: u})
	lh := srv.NewLoop(l)
	all := make([]ring.ConnHandler, conns)
	var before, after runtime.MemStats
	for i := range all {
		all[i] = lh.Open(&countingConn{})
	}
	runtime.GC()
	runtime.ReadMemStats(&before)
	for _, h := range all {
		h.Recv(ring.NewBuf([]byte(wsRequest), &countingConn{}, 0))
		for task := l.task; task != nil; {
			task.Route()
			task.Run(ring.Run{})
			task = task.Done(ring.Returned)
		}
		h.Sent()
		l.posts.Drain()
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (int(after.HeapAlloc) - int(before.HeapAlloc)) / conns
	t.Logf("%d bytes more than a connection without a request; a session is %d, its engine %d, its face %d", each,
		reflect.TypeFor[wsSession]().Size(), reflect.TypeFor[ws.Conn]().Size(), reflect.TypeFor[appws.Conn]().Size())
	if each > budget {
		t.Errorf("%d bytes for each idle session, budget %d", each, budget)
	}
	runtime.KeepAlive(all)
}

// A small message that is sent back allocates nothing.
func TestWSNoAllocations(t *testing.T) {
	if raceEnabled || invariants {
		t.Skip("the race detector and the asserts allocate")
	}
	l := &countingLoop{}
	srv, err := New(Config{Handler: &appws.Upgrader{Handler: &wsHandler{}}})
	if err != nil {
		t.Fatal(err)
	}
	c := &countingConn{}
	h := srv.NewLoop(l).Open(c)
	step := func(in []byte) {
		h.Recv(ring.NewBuf(in, c, 0))
		for task := l.task; task != nil; {
			l.task = nil
			task.Route()
			task.Run(ring.Run{})
			task = task.Done(ring.Returned)
		}
		h.Sent()
		l.posts.Drain()
	}
	step([]byte(wsRequest))
	frame := append([]byte{0x82, 0xfe, 0, 128, 1, 2, 3, 4}, make([]byte, 128)...)
	in := make([]byte, len(frame))
	echo := func() { copy(in, frame); step(in) }
	echo()
	sent := c.sent
	if n := testing.AllocsPerRun(1000, echo); n != 0 {
		t.Errorf("%v allocations per message", n)
	}
	if c.sent != sent+1001 {
		t.Errorf("%d sends", c.sent-sent)
	}
}

// A silent peer gets a Ping after PingEvery, and is reset after PongWithin.
func TestWSPing(t *testing.T) {
	h := &wsHandler{}
	f, srv, w := serveWS(t, &appws.Upgrader{Handler: h})
	f.advance(2*time.Minute - time.Second)
	w.wants("before", "")
	f.advance(time.Second + 2*wheelTick)
	w.wants("after two minutes", "ping ")
	f.advance(15 * time.Second)
	w.say("here")
	w.wants("any sign of life will do", "here")
	f.advance(2*time.Minute - time.Second)
	w.wants("from then on", "")
	f.advance(time.Second + 2*wheelTick)
	w.wants("again", "ping ")
	f.advance(20*time.Second - 2*wheelTick)
	w.wantOpen("just before PongWithin")
	f.advance(4 * wheelTick)
	if !w.aborted {
		t.Error("a peer that does not answer was not reset")
	}
	f.idle()
	if st := srv.Stats(); st.Timeouts[TimeoutPong] != 1 || st.WebSocket.Pings != 2 {
		t.Errorf("counted %+v", st)
	}
	if len(h.ended) != 1 || h.ended[0].Code != ws.AbnormalClosure || !errors.Is(h.ended[0].Err, app.ErrGone) {
		t.Errorf("told %+v", h.ended)
	}
}

func TestWSPingOff(t *testing.T) {
	f, _, w := serveWS(t, &appws.Upgrader{Handler: &wsHandler{}, PingEvery: appws.Off})
	f.advance(24 * time.Hour)
	w.wants("a day later", "")
	w.wantOpen("a day later")
}

// A peer that does not answer a Close is not waited for longer than
// wsCloseTimeout; messages of its are dropped.
func TestWSCloseTimeout(t *testing.T) {
	h := &wsHandler{message: func(c *appws.Conn, _ appws.Kind, p []byte) {
		_ = c.Close(4000, string(p))
		if err := c.Write(ws.Text, p); err != appws.ErrClosed {
			t.Errorf("a write after Close: %v", err)
		}
		if err := c.Close(4001, ""); err != appws.ErrClosed {
			t.Errorf("a second Close: %v", err)
		}
	}}
	f, srv, w := serveWS(t, &appws.Upgrader{Handler: h})
	w.say("done")
	w.wants("close", "close 4000")
	w.write(w.frame(ws.Text, "ignored"))
	w.ping("x")
	if got := w.hears(); got != "" { // our own engine, which has seen a Close, drops it
		t.Errorf("got %q", got)
	}
	f.advance(wsCloseTimeout - 2*wheelTick)
	w.wantOpen("before")
	f.advance(4 * wheelTick)
	w.wantEnd("after")
	f.idle()
	if n := srv.Stats().Timeouts[TimeoutClosing]; n != 1 {
		t.Errorf("counted %d", n)
	}
	if len(h.ended) != 1 || h.ended[0].Code != 4000 || h.ended[0].Reason != "done" || h.ended[0].Err == nil {
		t.Errorf("told %+v", h.ended)
	}
}

// The peer answers: the connection ends, and both agree on the code.
func TestWSCloseByUs(t *testing.T) {
	h := &wsHandler{open: func(c *appws.Conn) { _ = c.Close(ws.NormalClosure, "") }}
	f, srv, w := serveWS(t, &appws.Upgrader{Handler: h})
	w.wants("at once", "close 1000 normal closure")
	w.wantOpen("the peer has not answered")
	w.bye(ws.NormalClosure)
	w.wantEnd("it has")
	f.idle()
	if st := srv.Stats().WebSocket; st.Closes[0] != 1 || st.Active != 0 || len(h.ended) != 1 || h.ended[0].Err != nil {
		t.Errorf("%+v, %+v", st, h.ended)
	}
}

// MaxUnsent: what waits with the message, frames counted whole, is n at the most.
func TestWSMaxUnsent(t *testing.T) {
	const limit = 1000
	for _, n := range []int{limit - 1, limit, limit + 1} {
		var got error
		h := &wsHandler{message: func(c *appws.Conn, kind appws.Kind, p []byte) {
			_ = c.TryWrite(ws.Binary, make([]byte, 100))
			waiting := c.Buffered()
			got = c.TryWrite(ws.Binary, make([]byte, n-waiting-wsHeadBytes))
		}}
		f, srv, w := serveWS(t, &appws.Upgrader{Handler: h, MaxUnsent: limit, SlowPolicy: appws.SlowDrop})
		f.turn()
		w.window = 0
		w.say("go")
		f.idle()
		if (got == nil) != (n <= limit) || got != nil && got != appws.ErrSlow {
			t.Errorf("%d bytes: %v", n, got)
		}
		if drops := srv.Stats().WebSocket.Dropped; drops != 0 && n <= limit {
			t.Errorf("%d bytes: %d dropped", n, drops)
		}
	}
}

// A message longer than MaxUnsent goes when nothing waits.
func TestWSLongMessage(t *testing.T) {
	f, _, w := serveWS(t, &appws.Upgrader{Handler: &wsHandler{}, MaxUnsent: 1000})
	long := strings.Repeat("x", 500_000)
	w.say(long)
	f.until("it is sent", func() bool { return len(w.got) >= len(long) })
	w.wants("whole", long[:40])
}

// A writer waits for a peer that does not read, without the loop; it goes on when
// the peer does, and fails when it goes.
func TestWSWriterWaits(t *testing.T) {
	for _, end := range []string{"reads", "leaves", "closes"} {
		t.Run(end, func(t *testing.T) {
			var wrote, failed int
			h := &wsHandler{message: func(c *appws.Conn, kind appws.Kind, p []byte) {
				for range 100 {
					if c.Write(ws.Binary, make([]byte, 5000)) != nil {
						failed++
						return
					}
					wrote++
				}
			}}
			f, _, w := serveWS(t, &appws.Upgrader{Handler: h, MaxUnsent: 20_000})
			f.turn()
			w.window = 0
			w.say("go")
			s := w.session()
			f.until("the writer waits", func() bool {
				s.mu.Lock()
				defer s.mu.Unlock()
				return len(s.writers) == 1
			})
			if n := w.h.(*conn).unsent(); n > 20_000+5000 {
				t.Errorf("%d bytes wait", n)
			}
			c := f.open()
			c.write("GET /other HTTP/1.1\r\nHost: h\r\n\r\n")
			f.until("the loop serves others", func() bool { return len(c.got) > 0 })
			switch end {
			case "reads":
				w.window = anyWindow
				f.idle()
				if wrote != 100 || failed != 0 {
					t.Errorf("%d written, %d failed", wrote, failed)
				}
			case "leaves":
				w.break_(ring.ErrReset)
				f.idle()
				if failed != 1 || len(h.ended) != 1 {
					t.Errorf("%d failed, %+v", failed, h.ended)
				}
			case "closes":
				_ = s.Close(ws.GoingAway, "")
				f.idle()
				if failed != 1 {
					t.Errorf("%d failed", failed)
				}
			}
		})
	}
}

// A peer that does not read is closed, if that is the policy; it is not waited
// for.
func TestWSSlowClose(t *testing.T) {
	var errs []error
	h := &wsHandler{message: func(c *appws.Conn, kind appws.Kind, p []byte) {
		for range 100 {
			errs = append(errs, c.Write(ws.Binary, make([]byte, 1000)))
		}
	}}
	f, _, w := serveWS(t, &appws.Upgrader{Handler: h, MaxUnsent: 10_000, SlowPolicy: appws.SlowClose})
	f.turn()
	w.window = 0
	w.say("go")
	f.idle()
	slow, closed := 0, 0
	for _, err := range errs {
		switch err {
		case appws.ErrSlow:
			slow++
		case appws.ErrClosed:
			closed++
		}
	}
	if slow != 1 || closed < 80 {
		t.Errorf("%d slow, %d closed", slow, closed)
	}
	f.advance(wsCloseTimeout + 2*wheelTick)
	f.idle()
	if !w.aborted || len(h.ended) != 1 || h.ended[0].Code != appws.TryAgainLater {
		t.Errorf("closed %v, told %+v", w.closed, h.ended)
	}
}

// While a callback runs without the loop, Pings are answered, and messages wait,
// in their order.
func TestWSReadsAhead(t *testing.T) {
	release := make(chan bool)
	var got []string
	h := &wsHandler{message: func(c *appws.Conn, kind appws.Kind, p []byte) {
		if len(got) == 0 {
			<-release
		}
		got = append(got, string(p))
	}}
	f, _, w := serveWS(t, &appws.Upgrader{Handler: h, Mode: app.ModeBlocking})
	w.say("first")
	w.write(w.frame(ws.Text, "second") + w.frame(ws.Text, "third")[:4]) // the rest never comes
	if n := f.leases; n != 0 {
		t.Errorf("%d buffers are held", n)
	}
	close(release)
	f.idle()
	if len(got) < 2 || got[0] != "first" || got[1] != "second" {
		t.Errorf("handled %q", got)
	}
}

func TestWSPingWhileBusy(t *testing.T) {
	release := make(chan bool)
	h := &wsHandler{message: func(c *appws.Conn, kind appws.Kind, p []byte) { <-release; _ = c.Write(kind, p) }}
	f, _, w := serveWS(t, &appws.Upgrader{Handler: h, Mode: app.ModeBlocking})
	w.say("first")
	w.write(w.frame(ws.Text, "second"))
	w.ping("alive?")
	w.wants("while it is busy", "pong alive?")
	w.bye(ws.NormalClosure)
	w.wants("the close waits for what came before it", "")
	close(release)
	f.until("the end", func() bool { return w.fin || w.closed })
	w.wants("in order", "first; second; close 1000 normal closure")
}

// How much is read ahead is bounded: receiving pauses at MaxRequestBuffer.
func TestWSReadAheadIsBounded(t *testing.T) {
	const most = 10_000
	for _, n := range []int{most - 1, most, most + 1} {
		release := make(chan bool)
		limits := DefaultLimits()
		limits.MaxRequestBuffer = most
		handled := 0
		f, _ := newFakeLoop(t, Config{Limits: limits, Handler: &appws.Upgrader{Mode: app.ModeBlocking,
			Handler: appws.HandlerFunc(func(*appws.Conn, appws.Kind, []byte) { <-release; handled++ })}})
		w := f.openWS()
		w.say("first")
		for left := n; left > 0; { // each takes aheadHead more than it has
			k := min(left, 1000)
			if k < aheadHead {
				k = aheadHead // an empty one, and over
			}
			w.say(strings.Repeat("x", k-aheadHead))
			left -= k
		}
		if w.paused != (n >= most) {
			t.Errorf("%d bytes ahead: paused %v", n, w.paused)
		}
		close(release)
		f.idle()
		if w.paused || handled < 11 {
			t.Errorf("%d bytes ahead: paused %v after %d messages", n, w.paused, handled)
		}
	}
}

// Pings of a peer that does not read are answered by one Pong, with the last
// one's bytes; nothing grows.
func TestWSPingFlood(t *testing.T) {
	f, srv, w := serveWS(t, &appws.Upgrader{Handler: &wsHandler{}})
	f.turn()
	w.window = 0
	for i := range 20_000 {
		w.ping(fmt.Sprintf("%0100d", i))
	}
	k := w.h.(*conn)
	if n := k.unsent(); n > 2*pongRoom {
		t.Errorf("%d bytes of Pongs", n)
	}
	w.window = anyWindow
	f.turn()
	got := w.hears()
	if !strings.HasSuffix(got, fmt.Sprintf("pong %0100d", 19_999)) || strings.Count(got, "pong") > 100 {
		t.Errorf("%d pongs, last %.120s", strings.Count(got, "pong"), got[max(0, len(got)-120):])
	}
	f.h.Tick(f.now)
	if st := srv.Stats().WebSocket; st.PingsIn != 20_000 || st.Coalesced < 19_000 {
		t.Errorf("counted %+v", st)
	}
}

// A callback that panics or exits closes with 1011.
func TestWSCallbackFails(t *testing.T) {
	for name, fail := range map[string]func(){
		"panic": func() { panic("boom") }, "abort": func() { panic(app.ErrAbort) }, "exit": runtime.Goexit,
	} {
		for _, mode := range []app.Mode{app.ModeAuto, app.ModeBlocking} {
			h := &wsHandler{message: func(*appws.Conn, appws.Kind, []byte) { fail() }}
			f, srv, w := serveWS(t, &appws.Upgrader{Handler: h, Mode: mode})
			w.say("x")
			f.idle()
			w.wants(name, "close 1011 internal error")
			w.bye(ws.InternalError)
			f.idle()
			w.wantEnd(name)
			st := srv.Stats()
			if len(h.ended) != 1 || h.ended[0].Code != ws.InternalError || st.Panics+st.Exits != 1 && name != "abort" {
				t.Errorf("%s: told %+v, counted %d, %d", name, h.ended, st.Panics, st.Exits)
			}
		}
	}
}

// Open may fail, too, and Close is called all the same.
func TestWSOpenFails(t *testing.T) {
	h := &wsHandler{open: func(*appws.Conn) { panic("boom") }}
	f, _, w := serveWS(t, &appws.Upgrader{Handler: h})
	w.wants("at once", "close 1011 internal error")
	w.break_(ring.ErrReset)
	f.idle()
	if len(h.ended) != 1 || h.ended[0].Code != ws.InternalError {
		t.Errorf("told %+v", h.ended)
	}
}

// Close comes once, and after the callback that runs, if the connection breaks
// meanwhile.
func TestWSBreaksWhileBusy(t *testing.T) {
	release := make(chan bool)
	var err error
	h := &wsHandler{message: func(c *appws.Conn, kind appws.Kind, p []byte) {
		<-c.Context().Done()
		<-release
		err = c.Write(kind, p)
	}}
	f, _, w := serveWS(t, &appws.Upgrader{Handler: h, Mode: app.ModeBlocking})
	w.say("x")
	w.say("never handled")
	w.break_(ring.ErrReset)
	if len(h.ended) != 0 {
		t.Error("Close has come before the callback has ended")
	}
	close(release)
	f.idle()
	if !errors.Is(err, app.ErrGone) || len(h.ended) != 1 || h.ended[0].Code != ws.AbnormalClosure || !errors.Is(h.ended[0].Err, app.ErrGone) {
		t.Errorf("%v, told %+v", err, h.ended)
	}
}

// The peer's FIN: what came before it is handled and answered.
func TestWSPeerEnds(t *testing.T) {
	h := &wsHandler{}
	f, _, w := serveWS(t, &appws.Upgrader{Handler: h})
	w.recv(w.frame(ws.Text, "last"))
	w.end()
	f.idle()
	w.wants("what came before", "last")
	w.wantEnd("it has ended")
	if len(h.ended) != 1 || h.ended[0].Code != ws.AbnormalClosure || h.ended[0].Err == nil {
		t.Errorf("told %+v", h.ended)
	}
}

// Drain closes all with 1001.
func TestWSDrain(t *testing.T) {
	h := &wsHandler{}
	f, srv, w := serveWS(t, &appws.Upgrader{Handler: h})
	srv.Drain()
	f.turn()
	w.wants("told", "close 1001 going away")
	w.bye(ws.GoingAway)
	w.wantEnd("answered")
	f.idle()
	if len(h.ended) != 1 || h.ended[0].Code != ws.GoingAway || h.ended[0].Err != nil {
		t.Errorf("told %+v", h.ended)
	}
}

// What is written in one turn leaves in one send.
func TestWSOneSend(t *testing.T) {
	h := &wsHandler{message: func(c *appws.Conn, kind appws.Kind, p []byte) {
		for range 10 {
			_ = c.Write(kind, p)
		}
	}}
	f, _, w := serveWS(t, &appws.Upgrader{Handler: h})
	f.turn()
	sends := w.sends
	w.write(w.frame(ws.Text, "a") + w.frame(ws.Text, "b") + w.frame(ws.Text, "c"))
	f.idle()
	if n := w.sends - sends; n != 1 {
		t.Errorf("%d sends", n)
	}
	if got := w.hears(); strings.Count(got, ";") != 29 {
		t.Errorf("got %q", got)
	}
}

// What is written by a callback that goes on, without the loop, does not wait for
// its end; nor does what others write.
func TestWSWritesOffLoop(t *testing.T) {
	release := make(chan bool)
	h := &wsHandler{message: func(c *appws.Conn, kind appws.Kind, p []byte) {
		_ = c.Write(kind, p)
		<-release
	}}
	f, _, w := serveWS(t, &appws.Upgrader{Handler: h, Mode: app.ModeBlocking})
	w.say("now")
	f.until("it is sent", func() bool { return len(w.got) > 0 })
	w.wants("at once", "now")
	s := w.session()
	go s.Send(ws.Text, []byte("from elsewhere"), appws.SlowWait)
	f.until("it is sent", func() bool { return len(w.got) > 0 })
	w.wants("also", "from elsewhere")
	close(release)
	f.idle()
}

// The handler's head and address: the request is a copy, and given up after Open.
func TestWSAbout(t *testing.T) {
	var kept *app.Request
	var remote string
	h := &wsHandler{open: func(c *appws.Conn) {
		kept = c.Request()
		remote = c.RemoteAddr().String()
	}, message: func(c *appws.Conn, kind appws.Kind, p []byte) {
		if c.Request() != nil {
			t.Error("the request is kept")
		}
	}}
	f, _, w := serveWS(t, &appws.Upgrader{Handler: h})
	w.say("x")
	f.idle()
	if string(kept.Path) != "/ws" || string(kept.Get("Upgrade")) != "websocket" || remote != ":4242" {
		t.Errorf("%s %s %s", kept.Path, kept.Get("Upgrade"), remote)
	}
}

// A handler that wants to upgrade, and cannot.
func TestWSUpgradeErrors(t *testing.T) {
	u := &appws.Upgrader{Handler: &wsHandler{}}
	var err error
	f, _ := newFakeLoop(t, Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		switch string(r.Query) {
		case "flushed":
			w.Flush()
		case "panic":
			err = u.Upgrade(r, w)
			panic("boom")
		}
		err = u.Upgrade(r, w)
	})})
	for query, want := range map[string]error{"flushed": app.ErrCommitted, "": nil} {
		c := f.open()
		c.write(strings.Replace(wsRequest, "/ws", "/ws?"+query, 1))
		f.idle()
		if !errors.Is(err, want) {
			t.Errorf("%q: %v", query, err)
		}
	}
	c := f.open()
	c.write(strings.Replace(wsRequest, "/ws", "/ws?panic", 1))
	f.idle()
	if !c.aborted {
		t.Errorf("panicked after the upgrade: got %q", c.take())
	}
}

// Everything that can come, whatever its pieces: nothing is left, and Open and
// Close are called alike.
func FuzzWebSocket(f *testing.F) {
	f.Add([]byte("\x81\x85\x00\x00\x00\x00hello"), uint8(1), true)
	f.Add([]byte("\x01\x81\x00\x00\x00\x00h\x89\x80\x00\x00\x00\x00\x80\x81\x00\x00\x00\x00h\x88\x80\x00\x00\x00\x00"), uint8(3), false)
	f.Add([]byte("\x88\x82\x00\x00\x00\x00\x03\xe8\x81\x81\x00\x00\x00\x00h"), uint8(200), true)
	f.Fuzz(func(t *testing.T, in []byte, step uint8, detach bool) {
		opened, closed := 0, 0
		h := &wsHandler{open: func(*appws.Conn) { opened++ }}
		fl, srv := newFakeLoop(t, Config{Handler: &appws.Upgrader{Handler: h, MessageBytes: 1000, Compression: true}})
		w := fl.openWS()
		fl.detach = detach
		for n := int(step) + 1; len(in) > 0; in = in[min(n, len(in)):] {
			w.recv(string(in[:min(n, len(in))]))
			if detach {
				fl.turn()
			}
		}
		fl.idle()
		w.break_(ring.ErrReset)
		fl.idle()
		closed = len(h.ended)
		if opened != 1 || closed != 1 || srv.Stats().WebSocket.Active != 0 {
			t.Errorf("%d opened, %d closed, %+v", opened, closed, srv.Stats().WebSocket)
		}
	})
}
