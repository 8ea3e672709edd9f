package conn

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/h2"
)

// echoStream answers with the body as it comes.
func echoStream(r *app.Request, w *app.Response) {
	if _, err := r.WriteTo(w); err != nil {
		panic(app.ErrAbort)
	}
}

// numbered is n bytes that tell where they belong.
func numbered(n int) string {
	b := make([]byte, 0, n+8)
	for i := 0; len(b) < n; i += 8 {
		b = fmt.Appendf(b, "%07x ", i)
	}
	return string(b[:n])
}

// Large bodies both ways under windows of a few bytes, which the client
// respects and gives back bit by bit.
func TestH2TinyWindows(t *testing.T) {
	const total = 20_000
	for _, windows := range []struct{ server, client int }{{1, 4096}, {7, 300}, {1000, 1000}, {65535, 257}} {
		t.Run(fmt.Sprint(windows), func(t *testing.T) {
			limits := DefaultLimits()
			limits.H2.StreamWindow = windows.server
			f, _ := newFakeLoop(t, Config{Handler: app.HandlerFunc(echoStream), Limits: limits})
			c := f.openH2(window(uint32(windows.client)))
			want := numbered(total)
			id := c.post("/")
			left, room, got := want, windows.server, 0
			for c.answer(id).ended == false {
				room += c.windows[id]
				delete(c.windows, id)
				if n := min(room, len(left)); n > 0 {
					c.data(id, left[:n], n == len(left))
					left, room = left[n:], room-n
				}
				a := c.answer(id)
				if more := len(a.body) - got; more > 0 && !a.ended {
					got += more
					c.send(h2.AppendWindowUpdateFrame(h2.AppendWindowUpdateFrame(nil, id, uint32(more)), 0, uint32(more)))
				}
				f.until("something comes", func() bool {
					a := c.answer(id)
					return a.ended || a.reset != nil || len(a.body) > got || room+c.windows[id] > 0 && len(left) > 0
				})
				if a := c.answer(id); a.reset != nil || c.over() {
					t.Fatalf("reset %v, GOAWAYs %v, after %d bytes", a.reset, c.goaways, len(a.body))
				}
			}
			f.idle()
			c.want("through tiny windows", id, 200, want)
			if c.maxData > windows.client {
				t.Errorf("DATA of %d bytes in a window of %d", c.maxData, windows.client)
			}
			c.wantIdle("answered")
		})
	}
}

// What a handler flushes is on its way before it ends.
func TestH2Streaming(t *testing.T) {
	step := make(chan struct{})
	f, c := serveH2(t, func(r *app.Request, w *app.Response) {
		for i := range 5 {
			fmt.Fprintf(w, "event %d\n", i)
			if err := w.Flush(); err != nil {
				t.Error(err)
			}
			<-step
		}
	})
	f.detach = true
	id := c.get("/")
	want := ""
	for i := range 5 {
		want += fmt.Sprintf("event %d\n", i)
		f.until("an event comes", func() bool { return string(c.answer(id).body) == want })
		if c.answer(id).ended {
			t.Fatal("ended under the handler")
		}
		step <- struct{}{}
	}
	f.idle()
	if a := c.want("to its end", id, 200, want); strings.Contains(a.head, "content-length") {
		t.Errorf("%q: the length was not known", a.head)
	}
	c.wantIdle("answered")
}

// Request and response at the same time, message by message.
func TestH2FullDuplex(t *testing.T) {
	f, c := serveH2(t, func(r *app.Request, w *app.Response) {
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
	id := c.post("/")
	for i := range 20 {
		c.answer(id).body = nil
		want := fmt.Sprintf("message %d", i)
		c.data(id, want, false)
		f.until("it comes back", func() bool { return string(c.answer(id).body) == want })
	}
	c.answer(id).body = nil
	c.data(id, "", true)
	f.idle()
	c.want("to its end", id, 200, "")
	c.wantIdle("answered")
}

// A client that gives no window: its writers wait, each with a bounded amount,
// and go on when it does.
func TestH2SlowReader(t *testing.T) {
	const total, writers = 1 << 20, 10
	wrote := make([]int, writers)
	f, _ := newFakeLoop(t, Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		i := r.Path[1] - '0'
		for chunk := []byte(numbered(8 << 10)); wrote[i] < total; wrote[i] += len(chunk) {
			if _, err := w.Write(chunk); err != nil {
				t.Error(err)
				return
			}
		}
	})})
	c := f.openH2(window(0))
	var ids []uint32
	for i := range writers {
		ids = append(ids, c.get(fmt.Sprintf("/%d", i)))
	}
	f.until("they wait", c.wantsRoom(writers))
	bound := DefaultLimits().MaxResponseBuffer + batchBytes + 2*app.StageBytes
	for i, n := range wrote {
		if n < DefaultLimits().MaxResponseBuffer || n > bound {
			t.Errorf("writer %d waits with %d bytes, want %d to %d", i, n, DefaultLimits().MaxResponseBuffer, bound)
		}
	}
	if bytes, streams := c.server().x.Pinned(); streams != writers || bytes > int64(writers*bound) {
		t.Errorf("%d bytes are pinned on %d streams", bytes, streams)
	}
	c.update(0, 1<<30)
	for _, id := range ids {
		c.update(id, 1<<30)
	}
	f.until("all is here", func() bool {
		c.read()
		return f.running == 0
	})
	want := strings.Repeat(numbered(8<<10), total/(8<<10))
	for _, id := range ids {
		c.want("when there is room", id, 200, want)
	}
	c.wantIdle("answered")
}

