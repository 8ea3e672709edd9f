package conn

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/ring"
)

// Scenarios 5 to 9: refused, and what follows is not parsed.
func TestBadRequests(t *testing.T) {
	served := 0
	h := app.HandlerFunc(func(r *app.Request, w *app.Response) { io.ReadAll(r); served++ })
	const post = "POST / HTTP/1.1\r\nHost: x\r\n"
	for _, test := range []struct{ in, status string }{
		{post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
		{post + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd", "400"},
		{post + "Content-Length: +5\r\n\r\nabcde", "400"},
		{post + "Content-Length: -1\r\n\r\n", "400"},
		{post + "Content-Length: 5 5\r\n\r\n", "400"},
		{post + "Content-Length: 18446744073709551616\r\n\r\n", "400"},
		{post + "Transfer-Encoding: xchunked\r\n\r\n", ""},
		{post + "Transfer-Encoding: chunked, identity\r\n\r\n", ""},
		{post + "Transfer-Encoding: \x0bchunked\r\n\r\n", "400"},
		{post + "Transfer-Encoding:\r\n chunked\r\n\r\n", "400"},
		{post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "400"},
		{post + "Transfer-Encoding: chunked\r\n\r\n00000000000000001\r\nx\r\n0\r\n\r\n", "400"},
		{post + "Transfer-Encoding: chunked\r\n\r\n0x5\r\nabcde\r\n0\r\n\r\n", "400"},
		{post + "Transfer-Encoding: chunked\r\n\r\n5\nabcde\r\n0\r\n\r\n", "400"},
		{post + "Transfer-Encoding: chunked\r\n\r\n5;" + strings.Repeat("a", 65536) + "\r\nabcde\r\n0\r\n\r\n", "400"},
		{post + "Transfer-Encoding: chunked\r\n\r\n5\r\nabcdeX\r\n0\r\n\r\n", "400"},
		{post + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("A: b\r\n", 10000) + "\r\n", "431"},
		{"GET / HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n", "400"},
		{"GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", "400"},
		{"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", "400"},
		{"GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n", "400"},
		{"GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n", "400"},
		{"GET / HTTP/1.1\r\nHost: x\r\nA\r\n\r\n", "400"},
		{"GET / HTTP/1.1\r\n\r\n", "400"},
		{"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", "400"},
		{"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400"},
		{"GET http://y/ HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
		{"GET / HTTP/2.0\r\nHost: x\r\n\r\n", "505"},
		{"GET * HTTP/1.1\r\nHost: x\r\n\r\n", "405"},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: milk\r\n\r\n", "417"},
		{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "400"},
	} {
		for _, split := range []int{len(test.in), 1} {
			f, srv := newFakeLoop(t, Config{Handler: h})
			c := f.open()
			served = 0
			in := test.in + get
			if split == len(test.in) {
				split = len(in)
			}
			for i := 0; i < len(in); i += split {
				c.write(in[i:min(i+split, len(in))])
			}
			f.idle()
			got := c.take()
			if !strings.HasPrefix(got, "HTTP/1.1 "+test.status) || strings.HasPrefix(got, "HTTP/1.1 2") ||
				!strings.Contains(got, "Connection: close") {
				t.Errorf("%.80q by %d: got %.200q, want %s", test.in, split, got, test.status)
			}
			if strings.Count(got, "HTTP/1.1") != 1 || served > 1 {
				t.Errorf("%.80q: what follows was parsed: %q", test.in, got)
			}
			c.wantEnd("malformed")
			var counted uint64
			for _, n := range srv.Stats().Rejections {
				counted += n
			}
			if counted != 1 {
				t.Errorf("%.80q: counted %d times", test.in, counted)
			}
		}
	}
}

// Scenario 12: every prefix of a good request, then FIN, then RST.
func TestPrefixThenEnd(t *testing.T) {
	const good = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
	for n := 1; n < len(good); n++ {
		for _, reset := range []bool{false, true} {
			f, c := serve(t, func(r *app.Request, w *app.Response) {
				if _, err := io.ReadAll(r); err == nil {
					t.Error("a body that was cut looks whole")
				}
			})
			c.write(good[:n])
			if reset {
				c.break_(ring.ErrReset)
			} else {
				c.end()
			}
			f.idle()
			if got := c.take(); got != "" && !strings.HasPrefix(got, "HTTP/1.1 400") {
				t.Errorf("%d bytes then end: %q", n, got)
			}
			if !c.done {
				t.Errorf("%d bytes then end: the connection is open", n)
			}
		}
	}
}

// Scenario 14: half-close, then a slow handler.
func TestHalfClose(t *testing.T) {
	release := make(chan struct{})
	f, c := serve(t, func(r *app.Request, w *app.Response) {
		<-r.Context().Done() // the client can change its mind no more
		<-release
		w.WriteString("late")
	})
	f.detach = true
	c.write(get)
	c.end()
	if c.closed {
		t.Fatal("closed under the handler")
	}
	close(release)
	f.idle()
	c.want("the reply is delivered", "200", "late")
	if !c.done || c.aborted {
		t.Error("it does not end")
	}
}

// Of several requests before a FIN only the last one's context is cancelled.
func TestHalfCloseCancelsLast(t *testing.T) {
	var cancelled []bool
	f, c := serve(t, func(r *app.Request, w *app.Response) {
		cancelled = append(cancelled, r.Context().Err() != nil)
	})
	c.recv(get + get + get)
	c.h.RecvEnd()
	f.turn()
	if got := c.take(); strings.Count(got, "200 OK") != 3 {
		t.Errorf("got %q", got)
	}
	if fmt.Sprint(cancelled) != "[false false true]" {
		t.Errorf("cancelled: %v", cancelled)
	}
}

// Scenario 15: a reset cancels the context and fails what is blocked.
func TestReset(t *testing.T) {
	f, c := serve(t, func(r *app.Request, w *app.Response) {
		ctx := r.Context()
		_, err := r.Read(make([]byte, 10))
		var be *app.BodyError
		if !errors.As(err, &be) || be.Fault != app.BodyGone {
			t.Errorf("Read: %v", err)
		}
		if context.Cause(ctx) != app.ErrGone {
			t.Errorf("context: %v", context.Cause(ctx))
		}
		w.WriteString("x")
		if err := w.Flush(); !errors.Is(err, app.ErrGone) {
			t.Errorf("Flush: %v", err)
		}
	})
	c.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
	f.until("the handler waits", func() bool { return readerWaits(f) })
	c.break_(ring.ErrReset)
	f.idle()
	if !c.done {
		t.Error("not closed")
	}
}

// logged collects log lines.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("waited too long for %s", what)
		}
	}
}

