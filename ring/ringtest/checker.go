package ringtest

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"github.com/uringserve/uringserve/ring"
)

// Checker watches an engine's callbacks: that they come on loop one at a time,
// in the order that ring.ConnHandler promises, each as often as it should.
// Wrap what newLoop returns by Loop. Safe for concurrent use.
type Checker struct {
	mu       sync.Mutex
	problems []string

	opened, closed atomic.Int64
}

// maxProblems are kept; the first tell the most.
const maxProblems = 20

// Err is nil if nothing was wrong so far.
func (k *Checker) Err() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.problems) == 0 {
		return nil
	}
	return fmt.Errorf("contract broken: %q", k.problems)
}

// Open is how many connections have been opened and not Closed.
func (k *Checker) Open() int { return int(k.opened.Load() - k.closed.Load()) }

// Opened is how many connections have been opened.
func (k *Checker) Opened() int { return int(k.opened.Load()) }

func (k *Checker) problem(format string, args ...any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.problems) < maxProblems {
		k.problems = append(k.problems, fmt.Sprintf(format, args...))
	}
}

// Loop wraps a protocol layer's newLoop. The wrapped one gets a Guard for what
// it does on loop between Run.Enter and Run.Leave.
func (k *Checker) Loop(newLoop func(ring.Loop, *Guard) ring.LoopHandler) func(ring.Loop) ring.LoopHandler {
	return func(l ring.Loop) ring.LoopHandler {
		g := &Guard{k: k, index: l.Index()}
		defer g.On("newLoop")()
		return &checkedLoop{k: k, g: g, loop: l, h: newLoop(l, g)}
	}
}

// Guard sees to it that only one is on loop at a time.
type Guard struct {
	k     *Checker
	index int
	where atomic.Pointer[string]
}

// On notes that the caller is on loop, for what; the result is called when it
// is no more.
func (g *Guard) On(what string) (off func()) {
	if was := g.where.Swap(&what); was != nil {
		g.k.problem("loop %d: %s while in %s", g.index, what, *was)
	}
	return g.off
}

func (g *Guard) off() { g.where.Store(nil) }

type checkedLoop struct {
	k    *Checker
	g    *Guard
	loop ring.Loop
	h    ring.LoopHandler
	last ring.Instant
}

func (l *checkedLoop) Open(c ring.Conn) ring.ConnHandler {
	defer l.g.On("Open")()
	l.k.opened.Add(1)
	cc := &checkedConn{Conn: c, k: l.k, g: l.g}
	cc.h = l.h.Open(cc)
	if cc.h == nil {
		l.k.closed.Add(1)
		return nil
	}
	return cc
}

func (l *checkedLoop) Tick(now ring.Instant) ring.Instant {
	defer l.g.On("Tick")()
	if now < l.last || now == 0 {
		l.k.problem("loop %d: Tick at %d after %d", l.g.index, now, l.last)
	}
	l.last = now
	return l.h.Tick(now)
}

// checkedConn stands between an engine's connection and its handler.
type checkedConn struct {
	ring.Conn
	k *Checker
	g *Guard
	h ring.ConnHandler

	sending, ended, broken, closing, closed, paused, detaching bool
	afterPause                                                 int
}

func (c *checkedConn) event(what string) (off func()) {
	off = c.g.On(what)
	switch {
	case c.closed:
		c.k.problem("%s after Closed", what)
	case c.closing && what != "Closed":
		c.k.problem("%s after Close", what)
	case c.broken && what != "Closed":
		c.k.problem("%s after Broken", what)
	}
	return off
}

// Recv implements ring.ConnHandler.
func (c *checkedConn) Recv(b ring.Buf) {
	defer c.event("Recv")()
	n := len(b.Bytes())
	if n == 0 {
		c.k.problem("Recv of nothing")
	}
	if c.ended {
		c.k.problem("Recv after RecvEnd")
	}
	if c.paused {
		if c.afterPause += n; c.afterPause > ring.MaxRecvAfterPause {
			c.k.problem("%d bytes received after PauseRecv", c.afterPause)
		}
	}
	c.h.Recv(b)
}

// RecvEnd implements ring.ConnHandler.
func (c *checkedConn) RecvEnd() {
	defer c.event("RecvEnd")()
	if c.ended {
		c.k.problem("RecvEnd twice")
	}
	c.ended = true
	c.h.RecvEnd()
}

// Sent implements ring.ConnHandler.
func (c *checkedConn) Sent() {
	defer c.event("Sent")()
	if !c.sending {
		c.k.problem("Sent without Send")
	}
	c.sending = false
	c.h.Sent()
}

// Broken implements ring.ConnHandler.
func (c *checkedConn) Broken(err error) {
	defer c.event("Broken")()
	if err == nil {
		c.k.problem("Broken without an error")
	}
	c.broken = true
	c.h.Broken(err)
}

// Closed implements ring.ConnHandler.
func (c *checkedConn) Closed() {
	defer c.event("Closed")()
	c.closed = true
	c.k.closed.Add(1)
	c.h.Closed()
}

// Detached implements ring.ConnHandler.
func (c *checkedConn) Detached(nc net.Conn) {
	defer c.event("Detached")()
	switch {
	case !c.detaching:
		c.k.problem("Detached without Detach")
	case c.closing:
		c.k.problem("Detached after Close")
	case c.broken:
		c.k.problem("Detached after Broken")
	}
	if nc == nil {
		c.k.problem("Detached without a net.Conn")
	}
	c.closed = true
	c.k.closed.Add(1)
	c.h.Detached(nc)
}

// Detach implements ring.Conn.
func (c *checkedConn) Detach() {
	if c.sending {
		c.k.problem("the test's fault: Detach while a Send is outstanding")
	}
	c.detaching = true
	c.Conn.Detach()
}

// Send implements ring.Conn.
func (c *checkedConn) Send(b []byte) {
	if c.sending {
		c.k.problem("the test's fault: Send while one is outstanding")
	}
	c.sending = true
	c.Conn.Send(b)
}

// PauseRecv implements ring.Conn.
func (c *checkedConn) PauseRecv() {
	if !c.paused {
		c.paused, c.afterPause = true, 0
	}
	c.Conn.PauseRecv()
}

// ResumeRecv implements ring.Conn.
func (c *checkedConn) ResumeRecv() {
	c.paused = false
	c.Conn.ResumeRecv()
}

// Close implements ring.Conn.
func (c *checkedConn) Close() {
	c.closing = true
	c.Conn.Close()
}

// Abort implements ring.Conn.
func (c *checkedConn) Abort() {
	c.closing = true
	c.Conn.Abort()
}
