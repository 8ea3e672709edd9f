package conn

import (
	"math/rand/v2"
	"testing"

	"github.com/uringserve/uringserve/app"
	appws "github.com/uringserve/uringserve/app/ws"
)

// FuzzConn has a client send anything, cut anywhere, and end anyhow. Nothing
// may panic, leak a buffer or stay for ever, and what is served does not depend
// on the cuts.
func FuzzConn(f *testing.F) {
	for _, s := range []string{get, get + get, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello" + get,
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n" + get,
		"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
		"GET / HTTP/1.0\r\n\r\n", "HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + get, "x\r\n\r\n"} {
		f.Add([]byte(s), uint64(1))
	}
	f.Fuzz(func(t *testing.T, in []byte, seed uint64) {
		if len(in) > 1<<16 {
			return
		}
		whole := fuzzServe(t, in, nil)
		cut := fuzzServe(t, in, rand.New(rand.NewPCG(seed, 0)))
		if whole != cut {
			t.Errorf("%d requests at once, %d in pieces", whole, cut)
		}
	})
}

// fuzzServe serves in, cut by rng, and answers how many requests were read
// whole.
func fuzzServe(t *testing.T, in []byte, rng *rand.Rand) (served int) {
	fl, srv := newFakeLoop(t, Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		if len(r.Path)%2 == 0 {
			w.Flush()
		}
		if _, err := r.WriteTo(w); err == nil {
			served++
		}
	})})
	c := fl.open()
	for len(in) > 0 {
		n := len(in)
		if rng != nil {
			n = 1 + rng.IntN(n)
		}
		c.write(string(in[:n]))
		fl.idleOrReading()
		in = in[n:]
	}
	c.end()
	fl.idle()
	fl.advance(DefaultLimits().LingerTimeout + slack)
	if !c.done || srv.Active() != 0 {
		t.Errorf("the connection is in state %s", c.h.(*conn).p.(*h1conn).state)
	}
	return served
}

// idleOrReading waits until handlers have ended or wait for their body.
func (f *fakeLoop) idleOrReading() {
	f.until("handlers have ended or wait", func() bool {
		return f.running == 0 && len(f.tasks) == 0 || readerWaits(f)
	})
}

// FuzzWebSocketOverH2 has anything come in the DATA of a stream that an extended
// CONNECT opened (RFC 8441), in frames cut anywhere, between those of a request. What
// is said to it does not depend on the cuts, the connection and the request go on,
// and nothing is left.
func FuzzWebSocketOverH2(f *testing.F) {
	frame := func(first byte, payload string) string {
		return string([]byte{first, 0x80 | byte(len(payload)), 0, 0, 0, 0}) + payload
	}
	bye := frame(0x88, "\x03\xe8")
	for _, in := range []string{frame(0x81, "hello") + bye, frame(0x01, "a") + frame(0x89, "p") + frame(0x80, "b") + bye,
		frame(0xc1, "\xf2\x48\xcd\xc9\xc9\x07\x00") + bye, frame(0xc1, "\xff\xff\xff"), frame(0x81, "\xff"), frame(0x88, ""),
		"\x81\x01a", "\x82\xff\x00\x00\x00\x00\x00\x10\x00\x01\x00\x00\x00\x00", frame(0x93, ""), bye + frame(0x81, "late"), frame(0x8a, "x")} {
		f.Add([]byte(in), uint64(1), true)
		f.Add([]byte(in), uint64(2), false)
	}
	f.Fuzz(func(t *testing.T, in []byte, seed uint64, compressed bool) {
		if len(in) > 1<<14 {
			return
		}
		whole := fuzzTunnel(t, in, compressed, nil)
		cut := fuzzTunnel(t, in, compressed, rand.New(rand.NewPCG(seed, 0)))
		if whole != cut {
			t.Errorf("at once %.300q, in pieces %.300q", whole, cut)
		}
	})
}

// fuzzTunnel sends in, cut by rng, and answers the messages and the Close that came
// back.
func fuzzTunnel(t *testing.T, in []byte, compressed bool, rng *rand.Rand) string {
	h := &wsHandler{}
	fl, srv, c := serveWSOverH2(t, &appws.Upgrader{Handler: h, MessageBytes: 5000, Compression: compressed})
	c.update(0, 1<<24)
	id := c.tunnel("websocket", "/ws", "sec-websocket-version", "13", "sec-websocket-extensions", "permessage-deflate")
	c.update(id, 1<<24)
	fl.idle()
	post := c.post("/")
	ended := false
	for len(in) > 0 && c.answer(id).reset == nil {
		n := len(in)
		if rng != nil {
			n = 1 + rng.IntN(n)
			c.data(post, "between", false)
		}
		ended = rng == nil && n == len(in)
		c.data(id, string(in[:n]), ended)
		in = in[n:]
		fl.idle()
	}
	if a := c.answer(id); !ended && !a.ended && a.reset == nil {
		c.data(id, "", true)
	}
	c.data(post, "", true)
	fl.idle()
	c.wantOpen("whatever a tunnel carries")
	if a := c.answer(post); !a.ended {
		t.Error("the request beside it was not answered")
	}
	if len(h.ended) != 1 || srv.Stats().WebSocket.Active != 0 {
		t.Errorf("told %+v, %d active", h.ended, srv.Stats().WebSocket.Active)
	}
	return said(c.answer(id).body)
}

// said is what a server's frames say, but for Pongs: one may answer many Pings.
func said(b []byte) (all string) {
	for len(b) >= 2 {
		n, head := int(b[1]), 2
		if n == 126 && len(b) >= 4 {
			n, head = int(b[2])<<8+int(b[3]), 4
		}
		if n == 127 || len(b) < head+n {
			return all + "?"
		}
		if b[0] != 0x8a {
			all += string(b[:head+n])
		}
		b = b[head+n:]
	}
	return all
}