// Scenario 16: panics.
func TestPanics(t *testing.T) {
	var log logged
	f, srv := newFakeLoop(t, Config{
		Log: slog.New(slog.NewTextHandler(&log, nil)),
		Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
			w.WriteString("begun")
			switch string(r.Path) {
			case "/late":
				w.Flush()
			case "/abort":
				panic(app.ErrAbort)
			case "/exit":
				runtime.Goexit()
			case "/nil":
				panic(nil)
			}
			panic("boom")
		}),
	})
	for _, path := range []string{"/early", "/nil"} {
		c := f.open()
		c.write("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n" + get)
		if got := c.want("before the head", "500", "Connection: close"); strings.Contains(got, "begun") {
			t.Errorf("got %q", got)
		}
		c.wantEnd("500")
	}
	c := f.open()
	c.write("GET /late HTTP/1.1\r\nHost: x\r\n\r\n")
	if got := c.want("the head has gone", "200", "5\r\nbegun\r\n"); strings.Contains(got, "0\r\n\r\n") || !c.aborted {
		t.Errorf("the client cannot see the truncation: %q, aborted %v", got, c.aborted)
	}
	for _, path := range []string{"/abort", "/exit"} {
		c = f.open()
		c.write("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n")
		c.wantNothing(path)
		if !c.aborted {
			t.Errorf("%s: not reset", path)
		}
	}
	st := srv.Stats()
	if st.Panics != 3 || st.Exits != 1 || st.Handling != 0 {
		t.Errorf("stats: %+v", st)
	}
	waitFor(t, "the log", func() bool { return strings.Count(log.String(), "boom") >= 2 })
	if !strings.Contains(log.String(), "semantics_test.go") {
		t.Errorf("no stack in the log: %s", log.String())
	}
}

