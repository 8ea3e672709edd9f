package conn

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime"
	"strings"
	"testing"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/h2"
	"github.com/uringserve/uringserve/ring"
)

// Scenario 16: panics, app.ErrAbort and Goexit, before and after the response
// has begun. Only the stream ends.
func TestH2Panics(t *testing.T) {
	var log logged
	f, srv := newFakeLoop(t, Config{
		Log: slog.New(slog.NewTextHandler(&log, nil)),
		Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
			w.WriteString("begun")
			if bytes.HasPrefix(r.Path, []byte("/late")) {
				w.Flush()
			}
			switch {
			case bytes.HasSuffix(r.Path, []byte("panic")):
				panic("boom")
			case bytes.HasSuffix(r.Path, []byte("abort")):
				panic(app.ErrAbort)
			case bytes.HasSuffix(r.Path, []byte("exit")):
				runtime.Goexit()
			}
		}),
	})
	c := f.openH2()
	want := func(path string, body string, reset bool) {
		t.Helper()
		id := c.get(path)
		f.idle()
		if !reset {
			c.want(path, id, 500, "")
		} else if a := c.wantReset(path, id, h2.CodeInternalError); string(a.body) != body {
			t.Errorf("%s: got %q before the reset", path, a.body)
		}
		c.wantIdle(path)
	}
	want("/panic", "", false)
	want("/abort", "", true)
	want("/exit", "", true)
	want("/late-panic", "begun", true)
	want("/late-abort", "begun", true)
	want("/late-exit", "begun", true)
	id := c.get("/")
	c.want("the connection goes on", id, 200, "begun")
	f.h.Tick(f.now)
	st := srv.Stats()
	if st.Panics != 2 || st.Exits != 2 || st.H2Resets != 5 || st.Responses[5] != 1 || st.Handling != 0 {
		t.Errorf("%d panics, %d exits, %d resets, responses %v, %d handling", st.Panics, st.Exits, st.H2Resets, st.Responses, st.Handling)
	}
	waitFor(t, "the log", func() bool { return strings.Count(log.String(), "boom") >= 2 })
	if strings.Contains(log.String(), app.ErrAbort.Error()) {
		t.Error("an abort is logged")
	}
}

// The client resets a stream whose handler runs: the handler is told, and holds
// its place until it ends.
func TestH2ResetWhileHandling(t *testing.T) {
	release := make(chan struct{})
	f, c := serveH2(t, func(r *app.Request, w *app.Response) {
		if string(r.Path) == "/next" {
			return
		}
		ctx := r.Context()
		_, err := r.Read(make([]byte, 10))
		var be *app.BodyError
		if !errors.As(err, &be) || be.Fault != app.BodyGone {
			t.Errorf("Read: %v", err)
		}
		<-ctx.Done()
		if context.Cause(ctx) != app.ErrGone {
			t.Errorf("context: %v", context.Cause(ctx))
		}
		w.WriteString("x")
		if err := w.Flush(); !errors.Is(err, app.ErrGone) {
			t.Errorf("Flush: %v", err)
		}
		<-release
	}, func(l *Limits) { l.H2.Streams = 1 })
	id := c.post("/")
	f.until("the handler waits", c.wantsBody(1))
	c.rst(id, h2.CodeCancel)
	c.wantReset("the handler runs on", c.get("/next"), h2.CodeRefusedStream)
	close(release)
	f.idle()
	c.wantNone("nobody asks any more", id)
	c.wantIdle("the handler has ended")
	c.want("there is room", c.get("/next"), 200, "")
}

// The client resets a stream whose response waits for its window.
func TestH2ResetWhileSending(t *testing.T) {
	f, _ := newFakeLoop(t, Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		w.Write(make([]byte, 10_000))
		if string(r.Path) == "/flush" {
			w.Flush()
		}
	})})
	c := f.openH2(window(100))
	for _, path := range []string{"/", "/flush"} {
		id := c.get(path)
		f.idle()
		if a := c.answer(id); len(a.body) != 100 || a.ended {
			t.Fatalf("%d bytes came through a window of 100", len(a.body))
		}
		if c.server().streams.count != 1 {
			t.Error("the stream is gone")
		}
		c.rst(id, h2.CodeCancel)
		c.wantIdle("reset")
	}
	c.wantOpen("a client may change its mind")
}

// A writer that waits for its window learns that nobody waits for it.
func TestH2ResetWhileWriting(t *testing.T) {
	var err error
	f, _ := newFakeLoop(t, Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		for err == nil {
			_, err = w.Write(make([]byte, 10_000))
		}
	})})
	c := f.openH2(window(100))
	id := c.get("/")
	f.until("it waits", c.wantsRoom(1))
	c.rst(id, h2.CodeCancel)
	f.idle()
	if !errors.Is(err, app.ErrGone) {
		t.Errorf("Write: %v", err)
	}
	c.wantIdle("reset")
}

// The connection is reset: all handlers are told.
func TestH2Broken(t *testing.T) {
	f, c := serveH2(t, func(r *app.Request, w *app.Response) {
		<-r.Context().Done()
		if err := w.Flush(); !errors.Is(err, app.ErrGone) {
			t.Errorf("Flush: %v", err)
		}
	})
	f.detach = true
	for range 10 {
		c.get("/")
	}
	c.break_(ring.ErrReset)
	f.idle()
	if !c.done {
		t.Error("not closed")
	}
}

