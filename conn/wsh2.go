package conn

import (
	"errors"

	"github.com/valyala/bytebufferpool"

	"github.com/uringserve/uringserve/app"
	appws "github.com/uringserve/uringserve/app/ws"
	"github.com/uringserve/uringserve/h2"
	"github.com/uringserve/uringserve/ring"
)

// WebSocket over HTTP/2 (RFC 8441): a stream that an extended CONNECT opened is
// the transport of a session. What came in DATA counts against the windows until
// the session has read it; what is written becomes the stream's data, as a
// response's body does.

// A h2ws is the transport of a session: a stream whose request was answered.
type h2ws struct{ *h2stream }

var _ wsTransport = h2ws{}

// webSocketProtocol is the one value of :protocol that is known.
const webSocketProtocol = "websocket"

// errNoTunnel is for a handler that answers an extended CONNECT with success,
// and does not know that it is one: the client would take it at its word.
var errNoTunnel = errors.New("conn: an extended CONNECT was not upgraded")

// isTunnel reports whether the request asks for another protocol than HTTP.
func (s *h2stream) isTunnel() bool { return s.tunnel }

func (s *h2stream) connectProtocol() string {
	if s.tunnel {
		return webSocketProtocol
	}
	return ""
}

// becomeWebSocket answers the request with 200, and has the stream speak
// WebSocket: what has come of its DATA is that already.
func (s *h2stream) becomeWebSocket(a *appws.Acceptance) ring.Task {
	l := s.l
	s.takeHeads() // interim responses
	var m h2.ResponseMeta
	s.meta(&m, -1)
	m.Date = l.date()
	b := s.c.stage()
	out, _, _, err := s.c.x.AppendResponse(b.B, s.id, &m)
	switch {
	case errors.Is(err, h2.ErrGone):
		s.over()
		return nil
	case err != nil:
		s.logBad(err)
		s.resp.Fail(500)
		s.respondWhole()
		return nil
	}
	b.B = out
	l.m.responses[min(s.resp.Status()/100, 5)]++
	w := new(wsSession)
	w.t = h2ws{s}
	w.init(l, a, s.req.Path)
	w.keep(s.rd)
	if s.pipe != nil {
		w.keep(s.pipe.B)
	}
	s.rd = nil
	putIfHeld(&s.rdBuf)
	putIfHeld(&s.pipe)
	w.eof = s.bodyRead
	s.ws = w
	w.startPings()
	if l.draining {
		w.drain()
	}
	return w
}

// recvWebSocket takes DATA of a stream that has a session.
func (s *h2stream) recvWebSocket(ev *h2.Event) {
	w := s.ws
	if len(ev.Data) > 0 {
		w.recvCopy(ev.Data)
	}
	if ev.End && s.ws != nil {
		w.recvEnd()
	}
}

// leave takes the session off the stream.
func (t h2ws) leave() { t.ws = nil }

func (t h2ws) idle() bool { return len(t.data) == 0 }

func (t h2ws) put(b *bytebufferpool.ByteBuffer) {
	putIfHeld(&t.dataBuf)
	t.dataBuf, t.data = b, b.B
}

func (t h2ws) unsent() int { return len(t.data) }

func (t h2ws) send() {
	if len(t.data) > 0 {
		t.announce()
	}
	t.settle(t.c)
}

// settle sends what was framed, and sees to the rest, unless that is done soon.
func (t h2ws) settle(c *h2conn) {
	if !c.walking {
		c.settleDown()
	}
}

// holding gives back to the windows what the session is done with.
func (t h2ws) holding(n int) {
	if read := t.c.x.Unread(t.id) - n; read > 0 {
		t.c.x.Consumed(t.id, read)
	}
}

func (t h2ws) arm(ring.Instant) { t.c.lookLater() }

// finish sends END_STREAM, which is what FIN is to a connection (RFC 8441 §5).
func (t h2ws) finish(last *bytebufferpool.ByteBuffer) {
	t.leave()
	if last != nil {
		if len(t.data) == 0 {
			t.put(last)
		} else {
			rest := len(t.dataBuf.B) - len(t.data)
			t.dataBuf.B = append(t.dataBuf.B, last.B...)
			t.data = t.dataBuf.B[rest:]
			putBuffer(last)
		}
	}
	t.finished = true
	c := t.c
	t.announce()
	t.settle(c)
}

// abort sends RST_STREAM, which is what RST is to a connection.
func (t h2ws) abort(error) {
	t.leave()
	c := t.c
	c.x.Reset(t.id, h2.CodeCancel)
	t.over()
	t.settle(c)
}

func (t h2ws) describe() *app.ConnInfo { return t.c.describe() }
