package ringtest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/uringserve/uringserve/ring"
)

// detachable is hooks that keep what is received, and the net.Conns of
// connections that have left.
func (b *bench) detachable() (h hooks, nth func(int) *conn, ends *departures) {
	ends = &departures{b: b, got: map[*conn]*bytes.Buffer{}, left: map[*conn]net.Conn{}}
	h, nth = b.opened(hooks{
		recv: func(c *conn, p []byte) {
			ends.mu.Lock()
			defer ends.mu.Unlock()
			if ends.got[c] == nil {
				ends.got[c] = new(bytes.Buffer)
			}
			ends.got[c].Write(p)
		},
		detached: func(c *conn, nc net.Conn) {
			ends.mu.Lock()
			defer ends.mu.Unlock()
			ends.left[c] = nc
		},
	})
	return h, nth, ends
}

// departures are connections that have left their engine.
type departures struct {
	b    *bench
	mu   sync.Mutex
	got  map[*conn]*bytes.Buffer
	left map[*conn]net.Conn
}

// detach has c leave.
func (d *departures) detach(c *conn) {
	d.b.t.Helper()
	d.b.on(c.l, c.Conn.Detach)
}

// of is the net.Conn of c, nil if it could not be made: by a fault of the
// simulation there may be no descriptor. What was received before is got.
func (d *departures) of(c *conn) (nc net.Conn, got []byte) {
	d.b.t.Helper()
	d.b.until("its end", func() bool { return c.leaves.Load()+c.closes.Load() > 0 })
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.closes.Load() > 0 && d.b.w.UnixPath() != simulatedPath {
		d.b.t.Fatal("it was closed, and has not left")
	}
	if b := d.got[c]; b != nil {
		got = b.Bytes()
	}
	return d.left[c], got
}

// simulatedPath is the UnixPath of a World in which descriptors may be short.
const simulatedPath = "/run/socket"

