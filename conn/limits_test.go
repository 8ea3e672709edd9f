package conn

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/h1"
)

func TestValidate(t *testing.T) {
	l := DefaultLimits()
	if err := l.Validate(); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		limit string // in the error; empty: valid
		set   func(*Limits)
	}{
		{"", func(l *Limits) { l.MaxBodyBytes = 0 }},
		{"", func(l *Limits) { l.MaxBodyBytes = Off }},
		{"MaxBodyBytes", func(l *Limits) { l.MaxBodyBytes = -2 }},
		{"HeaderTimeout", func(l *Limits) { l.HeaderTimeout = 0 }},
		{"", func(l *Limits) { l.HeaderTimeout = Off }},
		{"HeaderTimeout", func(l *Limits) { l.HeaderTimeout = minTimeout - 1 }},
		{"", func(l *Limits) { l.HeaderTimeout = minTimeout }},
		{"", func(l *Limits) { l.HeaderTimeout = maxTimeout }},
		{"HeaderTimeout", func(l *Limits) { l.HeaderTimeout = maxTimeout + 1 }},
		{"KeepAliveTimeout", func(l *Limits) { l.KeepAliveTimeout = -2 }},
		{"DrainTimeout", func(l *Limits) { l.DrainTimeout = Off }},
		{"LingerTimeout", func(l *Limits) { l.LingerTimeout = 0 }},
		{"DrainLull", func(l *Limits) { l.DrainLull = 0 }},
		{"MinBodyRate.BytesPerSecond", func(l *Limits) { l.MinBodyRate.BytesPerSecond = 0 }},
		{"", func(l *Limits) { l.MinBodyRate = Rate{BytesPerSecond: Off} }},
		{"MinBodyRate.Grace", func(l *Limits) { l.MinBodyRate.Grace = 0 }},
		{"MinResponseRate.Grace", func(l *Limits) { l.MinResponseRate.Grace = -1 }},
		{"MinResponseRate.BytesPerSecond", func(l *Limits) { l.MinResponseRate.BytesPerSecond = maxRate + 1 }},
		{"MaxRequestBuffer", func(l *Limits) { l.MaxRequestBuffer = 0 }},
		{"", func(l *Limits) { l.MaxResponseBuffer = 0 }},
		{"MaxResponseBuffer", func(l *Limits) { l.MaxResponseBuffer = -1 }},
		{"MaxConns", func(l *Limits) { l.MaxConns = -1 }},
		{"DrainBytes", func(l *Limits) { l.DrainBytes = -1 }},
		{"LingerBytes", func(l *Limits) { l.LingerBytes = maxBuffer + 1 }},
	}
	for i, test := range tests {
		l := DefaultLimits()
		test.set(&l)
		_, err := New(Config{Handler: hello, Limits: l})
		var le *LimitError
		switch {
		case test.limit == "" && err != nil:
			t.Errorf("%d: %v", i, err)
		case test.limit != "" && (!errors.As(err, &le) || le.Limit != test.limit):
			t.Errorf("%d: got %v, want an error about %s", i, err, test.limit)
		}
	}
	l.H1.FieldCount = 0
	var he *h1.LimitError
	if _, err := New(Config{Handler: hello, Limits: l}); !errors.As(err, &he) {
		t.Errorf("a limit of h1: %v", err)
	}
	if _, err := New(Config{}); err != ErrNoHandler {
		t.Errorf("no handler: %v", err)
	}
}

// small gives a loop with limits changed by set.
func limited(t *testing.T, h app.Handler, set func(*Limits)) *fakeLoop {
	t.Helper()
	l := DefaultLimits()
	set(&l)
	f, _ := newFakeLoop(t, Config{Handler: h, Limits: l})
	return f
}