func TestPanicInOptions(t *testing.T) {
	f, srv := newFakeLoop(t, Config{Handler: badOptions{hello}})
	c := f.open()
	c.write(get)
	c.want("contained", "500")
	if srv.Stats().Panics != 1 {
		t.Error("not counted")
	}
}

type badOptions struct{ app.Handler }

func (badOptions) Options(*app.Request) app.Options { panic("boom") }

func TestContentLengthOfHandler(t *testing.T) {
	f, srv := newFakeLoop(t, Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		w.Set("Content-Length", "10")
		n := 10
		fmt.Sscan(string(r.Query), &n)
		if n > 12 {
			w.WriteString("0123456789")
			w.Flush()
			w.WriteString("0123456789")
			if err := w.Flush(); err != app.ErrContentLength {
				t.Errorf("too long: %v", err)
			}
			return
		}
		if n < 8 {
			w.WriteString("01")
			w.Flush()
			return
		}
		w.WriteString(strings.Repeat("x", n))
	})})
	for _, test := range []struct {
		n    int
		body string
		ok   bool
	}{{10, "xxxxxxxxxx", true}, {9, "xxxxxxxxx", false}, {11, "xxxxxxxxxx", false}, {13, "0123456789", false}, {2, "01", false}} {
		c := f.open()
		c.write(fmt.Sprintf("GET /?%d HTTP/1.1\r\nHost: x\r\n\r\n", test.n))
		got := c.want("declared", "200", "Content-Length: 10\r\n")
		if body := got[strings.Index(got, "\r\n\r\n")+4:]; body != test.body {
			t.Errorf("%d: body %q", test.n, body)
		}
		if (c.fin || c.closed) == test.ok {
			t.Errorf("%d: ended %v", test.n, c.fin)
		}
	}
	if n := srv.Stats().BadLength; n != 4 {
		t.Errorf("counted %d", n)
	}
}

func TestBadResponses(t *testing.T) {
	f, srv := newFakeLoop(t, Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		w.Set("X", "a\r\nSet-Cookie: evil")
		w.WriteString("body")
		if string(r.Path) == "/flush" {
			w.Flush()
			w.WriteString("more")
			w.Flush()
		}
	})})
	for _, path := range []string{"/", "/flush"} {
		c := f.open()
		c.write("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n")
		if got := c.want("injection", "500"); strings.Contains(got, "evil") || strings.Contains(got, "body") {
			t.Errorf("got %q", got)
		}
	}
	if n := srv.Stats().BadResponse; n != 2 {
		t.Errorf("counted %d", n)
	}
}

func TestBodylessResponses(t *testing.T) {
	f, c := serve(t, func(r *app.Request, w *app.Response) {
		fmt.Sscan(string(r.Query), new(int))
		switch string(r.Path) {
		case "/204":
			w.SetStatus(204)
		case "/304":
			w.SetStatus(304)
		}
		w.WriteString("12345")
		if string(r.Query) == "flush" {
			w.Flush()
			w.WriteString("67890")
		}
	})
	for _, path := range []string{"HEAD /", "HEAD /?flush", "GET /204", "GET /204?flush", "GET /304", "GET /304?flush"} {
		c.write(path + " HTTP/1.1\r\nHost: x\r\n\r\n")
		got := c.want(path, "")
		if !strings.HasSuffix(got, "\r\n\r\n") || strings.Contains(got, "12345") {
			t.Errorf("%s: got %q", path, got)
		}
		if path == "HEAD /" && !strings.Contains(got, "Content-Length: 5\r\n") {
			t.Errorf("%s: got %q", path, got)
		}
		c.wantOpen(path)
	}
	c.write(get)
	c.want("and the next", "200 OK", "\r\n\r\n12345")
	_ = f
}

