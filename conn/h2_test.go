package conn

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/h2"
)

func TestH2Get(t *testing.T) {
	f, c := serveH2(t, hello)
	for i := range 3 {
		id := c.get(fmt.Sprintf("/%d", i))
		c.want("a GET is answered", id, 200, fmt.Sprintf("path=/%d", i),
			"content-type: text/plain", "content-length: 7", "date: Sat, 21 Nov 2026 07:00:00 GMT")
		c.wantIdle("answered")
	}
	c.wantOpen("HTTP/2 keeps alive")
	if f.inline != 3 || f.leases != 0 {
		t.Errorf("%d requests inline, %d leases out; want 3 and 0", f.inline, f.leases)
	}
}

// What the handler sees of a request.
func TestH2Request(t *testing.T) {
	f, srv := newFakeLoop(t, Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		fmt.Fprintf(w, "%s %s %s %s %s %s %d.%d %d|", r.Method, r.Target, r.Path, r.Query, r.Host, r.Proto, r.Major, r.Minor, r.ContentLength)
		for name, value := range r.Header.All() {
			fmt.Fprintf(w, "%s=%s,", name, value)
		}
		fmt.Fprintf(w, "|%v %v %d %v", r.RemoteAddr(), r.LocalAddr(), r.Listener, r.TLS())
	})})
	srv.SetEndpoint(3, Endpoint{Number: 42})
	c := f.openH2()
	id := c.get("/a/b?q=1&r=2", "x-one", "1", "cookie", "a=b", "cookie", "c=d", "x-two", "zwei")
	f.idle()
	a := c.answer(id)
	want := "GET /a/b?q=1&r=2 /a/b q=1&r=2 x HTTP/2.0 2.0 0|"
	if got := string(a.body); !strings.HasPrefix(got, want) || !strings.Contains(got, "x-one=1,") ||
		!strings.Contains(got, "x-two=zwei,") || !strings.Contains(got, "cookie=a=b; c=d,") ||
		!strings.HasSuffix(got, "|:4242 :80 42 <nil>") {
		t.Errorf("got %q", got)
	}
}

// A response to HEAD has the fields of the one to GET, and no body.
func TestH2Head(t *testing.T) {
	_, c := serveH2(t, hello)
	id := c.request(true, "HEAD", "/abc")
	if a := c.want("a HEAD", id, 200, "", "content-length: 9"); a.frames != 0 {
		t.Errorf("%d DATA frames", a.frames)
	}
	c.wantIdle("answered")
}

func TestH2EmptyBodies(t *testing.T) {
	_, c := serveH2(t, func(r *app.Request, w *app.Response) {
		var status int
		fmt.Sscan(string(r.Path[1:]), &status)
		w.SetStatus(status)
	})
	for status, line := range map[int]string{200: "content-length: 0", 204: "", 304: "", 404: "content-length: 0"} {
		a := c.want("an empty body", c.get(fmt.Sprintf("/%d", status)), status, "")
		if line != "" && !strings.Contains(a.head, line) || line == "" && strings.Contains(a.head, "content-length") {
			t.Errorf("%d: %q", status, a.head)
		}
		if a.frames != 0 {
			t.Errorf("%d: a DATA frame, though the head could end the stream", status)
		}
	}
	c.wantIdle("answered")
}

// echoAll answers with the body, when it has all of it.
func echoAll(r *app.Request, w *app.Response) {
	b, err := io.ReadAll(r)
	if err != nil {
		w.SetStatus(500)
	}
	w.Write(b)
}

func TestH2Post(t *testing.T) {
	for _, whole := range []bool{true, false} {
		for _, length := range []bool{true, false} {
			t.Run(fmt.Sprintf("whole=%v,length=%v", whole, length), func(t *testing.T) {
				f, c := serveH2(t, echoAll)
				var more []string
				if length {
					more = []string{"content-length", "11"}
				}
				b, id := c.head(nil, false, pseudo("POST", "/e", more...)...)
				const body = "hello world"
				if whole {
					c.send(h2.AppendDataFrame(b, id, []byte(body), true))
				} else {
					c.send(b)
					for i := range body {
						c.data(id, body[i:i+1], i == len(body)-1)
					}
				}
				f.idle()
				if a := c.want("the body comes back", id, 200, body, "content-length: 11"); a.reset != nil {
					t.Errorf("reset: %v", *a.reset)
				}
				c.wantIdle("answered")
			})
		}
	}
}

