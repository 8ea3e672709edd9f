package ws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uringserve/uringserve/app"
	wire "github.com/uringserve/uringserve/h1/ws"
)

// fakeStream plays the server until Switch.
type fakeStream struct {
	protocol string
	switched *Acceptance
}

func (s *fakeStream) ReadBody([]byte) (int, error)              { return 0, io.EOF }
func (s *fakeStream) RequestTrailers() *app.Fields              { return nil }
func (s *fakeStream) Context() context.Context                  { return context.Background() }
func (s *fakeStream) ContextErr() error                         { return nil }
func (s *fakeStream) SetReadLimit(int64) error                  { return nil }
func (s *fakeStream) Conn() *app.ConnInfo                       { return &app.ConnInfo{} }
func (s *fakeStream) SetReadDeadline(time.Time) error           { return nil }
func (s *fakeStream) SetWriteDeadline(time.Time) error          { return nil }
func (s *fakeStream) WriteInformational(int, *app.Fields) error { return nil }
func (s *fakeStream) WriteBody(r *app.Response, _ bool) error   { r.Commit(); return nil }
func (s *fakeStream) ConnectProtocol() string                   { return s.protocol }

func (s *fakeStream) Switch(_ *app.Response, a *Acceptance) error {
	s.switched = a
	return nil
}

// plain is a stream that cannot switch.
type plain struct{ app.Stream }

// handshake is a request for a WebSocket, with changes: "Name: value" adds,
// "-Name" takes away, "METHOD x" and "HTTP/1.0" and "h2 protocol" are what they
// say.
func handshake(u *Upgrader, changes ...string) (*fakeStream, *app.Response, error) {
	s := &fakeStream{}
	var req app.Request
	var resp app.Response
	req.Reset(s)
	resp.Reset(s)
	req.Method, req.Major, req.Minor = "GET", 1, 1
	req.Host = []byte("example.com")
	for _, line := range []string{"Upgrade: websocket", "Connection: keep-alive, Upgrade", "Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="} {
		name, value, _ := strings.Cut(line, ": ")
		req.Header.Add(name, value)
	}
	for _, c := range changes {
		name, value, isField := strings.Cut(c, ": ")
		word, rest, _ := strings.Cut(c, " ")
		switch {
		case isField:
			req.Header.Add(name, value)
		case c[0] == '-':
			req.Header.Del(c[1:])
		case word == "METHOD":
			req.Method = rest
		case word == "HOST":
			req.Host = []byte(rest)
		case word == "HTTP/1.0":
			req.Minor = 0
		case word == "BODY":
			req.ContentLength = 1
		case word == "h2":
			req.Method, req.Major, req.Minor = "CONNECT", 2, 0
			s.protocol = rest
			req.Header.Del("Upgrade")
			req.Header.Del("Connection")
			req.Header.Del("Sec-WebSocket-Key")
		}
	}
	return s, &resp, u.Upgrade(&req, &resp)
}

var nothing = HandlerFunc(func(*Conn, Kind, []byte) {})

