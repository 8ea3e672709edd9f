package conn

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/ring"
)

// fakeLoop is a ring.Loop with a clock of its own, stepped by the test: turn
// runs what is queued. Handlers run on goroutines, and hold the loop, as
// inline ones do, until they end or hand over; with detach set, they are
// detached and never have it.
type fakeLoop struct {
	t       *testing.T
	h       ring.LoopHandler
	now     ring.Instant
	next    ring.Instant // the last answer of Tick
	tasks   []ring.Task
	posts   ring.PostQueue
	wake    chan struct{}
	ended   bool
	detach  bool
	conns   []*fakeConn
	leases  int // out
	running int // handlers without the loop
	inline  int // handlers that ended on the loop
	blocked int // HintBlocking tasks
}

var fakeEpoch = time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC)

func newFakeLoop(t *testing.T, cfg Config) (*fakeLoop, *Server) {
	t.Helper()
	srv, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeLoop{t: t, now: 1, wake: make(chan struct{}, 1)}
	f.h = srv.NewLoop(f)
	f.next = f.h.Tick(f.now)
	t.Cleanup(f.end)
	return f, srv
}

func (f *fakeLoop) Index() int           { return 0 }
func (f *fakeLoop) Now() ring.Instant    { return f.now }
func (f *fakeLoop) Wall() time.Time      { return fakeEpoch.Add(time.Duration(f.now)) }
func (f *fakeLoop) Dispatch(k ring.Task) { f.tasks = append(f.tasks, k) }

func (f *fakeLoop) Post(p ring.Posted) bool {
	r := f.posts.Push(p)
	f.poke()
	return r != ring.PushEnded
}

func (f *fakeLoop) poke() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

type fakeWaiter chan struct{}

func (w fakeWaiter) Wait() { <-w }
func (w fakeWaiter) Signal() {
	select {
	case w <- struct{}{}:
	default:
	}
}

func (f *fakeLoop) NewWaiter() ring.Waiter { return make(fakeWaiter, 1) }

// fakeRun is the holder of one run.
type fakeRun struct {
	f    *fakeLoop
	task ring.Task
	node ring.PostNode

	mu      sync.Mutex
	has     bool // the loop
	in      bool // server code has it
	outcome ring.Outcome
	event   chan bool // true: ended, false: handed over
}

func (r *fakeRun) EnterRun(uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.has || r.in {
		return false
	}
	r.in = true
	return true
}

func (r *fakeRun) LeaveRun(uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.in {
		panic("BUG: Leave without Enter")
	}
	r.in = false
}

func (r *fakeRun) HandOverRun(uint64) {
	r.mu.Lock()
	r.in, r.has = false, false
	r.mu.Unlock()
	r.event <- false
}

func (r *fakeRun) PostNode() *ring.PostNode { return &r.node }
func (r *fakeRun) OnLoop()                  { r.f.running--; r.f.runAll(r.task.Done(r.outcome)) }

func (r *fakeRun) run() {
	r.outcome = ring.Exited
	defer func() {
		r.mu.Lock()
		had := r.has
		r.has = false
		r.mu.Unlock()
		if had {
			r.event <- true
			return
		}
		r.f.Post(r)
	}()
	r.task.Run(ring.NewRun(r, 1))
	r.outcome = ring.Returned
}

func (f *fakeLoop) runAll(k ring.Task) {
	for k != nil {
		k = f.runOne(k)
	}
}

func (f *fakeLoop) runOne(k ring.Task) ring.Task {
	_, hint := k.Route()
	r := &fakeRun{f: f, task: k, has: true, event: make(chan bool, 2)}
	if hint == ring.HintBlocking {
		f.blocked++
	}
	if f.detach || hint == ring.HintBlocking {
		k.Detach()
		r.has = false
		f.running++
		go r.run()
		return nil
	}
	go r.run()
	if !<-r.event {
		f.running++
		return nil
	}
	f.inline++
	return k.Done(r.outcome)
}

// turn does everything that can be done without the handlers that run.
func (f *fakeLoop) turn() {
	for busy := true; busy; {
		busy = f.posts.Drain() > 0
		for _, c := range f.conns {
			busy = c.step() || busy
		}
		if len(f.tasks) > 0 {
			k := f.tasks[0]
			f.tasks = f.tasks[1:]
			f.runAll(k)
			busy = true
		}
	}
}

// until turns until ok, waiting for handlers.
func (f *fakeLoop) until(what string, ok func() bool) {
	f.t.Helper()
	timeout := time.After(10 * time.Second)
	for {
		f.turn()
		if ok() {
			return
		}
		select {
		case <-f.wake:
		case <-timeout:
			f.t.Fatalf("waited too long until %s", what)
		}
	}
}

// advance lets d pass, with all ticks that were asked for.
func (f *fakeLoop) advance(d time.Duration) {
	end := f.now.Add(d)
	for {
		f.turn()
		f.next = f.h.Tick(f.now)
		if f.next == 0 || f.next > end {
			break
		}
		if f.next <= f.now {
			f.t.Fatalf("Tick at %d wants to be called at %d", f.now, f.next)
		}
		f.now = f.next
	}
	f.now = end
	f.turn()
}

// idle waits for all handlers.
func (f *fakeLoop) idle() {
	f.t.Helper()
	f.until("handlers have ended", func() bool { return f.running == 0 && len(f.tasks) == 0 })
}

func (f *fakeLoop) end() {
	for _, c := range f.conns {
		c.break_(ring.ErrReset)
	}
	f.idle()
	if f.leases != 0 {
		f.t.Errorf("%d receive buffers were not released", f.leases)
	}
	f.posts.End()
}

