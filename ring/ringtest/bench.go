package ringtest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uringserve/uringserve/ring"
)

// bench is one test's engine, with a protocol layer made of functions.
type bench struct {
	t     *testing.T
	w     World
	e     ring.Engine
	ln    ring.Listener
	check Checker
	hooks hooks
	tick  func(l *loop, now ring.Instant) ring.Instant

	mu     sync.Mutex
	loops  []*loop // by index, since Start
	closed bool
}

// hooks are what a test's connections do. Nil ones do nothing, but Broken,
// which closes.
type hooks struct {
	open   func(*conn) bool // false: refuse
	recv   func(*conn, []byte)
	end    func(*conn)
	sent   func(*conn)
	broken func(*conn, error)
	closed func(*conn)

	detached func(*conn, net.Conn)
}

type loop struct {
	ring.Loop
	b *bench
	g *Guard
}

// conn is one server connection. Plain fields are the loop's, atomic ones are
// for the test to look at.
type conn struct {
	ring.Conn
	l       *loop
	out     []byte // not given to Send yet
	sending bool
	over    bool // no Send any more
	ended   bool
	paused  bool

	got, ends, sents, breaks, closes, leaves atomic.Int64
	err                                      atomic.Value // of Broken
}

func newBench(t *testing.T, w World) *bench {
	return &bench{t: t, w: w, e: w.NewEngine()}
}

// start listens on a free port and starts, with hooks.
func (b *bench) start(h hooks) {
	b.t.Helper()
	b.hooks = h
	var err error
	if b.ln, err = b.e.Listen("tcp", "127.0.0.1:0"); err != nil {
		b.t.Fatal(err)
	}
	b.run()
}

func (b *bench) run() {
	b.t.Helper()
	if err := b.e.Start(b.check.Loop(b.newLoop)); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) newLoop(l ring.Loop, g *Guard) ring.LoopHandler {
	b.mu.Lock()
	defer b.mu.Unlock()
	own := &loop{Loop: l, b: b, g: g}
	b.loops = append(b.loops, own)
	return own
}

// first is one of the loops.
func (b *bench) first() *loop {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.loops[0]
}

// close ends the test: the contract was kept and nothing has leaked.
func (b *bench) close() {
	if !b.closed {
		if left := b.e.Close(10 * time.Second); left != 0 {
			b.t.Errorf("Close left %d handlers", left)
		}
	}
	b.closed = true
	if err := b.check.Err(); err != nil {
		b.t.Error(err)
	}
	if n := b.check.Open(); n != 0 {
		b.t.Errorf("%d connections not Closed", n)
	}
	b.baseline()
}

func (b *bench) baseline() {
	if st := b.e.Stats(); st.Conns != 0 || st.LeasesOut != 0 || st.OpsInFlight != 0 || st.LeftBehind != 0 {
		b.t.Errorf("not at baseline: %+v", st)
	}
}

// until fails the test if cond does not come true.
func (b *bench) until(what string, cond func() bool) {
	b.t.Helper()
	if !b.w.Until(cond) {
		b.t.Fatalf("waited in vain: %s; %+v", what, b.e.Stats())
	}
}