// A body may end with an empty DATA frame, or have no byte at all.
func TestH2EmptyData(t *testing.T) {
	f, c := serveH2(t, echoAll)
	for _, parts := range [][]string{{""}, {"abc", ""}, {"", "abc", "", ""}} {
		id := c.post("/")
		for i, p := range parts {
			c.data(id, p, i == len(parts)-1)
		}
		f.idle()
		c.want("its end is empty", id, 200, strings.Join(parts, ""))
	}
	c.wantIdle("answered")
}

func TestH2TrailersBothWays(t *testing.T) {
	f, c := serveH2(t, func(r *app.Request, w *app.Response) {
		if r.Trailer() != nil && len(r.Get("x-body")) > 0 {
			t.Error("trailers before the body")
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Error(err)
		}
		w.Write(b)
		if string(r.Path) == "/flush" {
			w.Flush()
		}
		w.Trailer.Add("X-Sum", string(r.Trailer().Get("x-sum"))+"!")
	})
	for _, path := range []string{"/", "/flush"} {
		for _, body := range []string{"", "abc"} {
			id := c.post(path, "x-body", body)
			if body != "" {
				c.data(id, body, false)
			}
			c.trailers(id, "x-sum", "12")
			f.idle()
			if a := c.want("with trailers", id, 200, body); a.trailers != "x-sum: 12!\n" {
				t.Errorf("%s %q: trailers are %q", path, body, a.trailers)
			}
			c.wantIdle("answered")
		}
	}
}

func TestH2Continue(t *testing.T) {
	f, c := serveH2(t, func(r *app.Request, w *app.Response) {
		if string(r.Path) == "/read" {
			echoAll(r, w)
		}
	})
	expect := []string{"expect", "100-continue", "content-length", "3"}
	id := c.post("/read", expect...)
	f.until("the handler reads", c.wantsBody(1))
	if a := c.answer(id); len(a.interim) != 1 || a.interim[0] != ":status: 100\n" || a.head != "" {
		t.Fatalf("a reader asks for the body: %+v", a)
	}
	c.data(id, "abc", true)
	f.idle()
	if a := c.want("asked for", id, 200, "abc"); len(a.interim) != 1 {
		t.Errorf("%d interim responses", len(a.interim))
	}

	id = c.post("/leave", expect...)
	f.idle()
	f.advance(lingerTime + slack)
	if a := c.want("nobody reads", id, 200, ""); a.interim != nil || a.reset == nil || *a.reset != h2.CodeNoError {
		t.Errorf("interim %v, reset %v; want none, and NO_ERROR (RFC 9113 §8.1)", a.interim, a.reset)
	}

	b, id := c.head(nil, false, pseudo("POST", "/read", expect...)...)
	c.send(h2.AppendDataFrame(b, id, []byte("abc"), true)) // it did not wait
	f.idle()
	if a := c.want("the body is here", id, 200, "abc"); a.interim != nil {
		t.Errorf("asked for a body that was here: %v", a.interim)
	}
	c.wantIdle("answered")
}

func TestH2Interim(t *testing.T) {
	_, c := serveH2(t, func(r *app.Request, w *app.Response) {
		var f app.Fields
		f.Add("Link", "</a.css>; rel=preload")
		if err := w.WriteInformational(103, &f); err != nil {
			t.Error(err)
		}
		if err := w.WriteInformational(101, nil); err == nil {
			t.Error("101 has no meaning in HTTP/2 (RFC 9113 §8.6)")
		}
		w.WriteString("done")
	})
	id := c.get("/")
	c.f.idle()
	a := c.want("after hints", id, 200, "done")
	if len(a.interim) != 1 || a.interim[0] != ":status: 103\nlink: </a.css>; rel=preload\n" {
		t.Errorf("interim: %q", a.interim)
	}
}

// A conversation in single bytes, with frames of all kinds in it.
func TestH2ByteByByte(t *testing.T) {
	f, c := serveH2(t, echoAll)
	b, id := c.head(nil, false, pseudo("POST", "/", "x-long", strings.Repeat("abc", 100))...)
	b = h2.AppendDataFrame(b, id, []byte("hello"), false)
	b = h2.AppendPingFrame(b, [8]byte{1}, false)
	b = h2.AppendFrameHeader(b, h2.FrameHeader{Length: 3, Type: 0x77, Flags: 0xff, ID: 9}) // unknown: ignored
	b = append(b, "???"...)
	b = h2.AppendPriorityFrame(b, id, h2.PriorityParam{Weight: 3})
	b = h2.AppendDataFrame(b, id, []byte(" world"), true)
	for i := range b {
		c.send(b[i : i+1])
		if f.leases != 0 {
			t.Fatalf("after %d bytes a buffer is pinned", i+1)
		}
	}
	f.idle()
	c.want("byte by byte", id, 200, "hello world")
	c.wantIdle("answered")
}

