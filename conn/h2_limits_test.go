package conn

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/h2"
)

// MaxBodyBytes, declared and not: n-1, n, n+1.
func TestH2BodyLimit(t *testing.T) {
	const limit = 1000
	for _, declared := range []bool{true, false} {
		for n, status := range map[int]int{limit - 1: 200, limit: 200, limit + 1: 413, 2 * limit: 413} {
			var got error
			f, c := serveH2(t, func(r *app.Request, w *app.Response) {
				if _, got = io.Copy(io.Discard, r); got != nil {
					w.SetStatus(500)
				}
			}, func(l *Limits) { l.MaxBodyBytes = limit })
			var more []string
			if declared {
				more = []string{"content-length", fmt.Sprint(n)}
			}
			id := c.post("/", more...)
			if !declared || status == 200 {
				c.data(id, strings.Repeat("x", n), true)
			}
			f.idle()
			f.advance(lingerTime + slack)
			a := c.want(fmt.Sprintf("%d bytes, declared %v", n, declared), id, status, "")
			var be *app.BodyError
			if status == 413 && (!errors.As(got, &be) || be.Fault != app.BodyTooLarge) {
				t.Errorf("the handler got %v", got)
			}
			if status == 413 && declared && (a.reset == nil || *a.reset != h2.CodeNoError) {
				t.Errorf("reset %v, want NO_ERROR: the body is not wanted (RFC 9113 §8.1)", a.reset)
			}
			if refused := f.h.(*loop).srv.Stats().Refusals[RefusedBodyTooLarge]; refused != uint64(status/413) {
				t.Errorf("counted %d", refused)
			}
			c.wantOpen("only the request is too large")
			c.wantIdle("answered")
		}
	}
}

// Scenario 11: a body that is too large is not asked for.
func TestH2BodyLimitExpect(t *testing.T) {
	f, c := serveH2(t, func(r *app.Request, w *app.Response) { io.Copy(io.Discard, r) },
		func(l *Limits) { l.MaxBodyBytes = 1000 })
	id := c.post("/", "content-length", "1001", "expect", "100-continue")
	f.idle()
	if a := c.want("too large", id, 413, ""); a.interim != nil {
		t.Errorf("asked for: %v", a.interim)
	}
}

// A handler can have another limit.
func TestH2BodyLimitOfHandler(t *testing.T) {
	f, c := serveH2(t, func(r *app.Request, w *app.Response) {
		if err := r.SetMaxBodyBytes(2000); err != nil {
			t.Error(err)
		}
		echoAll(r, w)
	}, func(l *Limits) { l.MaxBodyBytes = 1000 })
	id := c.post("/", "content-length", "1500")
	c.data(id, numbered(1500), true)
	f.idle()
	c.want("raised", id, 200, numbered(1500))
}

// Requests that are too large in other ways: an answer, and the connection goes
// on; no handler sees them.
func TestH2Refusals(t *testing.T) {
	var many, fits []string
	for i := range 100 - 4 {
		fits = append(fits, fmt.Sprintf("x-%d", i), "")
	}
	many = append(fits, "x-y", "")
	_, c := serveH2(t, hello)
	long := func(n int) []string { return pseudo("GET", "/"+strings.Repeat("a", n-1)) }
	for _, test := range []struct {
		why    string
		fields []string
		status int
	}{
		{"target, n", long(8192), 200},
		{"target, n+1", long(8193), 414},
		{"count, n", pseudo("GET", "/", fits...), 200},
		{"count, n+1", pseudo("GET", "/", many...), 431},
		{"section", pseudo("GET", "/", "x", strings.Repeat("a", 33_000)), 431},
		{"expectation", pseudo("GET", "/", "expect", "the unexpected"), 417},
	} {
		b, id := c.head(nil, true, test.fields...)
		c.send(b)
		if a := c.answer(id); !strings.HasPrefix(a.head, fmt.Sprintf(":status: %d\n", test.status)) || !a.ended {
			t.Errorf("%s: got %.100q, ended %v, reset %v; want %d", test.why, a.head, a.ended, a.reset, test.status)
		}
	}
	c.wantOpen("refused")
	c.wantIdle("answered")
	c.f.h.Tick(c.f.now)
	st := c.f.h.(*loop).srv.Stats()
	if st.H2Rejections[h2.TargetTooLong] != 1 || st.Requests != 2 {
		t.Errorf("%d requests, %v", st.Requests, st.H2Rejections)
	}
}

// A refused request with a body: what comes of it is dropped.
func TestH2RefusedBody(t *testing.T) {
	_, c := serveH2(t, hello)
	for range 30 {
		id := c.post("/"+strings.Repeat("a", 9000), "content-length", "60000")
		c.f.advance(lingerTime + slack)
		a := c.want("refused", id, 414, "")
		if a.reset == nil || *a.reset != h2.CodeNoError {
			t.Fatalf("reset %v", a.reset)
		}
		c.data(id, numbered(60_000), true) // was on its way
	}
	c.want("the window is not used up", c.get("/"), 200, "path=/")
	c.wantIdle("answered")
}