func TestHandshake(t *testing.T) {
	for _, c := range []struct {
		name    string
		changes []string
		status  int
		fields  string // some that the answer has
	}{
		{"RFC 6455 §1.3", nil, 101, "Upgrade: websocket|Connection: Upgrade|Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="},
		{"§4.2.1 case of tokens", []string{"-Upgrade", "Upgrade: WebSocket", "-Connection", "Connection: UPGRADE"}, 101, ""},
		{"§4.2.1 a list", []string{"-Upgrade", "Upgrade: h2c, websocket"}, 101, ""},
		{"not a WebSocket", []string{"-Upgrade"}, 426, "Upgrade: websocket|Connection: Upgrade"},
		{"another protocol", []string{"-Upgrade", "Upgrade: h2c"}, 426, "Upgrade: websocket"},
		{"§4.2.1 method", []string{"METHOD POST"}, 400, ""},
		{"§4.2.1 version of HTTP", []string{"HTTP/1.0"}, 400, ""},
		{"§4.2.1 no Connection", []string{"-Connection"}, 400, ""},
		{"§4.2.1 Connection without upgrade", []string{"-Connection", "Connection: keep-alive"}, 400, ""},
		{"a body", []string{"BODY"}, 400, ""},
		{"§4.2.1 no key", []string{"-Sec-WebSocket-Key"}, 400, ""},
		{"§4.2.1 two keys", []string{"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}, 400, ""},
		{"§4.2.1 key too short", []string{"-Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j"}, 400, ""},
		{"§4.2.1 key not base64", []string{"-Sec-WebSocket-Key", "Sec-WebSocket-Key: !GhlIHNhbXBsZSBub25jZQ=="}, 400, ""},
		{"§4.4 no version", []string{"-Sec-WebSocket-Version"}, 426, "Sec-WebSocket-Version: 13"},
		{"§4.4 version 8", []string{"-Sec-WebSocket-Version", "Sec-WebSocket-Version: 8"}, 426, "Sec-WebSocket-Version: 13"},
		{"§4.2.2 same origin", []string{"Origin: https://example.com"}, 101, ""},
		{"§4.2.2 another origin", []string{"Origin: https://elsewhere.com"}, 403, ""},
		{"§9.1 malformed extensions", []string{"Sec-WebSocket-Extensions: ;;"}, 400, ""},
		{"§9.1 unknown extension", []string{"Sec-WebSocket-Extensions: x-unknown"}, 101, ""},
		{"RFC 7692 §5.1", []string{"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"}, 101,
			"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover"},
		{"§4.2.2 subprotocol", []string{"Sec-WebSocket-Protocol: c, b", "Sec-WebSocket-Protocol: a"}, 101, "Sec-WebSocket-Protocol: a"},
		{"§4.2.2 none that is known", []string{"Sec-WebSocket-Protocol: c, A"}, 101, ""},
		{"RFC 8441 §5", []string{"h2 websocket"}, 200, ""},
		{"RFC 8441 §5 version", []string{"h2 websocket", "-Sec-WebSocket-Version"}, 426, "Sec-WebSocket-Version: 13"},
		{"RFC 8441 §4 another protocol", []string{"h2 connect-udp"}, 400, ""},
		{"RFC 8441 GET", []string{"h2 ", "METHOD GET"}, 400, ""},
	} {
		u := &Upgrader{Handler: nothing, Compression: true, Subprotocols: []string{"a", "b"}}
		s, resp, err := handshake(u, c.changes...)
		var refused *HandshakeError
		good := c.status < 300
		if resp.Status() != c.status || (s.switched != nil) != good || (err == nil) != good || !good && (!errors.As(err, &refused) || refused.Status != c.status) {
			t.Errorf("%s: %d, switched %v, %v", c.name, resp.Status(), s.switched != nil, err)
		}
		for _, line := range strings.Split(c.fields, "|") {
			if name, value, ok := strings.Cut(line, ": "); ok && string(resp.Header.Get(name)) != value {
				t.Errorf("%s: %s is %q, want %q", c.name, name, resp.Header.Get(name), value)
			}
		}
		if c.fields == "" && good && (resp.Header.Has("Sec-WebSocket-Extensions") || resp.Header.Has("Sec-WebSocket-Protocol")) {
			t.Errorf("%s: more was agreed on than there is", c.name)
		}
	}
}

func TestCompressionIsOffByDefault(t *testing.T) {
	s, resp, err := handshake(&Upgrader{Handler: nothing}, "Sec-WebSocket-Extensions: permessage-deflate")
	if err != nil || resp.Header.Has("Sec-WebSocket-Extensions") || s.switched.Deflate.On() {
		t.Errorf("%v, %q", err, resp.Header.Get("Sec-WebSocket-Extensions"))
	}
}

func TestSameOrigin(t *testing.T) {
	for _, c := range []struct {
		origin, host string
		same         bool
	}{
		{"http://example.com", "example.com", true}, {"https://example.com", "example.com", true},
		{"https://EXAMPLE.com", "example.COM", true}, {"HTTPS://example.com", "example.com", true},
		{"https://example.com", "example.com:443", true}, {"http://example.com", "example.com:80", true},
		{"https://example.com:443", "example.com", true}, {"http://example.com:8080", "example.com:8080", true},
		{"http://[::1]:8080", "[::1]:8080", true}, {"http://[::1]", "[::1]:80", true}, {"http://[::1]", "[::1]", true},
		{"https://example.com", "example.com:80", false}, {"http://example.com:8080", "example.com", false},
		{"http://example.com", "example.com:8080", false}, {"http://example.com.evil", "example.com", false},
		{"http://evil.com", "example.com", false}, {"http://sub.example.com", "example.com", false},
		{"null", "example.com", false}, {"", "example.com", false}, {"example.com", "example.com", false},
		{"file://", "", false}, {"ftp://example.com", "example.com", false}, {"http://", "", false},
		{"http://[::1]:8080", "[::2]:8080", false},
	} {
		_, _, err := handshake(&Upgrader{Handler: nothing}, "HOST "+c.host, "Origin: "+c.origin)
		if (err == nil) != c.same {
			t.Errorf("origin %q for %q: %v", c.origin, c.host, err)
		}
	}
	u := &Upgrader{Handler: nothing, CheckOrigin: func(r *app.Request) bool { return string(r.Get("Origin")) == "null" }}
	if _, _, err := handshake(u, "Origin: null"); err != nil {
		t.Error(err)
	}
	if _, _, err := handshake(u, "Origin: http://example.com"); err == nil {
		t.Error("CheckOrigin was not asked")
	}
	if _, _, err := handshake(&Upgrader{Handler: nothing}, "Origin: http://example.com", "Origin: http://example.com"); err == nil {
		t.Error("two origins")
	}
}

func TestUpgraderFields(t *testing.T) {
	for field, u := range map[string]*Upgrader{
		"Handler": {}, "MaxUnsent": {Handler: nothing, MaxUnsent: -1}, "SlowPolicy": {Handler: nothing, SlowPolicy: 3},
		"PingEvery": {Handler: nothing, PingEvery: time.Microsecond}, "PongWithin": {Handler: nothing, PongWithin: -1},
		"Subprotocols": {Handler: nothing, Subprotocols: []string{"a b"}},
	} {
		var bad *LimitError
		if err := u.Validate(); !errors.As(err, &bad) || bad.Field != field {
			t.Errorf("%s: %v", field, err)
		}
		if _, resp, err := handshake(u); err == nil || resp.Status() != 500 {
			t.Errorf("%s: %v, %d", field, err, resp.Status())
		}
	}
	var bad *wire.LimitError
	if err := (&Upgrader{Handler: nothing, MessageBytes: -1}).Validate(); !errors.As(err, &bad) {
		t.Error(err)
	}
	u := &Upgrader{Handler: nothing}
	if err := u.Validate(); err != nil || u.MessageBytes != 1<<20 || u.MaxUnsent != 256<<10 || u.PingEvery != 2*time.Minute || u.PongWithin != 20*time.Second {
		t.Errorf("%v: %+v", err, u.config)
	}
}

func TestNoSwitcher(t *testing.T) {
	var req app.Request
	var resp app.Response
	req.Reset(plain{})
	resp.Reset(plain{})
	if err := (&Upgrader{Handler: nothing}).Upgrade(&req, &resp); err == nil || resp.Status() != 500 {
		t.Errorf("%v, %d", err, resp.Status())
	}
}

// A member is a connection of which room messages are taken.
type member struct {
	mu     sync.Mutex
	room   int
	got    int
	closed CloseCode
	gone   error
}

func (m *member) Send(Kind, []byte, SlowPolicy) error { return nil }

func (m *member) SendPrepared(_ *Prepared, slow SlowPolicy) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.gone != nil:
		return m.gone
	case slow == SlowWait:
		panic("a hub must not wait")
	case m.got >= m.room:
		if slow == SlowClose {
			m.closed = TryAgainLater
		}
		return ErrSlow
	}
	m.got++
	return nil
}