// The same with a network that takes nothing, and windows that allow all: the
// connection's output is bounded, however many streams write.
func TestH2SlowNetwork(t *testing.T) {
	const writers = 100
	wrote := make([]int, writers+1)
	f, _ := newFakeLoop(t, Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		i := len(r.Path)
		for chunk := make([]byte, 8<<10); wrote[i] < 1<<20; wrote[i] += len(chunk) {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})})
	c := f.openH2(window(1 << 30))
	c.update(0, 1<<30)
	c.fakeConn.window = 0
	for i := range writers {
		c.get("/" + strings.Repeat("a", i))
	}
	f.until("they wait", c.wantsRoom(writers))
	limit := DefaultLimits().MaxResponseBuffer
	if n := c.server().unsent(); n > 2*limit+writers*100 {
		t.Errorf("%d bytes of output are unsent", n)
	}
	sum := 0
	for _, n := range wrote {
		sum += n
	}
	if bound := (writers + 2) * (limit + batchBytes + 2*app.StageBytes); sum > bound {
		t.Errorf("%d bytes wait, want at most %d", sum, bound)
	}
	c.break_(errors.New("gone"))
	f.idle()
}

// A client that sends requests and does not read: what they are answered with
// is bounded, too. Answers with bodies keep their streams, of which there are
// not so many; for those without, receiving waits.
func TestH2UnreadAnswers(t *testing.T) {
	handler := app.HandlerFunc(func(r *app.Request, w *app.Response) { w.Write(make([]byte, 1000)) })
	bound := 2*DefaultLimits().MaxResponseBuffer + 16<<10
	ask := func(f *fakeLoop, method string, most int) (c *h2client, asked int) {
		c = f.openH2(window(1 << 30))
		c.update(0, 1<<30)
		c.fakeConn.window = 0
		for ; asked < most && !c.paused && c.server().state == stateOpen; asked++ {
			b, _ := c.head(nil, true, pseudo(method, "/")...)
			c.write(string(b))
		}
		if n := c.server().unsent(); n > bound {
			t.Errorf("%d bytes of output for %d requests are unsent, want at most %d", n, asked, bound)
		}
		return c, asked
	}
	f, srv := newFakeLoop(t, Config{Handler: handler})
	c, asked := ask(f, "GET", 20_000)
	c.fakeConn.window = anyWindow
	f.turn()
	c.wantGoAway(fmt.Sprintf("%d streams", asked), h2.CodeEnhanceYourCalm)
	if srv.Stats().H2Rejections[h2.RefusedFlood] != 1 {
		t.Errorf("%v", srv.Stats().H2Rejections)
	}

	c, asked = ask(f, "GET", DefaultLimits().H2.Streams) // as many as there may be
	c.fakeConn.window = anyWindow
	f.turn()
	for i := range asked {
		c.want("nothing is lost", uint32(2*i+1), 200, string(make([]byte, 1000)))
	}
	c.wantIdle("answered")

	c, asked = ask(f, "HEAD", 20_000)
	if !c.paused {
		t.Fatalf("%d requests were taken, and nothing of the answers", asked)
	}
	for range 1000 { // what the kernel had received goes on coming
		b, _ := c.head(nil, true, pseudo("HEAD", "/")...)
		c.write(string(b))
		asked++
	}
	if n := c.server().unsent(); n > bound+200_000 {
		t.Errorf("%d bytes are unsent", n)
	}
	c.fakeConn.window = anyWindow
	f.turn()
	for i := range asked {
		c.want("nothing is lost", uint32(2*i+1), 200, "")
	}
	if c.paused {
		t.Fatal("receiving does not go on")
	}
	c.want("the client reads", c.get("/"), 200, string(make([]byte, 1000)))
	c.wantIdle("answered")
}

