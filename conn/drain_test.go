package conn

import (
	"context"
	"strings"
	"testing"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/ring"
)

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

// A batch whose later request blocks does not hold back what is answered.
func TestHeldOutput(t *testing.T) {
	release := make(chan struct{})
	f, c := serve(t, func(r *app.Request, w *app.Response) {
		if string(r.Path) == "/slow" {
			for range streamFlushes { // to let go of the loop
				w.Flush()
			}
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
	conn := c.h.(*conn).p.(*h1conn)
	if conn.phase != phaseBlocked {
		t.Errorf("state %s", conn.phase)
	}
	c.window = anyWindow
	f.turn()
	if served != 100 || strings.Count(string(c.got), "200 OK") != 100 {
		t.Errorf("%d served", served)
	}
	if conn.phase != phaseIdle || conn.s != nil || conn.in != nil || conn.out != nil {
		t.Errorf("an idle connection holds something: %+v", conn)
	}
}

// Without a minimum rate, a client that takes nothing is still not kept for
// ever.
func TestNoRateStillEnds(t *testing.T) {
	f := limited(t, app.HandlerFunc(func(r *app.Request, w *app.Response) { w.Write(make([]byte, 10_000)) }),
		func(l *Limits) { l.MinResponseRate = Rate{BytesPerSecond: Off} })
	for _, in := range []string{get, strings.Repeat(get, 100)} {
		c := f.open()
		c.window = 0
		c.write(in)
		f.advance(DefaultLimits().KeepAliveTimeout - 1)
		c.wantOpen("n-1")
		f.advance(DefaultLimits().KeepAliveTimeout + 2*slack)
		if !c.done {
			t.Errorf("the connection is in state %s", c.h.(*conn).p.(*h1conn).state)
		}
	}
}
