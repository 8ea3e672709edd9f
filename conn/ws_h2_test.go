package conn

import (
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uringserve/uringserve/app"
	appws "github.com/uringserve/uringserve/app/ws"
	"github.com/uringserve/uringserve/h1/ws"
	"github.com/uringserve/uringserve/h2"
	"github.com/uringserve/uringserve/ring"
)

// A wsStream is a WebSocket on a stream, from the client's end.
type wsStream struct {
	*h2client
	id   uint32
	x    ws.Conn
	read int // bytes of the answer's body
}

// tunnel opens a stream by extended CONNECT.
func (c *h2client) tunnel(protocol, path string, more ...string) uint32 {
	c.t.Helper()
	b, id := c.head(nil, false, append([]string{":method", "CONNECT", ":protocol", protocol, ":scheme", "http", ":authority", "x", ":path", path}, more...)...)
	c.send(b)
	return id
}

func (c *h2client) openWS() *wsStream {
	c.t.Helper()
	id := c.tunnel("websocket", "/ws", "sec-websocket-version", "13")
	c.f.idle()
	if a := c.answer(id); !strings.HasPrefix(a.head, ":status: 200\n") || a.ended {
		c.t.Fatalf("the tunnel was answered %q, ended %v, reset %v", a.head, a.ended, a.reset)
	}
	s := &wsStream{h2client: c, id: id}
	cfg := ws.DefaultConfig()
	cfg.Role, cfg.Keys = ws.Client, rand.Uint32
	cfg.Limits.MessageBytes = 64 << 20
	if err := cfg.Validate(); err != nil {
		c.t.Fatal(err)
	}
	s.x.Reset(cfg, ws.Deflate{})
	return s
}

func (s *wsStream) say(p string) {
	s.t.Helper()
	b, err := s.x.AppendMessage(nil, ws.Text, []byte(p))
	if err != nil {
		s.t.Fatal(err)
	}
	s.data(s.id, string(b), false)
}

// hears is what came since the last call, in words.
func (s *wsStream) hears() string {
	s.t.Helper()
	a := s.answer(s.id)
	s.x.Feed([]byte(string(a.body[s.read:])))
	s.read = len(a.body)
	return wsEvents(&s.x)
}

func (s *wsStream) wants(why, want string) {
	s.t.Helper()
	s.f.idle()
	if got := s.hears(); got != want {
		s.t.Fatalf("%s: got %q, want %q", why, got, want)
	}
}

// serveWSOverH2 is a server, with a client of HTTP/2 that has been greeted.
func serveWSOverH2(t *testing.T, u *appws.Upgrader) (*fakeLoop, *Server, *h2client) {
	t.Helper()
	f, srv := newFakeLoop(t, Config{Handler: u})
	return f, srv, f.openH2()
}

// RFC 8441 §5.1: a tunnel beside requests, echoes both ways, ended by END_STREAM.
func TestWSOverH2(t *testing.T) {
	h := &wsHandler{}
	_, srv, c := serveWSOverH2(t, &appws.Upgrader{Handler: h})
	one, two := c.openWS(), c.openWS()
	one.say("hello")
	two.say("there")
	one.wants("the first", "hello")
	two.wants("the second", "there")
	long := strings.Repeat("0123456789", 100_000)
	c.update(0, 1<<20)
	c.update(one.id, 1<<20)
	one.say(long)
	one.wants("a long one", long[:40])
	b, _ := one.x.AppendPing(nil, []byte("p"))
	c.data(one.id, string(b), false)
	one.wants("a ping", "pong p")
	b, _ = one.x.AppendClose(nil, 4000, "")
	c.data(one.id, string(b), true)
	one.wants("the closing handshake", "close 4000")
	if a := c.answer(one.id); !a.ended || a.reset != nil {
		t.Errorf("RFC 8441 §5: ended %v, reset %v", a.ended, a.reset)
	}
	two.say("still there")
	two.wants("the other goes on", "still there")
	if st := srv.Stats().WebSocket; st.Opened != 2 || st.Active != 1 || len(h.ended) != 1 || h.ended[0].Code != 4000 {
		t.Errorf("%+v, told %+v", st, h.ended)
	}
}

// RST_STREAM is to a WebSocket what RST is to a connection.
func TestWSOverH2Reset(t *testing.T) {
	h := &wsHandler{}
	f, srv, c := serveWSOverH2(t, &appws.Upgrader{Handler: h})
	s := c.openWS()
	s.say("x")
	s.wants("it works", "x")
	c.rst(s.id, h2.CodeCancel)
	f.idle()
	if len(h.ended) != 1 || h.ended[0].Code != ws.AbnormalClosure || srv.Stats().WebSocket.Active != 0 {
		t.Errorf("told %+v", h.ended)
	}
	c.wantIdle("a reset stream")
	c.get("/") // 400, by an Upgrader; the connection goes on
	c.wantOpen("after a reset")
}

// END_STREAM without a Close is a connection that just ends.
func TestWSOverH2EndsWithoutClose(t *testing.T) {
	h := &wsHandler{}
	f, _, c := serveWSOverH2(t, &appws.Upgrader{Handler: h})
	s := c.openWS()
	b, _ := s.x.AppendMessage(nil, ws.Text, []byte("last"))
	c.data(s.id, string(b), true)
	s.wants("what came before", "last")
	if a := c.answer(s.id); !a.ended {
		t.Error("our end did not follow")
	}
	f.idle()
	if len(h.ended) != 1 || h.ended[0].Code != ws.AbnormalClosure {
		t.Errorf("told %+v", h.ended)
	}
	c.wantIdle("an ended stream")
}