// Scenario 10: line, header, fields.
func TestHeadLimits(t *testing.T) {
	line := func(n int) string { // of n bytes
		return "GET /" + strings.Repeat("a", n-len("GET / HTTP/1.1")) + " HTTP/1.1\r\nHost: x\r\n\r\n"
	}
	section := func(n int) string { // of n bytes
		const have = len("Host: x\r\nA: \r\n")
		return "GET / HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("a", n-have) + "\r\n\r\n"
	}
	fields := func(n int) string {
		return "GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("A: b\r\n", n-1) + "\r\n"
	}
	for _, test := range []struct {
		name, in, status string
	}{
		{"line n-1", line(8191), "200"}, {"line n", line(8192), "200"}, {"line n+1", line(8193), "414"},
		{"head n-1", section(32767), "200"}, {"head n", section(32768), "200"}, {"head n+1", section(32769), "431"},
		{"fields n-1", fields(99), "200"}, {"fields n", fields(100), "200"}, {"fields n+1", fields(101), "431"},
	} {
		for _, whole := range []bool{true, false} {
			_, c := serve(t, func(r *app.Request, w *app.Response) {})
			if whole {
				c.write(test.in)
			} else {
				for i := 0; i < len(test.in); i += 1000 {
					c.write(test.in[i:min(i+1000, len(test.in))])
				}
			}
			c.want(test.name, test.status)
			if test.status != "200" {
				c.wantEnd(test.name)
			} else {
				c.wantOpen(test.name)
			}
		}
	}
}

// Scenario 11: bodies at and over the limit, declared and not, with and
// without Expect; with overrides.
func TestBodyLimit(t *testing.T) {
	const limit = 100
	handlers := map[string]app.Handler{
		"reads": app.HandlerFunc(func(r *app.Request, w *app.Response) {
			if _, err := io.ReadAll(r); err != nil {
				w.SetStatus(500)
			}
		}),
		"ignores": app.HandlerFunc(func(r *app.Request, w *app.Response) {}),
		"streams": app.HandlerFunc(func(r *app.Request, w *app.Response) {
			w.WriteString("x")
			w.Flush()
		}),
	}
	for name, h := range handlers {
		for _, n := range []int{limit - 1, limit, limit + 1} {
			for _, expect := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s,%d,expect=%v", name, n, expect), func(t *testing.T) {
					f := limited(t, h, func(l *Limits) { l.MaxBodyBytes = limit })
					c := f.open()
					head := fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n", n)
					if expect {
						head += "Expect: 100-continue\r\n"
					}
					c.write(head + "\r\n")
					if n > limit {
						f.idle()
						c.want("declared too large, no 100 before it", "413", "Connection: close")
						c.wantEnd("413")
						return
					}
					if expect && name == "reads" {
						f.until("100", func() bool { return len(c.got) > 0 })
						c.want("expected", "100 Continue")
					}
					if expect && name != "reads" {
						f.idle()
						c.want("not read", "200", "Connection: close")
						return
					}
					c.write(strings.Repeat("b", n))
					f.idle()
					c.want("within the limit", "200")
					c.wantOpen("within the limit")
				})
			}
		}
	}
}

