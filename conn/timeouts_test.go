package conn

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/uringserve/uringserve/app"
)

// slack is how late a timer may be.
const slack = heartbeat + wheelTick

// Scenario 1: a header byte per second.
func TestSlowloris(t *testing.T) {
	f, c := serve(t, hello)
	f.advance(3 * time.Second)
	head := "GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("a", 100)
	start := f.now
	for i := 0; !c.fin; i++ {
		c.write(head[i : i+1])
		f.advance(time.Second)
	}
	c.want("the head took too long", "408", "Connection: close")
	if d := f.now.Sub(start); d < 27*time.Second || d > 27*time.Second+2*slack {
		t.Errorf("ended after %v; HeaderTimeout runs from the accept, 3 s before", d)
	}
	f.advance(DefaultLimits().LingerTimeout + slack)
	if !c.done {
		t.Error("it lingers for ever")
	}
}

// Scenario 2: connect and say nothing.
func TestSilent(t *testing.T) {
	f, srv := newFakeLoop(t, Config{Handler: hello})
	var cs []*fakeConn
	for range 1000 {
		cs = append(cs, f.open())
	}
	f.advance(DefaultLimits().HeaderTimeout - 1)
	for _, c := range cs {
		c.wantOpen("the head may still come")
	}
	f.advance(slack + 1)
	for _, c := range cs {
		c.wantNothing("there is no request to answer")
		c.wantEnd("HeaderTimeout")
	}
	f.advance(DefaultLimits().LingerTimeout + slack)
	st := srv.Stats()
	if st.Active != 0 || st.Timeouts[TimeoutHead] != 1000 {
		t.Errorf("active %d, timeouts %d", st.Active, st.Timeouts[TimeoutHead])
	}
}

func TestKeepAliveTimeout(t *testing.T) {
	f, c := serve(t, hello)
	idle := DefaultLimits().KeepAliveTimeout
	for range 3 { // each request starts it anew
		f.advance(20 * time.Second)
		c.write(get)
		c.want("in time", "200")
		f.advance(idle - 20*time.Second - 1)
		c.write(get)
		c.want("in time", "200")
	}
	f.advance(idle - 1)
	c.wantOpen("n-1")
	f.advance(1 + slack)
	c.wantEnd("n")
	c.wantNothing("an idle connection ends without words")
}

// A head that begins after an idle time has HeaderTimeout of its own.
func TestHeaderTimeoutOnKeepAlive(t *testing.T) {
	f, c := serve(t, hello)
	c.write(get)
	c.want("first", "200")
	f.advance(100 * time.Second)
	c.write("GET / ")
	f.advance(30*time.Second - 1)
	c.wantNothing("n-1")
	f.advance(1 + slack)
	c.want("n", "408")
}