// A peer that breaks the rules gets a Close, and the end of the stream, not of the
// connection.
func TestWSOverH2ProtocolError(t *testing.T) {
	f, srv, c := serveWSOverH2(t, &appws.Upgrader{Handler: &wsHandler{}})
	s := c.openWS()
	c.data(s.id, "\x81\x01x", false)
	s.wants("a frame without a mask", "close 1002 protocol error")
	f.idle()
	if a := c.answer(s.id); !a.ended || srv.Stats().WebSocket.Rejections[ws.Unmasked] != 1 {
		t.Errorf("ended %v", a.ended)
	}
	c.wantOpen("the connection")
}

// Extended CONNECT for what is not known, and to a handler that does not know it.
func TestWSOverH2OtherProtocols(t *testing.T) {
	f, _, c := serveWSOverH2(t, &appws.Upgrader{Handler: &wsHandler{}})
	id := c.tunnel("connect-udp", "/ws")
	f.idle()
	if a := c.answer(id); !strings.HasPrefix(a.head, ":status: 501\n") {
		t.Errorf("an unknown protocol: %q", a.head)
	}
	for _, flush := range []bool{false, true} {
		f2, k := serveH2(t, func(r *app.Request, w *app.Response) {
			w.WriteString("I am no tunnel")
			if flush {
				w.Flush()
			}
		})
		id = k.tunnel("websocket", "/")
		f2.idle()
		if a := k.answer(id); !strings.HasPrefix(a.head, ":status: 50") {
			t.Errorf("a handler that knows nothing, flush %v: %q", flush, a.head)
		}
	}
}

// A peer whose window is closed makes the writer wait; what it does not read is
// bounded, and what we do not read is bounded by its window.
func TestWSOverH2Flow(t *testing.T) {
	release := make(chan bool)
	var wrote atomic.Int64
	h := &wsHandler{message: func(c *appws.Conn, kind appws.Kind, p []byte) {
		for wrote.Load() < 100 {
			if c.Write(ws.Binary, make([]byte, 5000)) != nil {
				return
			}
			wrote.Add(1)
		}
		<-release
	}}
	f, _, c := serveWSOverH2(t, &appws.Upgrader{Handler: h, MaxUnsent: 50_000})
	s := c.openWS()
	session := c.server().streams.find(s.id).ws
	s.say("go")
	f.until("the writer waits", func() bool {
		c.read()
		session.mu.Lock()
		defer session.mu.Unlock()
		return len(session.writers) == 1
	})
	if n := session.Buffered(); n > 50_000+5000 {
		t.Errorf("%d bytes wait", n)
	}
	c.update(0, 10<<20)
	c.update(s.id, 10<<20)
	f.until("all is written", func() bool { c.read(); return wrote.Load() == 100 })
	before := c.windows[s.id]
	for range 100 { // the callback does not return
		s.say(strings.Repeat("x", 5000))
	}
	if grown := c.windows[s.id] - before; grown != 0 {
		t.Errorf("the window grew by %d though nothing was read", grown)
	}
	close(release)
	f.idle()
	c.read()
	if grown := c.windows[s.id] - before; grown < 300_000 {
		t.Errorf("the window grew by %d when all was read", grown)
	}
}

// Silent peers are found, by Pings in the stream.
func TestWSOverH2Ping(t *testing.T) {
	h := &wsHandler{}
	f, srv, c := serveWSOverH2(t, &appws.Upgrader{Handler: h})
	s := c.openWS()
	f.advance(2*time.Minute + 3*time.Second)
	s.wants("after two minutes", "ping ")
	f.advance(23 * time.Second)
	f.idle()
	if a := c.answer(s.id); a.reset == nil || *a.reset != h2.CodeCancel {
		t.Errorf("not reset: %v", a.reset)
	}
	if len(h.ended) != 1 || srv.Stats().Timeouts[TimeoutPong] != 1 {
		t.Errorf("told %+v", h.ended)
	}
	c.wantOpen("the connection")
}

// Drain closes the WebSockets, and then the connection.
func TestWSOverH2Drain(t *testing.T) {
	h := &wsHandler{}
	f, srv, c := serveWSOverH2(t, &appws.Upgrader{Handler: h})
	s := c.openWS()
	srv.Drain()
	f.turn()
	s.wants("told", "close 1001 going away")
	b, _ := s.x.AppendClose(nil, ws.GoingAway, "")
	c.data(s.id, string(b), true)
	f.idle()
	c.read()
	f.advance(5 * time.Second)
	c.wantEnd("drained")
	if len(h.ended) != 1 || h.ended[0].Code != ws.GoingAway {
		t.Errorf("told %+v", h.ended)
	}
}

// The connection breaks: all of its WebSockets have ended.
func TestWSOverH2Breaks(t *testing.T) {
	h := &wsHandler{}
	f, srv, c := serveWSOverH2(t, &appws.Upgrader{Handler: h})
	for range 5 {
		c.openWS().say("x")
	}
	c.break_(ring.ErrReset)
	f.idle()
	if len(h.ended) != 5 || srv.Stats().WebSocket.Active != 0 {
		t.Errorf("%d told of", len(h.ended))
	}
}
