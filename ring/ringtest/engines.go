package ringtest

import (
	"errors"
	"io"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/uringserve/uringserve/ring"
)

// Clients whose handshake is over when accepting stops are served.
func testStopAcceptServesQueued(b *bench) {
	b.start(echo())
	const n = 20
	var clients []Client
	for range n {
		clients = append(clients, b.dial())
	}
	b.e.StopAccept()
	for _, c := range clients {
		b.write(c, []byte("served"))
		b.same(b.read(c, 6), []byte("served"))
		c.CloseWrite()
		b.wantEOF(c)
		c.Close()
	}
	if c, err := b.w.Dial(b.ln.Addr); err == nil {
		if _, err := readEnd(c); err == nil || err == io.EOF {
			b.t.Errorf("a connection after StopAccept: %v", err)
		}
		c.Close()
	}
	b.e.StopAccept() // again
	b.until("all Closed", func() bool { return b.check.Opened() == n && b.check.Open() == 0 })
}

func testPortInUse(b *bench) {
	b.start(echo())
	other := b.w.NewEngine()
	_, err := other.Listen("tcp", b.ln.Addr.String())
	if !errors.Is(err, syscall.EADDRINUSE) {
		b.t.Errorf("a port in use: %v, want EADDRINUSE", err)
	}
	if _, err := b.e.Listen("tcp", b.ln.Addr.String()); !errors.Is(err, syscall.EADDRINUSE) {
		b.t.Errorf("the engine's own port again: %v, want EADDRINUSE", err)
	}
	if left := other.Close(0); left != 0 {
		b.t.Errorf("Close without Start left %d", left)
	}
	other.Close(0) // again
}

func testAdopt(b *bench) {
	l, err := b.w.Listen()
	if err != nil {
		b.t.Fatal(err)
	}
	want := l.Addr().String()
	if b.ln, err = b.e.Adopt(l); err != nil {
		b.t.Fatal(err)
	}
	if b.ln.Addr.String() != want {
		b.t.Errorf("address %v, want %s", b.ln.Addr, want)
	}
	b.hooks = echo()
	b.run()
	echoOnce(b)
}

func echoOnce(b *bench) {
	b.t.Helper()
	c := b.dial()
	b.write(c, []byte("hello"))
	b.same(b.read(c, 5), []byte("hello"))
	c.Close()
}

func testUnix(b *bench) {
	path := b.w.UnixPath()
	if path == "" {
		b.t.Log("this world has no Unix sockets")
		return
	}
	var id atomic.Int64
	b.hooks = echo()
	b.hooks.open = func(c *conn) bool {
		id.Store(int64(c.Listener()))
		return true
	}
	var err error
	if b.ln, err = b.e.Listen("unix", path); err != nil {
		b.t.Fatal(err)
	}
	b.run()
	echoOnce(b)
	if id.Load() != int64(b.ln.ID) {
		b.t.Errorf("listener %d, want %d", id.Load(), b.ln.ID)
	}
}

// Two engines live side by side, and one goes without the other.
func testTwoEngines(b *bench) {
	b.start(echo())
	other := newBench(b.t, b.w)
	other.start(echo())
	echoOnce(b)
	echoOnce(other)
	other.close()
	echoOnce(b)
}

// Posts of one goroutine come in order, each once.
func testPostOrder(b *bench) {
	b.start(echo())
	const producers, each = 8, 300
	l := b.first()
	var last [producers]int
	var seen, ended atomic.Int64
	for p := range producers {
		b.w.Go(func() {
			for n := 1; n <= each; n++ {
				ok := l.Post(&call{f: func() {
					defer l.g.On("post")()
					if n != last[p]+1 {
						b.t.Errorf("producer %d: %d after %d", p, n, last[p])
					}
					last[p] = n
					seen.Add(1)
				}})
				if !ok {
					b.t.Error("Post said that the loop has ended")
				}
			}
			ended.Add(1)
		})
	}
	b.until("all posts", func() bool { return seen.Load() == producers*each && ended.Load() == producers })
}

func testPostAfterClose(b *bench) {
	b.start(echo())
	b.e.Close(0)
	ran := false
	if b.first().Post(&call{f: func() { ran = true }}) {
		b.t.Error("Post after Close said that it would be called")
	}
	if ran {
		b.t.Error("Post after Close was called")
	}
}

// A Waiter is a binary semaphore.
func testWaiter(b *bench) {
	b.start(echo())
	w := b.first().NewWaiter()
	w.Signal()
	w.Signal()
	w.Wait()
	var passed atomic.Bool
	b.w.Go(func() {
		w.Wait()
		passed.Store(true)
	})
	b.w.Sleep(5 * time.Millisecond)
	if passed.Load() {
		b.t.Error("two signals let two waits pass")
	}
	w.Signal()
	b.until("the second wait", passed.Load)
}

// Tick comes when it wants to, and Now with it.
func testTick(b *bench) {
	const period = 10 * time.Millisecond
	var ticks, early atomic.Int64
	var due ring.Instant
	b.tick = func(l *loop, now ring.Instant) ring.Instant {
		if l.Index() != 0 {
			return 0
		}
		if due == 0 {
			due = now.Add(period)
		}
		if now < due {
			early.Add(1)
			return due
		}
		if l.Now() < now {
			b.t.Errorf("Now is %d in Tick(%d)", l.Now(), now)
		}
		ticks.Add(1)
		due = now.Add(period)
		return due
	}
	b.start(echo())
	b.until("five ticks", func() bool { return ticks.Load() >= 5 })
	if n := early.Load(); n > 1000 {
		b.t.Errorf("Tick called %d times ahead of time", n)
	}
}

// Close does not wait for handlers longer than grace, and counts them.
func testCloseCountsHandlers(b *bench) {
	b.start(hooks{})
	l := b.first()
	var running, finished atomic.Int64
	release := make([]ring.Waiter, 3)
	for i, hint := range []ring.Hint{ring.HintNone, ring.HintBlocking, ring.HintBlocking} {
		release[i] = l.NewWaiter()
		b.dispatch(l, &task{hint: hint, run: func(r ring.Run) {
			running.Add(1)
			release[i].Wait()
			finished.Add(1)
		}})
	}
	b.until("three handlers", func() bool { return running.Load() == 3 })
	if left := b.e.Close(20 * time.Millisecond); left != 3 {
		b.t.Errorf("Close left %d handlers, want 3", left)
	}
	b.closed = true
	for _, w := range release {
		w.Signal()
	}
	b.until("their end", func() bool { return finished.Load() == 3 && b.e.Stats().LeftBehind == 0 })
}

func testStatsReturn(b *bench) {
	b.start(echo())
	const n = 10
	for range n {
		echoOnce(b)
	}
	b.until("all Closed", func() bool { return b.check.Opened() == n && b.check.Open() == 0 })
	b.until("the gauges", func() bool {
		st := b.e.Stats()
		return st.Accepted == n && st.Conns == 0 && st.LeasesOut == 0
	})
}