// A handler that does not read: its client may send a stream's window, and gets
// no more until the handler does.
func TestH2SlowHandler(t *testing.T) {
	read := make(chan struct{})
	f, c := serveH2(t, func(r *app.Request, w *app.Response) {
		<-read
		n, err := io.Copy(io.Discard, r)
		fmt.Fprint(w, n, err)
	}, func(l *Limits) { l.H2.StreamWindow, l.H2.ConnWindow = 100_000, 300_000 })
	first := c.windows[0] // given with the greeting
	id := c.post("/")
	c.data(id, numbered(100_000), false)
	if c.windows[id] != 0 || c.windows[0] != first {
		t.Fatalf("the windows were given back before anybody read: %v", c.windows)
	}
	s := c.server().streams.find(id)
	if s.bodyHeld() != 100_000 {
		t.Errorf("%d bytes are held", s.bodyHeld())
	}
	close(read)
	f.until("it has read", c.wantsBody(1))
	c.read()
	if n := c.windows[id]; n != 100_000 {
		t.Errorf("%d bytes were given back, want all", n)
	}
	c.data(id, "", true)
	f.idle()
	c.want("read", id, 200, "100000 <nil>")
	c.wantIdle("answered")
}

// One byte beyond the window is an error of that stream, and not of others.
func TestH2WindowExceeded(t *testing.T) {
	f, c := serveH2(t, func(r *app.Request, w *app.Response) { <-r.Context().Done() },
		func(l *Limits) { l.H2.StreamWindow = 1000 })
	f.detach = true
	id := c.post("/")
	c.data(id, numbered(1000), false)
	c.wantNone("n", id)
	c.data(id, "x", false)
	c.wantReset("n+1", id, h2.CodeFlowControlError)
	f.idle()
	c.wantOpen("an error of the stream")
	c.wantIdle("it is over")
}

// Bodies that handlers leave unread do not use up the connection's window.
func TestH2Unread(t *testing.T) {
	f, c := serveH2(t, func(r *app.Request, w *app.Response) {
		if string(r.Path) == "/" {
			w.WriteString("ignored")
			return
		}
		echoAll(r, w)
	}, func(l *Limits) { l.H2.StreamWindow, l.H2.ConnWindow = 65535, 65535 })
	room := 65535
	for range 20 {
		id := c.post("/")
		f.idle()
		if a := c.want("ignored", id, 200, "ignored"); a.reset != nil {
			t.Fatal("reset with its answer")
		}
		f.advance(lingerTime + slack)
		if a := c.answer(id); a.reset == nil || *a.reset != h2.CodeNoError {
			t.Fatalf("reset: %v, want NO_ERROR", a.reset)
		}
		const late = 20_000 // was on its way
		room += c.windows[0] - late
		delete(c.windows, 0)
		if room < 0 {
			t.Fatal("the connection's window is used up")
		}
		c.data(id, numbered(late), true)
	}
	id := c.post("/echo")
	c.data(id, "abc", true)
	f.idle()
	c.want("the next", id, 200, "abc")
	c.wantIdle("answered")
}

// Bodies of many streams, interleaved frame by frame, do not mix.
func TestH2Interleaved(t *testing.T) {
	f, c := serveH2(t, echoStream)
	var ids []uint32
	for range 20 {
		ids = append(ids, c.post("/"))
	}
	for round := range 50 {
		var b []byte
		for i, id := range ids {
			b = h2.AppendDataFrame(b, id, bytes.Repeat([]byte{byte('a' + i)}, 1+(round*7+i)%50), round == 49)
		}
		c.send(b)
	}
	f.idle()
	for i, id := range ids {
		n := 0
		for round := range 50 {
			n += 1 + (round*7+i)%50
		}
		c.want("its own body", id, 200, strings.Repeat(string(rune('a'+i)), n))
	}
	c.wantIdle("answered")
}

// Interim responses to a client that does not read: a bounded number of them.
func TestH2InterimUnread(t *testing.T) {
	_, c := serveH2(t, func(_ *app.Request, w *app.Response) {
		for range 20_000 {
			var f app.Fields
			f.Add("link", "</a>; rel=preload")
			if err := w.WriteInformational(103, &f); err != nil {
				t.Error(err)
			}
		}
	})
	k := c.server()
	c.fakeConn.window, c.nowOK = 0, false
	id := c.get("/")
	c.f.idle()
	most := k.unsent()
	if bound := 2*k.batch() + maxInterim*200; most > bound {
		t.Errorf("%d bytes wait, at most %d may", most, bound)
	}
	c.fakeConn.window = anyWindow
	c.f.idle()
	c.want("then it reads", id, 200, "")
}
