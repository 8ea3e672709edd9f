package conn

import (
	"math/rand/v2"
	"testing"

	"github.com/uringserve/uringserve/app"
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