func TestBodyLimitChunked(t *testing.T) {
	for _, test := range []struct {
		n, status int
		opt       int64 // app.Options.MaxBodyBytes
		set       int64 // SetMaxBodyBytes
	}{
		{n: 99, status: 200}, {n: 100, status: 200}, {n: 101, status: 413},
		{n: 101, opt: 101, status: 200}, {n: 102, opt: 101, status: 413}, {n: 5000, opt: -1, status: 200},
		{n: 101, set: 101, status: 200}, {n: 102, set: 101, status: 413}, {n: 5000, set: -1, status: 200},
		{n: 11, set: 10, status: 413},
	} {
		for _, declared := range []bool{false, true} {
			read := 0
			h := app.WithOptions(app.HandlerFunc(func(r *app.Request, w *app.Response) {
				if test.set != 0 {
					if err := r.SetMaxBodyBytes(test.set); err != nil {
						t.Error(err)
					}
				}
				b, err := io.ReadAll(r)
				read = len(b)
				var be *app.BodyError
				if err != nil && (!errors.As(err, &be) || be.Fault != app.BodyTooLarge) {
					t.Errorf("the handler got %v", err)
				}
				if err := r.SetMaxBodyBytes(1); err != app.ErrBodyStarted {
					t.Errorf("after Read: %v", err)
				}
			}), app.Options{MaxBodyBytes: test.opt})
			f := limited(t, h, func(l *Limits) { l.MaxBodyBytes = 100 })
			c := f.open()
			if declared {
				c.write(fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", test.n))
				c.write(strings.Repeat("b", test.n))
			} else {
				c.write("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
				for left := test.n; left > 0; left -= min(left, 10) {
					c.write(hex(min(left, 10)) + "\r\n" + strings.Repeat("b", min(left, 10)) + "\r\n")
				}
				c.write("0\r\n\r\n")
			}
			f.idle()
			c.want(fmt.Sprint(test, declared), fmt.Sprint(test.status))
			if test.status == 200 && read != test.n {
				t.Errorf("%v: read %d", test, read)
			}
		}
	}
}

// Receiving pauses at MaxRequestBuffer, and goes on at half of it.
func TestRequestBuffer(t *testing.T) {
	const limit = 10_000
	for _, over := range []int{-1, 0, 1} {
		read := make(chan int)
		done := make(chan struct{}, 1)
		f := limited(t, app.HandlerFunc(func(r *app.Request, w *app.Response) {
			b := make([]byte, limit*2)
			for n := range read {
				io.ReadFull(r, b[:n])
				done <- struct{}{}
			}
		}), func(l *Limits) { l.MaxRequestBuffer = limit; l.DrainBytes = 0 })
		c := f.open()
		c.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
		c.write(strings.Repeat("x", limit+over))
		if want := over >= 0; c.paused != want {
			t.Errorf("with n%+d bytes here paused is %v", over, c.paused)
		}
		if over >= 0 {
			read <- limit + over
			<-done
			go func() { read <- 1 }()
			f.until("receiving goes on", func() bool { return !c.paused })
			c.write("x")
			<-done
		}
		close(read)
		f.idle()
	}
}

// Pipelined requests behind one that is being handled are bounded, too.
func TestPipelineBuffer(t *testing.T) {
	release := make(chan struct{})
	f := limited(t, app.Blocking(app.HandlerFunc(func(r *app.Request, w *app.Response) { <-release })),
		func(l *Limits) { l.MaxRequestBuffer = 10 * len(get) })
	c := f.open()
	c.write(get)
	for i := range 10 {
		if c.paused {
			t.Fatalf("paused with %d requests here", i)
		}
		c.write(get)
	}
	if !c.paused {
		t.Error("not paused at the limit")
	}
	close(release)
	f.until("all are answered", func() bool { return strings.Count(string(c.got), "200 OK") == 11 })
	if c.paused {
		t.Error("receiving does not go on")
	}
}

func TestMaxConns(t *testing.T) {
	for _, busy := range []bool{false, true} {
		f := limited(t, app.HandlerFunc(hello), func(l *Limits) { l.MaxConns = 2; l.BusyResponse = busy })
		a, b := f.open(), f.open()
		if a.done || b.done {
			t.Fatal("n connections were not accepted")
		}
		c := f.open()
		f.turn()
		if busy {
			c.want("n+1", "503", "Connection: close")
			c.wantEnd("n+1")
			c.end()
		} else if !c.aborted {
			t.Error("n+1 was accepted")
		}
		a.end()
		if !a.done {
			t.Fatal("an idle connection stays after FIN")
		}
		d := f.open()
		d.write(get)
		d.want("there is room again", "200")
	}
}

// A body left unread is read to its end if that is near, and never taken for a
// request.
func TestUnreadBody(t *testing.T) {
	const limit = 1000
	evil := get
	for _, test := range []struct {
		name         string
		body         int // bytes, after the head
		chunked      bool
		open, closes bool
	}{
		{"n-1", limit - 1, false, true, false},
		{"n", limit, false, true, false},
		{"n+1", limit + 1, false, false, true},
		{"chunked n", limit - 20, true, true, false},
		{"chunked n+1", limit + 100, true, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			served := 0
			f := limited(t, app.HandlerFunc(func(r *app.Request, w *app.Response) { served++ }),
				func(l *Limits) { l.DrainBytes = limit })
			c := f.open()
			body := strings.Repeat(evil, test.body/len(evil)+1)[:test.body]
			if test.chunked {
				c.write("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
				body = hex(len(body)) + "\r\n" + body + "\r\n0\r\n\r\n"
			} else {
				c.write(fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", len(body)))
			}
			f.idle()
			got := c.want("the response does not wait for the body", "200")
			if closes := strings.Contains(got, "Connection: close"); closes != test.closes {
				t.Errorf("got %q", got)
			}
			for i := 0; i < len(body); i += 7 {
				c.write(body[i:min(i+7, len(body))])
			}
			c.write("GET /next HTTP/1.1\r\nHost: x\r\n\r\n")
			if !test.open {
				c.wantEnd("too much is unread")
				c.wantNothing("nothing after it is a request")
				return
			}
			c.want("the next request", "200")
			if served != 2 {
				t.Errorf("%d requests served, want 2", served)
			}
		})
	}
}

func TestUnreadBodyTimeout(t *testing.T) {
	f, c := serve(t, func(r *app.Request, w *app.Response) {})
	c.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
	f.idle()
	c.want("answered", "200")
	f.advance(DefaultLimits().DrainTimeout - 1)
	c.wantOpen("n-1")
	f.advance(1 + slack)
	c.wantEnd("n")
}

func TestLingerBytes(t *testing.T) {
	for _, over := range []int{-1, 0, 1} {
		f := limited(t, app.HandlerFunc(hello), func(l *Limits) { l.LingerBytes = 500 })
		c := f.open()
		c.write("bad\r\n\r\n")
		c.want("malformed", "400")
		c.write(strings.Repeat("x", 500+over))
		if c.paused != (over > 0) {
			t.Errorf("%+d: paused is %v", over, c.paused)
		}
		if c.closed {
			t.Error("closed before the client could see the response")
		}
		f.advance(2*time.Second - 1)
		if c.closed {
			t.Error("n-1: closed")
		}
		f.advance(1 + slack)
		if !c.closed || c.aborted {
			t.Error("n: not closed")
		}
	}
}

// The writer waits when MaxResponseBuffer bytes wait for the client, and goes
// on when there are fewer.
func TestResponseBuffer(t *testing.T) {
	const head = 200 // more than the head and the framing
	for _, test := range []struct {
		limit, write int
		waits        bool
	}{
		{64 << 10, 64<<10 - head, false}, {64 << 10, 64 << 10, true}, {64 << 10, 64<<10 + 1, true},
		{0, 1, true}, {1, 1, true},
	} {
		done := false
		f := limited(t, app.HandlerFunc(func(r *app.Request, w *app.Response) {
			w.Write(make([]byte, test.write))
			w.Flush()
			done = true
		}), func(l *Limits) { l.MaxResponseBuffer = test.limit })
		c := f.open()
		c.window, c.nowOK = 0, false
		c.write(get)
		k := c.h.(*conn).p.(*h1conn)
		f.until("the handler is done or waits", func() bool {
			return f.running == 0 || k.s != nil && k.s.isWaiting(&k.s.writing) && c.sending > 0
		})
		waits := f.running > 0
		if waits != test.waits {
			t.Errorf("limit %d, %d bytes: waits %v", test.limit, test.write, waits)
		}
		if held := k.unsent(); held > test.limit+2*app.StageBytes {
			t.Errorf("limit %d: %d bytes are held", test.limit, held)
		}
		c.window = anyWindow
		f.idle()
		if !done {
			t.Error("the writer does not go on")
		}
	}
}

func TestDrainLull(t *testing.T) {
	f, srv := newFakeLoop(t, Config{Handler: app.HandlerFunc(hello)})
	c := f.open()
	c.write(get)
	c.take()
	srv.Drain()
	f.turn()
	lull := DefaultLimits().DrainLull
	f.advance(lull - 1)
	c.wantOpen("n-1")
	f.advance(2*wheelTick + 1)
	c.wantEnd("n, of the first connection")
	if srv.Stats().Timeouts[TimeoutDrain] != 1 || !srv.Draining() {
		t.Errorf("%+v", srv.Stats())
	}
}

func TestNames(t *testing.T) {
	for i := range Timeout(NumTimeouts) {
		if i.String() == "" {
			t.Errorf("time-out %d has no name", i)
		}
	}
	for i := range Refusal(NumRefusals) {
		if i.String() == "" {
			t.Errorf("refusal %d has no name", i)
		}
	}
}
