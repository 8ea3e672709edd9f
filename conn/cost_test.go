package conn

import (
	"reflect"
	"testing"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/ring"
)

// What an idle connection costs here: the conn, its place in the loop's list,
// and what the allocator adds. The engine's half comes on top.
func TestIdleConnIsSmall(t *testing.T) {
	const budget = 208 // bytes, a size class
	if size := reflect.TypeFor[conn]().Size() + reflect.TypeFor[h1conn]().Size(); size > budget {
		t.Errorf("a conn takes %d bytes, budget %d", size, budget)
	} else {
		t.Logf("conn: %d bytes; stream: %d bytes", size, reflect.TypeFor[h1stream]().Size())
	}
	f, c := serve(t, hello)
	c.write(get)
	c.write("GET / HTTP/1.1\r\nHos")
	c.write("t: x\r\n\r\n")
	k := c.h.(*conn).p.(*h1conn)
	if k.phase != phaseIdle || k.s != nil || k.in != nil || k.out != nil || f.leases != 0 {
		t.Errorf("an idle connection holds %+v", k)
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