func TestHTTP10(t *testing.T) {
	h := func(r *app.Request, w *app.Response) {
		w.WriteInformational(103, nil)
		w.WriteString("12345")
		if string(r.Path) == "/flush" {
			w.Flush()
			w.WriteString("67890")
		}
	}
	_, c := serve(t, h)
	c.write("GET / HTTP/1.0\r\n\r\n")
	got := c.want("1.0 closes", "200", "Content-Length: 5", "\r\n\r\n12345")
	if strings.Contains(got, "103") {
		t.Error("an interim response to HTTP/1.0")
	}
	c.wantEnd("1.0 closes")
	_, c = serve(t, h)
	c.write("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
	c.want("1.0 keeps alive if asked", "200", "Connection: keep-alive")
	c.wantOpen("keep-alive")
	c.write("GET /flush HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
	if got := c.want("unknown length", "200", "\r\n\r\n1234567890"); strings.Contains(got, "chunked") {
		t.Error("chunked to HTTP/1.0")
	}
	c.wantEnd("the end tells the length")
}

func TestConnectionClose(t *testing.T) {
	f, c := serve(t, hello)
	c.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	c.want("asked to close", "200", "Connection: close")
	if !c.done || c.aborted {
		t.Error("a client that closes is not waited for")
	}
	if n := f.h.(*loop).srv.Active(); n != 0 {
		t.Errorf("%d active", n)
	}
}

func TestTrailers(t *testing.T) {
	_, c := serve(t, func(r *app.Request, w *app.Response) {
		if r.Trailer() != nil {
			t.Error("trailers before the end")
		}
		io.ReadAll(r)
		w.Trailer.Add("X-Got", string(r.Trailer().Get("x-sum")))
		w.WriteString("body")
	})
	c.write("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 42\r\n\r\n")
	c.want("both ways", "200", "4\r\nbody\r\n0\r\nX-Got: 42\r\n\r\n")
	c.wantOpen("trailers")
}

func TestInformational(t *testing.T) {
	f, c := serve(t, func(r *app.Request, w *app.Response) {
		var link app.Fields
		link.Add("Link", "</a>")
		if err := w.WriteInformational(103, &link); err != nil {
			t.Error(err)
		}
		if err := w.WriteInformational(200, nil); err == nil {
			t.Error("200 is not informational")
		}
		w.WriteString("x")
		w.Flush()
		if err := w.WriteInformational(103, nil); err != app.ErrCommitted {
			t.Error(err)
		}
	})
	c.write(get)
	c.want("103 first", "103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n")
	if f.inline+f.running != 1 {
		t.Error("not inline")
	}
}

func TestExpectContinue(t *testing.T) {
	const head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
	echo := func(r *app.Request, w *app.Response) { b, _ := io.ReadAll(r); w.Write(b) }
	f, c := serve(t, echo)
	c.write(head)
	f.until("100", func() bool { return len(c.got) > 0 })
	if got := c.take(); got != "HTTP/1.1 100 Continue\r\n\r\n" {
		t.Fatalf("got %q", got)
	}
	c.write("hello")
	f.idle()
	c.want("then", "200", "hello")
	c.write(head + "hello")
	c.want("no 100 for a body that is here", "200", "hello")
}

func TestFullDuplex(t *testing.T) {
	f, c := serve(t, func(r *app.Request, w *app.Response) {
		b := make([]byte, 100)
		for {
			n, err := r.Read(b)
			if err != nil {
				return
			}
			w.Write(b[:n])
			w.Flush()
		}
	})
	c.write("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
	for i := range 10 {
		c.write("1\r\n" + fmt.Sprint(i) + "\r\n")
		f.until("the echo", func() bool { return strings.HasSuffix(string(c.got), fmt.Sprintf("1\r\n%d\r\n", i)) })
	}
	c.write("0\r\n\r\n")
	f.idle()
	c.want("all", "200", "0\r\n\r\n")
	c.wantOpen("duplex")
}

func TestAddrs(t *testing.T) {
	for _, detach := range []bool{false, true} {
		f, c := serve(t, func(r *app.Request, w *app.Response) {
			fmt.Fprint(w, r.RemoteAddr(), " ", r.LocalAddr(), " ", r.Listener)
		})
		f.detach = detach
		for range 2 {
			c.write(get)
			f.idle()
			c.want("addresses", "200", "\r\n\r\n:4242 :80 3")
		}
	}
}

// Responses wait for a client that does not read; pipelined requests then wait,
// too.
func TestBlockedOutput(t *testing.T) {
	served := 0
	f, c := serve(t, func(r *app.Request, w *app.Response) {
		served++
		w.Write(make([]byte, 10_000))
	})
	c.window = 0
	c.write(strings.Repeat(get, 100))
	if served > 30 {
		t.Errorf("%d requests were answered into memory", served)
	}
	conn := c.h.(*conn)
	if conn.state != stateBlocked {
		t.Errorf("state %s", conn.state)
	}
	c.window = anyWindow
	f.turn()
	if served != 100 || strings.Count(string(c.got), "200 OK") != 100 {
		t.Errorf("%d served", served)
	}
	if conn.state != stateIdle || conn.s != nil || conn.in != nil || conn.out != nil {
		t.Errorf("an idle connection holds something: %+v", conn)
	}
}

// A batch whose later request blocks does not hold back what is answered.
func TestHeldOutput(t *testing.T) {
	release := make(chan struct{})
	f, c := serve(t, func(r *app.Request, w *app.Response) {
		if string(r.Path) == "/slow" {
			w.Flush() // to let go of the loop
			w.Flush()
			<-release
		}
	})
	c.recv(get + "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" + get)
	f.turn()
	c.want("the first", "200", "Content-Length: 0")
	close(release)
	f.idle()
	if got := c.take(); strings.Count(got, "200 OK") != 1 {
		t.Errorf("got %q", got)
	}
}

func TestDrain(t *testing.T) {
	release := make(chan struct{})
	f, srv := newFakeLoop(t, Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		if string(r.Path) == "/slow" {
			<-release
		}
	})})
	var cs []*fakeConn
	for range 200 {
		c := f.open()
		c.write(get)
		c.want("before", "200")
		cs = append(cs, c)
	}
	fresh := f.open()
	f.detach = true
	slow := f.open()
	slow.write("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
	f.detach = false
	srv.Drain()
	f.turn()
	lull := DefaultLimits().DrainLull
	f.advance(lull / 2)
	for i, c := range cs {
		c.wantOpen("in the lull")
		if i%2 == 0 {
			c.write(get)
			c.want("on its way when Drain was called", "200", "Connection: close")
			c.wantEnd("answered")
			c.end()
		}
	}
	queued := f.open()
	queued.write(get)
	queued.want("was queued to be accepted", "200", "Connection: close")
	queued.end()
	fresh.write(get)
	fresh.want("had not spoken yet", "200", "Connection: close")
	fresh.end()
	ends := map[ring.Instant]bool{}
	for range 100 {
		f.advance(wheelTick)
		for _, c := range cs {
			if c.fin && !c.closed {
				ends[f.now] = true
				c.end()
			}
		}
	}
	if len(ends) < 4 {
		t.Errorf("idle connections closed in %d instants, want them spread", len(ends))
	}
	if srv.Active() != 1 {
		t.Errorf("%d active, want the slow one", srv.Active())
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := srv.Wait(ctx); err != context.Canceled {
		t.Errorf("Wait: %v", err)
	}
	close(release)
	f.idle()
	slow.want("it is answered", "200", "Connection: close")
	slow.end()
	if err := srv.Wait(context.Background()); err != nil {
		t.Error(err)
	}
	for _, c := range append(cs, fresh, slow, queued) {
		if c.aborted {
			t.Fatal("a connection was reset")
		}
	}
}

func TestAbortAll(t *testing.T) {
	f, srv := newFakeLoop(t, Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		<-r.Context().Done()
	})})
	idle, busy := f.open(), f.open()
	f.detach = true
	busy.write(get)
	if n := srv.AbortAll(); n != 2 {
		t.Errorf("AbortAll: %d", n)
	}
	f.idle()
	if !idle.aborted || !busy.aborted || srv.Active() != 0 || srv.Stats().ShutAborted != 2 {
		t.Errorf("%+v", srv.Stats())
	}
}