// readAll reads what is missing of n bytes.
func readAll(nc net.Conn, got []byte, n int) ([]byte, error) {
	all := append([]byte(nil), got...)
	p := make([]byte, 16<<10)
	for len(all) < n {
		k, err := nc.Read(p)
		all = append(all, p[:k]...)
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// talk sees that bytes go both ways, then closes both ends.
func (b *bench) talk(nc net.Conn, c Client) {
	b.t.Helper()
	p := pattern(100_000)
	var written atomic.Bool
	b.w.Go(func() {
		if _, err := nc.Write(p); err != nil {
			b.t.Error(err)
		}
		written.Store(true)
	})
	b.same(b.read(c, len(p)), p)
	b.until("the write's end", written.Load)
	written.Store(false)
	b.w.Go(func() {
		b.write(c, p)
		written.Store(true)
	})
	got, err := readAll(nc, nil, len(p))
	if err != nil {
		b.t.Error(err)
	}
	b.same(got, p)
	b.until("the write's end", written.Load)
	if err := nc.Close(); err != nil {
		b.t.Error(err)
	}
	b.wantEOF(c)
	c.Close()
}

func testDetachIdle(b *bench) {
	h, nth, ends := b.detachable()
	b.start(h)
	c := b.dial()
	s := nth(0)
	b.on(s.l, func() { s.Conn.Detach(); s.Conn.Detach() })
	nc, _ := ends.of(s)
	if nc == nil {
		c.Close()
		return
	}
	b.until("the gauge", func() bool { return b.e.Stats().Conns == 0 })
	b.deadlines(nc)
	b.talk(nc, c)
	if b.check.Open() != 0 {
		b.t.Error("it counts as open")
	}
}

// deadlines sees that those of nc work, and none is left of the engine's.
func (b *bench) deadlines(nc net.Conn) {
	b.t.Helper()
	by := time.Unix(1, 0)
	for range 2 {
		if err := nc.SetReadDeadline(by); err != nil {
			b.t.Error(err)
		}
		var timeout net.Error
		_, err := nc.Read(make([]byte, 1))
		if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
			b.t.Errorf("a deadline: %v", err)
		}
	}
	if err := nc.SetDeadline(time.Time{}); err != nil {
		b.t.Error(err)
	}
}

// Nothing is lost or doubled of what is on its way, in either direction.
func testDetachUnderWay(b *bench) {
	const size = 3 << 20
	h, nth, ends := b.detachable()
	b.start(h)
	c := b.dial()
	s := nth(0)
	p := pattern(size)
	var written atomic.Bool
	b.w.Go(func() {
		if err := c.Write(p); err == nil {
			c.CloseWrite()
		}
		written.Store(true)
	})
	b.until("some bytes", func() bool { return s.got.Load() > 0 })
	ends.detach(s)
	nc, got := ends.of(s)
	if nc == nil {
		b.until("the write's end", written.Load)
		c.Close()
		return
	}
	all, err := readAll(nc, got, size+1)
	if err != io.EOF {
		b.t.Errorf("the end is %v, want EOF", err)
	}
	b.same(all, p)
	nc.Close()
	b.wantEOF(c)
	b.until("the write's end", written.Load)
	c.Close()
}

// Many leave at once, while others stay.
func testDetachMany(b *bench) {
	const n = 60
	h, nth, ends := b.detachable()
	b.start(h)
	var clients []Client
	for i := range n {
		c := b.dial()
		clients = append(clients, c)
		nth(i)
		b.write(c, []byte{byte(i), 1})
	}
	who := map[byte]*conn{}
	for i := range n {
		s := nth(i)
		b.until("its bytes", func() bool { return s.got.Load() == 2 })
		ends.mu.Lock()
		who[ends.got[s].Bytes()[0]] = s
		ends.mu.Unlock()
	}
	for i := 0; i < n; i += 2 {
		ends.detach(who[byte(i)])
		_ = clients[i].Write([]byte{2, 3}) // fails if the world has no descriptor for it
	}
	for i, c := range clients {
		s := who[byte(i)]
		if i%2 != 0 {
			b.on(s.l, func() { s.send([]byte{byte(i)}) })
			b.same(b.read(c, 1), []byte{byte(i)})
			b.on(s.l, s.finish)
		} else if nc, got := ends.of(s); nc != nil {
			got, err := readAll(nc, got, 4)
			if err != nil {
				b.t.Error(err)
			}
			b.same(got, []byte{byte(i), 1, 2, 3})
			nc.Close()
		}
		readEnd(c)
		c.Close()
	}
	b.until("the gauge", func() bool { return b.e.Stats().Conns == 0 })
}

func testDetachPaused(b *bench) {
	h, nth, ends := b.detachable()
	b.start(h)
	c := b.dial()
	s := nth(0)
	b.on(s.l, s.PauseRecv)
	b.write(c, []byte("while nobody reads"))
	ends.detach(s)
	if nc, got := ends.of(s); nc != nil {
		all, err := readAll(nc, got, 18)
		if err != nil {
			b.t.Error(err)
		}
		b.same(all, []byte("while nobody reads"))
		b.talk(nc, c)
		return
	}
	c.Close()
}

func testDetachAfterFIN(b *bench) {
	h, nth, ends := b.detachable()
	b.start(h)
	c := b.dial()
	s := nth(0)
	c.CloseWrite()
	b.until("RecvEnd", func() bool { return s.ends.Load() == 1 })
	ends.detach(s)
	if nc, _ := ends.of(s); nc != nil {
		if n, err := nc.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			b.t.Errorf("%d bytes, %v after a FIN", n, err)
		}
		if _, err := nc.Write([]byte("still")); err != nil {
			b.t.Error(err)
		}
		b.same(b.read(c, 5), []byte("still"))
		nc.Close()
		b.wantEOF(c)
	}
	c.Close()
}

// A FIN that was asked for goes, although the connection leaves.
func testDetachAfterCloseWrite(b *bench) {
	h, nth, ends := b.detachable()
	b.start(h)
	c := b.dial()
	s := nth(0)
	b.on(s.l, func() { s.CloseWrite(); s.Conn.Detach() })
	if nc, _ := ends.of(s); nc != nil {
		b.wantEOF(c)
		b.write(c, []byte("you, too"))
		if _, err := readAll(nc, nil, 8); err != nil {
			b.t.Error(err)
		}
		nc.Close()
	}
	c.Close()
}

