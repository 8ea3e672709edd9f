package uring

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/iouring"
	"github.com/uringserve/uringserve/ring/system"
)

// echo is a protocol: what is received is sent back by a handler, which sleeps
// first if the message says so.
type echo struct {
	loop   ring.Loop
	opened atomic.Int64
	closed atomic.Int64
}

func (e *echo) Open(c ring.Conn) ring.ConnHandler {
	e.opened.Add(1)
	return &echoConn{echo: e, conn: c}
}

func (e *echo) Tick(ring.Instant) ring.Instant { return 0 }

type echoConn struct {
	echo    *echo
	conn    ring.Conn
	pending []byte // received, not sent back
	running bool   // a task is queued or runs
	sending bool
	ended   bool
}

func (c *echoConn) Recv(b ring.Buf) {
	c.pending = append(c.pending, b.Bytes()...)
	b.Release()
	c.next()
}

func (c *echoConn) RecvEnd() { c.ended = true; c.next() }
func (c *echoConn) Sent()    { c.sending = false; c.next() }
func (c *echoConn) Broken(error) {
	c.ended, c.pending = true, nil
	c.conn.Close()
}
func (c *echoConn) Closed() { c.echo.closed.Add(1) }

func (c *echoConn) Detached(net.Conn) {}

func (c *echoConn) next() {
	switch {
	case c.running || c.sending:
	case len(c.pending) > 0:
		c.running = true
		n := min(len(c.pending), ring.MaxSend)
		c.echo.loop.Dispatch(&echoTask{c: c, out: bytes.Clone(c.pending[:n])})
		c.pending = c.pending[n:]
	case c.ended:
		c.conn.Close()
	}
}

type echoTask struct {
	c   *echoConn
	out []byte
}

func (t *echoTask) Route() (uint64, ring.Hint) { return 0, ring.HintNone }
func (t *echoTask) Detach()                    {}
func (t *echoTask) Run(ring.Run) {
	if bytes.HasPrefix(t.out, []byte("block")) {
		// A blocking system call, as handlers make them.
		ts := unix.NsecToTimespec(int64(5 * time.Millisecond))
		_ = unix.Nanosleep(&ts, nil)
	}
}
func (t *echoTask) Done(ring.Outcome) ring.Task {
	t.c.running, t.c.sending = false, true
	t.c.conn.Send(t.out)
	return nil
}

// startEcho starts an engine that echoes on every address.
func startEcho(t *testing.T, o Options, addresses ...[2]string) (ring.Engine, []net.Addr, *[]*echo) {
	t.Helper()
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	var addrs []net.Addr
	for _, a := range addresses {
		l, err := e.Listen(a[0], a[1])
		if err != nil {
			t.Fatal(err)
		}
		addrs = append(addrs, l.Addr)
	}
	var mu sync.Mutex
	var loops []*echo
	if err := e.Start(func(l ring.Loop) ring.LoopHandler {
		mu.Lock()
		defer mu.Unlock()
		h := &echo{loop: l}
		loops = append(loops, h)
		return h
	}); err != nil {
		t.Fatal(err)
	}
	return e, addrs, &loops
}

func TestEngineEchoes(t *testing.T) {
	before := openFDs(t)
	path := filepath.Join(t.TempDir(), "s")
	e, addrs, loops := startEcho(t, Options{Loops: 2}, [2]string{"tcp", "127.0.0.1:0"}, [2]string{"unix", path})
	if e.Name() != Name || e.Loops() != 2 {
		t.Errorf("%s, %d loops", e.Name(), e.Loops())
	}
	var clients sync.WaitGroup
	for i := range 24 {
		addr := addrs[i%2]
		clients.Go(func() {
			if err := talk(addr, i); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		})
	}
	clients.Wait()
	e.StopAccept()
	if c, err := net.Dial(addrs[0].Network(), addrs[0].String()); err == nil {
		c.Close()
		t.Error("it still accepts")
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket's file stays: %v", err)
	}
	if left := e.Close(5 * time.Second); left != 0 {
		t.Errorf("%d handlers left", left)
	}
	var opened, closed int64
	for _, h := range *loops {
		opened += h.opened.Load()
		closed += h.closed.Load()
	}
	if opened != 24 || closed != 24 {
		t.Errorf("opened %d, closed %d", opened, closed)
	}
	s := e.Stats()
	if s.Accepted != 24 || s.Conns != 0 || s.OpsInFlight != 0 || s.LeasesOut != 0 {
		t.Errorf("stats %+v", s)
	}
	t.Logf("stats %+v", s)
	if after := openFDs(t); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// talk sends messages of many sizes, one of them to a handler that blocks, and
// compares the answers.
func talk(addr net.Addr, id int) error {
	c, err := net.Dial(addr.Network(), addr.String())
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	for i, size := range []int{5, 100, 4096, 4097, 70_000, 5, 1_000_000, 1} {
		msg := bytes.Repeat([]byte{byte('a' + id)}, size)
		if i == 5 {
			copy(msg, "block")
		}
		failed := make(chan error, 1)
		go func() {
			_, err := c.Write(msg)
			failed <- err
		}()
		got := make([]byte, size)
		if _, err := io.ReadFull(c, got); err != nil {
			return err
		}
		if err := <-failed; err != nil {
			return err
		}
		if !bytes.Equal(got, msg) {
			return errors.New("another echo came back")
		}
	}
	return c.(interface{ CloseWrite() error }).CloseWrite()
}

// The engine serves also where skipped sends show their successes, and with
// rings, buffers and queues that are much too small.
func TestEngineOnLittle(t *testing.T) {
	e, addrs, _ := startEcho(t, Options{
		Loops: 1, Entries: 8, CQEntries: 8, BufferSize: 64, Provided: 2, Reserve: 1,
	}, [2]string{"tcp", "127.0.0.1:0"})
	var clients sync.WaitGroup
	for i := range 8 {
		clients.Go(func() {
			if err := talk(addrs[0], i); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		})
	}
	clients.Wait()
	e.StopAccept()
	e.Close(5 * time.Second)
	s := e.Stats()
	if s.Conns != 0 || s.OpsInFlight != 0 || s.LeasesOut != 0 {
		t.Errorf("stats %+v", s)
	}
	if s.NoBuffers == 0 {
		t.Error("buffers were never short: the test is void")
	}
	t.Logf("stats %+v", s)
}

func TestEngineCloseWithoutStart(t *testing.T) {
	before := openFDs(t)
	e, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if e.Loops() != system.CPUs() {
		t.Errorf("%d loops on %d CPUs", e.Loops(), system.CPUs())
	}
	if _, err := e.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	e.Close(time.Second)
	e.Close(time.Second)
	if after := openFDs(t); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func TestProbeReport(t *testing.T) {
	r := Probe()
	if r.Err != nil || len(r.Features) < 10 {
		t.Fatalf("%+v", r)
	}
	for i, f := range r.Features {
		if f.State != iouring.Works || !f.Required {
			continue
		}
		broken := append([]iouring.Feature(nil), r.Features...)
		broken[i].State, broken[i].Reason = iouring.Unsupported, "because"
		var u *ring.UnavailableError
		if err := missing(broken); !errors.As(err, &u) || u.Engine != Name || u.Remedy == "" {
			t.Errorf("without %s: %v", f.Name, err)
		}
		broken[i].State = iouring.Inconclusive
		if err := missing(broken); err != nil {
			t.Errorf("%s inconclusive: %v", f.Name, err)
		}
	}
}