// net/http's client understands what we send.
func TestReadableByNetHTTP(t *testing.T) {
	_, c := serve(t, func(r *app.Request, w *app.Response) {
		w.Add("X", "1")
		for range 10 {
			w.Write(bytes.Repeat([]byte("0123456789"), 1000))
		}
	})
	c.write(get + get)
	br := bufio.NewReader(strings.NewReader(c.take()))
	for range 2 {
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		if err != nil || len(b) != 100_000 || resp.Header.Get("X") != "1" {
			t.Fatalf("%v, %d bytes", err, len(b))
		}
	}
}

// Use of a request after its end is noticed.
func TestAfterEnd(t *testing.T) {
	var req *app.Request
	var resp *app.Response
	_, c := serve(t, func(r *app.Request, w *app.Response) { req, resp = r, w })
	c.write(get)
	if _, err := req.Read(make([]byte, 1)); err != app.ErrEnded {
		t.Errorf("Read: %v", err)
	}
	if err := resp.Flush(); err != app.ErrEnded {
		t.Errorf("Flush: %v", err)
	}
	if err := resp.WriteInformational(103, nil); err != app.ErrEnded {
		t.Errorf("WriteInformational: %v", err)
	}
	if req.Context().Err() == nil {
		t.Error("the context is alive")
	}
	if err := req.SetMaxBodyBytes(1); err != app.ErrEnded {
		t.Errorf("SetMaxBodyBytes: %v", err)
	}
	if invariants && string(req.Target) == "/" {
		t.Error("the request is not poisoned")
	}
}

