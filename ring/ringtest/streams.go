package ringtest

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/uringserve/uringserve/ring"
)

func testEcho(b *bench) {
	b.start(echo())
	c := b.dial()
	for _, n := range []int{1, 100, 5000} {
		p := pattern(n)
		b.write(c, p)
		b.same(b.read(c, n), p)
	}
	c.CloseWrite()
	b.wantEOF(c)
	c.Close()
}

func testLargeBothWays(b *bench) {
	b.start(echo())
	p := pattern(6 << 20)
	c := b.dial()
	var failed atomic.Value
	b.w.Go(func() {
		if err := c.Write(p); err != nil {
			failed.Store(err)
		}
		c.CloseWrite()
	})
	b.same(b.read(c, len(p)), p)
	b.wantEOF(c)
	c.Close()
	if err := failed.Load(); err != nil {
		b.t.Error(err)
	}
}

func testManyConnections(b *bench) {
	b.start(echo())
	const n = 100
	var done atomic.Int64
	for i := range n {
		b.w.Go(func() {
			defer done.Add(1)
			c, err := b.w.Dial(b.ln.Addr)
			if err != nil {
				b.t.Error(err)
				return
			}
			defer c.Close()
			p := fmt.Appendf(nil, "connection %d", i)
			for range 3 {
				if err := c.Write(p); err != nil {
					b.t.Error(err)
					return
				}
				got := make([]byte, len(p))
				for at := 0; at < len(p); {
					k, err := c.Read(got[at:])
					if at += k; err != nil {
						b.t.Error(err)
						return
					}
				}
				b.same(got, p)
			}
		})
	}
	b.until("all clients", func() bool { return done.Load() == n })
	b.until("all Closed", func() bool { return b.check.Opened() == n && b.check.Open() == 0 })
}

// The peer's FIN ends its sending, not ours.
func testPeerHalfCloses(b *bench) {
	h, nth := b.opened(hooks{})
	b.start(h)
	c := b.dial()
	c.CloseWrite()
	s := nth(0)
	b.until("RecvEnd", func() bool { return s.ends.Load() == 1 })
	p := pattern(200_000)
	b.on(s.l, func() { s.send(p) })
	b.same(b.read(c, len(p)), p)
	b.on(s.l, s.finish)
	b.wantEOF(c)
	c.Close()
}

// Our FIN ends our sending, not the peer's.
func testCloseWrite(b *bench) {
	h, nth := b.opened(hooks{})
	b.start(h)
	c := b.dial()
	s := nth(0)
	b.on(s.l, func() { s.CloseWrite(); s.CloseWrite() })
	b.wantEOF(c)
	b.write(c, pattern(50_000))
	b.until("the peer's bytes", func() bool { return s.got.Load() == 50_000 })
	c.CloseWrite()
	b.until("RecvEnd", func() bool { return s.ends.Load() == 1 })
	b.on(s.l, s.finish)
	b.until("Closed", func() bool { return s.closes.Load() == 1 })
	c.Close()
}

func testCloseWriteAfterSend(b *bench) {
	h, nth := b.opened(hooks{})
	b.start(h)
	c := b.dial()
	s := nth(0)
	p := pattern(ring.MaxSend)
	b.on(s.l, func() { s.send(p); s.CloseWrite() })
	b.same(b.read(c, len(p)), p)
	b.wantEOF(c)
	c.Close()
	b.until("RecvEnd", func() bool { return s.ends.Load() == 1 || s.breaks.Load() == 1 })
	b.on(s.l, s.finish)
}

func testResetWhileReceiving(b *bench) {
	h, nth := b.opened(hooks{})
	b.start(h)
	c := b.dial()
	b.write(c, []byte("half of a requ"))
	s := nth(0)
	b.until("bytes", func() bool { return s.got.Load() == 14 })
	c.Reset()
	b.wantBroken(s)
	b.until("Closed", func() bool { return s.closes.Load() == 1 })
}

func testResetWhileSending(b *bench) {
	h, nth := b.opened(hooks{})
	b.start(h)
	c := b.dial()
	s := nth(0)
	b.on(s.l, func() { s.send(make([]byte, 16<<20)) })
	b.read(c, 1000)
	c.Reset()
	b.until("Broken", func() bool { return s.breaks.Load() == 1 })
	b.until("Closed", func() bool { return s.closes.Load() == 1 })
}

// PauseRecv holds the peer back, within bounds (which the Checker watches),
// and ResumeRecv brings everything.
func testPauseBounds(b *bench) {
	const size = 8 << 20
	h, nth := b.opened(hooks{})
	b.start(h)
	c := b.dial()
	s := nth(0)
	b.on(s.l, func() { s.PauseRecv(); s.PauseRecv() })
	var written atomic.Bool
	b.w.Go(func() {
		c.Write(pattern(size))
		written.Store(true)
		c.CloseWrite()
	})
	b.w.Sleep(50 * time.Millisecond)
	if got := s.got.Load(); got > ring.MaxRecvAfterPause {
		b.t.Errorf("%d bytes received while paused", got)
	}
	b.on(s.l, func() { s.ResumeRecv(); s.ResumeRecv() })
	b.until("everything", func() bool { return s.got.Load() == size && s.ends.Load() == 1 })
	b.on(s.l, s.finish)
	c.Close()
	b.until("Closed", func() bool { return s.closes.Load() == 1 && written.Load() })
}

func testResetWhilePaused(b *bench) {
	h, nth := b.opened(hooks{})
	b.start(h)
	c := b.dial()
	s := nth(0)
	b.on(s.l, s.PauseRecv)
	c.Reset()
	b.until("Broken", func() bool { return s.breaks.Load() == 1 })
	b.until("Closed", func() bool { return s.closes.Load() == 1 })
}

// Sends end only as the peer reads.
func testSlowReaderBounds(b *bench) {
	const size = 32 << 20
	h, nth := b.opened(hooks{})
	b.start(h)
	c := b.dial()
	s := nth(0)
	b.on(s.l, func() { s.send(make([]byte, size)) })
	b.w.Sleep(50 * time.Millisecond)
	if n := s.sents.Load(); n > size/ring.MaxSend/2 {
		b.t.Errorf("%d sends of %d bytes over, and nobody has read", n, ring.MaxSend)
	}
	b.read(c, size)
	b.until("Sent", func() bool { return s.sents.Load() == size/ring.MaxSend })
	b.on(s.l, s.finish)
	b.wantEOF(c)
	c.Close()
}

func testCloseInFlight(b *bench) {
	h, nth := b.opened(hooks{})
	b.start(h)
	for i := range 3 {
		c := b.dial()
		s := nth(i)
		b.on(s.l, func() {
			switch i {
			case 1:
				s.send(make([]byte, 16<<20))
			case 2:
				s.PauseRecv()
			}
		})
		b.on(s.l, func() { s.finish(); s.Conn.Close() })
		b.until("Closed", func() bool { return s.closes.Load() == 1 })
		readEnd(c)
		c.Close()
	}
}

func testAbortResets(b *bench) {
	h, nth := b.opened(hooks{})
	b.start(h)
	c := b.dial()
	s := nth(0)
	b.on(s.l, func() { s.over = true; s.Abort(); s.Abort() })
	b.wantReset(c)
	b.until("Closed", func() bool { return s.closes.Load() == 1 })
	c.Close()
}

func testOpenRefuses(b *bench) {
	b.start(hooks{open: func(*conn) bool { return false }})
	c, err := b.w.Dial(b.ln.Addr)
	if err != nil {
		return // the reset came before connect had returned
	}
	b.wantReset(c)
	c.Close()
}