// The first bytes decide what is spoken, wherever they are cut.
func TestH2Sniff(t *testing.T) {
	hi := h2.AppendSettingsFrame([]byte(h2.Preface))
	for cut := range len(hi) + 1 {
		f, _ := newFakeLoop(t, Config{Handler: hello})
		c := f.connectH2()
		c.send(hi[:cut])
		c.send(hi[cut:])
		c.send(h2.AppendSettingsAck(nil))
		c.want("whatever the cut", c.get("/"), 200, "path=/")
		if f.h.(*loop).srv.Stats().H2Conns != 1 {
			t.Error("not counted")
		}
	}
	// A request of HTTP/1.1 that begins like the preface, byte by byte.
	for _, in := range []string{"P / HTTP/1.1\r\nHost: x\r\n\r\n", "PR / HTTP/1.1\r\nHost: x\r\n\r\n", "PRI: no\r\n\r\n"} {
		_, c := serve(t, hello)
		for i := range in {
			c.write(in[i : i+1])
		}
		if got := c.take(); !strings.HasPrefix(got, "HTTP/1.1 ") {
			t.Errorf("%q got %q", in, got)
		}
	}
	// Beyond "PRI " it is HTTP/2, or wrong.
	f, _ := newFakeLoop(t, Config{Handler: hello})
	c := f.connectH2()
	c.send([]byte("PRI * HTTP/1.1\r\nHost: x\r\n\r\n"))
	c.wantGoAway("another preface", h2.CodeProtocolError)
}

// After a request of HTTP/1.1 there is no way to HTTP/2.
func TestH2NotLater(t *testing.T) {
	_, c := serve(t, hello)
	c.write(get)
	c.want("HTTP/1.1", "200")
	c.write(h2.Preface)
	c.want("a version of which there is nothing yet", "505", "Connection: close")
}

func TestH2Endpoints(t *testing.T) {
	f, srv := newFakeLoop(t, Config{Handler: hello})
	srv.SetEndpoint(3, Endpoint{Protocols: HTTP2})
	c := f.connectH2()
	c.read()
	if c.frames != 0 {
		// RFC 9113 §3.4 lets a server send first; ours waits to see who is there.
		t.Log("the server's SETTINGS came first")
	}
	c.greet()
	c.want("h2 alone", c.get("/"), 200, "path=/")
	old := f.connectH2()
	old.send([]byte(get))
	old.wantGoAway("h1 where there is h2 alone", h2.CodeProtocolError)
	srv.SetEndpoint(3, Endpoint{Protocols: HTTP1})
	one := f.open()
	one.write(h2.Preface)
	one.want("h2 where there is h1 alone", "505")
	two := f.open()
	two.write(get)
	two.want("h1 alone", "200")
}

// Many requests in one buffer, of which some block: their answers come as they
// are ready, not in order.
func TestH2Concurrent(t *testing.T) {
	release := make(chan struct{})
	f, c := serveH2(t, func(r *app.Request, w *app.Response) {
		if len(r.Path)%2 == 0 {
			for range streamFlushes { // lets go of the loop
				w.Flush()
			}
			<-release
		}
		w.Write(r.Path)
	})
	var b []byte
	var ids []uint32
	for i := range 60 {
		var id uint32
		b, id = c.head(b, true, pseudo("GET", "/"+strings.Repeat("a", i))...)
		ids = append(ids, id)
	}
	c.send(b)
	for i, id := range ids {
		if i%2 == 0 {
			c.want("not held back by others", id, 200, "/"+strings.Repeat("a", i))
		} else if a := c.answer(id); a.ended {
			t.Errorf("%d was answered", i)
		}
	}
	close(release)
	f.idle()
	for i, id := range ids {
		c.want("released", id, 200, "/"+strings.Repeat("a", i))
	}
	c.wantIdle("answered")
}

// The answers to what came in one buffer leave in one send.
func TestH2Coalesced(t *testing.T) {
	_, c := serveH2(t, hello)
	var b []byte
	for range 100 {
		b, _ = c.head(b, true, pseudo("GET", "/")...)
	}
	sends := c.sends
	f := c.f
	c.recv(string(b))
	for _, k := range f.tasks { // as engines do: all of a turn's, then what is posted
		f.runAll(k)
	}
	f.tasks = nil
	f.turn()
	if n := c.sends - sends; n != 1 {
		t.Errorf("%d sends for 100 requests at once", n)
	}
	for id := uint32(1); id < 200; id += 2 {
		c.want("of a hundred", id, 200, "path=/")
	}
}