func TestRouteKey(t *testing.T) {
	same := func(a, b string) bool { return routeKey("GET", []byte(a)) == routeKey("GET", []byte(b)) }
	if !same("/a/b/c", "/a/b/d") || same("/a/b", "/a/c") || same("/a", "/b") {
		t.Error("the first two segments decide")
	}
	if routeKey("GET", []byte("/a")) == routeKey("PUT", []byte("/a")) || routeKey("", nil) == 0 {
		t.Error("the method decides, too, and no key is 0")
	}
}

// A keep-alive GET allocates nothing.
func TestNoAllocations(t *testing.T) {
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
	lh := srv.NewLoop(l)
	c := &countingConn{}
	h := lh.Open(c)
	buf := ring.NewBuf([]byte(get), c, 0)
	request := func() {
		h.Recv(buf)
		task := l.task
		task.Route()
		task.Run(ring.Run{})
		if task.Done(ring.Returned) != nil {
			t.Fatal("another request")
		}
		h.Sent()
	}
	request()
	if n := testing.AllocsPerRun(1000, request); n != 0 {
		t.Errorf("%v allocations per request", n)
	}
	if c.sent == 0 || c.released != c.sent {
		t.Errorf("%d sends, %d releases", c.sent, c.released)
	}
}

// countingLoop and countingConn do as little as can be.
type countingLoop struct {
	fakeLoop
	task ring.Task
}

func (l *countingLoop) Dispatch(k ring.Task) { l.task = k }

type countingConn struct {
	fakeConn
	sent, released int
}

func (c *countingConn) Send([]byte)       { c.sent++ }
func (c *countingConn) ReleaseBuf(uint32) { c.released++ }
func BenchmarkKeepAlive(b *testing.B) {
	l := &countingLoop{}
	srv, _ := New(Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		w.Set("Content-Type", "text/plain")
		w.WriteString("Hello, World!")
	})})
	c := &countingConn{}
	h := srv.NewLoop(l).Open(c)
	buf := ring.NewBuf([]byte("GET /plaintext HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: wrk\r\nAccept: */*\r\n\r\n"), c, 0)
	b.ReportAllocs()
	for b.Loop() {
		h.Recv(buf)
		l.task.Route()
		l.task.Run(ring.Run{})
		l.task.Done(ring.Returned)
		h.Sent()
	}
}