// Scenario 14: a FIN ends the client's sending. Contexts are cancelled, answers
// are delivered, then the connection ends.
func TestH2HalfClose(t *testing.T) {
	release := make(chan struct{})
	f, c := serveH2(t, func(r *app.Request, w *app.Response) {
		_, err := io.ReadAll(r)
		var be *app.BodyError
		if string(r.Path) == "/cut" && (!errors.As(err, &be) || be.Fault != app.BodyCut) {
			t.Errorf("Read: %v", err)
		}
		<-r.Context().Done()
		<-release
		w.WriteString("late")
	})
	f.detach = true
	whole, cut := c.get("/"), c.post("/cut")
	c.data(cut, "abc", false)
	c.end()
	if c.closed {
		t.Fatal("closed under the handlers")
	}
	close(release)
	f.idle()
	c.want("the reply is delivered", whole, 200, "late")
	c.want("the body was cut", cut, 400, "")
	if !c.done || c.aborted {
		t.Error("it does not end")
	}
}

// A FIN between requests ends the connection; the half of a frame is nothing.
func TestH2EndsIdle(t *testing.T) {
	for _, in := range []string{"", "\x00\x00\x04"} {
		f, c := serveH2(t, hello)
		c.want("before", c.get("/"), 200, "path=/")
		c.send([]byte(in))
		c.end()
		f.turn()
		if !c.done || c.aborted {
			t.Errorf("after %q it does not end", in)
		}
	}
}

// A FIN while responses wait for windows, which can come no more.
func TestH2HalfCloseBlocked(t *testing.T) {
	f, srv := newFakeLoop(t, Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) { w.Write(make([]byte, 10_000)) })})
	c := f.openH2(window(100))
	c.get("/")
	c.end()
	f.advance(DefaultLimits().MinResponseRate.Grace + 3*slack)
	f.turn()
	if !c.done || srv.Active() != 0 {
		t.Error("it waits for a window that cannot come")
	}
}

// The declared length of a request's body is what must come.
func TestH2RequestLength(t *testing.T) {
	for _, test := range []struct {
		why    string
		parts  []string
		reset  bool
		status int
	}{
		{"n-1", []string{"12", "34"}, true, 0},
		{"n", []string{"12", "345"}, false, 200},
		{"n+1", []string{"12", "3456"}, true, 0},
		{"n+1 at once", []string{"123456"}, true, 0},
	} {
		var got error
		f, c := serveH2(t, func(r *app.Request, w *app.Response) { _, got = io.ReadAll(r) })
		id := c.post("/", "content-length", "5")
		f.until("the handler reads", c.wantsBody(1))
		for i, p := range test.parts {
			c.data(id, p, i == len(test.parts)-1)
		}
		f.idle()
		if test.reset {
			c.wantReset(test.why, id, h2.CodeProtocolError) // RFC 9113 §8.1.1
			var be *app.BodyError
			if !errors.As(got, &be) {
				t.Errorf("%s: the handler got %v", test.why, got)
			}
		} else {
			c.want(test.why, id, test.status, "")
		}
		c.wantOpen("an error of the stream")
		c.wantIdle(test.why)
	}
}

// A response is held to the length that its handler declares.
func TestH2ResponseLength(t *testing.T) {
	for _, flush := range []bool{false, true} {
		for _, body := range []string{"", "1234", "12345", "123456"} {
			var err error
			f, c := serveH2(t, func(r *app.Request, w *app.Response) {
				w.Set("Content-Length", "5")
				w.WriteString(body)
				if flush {
					err = w.Flush()
				}
			})
			id := c.get("/")
			f.idle()
			switch n := len(body); {
			case n < 5:
				if a := c.wantReset("short", id, h2.CodeInternalError); string(a.body) != body {
					t.Errorf("got %q of %q", a.body, body)
				}
			default:
				c.want("held to it", id, 200, "12345", "content-length: 5")
			}
			if over := len(body) > 5 && flush; over != errors.Is(err, app.ErrContentLength) {
				t.Errorf("%q: Flush: %v", body, err)
			}
			bad := uint64(1)
			if len(body) == 5 {
				bad = 0
			}
			if n := f.h.(*loop).srv.Stats().BadLength; n != bad {
				t.Errorf("%q, flush %v: counted %d, want %d", body, flush, n, bad)
			}
			c.wantIdle("answered")
		}
	}
}

// Heads that cannot be sent are a 500, and logged.
func TestH2BadResponse(t *testing.T) {
	f, c := serveH2(t, func(r *app.Request, w *app.Response) {
		w.Set("X", "a\nb")
		if string(r.Path) == "/flush" {
			if err := w.Flush(); err == nil {
				t.Error("Flush takes it")
			}
		}
	})
	for _, path := range []string{"/", "/flush"} {
		id := c.get(path)
		f.idle()
		c.want("a bad value", id, 500, "")
	}
	if n := f.h.(*loop).srv.Stats().BadResponse; n != 2 {
		t.Errorf("counted %d", n)
	}
}

// Fields of HTTP/1.1's connections have no place here (RFC 9113 §8.2.2).
func TestH2ConnectionFields(t *testing.T) {
	_, c := serveH2(t, func(r *app.Request, w *app.Response) {
		w.Set("Connection", "close")
		w.Set("Keep-Alive", "timeout=1")
		w.Set("Transfer-Encoding", "chunked")
		w.Set("X-Kept", "yes")
		w.WriteString("ok")
	})
	a := c.want("left out", c.get("/"), 200, "ok", "x-kept: yes")
	for _, name := range []string{"connection", "keep-alive", "transfer-encoding"} {
		if strings.Contains(a.head, name+":") {
			t.Errorf("%s is sent: %q", name, a.head)
		}
	}
	c.wantOpen("HTTP/2 has no Connection: close")
}