func (m *member) Ping([]byte) error                    { return nil }
func (m *member) Close(code CloseCode, _ string) error { m.closed = code; return nil }
func (m *member) Context() context.Context             { return context.Background() }
func (m *member) Info() *app.ConnInfo                  { return &app.ConnInfo{} }
func (m *member) Buffered() int                        { return 0 }
func (m *member) join(h *Hub) (c *Conn) {
	c = &Conn{}
	c.Init(m, &Acceptance{Upgrader: &Upgrader{}})
	h.Join(c)
	return c
}

func TestHub(t *testing.T) {
	for _, policy := range []SlowPolicy{SlowWait, SlowDrop, SlowClose} {
		h := &Hub{Slow: policy}
		fast, slow, gone := &member{room: 1000}, &member{room: 3}, &member{room: 1000}
		c := fast.join(h)
		h.Join(c)
		slow.join(h)
		gone.join(h)
		for i := range 10 {
			if i == 5 {
				gone.gone = app.ErrGone
			}
			h.Broadcast(Text, []byte("x"))
		}
		st := h.Stats()
		want := HubStats{Members: 2, Broadcasts: 10, Sent: 10 + 3 + 5, Dropped: 7, Gone: 1}
		if policy == SlowClose {
			want = HubStats{Members: 1, Broadcasts: 10, Sent: 10 + 3 + 5, Closed: 1, Gone: 1}
		}
		if st != want || fast.got != 10 || slow.got != 3 || gone.got != 5 || (slow.closed == TryAgainLater) != (policy == SlowClose) {
			t.Errorf("policy %d: %+v, want %+v; %d, %d, %d", policy, st, want, fast.got, slow.got, gone.got)
		}
		if !h.Leave(c) || h.Leave(c) {
			t.Error("leaves once")
		}
		h.CloseAll(GoingAway, "")
		if h.Len() != 0 || policy != SlowClose && slow.closed != GoingAway {
			t.Errorf("%d left, %d", h.Len(), slow.closed)
		}
	}
}

// Members come and go while others broadcast: none is lost, none stays.
func TestHubConcurrently(t *testing.T) {
	var h Hub
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 200 {
				m := &member{room: 1 << 30}
				c := m.join(&h)
				h.Broadcast(Binary, fmt.Append(nil, i))
				m.mu.Lock()
				if m.got == 0 {
					t.Error("a member missed its own broadcast")
				}
				m.mu.Unlock()
				if !h.Leave(c) {
					t.Error("a member was forgotten")
				}
			}
		})
	}
	wg.Wait()
	if h.Len() != 0 || len(h.places) != 0 {
		t.Errorf("%d members are left", h.Len())
	}
}