// Malformed requests: the stream's end, with the code of RFC 9113 §8.1.1.
func TestH2Malformed(t *testing.T) {
	f, c := serveH2(t, hello)
	for why, fields := range map[string][]string{
		"no path":         {":method", "GET", ":scheme", "http", ":authority", "x"},
		"no method":       {":path", "/", ":scheme", "http", ":authority", "x"},
		"upper case":      pseudo("GET", "/", "X-Upper", "1"),
		"connection":      pseudo("GET", "/", "connection", "close"),
		"te":              pseudo("GET", "/", "te", "gzip"),
		"pseudo twice":    pseudo("GET", "/", ":path", "/"),
		"unknown pseudo":  append([]string{":what", "x"}, pseudo("GET", "/")...),
		"two lengths":     pseudo("GET", "/", "content-length", "1", "content-length", "2"),
		"negative length": pseudo("GET", "/", "content-length", "-1"),
		"line break":      pseudo("GET", "/", "x", "a\r\nb"),
	} {
		b, id := c.head(nil, true, fields...)
		c.send(b)
		if a := c.answer(id); a.reset == nil || *a.reset != h2.CodeProtocolError {
			t.Errorf("%s: got %q, reset %v", why, a.head, a.reset)
		}
	}
	c.wantOpen("errors of streams")
	c.want("the next one", c.get("/"), 200, "path=/")
	c.wantIdle("answered")
	f.h.Tick(f.now)
	if n := f.h.(*loop).srv.Stats().Requests; n != 1 {
		t.Errorf("handlers saw %d requests", n)
	}
}

// Streams: n are served, n+1 is refused, and has its turn when one has ended.
func TestH2StreamLimit(t *testing.T) {
	release := make(chan struct{})
	f, c := serveH2(t, func(r *app.Request, w *app.Response) { <-release }, func(l *Limits) { l.H2.Streams = 10 })
	f.detach = true
	var ids []uint32
	for range 10 {
		ids = append(ids, c.get("/"))
	}
	c.wantReset("n+1", c.get("/"), h2.CodeRefusedStream)
	for _, id := range ids {
		c.wantNone("under way", id)
	}
	close(release)
	f.idle()
	for _, id := range ids {
		c.want("n", id, 200, "")
	}
	id := c.get("/")
	f.idle()
	c.want("when they have ended", id, 200, "")
	c.wantIdle("answered")
}

// Scenario 21, rapid reset: no more handlers run than there may be streams, and
// the connection ends.
func TestH2RapidReset(t *testing.T) {
	running, most := 0, 0
	release := make(chan struct{})
	f, srv := newFakeLoop(t, Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) { <-release })})
	f.detach = true
	c := f.openH2()
	for i := 0; i < 20_000 && !c.over(); i++ {
		b, id := c.head(nil, true, pseudo("GET", "/")...)
		c.send(h2.AppendRSTStreamFrame(b, id, h2.CodeCancel))
		f.h.Tick(f.now)
		running = int(srv.Stats().Handling)
		most = max(most, running)
	}
	c.wantGoAway("a flood", h2.CodeEnhanceYourCalm)
	if limit := DefaultLimits().H2.Streams; most != limit {
		t.Errorf("%d handlers ran at a time, want %d", most, limit)
	}
	if c.next > 2*5000 {
		t.Errorf("it took %d requests", c.next/2)
	}
	close(release)
	f.idle()
	if srv.Stats().H2Rejections[h2.ResetFlood]+srv.Stats().H2Rejections[h2.RefusedFlood] != 1 {
		t.Errorf("%v", srv.Stats().H2Rejections)
	}
}

// Scenario 21: a client that asks by PING and SETTINGS and does not read the
// answers.
func TestH2ControlFlood(t *testing.T) {
	for why, frame := range map[string][]byte{
		"PING":     h2.AppendPingFrame(nil, [8]byte{}, false),
		"SETTINGS": h2.AppendSettingsFrame(nil),
	} {
		_, c := serveH2(t, hello)
		c.fakeConn.window = 0
		for i := 0; i < 200_000 && !c.paused && !c.closed && c.server().state == stateOpen; i++ {
			c.write(string(frame))
		}
		if n := c.server().unsent(); n > 64<<10 {
			t.Errorf("%s: %d bytes of answers", why, n)
		}
		if c.server().state == stateOpen {
			t.Errorf("%s: the connection goes on", why)
		}
	}
}

// MaxConns counts connections of both protocols.
func TestH2MaxConns(t *testing.T) {
	limits := DefaultLimits()
	limits.MaxConns = 2
	f, srv := newFakeLoop(t, Config{Handler: hello, Limits: limits})
	one, two := f.openH2(), f.openH2()
	three := f.open()
	if !three.done || !three.aborted {
		t.Error("n+1 is open")
	}
	one.want("n", one.get("/"), 200, "path=/")
	two.want("n", two.get("/"), 200, "path=/")
	if n := srv.Stats().Refusals[RefusedBusy]; n != 1 {
		t.Errorf("counted %d", n)
	}
	one.end()
	f.turn()
	four := f.openH2()
	four.want("there is room", four.get("/"), 200, "path=/")
}

func TestH2Stats(t *testing.T) {
	f, srv := newFakeLoop(t, Config{Handler: hello})
	c := f.openH2()
	for range 5 {
		c.get("/")
	}
	c.rst(c.post("/"), h2.CodeCancel)
	f.idle()
	f.h.Tick(f.now)
	st := srv.Stats()
	if st.Conns != 1 || st.Active != 1 || st.H2Conns != 1 || st.Requests != 6 || st.Handling != 0 ||
		st.BytesIn == 0 || st.BytesOut == 0 || st.Responses[2] < 5 || st.Panics+st.Aborted+st.H2Resets != 0 {
		t.Errorf("%+v", st)
	}
	c.send(h2.AppendDataFrame(nil, 0, nil, false)) // RFC 9113 §6.1: stream 0 has no DATA
	c.wantGoAway("DATA on stream 0", h2.CodeProtocolError)
	c.end()
	f.turn()
	st = srv.Stats()
	if st.Active != 0 || st.H2Rejections[h2.BadStreamID] != 1 {
		t.Errorf("active %d, %v", st.Active, st.H2Rejections)
	}
}
