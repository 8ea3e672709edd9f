package netengine

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uringserve/uringserve/ring"
)

// patience bounds every wait; nothing normal comes near it.
const patience = 20 * time.Second

// host is a protocol layer for tests: each connection gets what open makes.
type host struct {
	t      *testing.T
	e      *Engine
	addr   string
	open   func(l ring.Loop, c ring.Conn) ring.ConnHandler
	ticks  func(now ring.Instant) ring.Instant
	loops  []ring.Loop
	closed atomic.Int64 // connections
}

// begin starts an engine with one TCP listener, and ends it with the test.
func begin(t *testing.T, o Options, open func(l ring.Loop, c ring.Conn) ring.ConnHandler) *host {
	t.Helper()
	h := &host{t: t, e: New(o), open: open}
	ln, err := h.e.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.addr = ln.Addr.String()
	if err := h.e.Start(h.newLoop); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		h.e.StopAccept()
		h.e.Close(patience)
		if s := h.e.Stats(); s.Conns != 0 || s.OpsInFlight != 0 || s.LeasesOut != 0 || s.LeftBehind != 0 {
			t.Errorf("left at the end: %+v", s)
		}
	})
	return h
}

type hostLoop struct {
	h *host
	l ring.Loop
}

func (h *host) newLoop(l ring.Loop) ring.LoopHandler {
	h.loops = append(h.loops, l)
	return &hostLoop{h, l}
}

func (hl *hostLoop) Open(c ring.Conn) ring.ConnHandler { return hl.h.open(hl.l, c) }

func (hl *hostLoop) Tick(now ring.Instant) ring.Instant {
	if hl.h.ticks == nil {
		return 0
	}
	return hl.h.ticks(now)
}

func (h *host) dial() net.Conn {
	h.t.Helper()
	c, err := net.Dial("tcp", h.addr)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

// echo sends back what it gets, one Send at a time, pausing while one is out.
type echo struct {
	c     ring.Conn
	held  []byte
	out   bool
	ended bool
}

func newEcho(_ ring.Loop, c ring.Conn) ring.ConnHandler { return &echo{c: c} }

func (e *echo) Recv(b ring.Buf) {
	e.held = append(e.held, b.Bytes()...)
	b.Release()
	if len(e.held) > 128<<10 {
		e.c.PauseRecv()
	}
	e.pump()
}

func (e *echo) pump() {
	switch {
	case e.out:
	case len(e.held) > 0:
		n := min(len(e.held), ring.MaxSend)
		e.c.Send(e.held[:n])
		e.held = append(e.held[:0], e.held[n:]...)
		e.out = true
	default:
		e.c.ResumeRecv()
		if e.ended {
			e.c.CloseWrite()
			e.c.Close()
		}
	}
}

func (e *echo) RecvEnd()     { e.ended = true; e.pump() }
func (e *echo) Sent()        { e.out = false; e.pump() }
func (e *echo) Broken(error) { e.c.Close() }
func (e *echo) Closed()      {}

func (e *echo) Detached(net.Conn) {}

// An address of IPv4 is one, as with the other engines.
func TestListenIPv4(t *testing.T) {
	ln, err := listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if at := ln.Addr().(*net.TCPAddr); at.IP.To4() == nil {
		t.Errorf("bound to %v", at)
	}
}

func TestEcho(t *testing.T) {
	h := begin(t, Options{}, newEcho)
	c := h.dial()
	want := make([]byte, 8<<20)
	for i := range want {
		want[i] = byte(i * 7 >> 3)
	}
	go func() {
		c.Write(want)
		c.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%v, %d bytes of %d", err, len(got), len(want))
	}
}

func TestEchoOverUnixSocket(t *testing.T) {
	h := begin(t, Options{}, newEcho)
	path := filepath.Join(t.TempDir(), "s")
	if _, err := h.e.Listen("unix", path); err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	exchange(t, c, "over a file")
}

func exchange(t *testing.T, c net.Conn, text string) {
	t.Helper()
	c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
		t.Fatalf("%q %v", got, err)
	}
}

// A Unix socket that a dead process has left is replaced, one in use is not.
func TestStaleUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	dead, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	dead.(*net.UnixListener).SetUnlinkOnClose(false)
	dead.Close()
	h := begin(t, Options{}, newEcho)
	if _, err := h.e.Listen("unix", path); err != nil {
		t.Fatal(err)
	}
	if _, err := h.e.Listen("unix", path); err == nil || !isInUse(err) {
		t.Fatalf("a second one on it: %v", err)
	}
	h.e.StopAccept()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is still there: %v", err)
	}
}

// pipes is a listener of connections that are not the system's.
type pipes struct {
	conns chan net.Conn
	gone  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.gone:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { close(p.gone); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "pipe"} }

func TestEchoOverForeignListener(t *testing.T) {
	h := begin(t, Options{}, newEcho)
	p := &pipes{make(chan net.Conn), make(chan struct{})}
	if _, err := h.e.Adopt(p); err != nil {
		t.Fatal(err)
	}
	theirs, ours := net.Pipe()
	p.conns <- ours
	exchange(t, theirs, "through a pipe")
	exchange(t, theirs, "and again")
	theirs.Close()
}

// An echo in steady state allocates nothing.
func TestEchoDoesNotAllocate(t *testing.T) {
	if testing.CoverMode() != "" || raceEnabled || invariants {
		t.Skip("instrumented builds allocate on their own")
	}
	h := begin(t, Options{Loops: 1}, newEcho)
	c := h.dial()
	msg, got := []byte("some bytes"), make([]byte, 10)
	round := func() {
		if _, err := c.Write(msg); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, got); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		round()
	}
	runtime.GC()
	if n := testing.AllocsPerRun(500, round); n > 0 {
		t.Errorf("%v allocations per message", n)
	}
}

func BenchmarkEcho(b *testing.B) {
	e := New(Options{})
	ln, err := e.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	h := &host{open: newEcho}
	if err := e.Start(h.newLoop); err != nil {
		b.Fatal(err)
	}
	defer e.Close(patience)
	c, err := net.Dial("tcp", ln.Addr.String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	msg := make([]byte, 100)
	b.ReportAllocs()
	for b.Loop() {
		c.Write(msg)
		if _, err := io.ReadFull(c, msg); err != nil {
			b.Fatal(err)
		}
	}
}