// Scenario 3: a body at one byte per second.
func TestSlowBody(t *testing.T) {
	var got error
	f, c := serve(t, func(r *app.Request, w *app.Response) {
		_, got = io.ReadAll(r)
	})
	c.write("POST /u HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
	start := f.now
	for !c.fin && f.now.Sub(start) < time.Minute {
		c.write("x")
		f.until("the reader waits", func() bool { return readerWaits(f) || f.running == 0 })
		f.advance(time.Second)
		if f.now.Sub(start) >= 5*time.Second+slack {
			f.idle()
		}
	}
	c.want("too slow", "408", "Connection: close")
	var be *app.BodyError
	if !errors.As(got, &be) || be.Fault != app.BodyTooSlow {
		t.Errorf("the handler got %v", got)
	}
	if d := f.now.Sub(start); d < 5*time.Second || d > 5*time.Second+2*slack {
		t.Errorf("ended after %v, want 5 s", d)
	}
}

// Chunk framing that drips is no progress of the body.
func TestSlowChunkFraming(t *testing.T) {
	f, c := serve(t, func(r *app.Request, w *app.Response) { io.ReadAll(r) })
	c.write("POST /u HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
	for i := range 10 {
		f.until("the reader waits", func() bool { return readerWaits(f) || f.running == 0 })
		f.advance(time.Second)
		if c.fin {
			break
		}
		if i == 0 {
			c.write("1;")
		}
		c.write("e")
	}
	f.idle()
	c.want("too slow", "408")
}

// readerWaits reports whether a handler waits for its body, and the loop knows.
func readerWaits(f *fakeLoop) bool {
	for _, fc := range f.conns {
		if c := fc.h.(*conn).p.(*h1conn); c.s != nil && c.s.timing {
			return true
		}
	}
	return false
}

// Time in which the handler does not read does not count.
func TestBodyRateOnlyWhileReading(t *testing.T) {
	read := make(chan struct{})
	f, c := serve(t, func(r *app.Request, w *app.Response) {
		<-read
		b, err := io.ReadAll(r)
		if err != nil || len(b) != 10 {
			w.SetStatus(500)
		}
	})
	c.write("POST /u HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
	f.advance(time.Hour)
	close(read)
	f.until("the reader waits", func() bool { return readerWaits(f) })
	f.advance(4 * time.Second)
	c.write("0123456789")
	f.idle()
	c.want("in time", "200")
}

func TestBodyRateOff(t *testing.T) {
	h := app.WithOptions(app.HandlerFunc(func(r *app.Request, w *app.Response) { io.ReadAll(r) }),
		app.Options{NoMinBodyRate: true})
	f, _ := newFakeLoop(t, Config{Handler: h})
	c := f.open()
	c.write("POST /u HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n")
	f.advance(time.Hour)
	c.write("x")
	f.idle()
	c.want("the handler does not want a rate", "200")
}

// The average is what counts: n-1, n and n+1 bytes a second.
func TestBodyRateBoundary(t *testing.T) {
	for _, test := range []struct{ perSecond, status int }{{239, 408}, {240, 200}, {241, 200}} {
		f, c := serve(t, func(r *app.Request, w *app.Response) { io.ReadAll(r) })
		total := 20 * test.perSecond
		c.write("POST /u HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
		for range 20 {
			f.until("the reader waits", func() bool { return readerWaits(f) || f.running == 0 })
			f.now = f.now.Add(time.Second) // the bytes come just before the check
			c.write(hex(test.perSecond) + "\r\n" + strings.Repeat("x", test.perSecond) + "\r\n")
			f.until("the reader waits", func() bool { return readerWaits(f) || f.running == 0 })
			f.advance(0)
		}
		c.write("0\r\n\r\n")
		f.idle()
		if test.status == 200 {
			c.want("fast enough", "200")
		} else if got := c.take(); !strings.HasPrefix(got, "HTTP/1.1 408") {
			t.Errorf("%d B/s, %d in all: got %.40q, want 408", test.perSecond, total, got)
		}
	}
}

func hex(n int) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[n>>8&15], digits[n>>4&15], digits[n&15]})
}

// Scenario 4: a client that does not read.
func TestSlowReader(t *testing.T) {
	var wrote int
	var err error
	cause := make(chan error, 1)
	f, c := serve(t, func(r *app.Request, w *app.Response) {
		chunk := make([]byte, 32<<10)
		for wrote = 0; err == nil && wrote < 1<<30; wrote += len(chunk) {
			_, err = w.Write(chunk)
		}
		<-r.Context().Done()
		cause <- r.Context().Err()
	})
	c.window = 100_000
	c.write(get)
	limit := DefaultLimits()
	f.until("the handler waits", func() bool { return writerWaits(f) })
	if held := wrote - 100_000; held > limit.MaxResponseBuffer+ringMaxSend+2*app.StageBytes+32<<10 {
		t.Errorf("%d bytes wait for the client", held)
	}
	f.advance(limit.MinResponseRate.allowance(ringMaxSend) + 2*slack)
	f.idle()
	if !c.aborted {
		t.Error("the connection was not reset")
	}
	if !errors.Is(err, app.ErrGone) {
		t.Errorf("the handler got %v", err)
	}
	<-cause
}

const ringMaxSend = 64 << 10

func writerWaits(f *fakeLoop) bool {
	for _, fc := range f.conns {
		if c := fc.h.(*conn).p.(*h1conn); c.s != nil && c.s.isWaiting(&c.s.writing) && c.sending > 0 {
			return true
		}
	}
	return false
}

// A small response that is not taken ends the connection after the grace time.
func TestResponseRateSmall(t *testing.T) {
	f, c := serve(t, hello)
	c.window = 0
	c.write(get)
	f.advance(5*time.Second - 1)
	if c.closed {
		t.Error("n-1: closed")
	}
	f.advance(1 + slack + heartbeat)
	if !c.aborted {
		t.Error("n: not reset")
	}
}
