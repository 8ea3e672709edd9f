package xcheck

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/uringserve/uringserve/h1/ws"
)

// A server answers the handshake with net/http and echoes with ws.
type server struct {
	t      *testing.T
	cfg    *ws.Config
	came   atomic.Int64 // bytes
	agreed atomic.Value
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := []byte(r.Header.Get("Sec-WebSocket-Key"))
	var offers [][]byte
	for _, v := range r.Header.Values("Sec-WebSocket-Extensions") {
		offers = append(offers, []byte(v))
	}
	d, err := s.cfg.Negotiate(offers...)
	if err != nil || !ws.ValidKey(key) {
		http.Error(w, "no", http.StatusBadRequest)
		return
	}
	conn, rw, err := w.(http.Hijacker).Hijack()
	if err != nil {
		s.t.Error(err)
		return
	}
	defer conn.Close()
	out := fmt.Appendf(nil, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n", ws.AcceptKey(key))
	agreed := string(d.AppendResponse(nil))
	s.agreed.Store(agreed)
	if agreed != "" {
		out = fmt.Appendf(out, "Sec-WebSocket-Extensions: %s\r\n", agreed)
	}
	out = append(out, "\r\n"...)
	var c ws.Conn
	c.Reset(s.cfg, d)
	defer c.Release()
	b := make([]byte, 4096)
	for {
		if _, err := conn.Write(out); err != nil || c.State() == ws.Closed {
			return
		}
		n, err := rw.Read(b)
		if err != nil {
			return
		}
		s.came.Add(int64(n))
		out = echo(&c, out[:0], b[:n])
	}
}

func echo(c *ws.Conn, out, b []byte) []byte {
	c.Feed(b)
	for {
		e, bad := c.Next()
		switch {
		case bad != nil:
			out, _ = c.AppendClose(out, bad.Code, bad.Reason.String())
			return out
		case e.Kind == ws.EventNone:
			return out
		case e.Kind == ws.EventMessage:
			out, _ = c.AppendMessage(out, e.Opcode, e.Data)
		case e.Kind == ws.EventPing:
			out, _ = c.AppendPong(out, e.Data)
		case e.Kind == ws.EventClose:
			out, _ = c.AppendClose(out, e.Code, string(e.Data))
		}
	}
}

// Their client against our server: plain, compressed, and compressed with
// references to earlier messages.
func TestClient(t *testing.T) {
	for _, x := range []struct {
		mode   websocket.CompressionMode
		bits   int
		agreed string
	}{
		{websocket.CompressionDisabled, 0, ""},
		{websocket.CompressionNoContextTakeover, 0, "permessage-deflate; server_no_context_takeover; client_no_context_takeover"},
		{websocket.CompressionContextTakeover, 0, "permessage-deflate; server_no_context_takeover; client_no_context_takeover"},
		{websocket.CompressionContextTakeover, 15, "permessage-deflate; server_no_context_takeover"},
	} {
		t.Run(fmt.Sprintf("%d-%d", x.mode, x.bits), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			s := &server{t: t, cfg: ws.DefaultConfig()}
			s.cfg.Deflate.On = true
			s.cfg.Deflate.ClientWindowBits = x.bits
			web := httptest.NewServer(s)
			defer web.Close()
			c, _, err := websocket.Dial(ctx, strings.Replace(web.URL, "http", "ws", 1),
				&websocket.DialOptions{CompressionMode: x.mode, CompressionThreshold: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer c.CloseNow()
			c.SetReadLimit(1 << 21)
			if got := s.agreed.Load(); got != x.agreed {
				t.Errorf("agreed on %q, want %q", got, x.agreed)
			}
			exchange(ctx, t, c)
			// More than a mebibyte was sent, of which little is new.
			if n := s.came.Load(); (n < 1<<18) != (x.agreed != "") {
				t.Errorf("%d bytes came", n)
			}
			if err := c.Close(websocket.StatusGoingAway, "done"); err != nil {
				t.Errorf("closing: %v", err)
			}
		})
	}
}

func exchange(ctx context.Context, t *testing.T, c *websocket.Conn) {
	for i, n := range []int{1, 10, 125, 126, 1000, 65535, 65536, 1 << 20, 5000, 300, 300, 1} {
		p := bytes.Repeat(fmt.Appendf(nil, "message %d, é€𐍈. ", i), n/10+1)[:n]
		kind := websocket.MessageBinary
		if i%2 == 0 {
			kind, p = websocket.MessageText, bytes.ToValidUTF8(p, nil)
		}
		sent := make(chan error, 1)
		go func() { sent <- c.Write(ctx, kind, p) }()
		k, got, err := c.Read(ctx)
		if err != nil || k != kind || !bytes.Equal(got, p) {
			t.Fatalf("%d bytes: %d, %v", n, len(got), err)
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	}
	// A pong is read while a message is awaited.
	pinged := make(chan error, 1)
	go func() {
		pinged <- c.Ping(ctx)
		_ = c.Write(ctx, websocket.MessageText, []byte("after the pong"))
	}()
	if _, got, err := c.Read(ctx); err != nil || string(got) != "after the pong" {
		t.Fatalf("%q, %v", got, err)
	}
	if err := <-pinged; err != nil {
		t.Fatal(err)
	}
}

// What we refuse, they are told.
func TestRefused(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	s := &server{t: t, cfg: ws.DefaultConfig()}
	s.cfg.Limits.MessageBytes = 1000
	web := httptest.NewServer(s)
	defer web.Close()
	for _, x := range []struct {
		kind websocket.MessageType
		p    string
		want websocket.StatusCode
	}{
		{websocket.MessageBinary, strings.Repeat("x", 1001), websocket.StatusMessageTooBig},
		{websocket.MessageText, "\xff", websocket.StatusInvalidFramePayloadData},
	} {
		c, _, err := websocket.Dial(ctx, strings.Replace(web.URL, "http", "ws", 1), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Write(ctx, x.kind, []byte(x.p)); err != nil {
			t.Fatal(err)
		}
		_, _, err = c.Read(ctx)
		var closed websocket.CloseError
		if !errors.As(err, &closed) || closed.Code != x.want {
			t.Errorf("%d: %v", x.want, err)
		}
		c.CloseNow()
	}
}
