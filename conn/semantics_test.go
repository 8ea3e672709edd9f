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
		before := r.ContextErr() // there is no context yet
		cancelled = append(cancelled, r.Context().Err() != nil)
		if err := r.Context().Err(); before != err || r.ContextErr() != err {
			t.Errorf("ContextErr: %v, %v, the context's: %v", before, r.ContextErr(), err)
		}
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
		if context.Cause(ctx) != app.ErrGone || r.ContextErr() != context.Canceled {
			t.Errorf("context: %v, %v", context.Cause(ctx), r.ContextErr())
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