// fakeConn is a ring.Conn that remembers what was done to it.
type fakeConn struct {
	f *fakeLoop
	h ring.ConnHandler

	got     []byte // sent by the server
	sending int    // of the outstanding Send
	window  int    // bytes the peer will still take
	nowOK   bool   // SendNow works
	sends   int
	maxSend int

	paused, fin, closed, aborted, done, broken, detaching bool

	left, far net.Conn // after Detached: ours and the peer's
}

const anyWindow = 1 << 40

func (f *fakeLoop) open() *fakeConn {
	c := &fakeConn{f: f, window: anyWindow, nowOK: true}
	f.conns = append(f.conns, c)
	c.h = f.h.Open(c)
	if c.h == nil {
		c.done, c.aborted = true, true
	}
	return c
}

func (c *fakeConn) Send(b []byte) {
	if c.sending > 0 || c.fin || c.closed || len(b) == 0 || len(b) > ring.MaxSend {
		panic("BUG: Send is not legal")
	}
	c.sends++
	c.maxSend = max(c.maxSend, len(b))
	c.sending = len(b)
	c.got = append(c.got, b...)
}

func (c *fakeConn) SendNow(b []byte) int {
	if c.sending > 0 || !c.nowOK || c.closed {
		return 0
	}
	n := min(len(b), c.window)
	c.window -= n
	c.got = append(c.got, b[:n]...)
	return n
}

func (c *fakeConn) PauseRecv()           { c.paused = true }
func (c *fakeConn) ResumeRecv()          { c.paused = false }
func (c *fakeConn) CloseWrite()          { c.fin = true }
func (c *fakeConn) Close()               { c.closed = true }
func (c *fakeConn) Abort()               { c.closed, c.aborted = true, true }
func (c *fakeConn) Detach()              { c.detaching = true }
func (c *fakeConn) RemoteAddr() net.Addr { return &net.TCPAddr{Port: 4242} }
func (c *fakeConn) LocalAddr() net.Addr  { return &net.TCPAddr{Port: 80} }
func (c *fakeConn) Listener() int        { return 3 }

// step lets the kernel do something.
func (c *fakeConn) step() bool {
	switch {
	case c.done:
	case c.closed:
		c.done = true
		c.h.Closed()
		return true
	case c.detaching:
		c.done = true
		c.left, c.far = net.Pipe()
		c.h.Detached(c.left)
		return true
	case c.sending > 0 && c.sending <= c.window && !c.broken:
		c.window -= c.sending
		c.sending = 0
		c.h.Sent()
		return true
	}
	return false
}

// fakeHome counts leases and spoils what is released.
type fakeHome struct {
	f *fakeLoop
	b []byte
}

func (h *fakeHome) ReleaseBuf(uint32) {
	if h.b == nil {
		panic("BUG: buffer released twice")
	}
	h.f.leases--
	for i := range h.b {
		h.b[i] = 0xee
	}
	h.b = nil
}

// recv delivers s in one buffer.
func (c *fakeConn) recv(s string) {
	if c.done || c.closed {
		return
	}
	b := []byte(s)
	c.f.leases++
	c.h.Recv(ring.NewBuf(b[:len(b):len(b)], &fakeHome{c.f, b}, 0))
}

// write is recv and a turn.
func (c *fakeConn) write(s string) { c.recv(s); c.f.turn() }

func (c *fakeConn) end() {
	if !c.done && !c.closed {
		c.h.RecvEnd()
	}
	c.f.turn()
}

func (c *fakeConn) break_(err error) {
	if !c.done && !c.closed && !c.broken {
		c.broken = true
		c.h.Broken(err)
	}
	c.f.turn()
}

// take is what was sent since the last take.
func (c *fakeConn) take() string {
	s := string(c.got)
	c.got = nil
	return s
}

// want fails unless what was sent matches: status line first, then each of
// parts somewhere.
func (c *fakeConn) want(why, status string, parts ...string) string {
	c.f.t.Helper()
	got := c.take()
	if !strings.HasPrefix(got, "HTTP/1.1 "+status) {
		c.f.t.Fatalf("%s: got %.200q, want status %s", why, got, status)
	}
	for _, p := range parts {
		if !strings.Contains(got, p) {
			c.f.t.Fatalf("%s: got %.400q, want %q in it", why, got, p)
		}
	}
	return got
}

func (c *fakeConn) wantNothing(why string) {
	c.f.t.Helper()
	if got := c.take(); got != "" {
		c.f.t.Fatalf("%s: got %.200q, want nothing", why, got)
	}
}

// wantEnd fails unless the server has ended the connection.
func (c *fakeConn) wantEnd(why string) {
	c.f.t.Helper()
	if !c.fin && !c.closed {
		c.f.t.Fatalf("%s: the connection is open", why)
	}
}

func (c *fakeConn) wantOpen(why string) {
	c.f.t.Helper()
	if c.fin || c.closed {
		c.f.t.Fatalf("%s: the connection has ended", why)
	}
}

const get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

// hello answers with the path.
var hello = app.HandlerFunc(func(r *app.Request, w *app.Response) {
	w.Set("Content-Type", "text/plain")
	w.WriteString("path=")
	w.Write(r.Path)
})

func serve(t *testing.T, h app.HandlerFunc) (*fakeLoop, *fakeConn) {
	t.Helper()
	f, _ := newFakeLoop(t, Config{Handler: h})
	return f, f.open()
}