// A reset is told by one or the other, whoever sees it.
func testDetachReset(b *bench) {
	h, nth, ends := b.detachable()
	b.start(h)
	for i := range 4 {
		c := b.dial()
		s := nth(i)
		if i%2 == 0 {
			b.on(s.l, s.PauseRecv)
		}
		b.write(c, []byte("x"))
		c.Reset()
		if i < 2 {
			b.w.Sleep(time.Millisecond)
		}
		b.on(s.l, s.detachIfOpen)
		b.until("its end", func() bool { return s.leaves.Load()+s.closes.Load() > 0 })
		ends.mu.Lock()
		nc := ends.left[s]
		ends.mu.Unlock()
		if nc == nil {
			continue
		}
		if _, err := readAll(nc, nil, 2); err == nil || err == io.EOF {
			b.t.Errorf("reading after a reset: %v", err)
		}
		nc.Close()
	}
}

func (c *conn) detachIfOpen() {
	if !c.over {
		c.Conn.Detach()
	}
}

// Close and Abort win as long as the connection is here.
func testDetachThenClose(b *bench) {
	h, nth, ends := b.detachable()
	b.start(h)
	for i := range 6 {
		c := b.dial()
		s := nth(i)
		if i%2 != 0 {
			b.write(c, pattern(50_000))
		}
		b.on(s.l, func() {
			s.Conn.Detach()
			s.over = true
			if i < 3 {
				s.Conn.Close()
			} else {
				s.Conn.Abort()
			}
		})
		b.until("Closed", func() bool { return s.closes.Load() == 1 })
		ends.mu.Lock()
		if ends.left[s] != nil {
			b.t.Error("it has left although Close was called")
		}
		ends.mu.Unlock()
		readEnd(c)
		c.Close()
	}
}

// The end of the engine finds connections that are about to leave: each has one
// end or the other.
func testDetachEngineCloses(b *bench) {
	const n = 8
	h, nth, ends := b.detachable()
	b.start(h)
	var clients []Client
	for i := range n {
		clients = append(clients, b.dial())
		nth(i)
	}
	for i := range n {
		s := nth(i)
		s.l.Post(&call{f: func() { defer s.l.g.On("test")(); s.detachIfOpen() }})
	}
	b.e.Close(10 * time.Second)
	b.closed = true
	for i, c := range clients {
		s := nth(i)
		if s.leaves.Load()+s.closes.Load() != 1 {
			b.t.Errorf("Detached %d times, Closed %d", s.leaves.Load(), s.closes.Load())
		}
		ends.mu.Lock()
		nc := ends.left[s]
		ends.mu.Unlock()
		if nc != nil {
			b.talk(nc, c) // the engine has no say any more
			continue
		}
		readEnd(c)
		c.Close()
	}
}

// A handler detaches its connection, hands the loop over, and goes on with what
// it got.
func testDetachFromHandler(b *bench) {
	h, nth, ends := b.detachable()
	b.start(h)
	for i, hint := range []ring.Hint{ring.HintNone, ring.HintInline, ring.HintBlocking} {
		c := b.dial()
		s := nth(i)
		b.write(c, []byte("ab"))
		b.until("its bytes", func() bool { return s.got.Load() == 2 })
		left := s.l.NewWaiter()
		t := &task{hint: hint, run: func(r ring.Run) {
			if r.Enter() {
				off := s.l.g.On("Enter")
				s.Conn.Detach()
				off()
				r.HandOver()
			} else {
				s.l.Post(&call{f: func() { defer s.l.g.On("post")(); s.Conn.Detach() }})
			}
			left.Wait()
			if nc, _ := ends.of(s); nc != nil {
				b.write(c, []byte("cd"))
				all, err := readAll(nc, nil, 2)
				if err != nil {
					b.t.Error(err)
				}
				b.same(all, []byte("cd"))
				nc.Close()
			}
		}}
		b.dispatch(s.l, t)
		b.until("its end", func() bool { return s.leaves.Load()+s.closes.Load() > 0 })
		left.Signal()
		b.untilOver(t)
		readEnd(c)
		c.Close()
	}
}

func testDetachUnix(b *bench) {
	path := b.w.UnixPath()
	if path == "" {
		b.t.Log("this world has no Unix sockets")
		return
	}
	h, nth, ends := b.detachable()
	b.hooks = h
	var err error
	if b.ln, err = b.e.Listen("unix", path); err != nil {
		b.t.Fatal(err)
	}
	b.run()
	c := b.dial()
	s := nth(0)
	ends.detach(s)
	if nc, _ := ends.of(s); nc != nil {
		if _, ok := nc.(*net.UnixConn); !ok && path != simulatedPath {
			b.t.Errorf("it is a %T", nc)
		}
		b.talk(nc, c)
		return
	}
	c.Close()
}