func (b *bench) dial() Client {
	b.t.Helper()
	c, err := b.w.Dial(b.ln.Addr)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

// read reads n bytes of a client's.
func (b *bench) read(c Client, n int) []byte {
	b.t.Helper()
	all := make([]byte, n)
	for at := 0; at < n; {
		k, err := c.Read(all[at:])
		at += k
		if err != nil && at < n {
			b.t.Fatalf("%d of %d bytes, then %v", at, n, err)
		}
	}
	return all
}

// readEnd reads to the end, and tells how it came.
func readEnd(c Client) (n int, err error) {
	p := make([]byte, 16<<10)
	for {
		k, err := c.Read(p)
		n += k
		if err != nil {
			return n, err
		}
	}
}

func (b *bench) write(c Client, p []byte) {
	b.t.Helper()
	if err := c.Write(p); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) wantEOF(c Client) {
	b.t.Helper()
	if _, err := readEnd(c); err != io.EOF {
		b.t.Errorf("the end is %v, want EOF", err)
	}
}

func (b *bench) wantReset(c Client) {
	b.t.Helper()
	if _, err := readEnd(c); err == nil || err == io.EOF {
		b.t.Errorf("the end is %v, want a reset", err)
	}
}

// on calls f on loop l and returns when it has.
func (b *bench) on(l *loop, f func()) {
	b.t.Helper()
	var done atomic.Bool
	if !l.Post(&call{f: func() { defer l.g.On("test")(); f() }, done: &done}) {
		b.t.Fatal("the loop has ended")
	}
	b.until("a post", done.Load)
}

type call struct {
	node ring.PostNode
	f    func()
	done *atomic.Bool
}

func (c *call) PostNode() *ring.PostNode { return &c.node }

func (c *call) OnLoop() {
	c.f()
	if c.done != nil {
		c.done.Store(true)
	}
}

// Tick implements ring.LoopHandler.
func (l *loop) Tick(now ring.Instant) ring.Instant {
	if l.b.tick == nil {
		return 0
	}
	return l.b.tick(l, now)
}

// Open implements ring.LoopHandler.
func (l *loop) Open(rc ring.Conn) ring.ConnHandler {
	c := &conn{Conn: rc, l: l}
	if f := l.b.hooks.open; f != nil && !f(c) {
		return nil
	}
	return c
}

// send queues p behind what is queued.
func (c *conn) send(p []byte) {
	c.out = append(c.out, p...)
	c.flush()
}

func (c *conn) flush() {
	if c.sending || c.over || len(c.out) == 0 {
		return
	}
	n := min(len(c.out), ring.MaxSend)
	c.sending = true
	c.Conn.Send(c.out[:n])
	clear(c.out[:n]) // Send has copied
	c.out = c.out[n:]
}

// finish closes, once.
func (c *conn) finish() {
	if !c.over {
		c.over = true
		c.Close()
	}
}

// Recv implements ring.ConnHandler.
func (c *conn) Recv(b ring.Buf) {
	if f := c.l.b.hooks.recv; f != nil {
		f(c, b.Bytes())
	}
	c.got.Add(int64(len(b.Bytes())))
	b.Release()
}

// RecvEnd implements ring.ConnHandler.
func (c *conn) RecvEnd() {
	c.ended = true
	if f := c.l.b.hooks.end; f != nil {
		f(c)
	}
	c.ends.Add(1)
}

// Sent implements ring.ConnHandler.
func (c *conn) Sent() {
	c.sending = false
	c.flush()
	if f := c.l.b.hooks.sent; f != nil {
		f(c)
	}
	c.sents.Add(1)
}

// Broken implements ring.ConnHandler.
func (c *conn) Broken(err error) {
	if f := c.l.b.hooks.broken; f != nil {
		f(c, err)
	} else {
		c.finish()
	}
	c.err.Store(errBox{err})
	c.breaks.Add(1)
}

type errBox struct{ error }

// Closed implements ring.ConnHandler.
func (c *conn) Closed() {
	c.over = true
	if f := c.l.b.hooks.closed; f != nil {
		f(c)
	}
	c.closes.Add(1)
}

// Detached implements ring.ConnHandler.
func (c *conn) Detached(nc net.Conn) {
	c.over = true
	if f := c.l.b.hooks.detached; f != nil {
		f(c, nc)
	}
	c.leaves.Add(1)
}

// echo sends back what comes, with back-pressure, and closes after the end.
func echo() hooks {
	const most = 256 << 10
	settle := func(c *conn) {
		switch {
		case c.ended && !c.sending && len(c.out) == 0:
			c.finish()
		case c.paused && len(c.out) < most/2 && !c.over:
			c.paused = false
			c.ResumeRecv()
		case !c.paused && len(c.out) > most && !c.over:
			c.paused = true
			c.PauseRecv()
		}
	}
	return hooks{
		recv: func(c *conn, p []byte) { c.send(p); settle(c) },
		end:  settle,
		sent: settle,
	}
}

// opened is hooks h which also tell the test of the connections.
func (b *bench) opened(h hooks) (hooks, func(n int) *conn) {
	var mu sync.Mutex
	var all []*conn
	open := h.open
	h.open = func(c *conn) bool {
		mu.Lock()
		all = append(all, c)
		mu.Unlock()
		return open == nil || open(c)
	}
	return h, func(n int) *conn {
		get := func() *conn {
			mu.Lock()
			defer mu.Unlock()
			if n < len(all) {
				return all[n]
			}
			return nil
		}
		b.until("a connection", func() bool { return get() != nil })
		return get()
	}
}

// pattern is n bytes that tell their place.
func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return p
}

func (b *bench) same(got, want []byte) {
	b.t.Helper()
	if !bytes.Equal(got, want) {
		b.t.Errorf("%d bytes differ from the %d expected", len(got), len(want))
	}
}

// wantBroken waits for Broken and looks at its error.
func (b *bench) wantBroken(c *conn) {
	b.t.Helper()
	b.until("Broken", func() bool { return c.breaks.Load() == 1 })
	if err := c.err.Load().(errBox).error; !errors.Is(err, ring.ErrReset) {
		b.t.Errorf("Broken(%v), want ErrReset", err)
	}
}
