package epoll

import (
	"bytes"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/ringtest/denied"
	"github.com/uringserve/uringserve/ring/system"
)

// answers is a protocol: every message is answered by a handler, with as many
// bytes; it sleeps first if the message says so.
type answers struct {
	loop   ring.Loop
	closed atomic.Int64
}

func (a *answers) Open(c ring.Conn) ring.ConnHandler { return &exchange{answers: a, conn: c} }
func (a *answers) Tick(ring.Instant) ring.Instant    { return 0 }

// exchange is a connection, and its one task at a time.
type exchange struct {
	*answers
	conn  ring.Conn
	reply [256]byte
	n     int
}

func (x *exchange) Recv(b ring.Buf) {
	x.n = copy(x.reply[:], b.Bytes())
	b.Release()
	x.loop.Dispatch(x)
}
func (x *exchange) RecvEnd()     { x.conn.Close() }
func (x *exchange) Sent()        {}
func (x *exchange) Broken(error) { x.conn.Close() }
func (x *exchange) Closed()      { x.closed.Add(1) }

func (x *exchange) Detached(net.Conn)          {}
func (x *exchange) Route() (uint64, ring.Hint) { return 0, ring.HintNone }
func (x *exchange) Detach()                    {}
func (x *exchange) Run(ring.Run) {
	if bytes.HasPrefix(x.reply[:x.n], []byte("block")) {
		// A blocking system call, as handlers make them.
		ts := unix.NsecToTimespec(int64(20 * time.Millisecond))
		_ = unix.Nanosleep(&ts, nil)
	}
}
func (x *exchange) Done(ring.Outcome) ring.Task {
	x.conn.Send(x.reply[:x.n])
	return nil
}

func startAnswers(t testing.TB, o Options) (ring.Engine, net.Addr, *answers) {
	t.Helper()
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := e.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &answers{}
	if err := e.Start(func(l ring.Loop) ring.LoopHandler {
		h.loop = l
		return h
	}); err != nil {
		t.Fatal(err)
	}
	return e, l.Addr, h
}

// ask exchanges a message n times.
func ask(t testing.TB, c net.Conn, message string, n int) {
	t.Helper()
	got, want := make([]byte, len(message)), []byte(message)
	for range n {
		if _, err := c.Write(want); err != nil {
			t.Error(err)
			return
		}
		if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want) {
			t.Errorf("answer %q, %v", got, err)
			return
		}
	}
}

// Exchanges on connections that stay open allocate nothing in the engine.
func TestKeepAliveAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	e, addr, _ := startAnswers(t, Options{Loops: 1})
	defer e.Close(time.Second)
	const conns, each = 8, 2000
	var cs [conns]net.Conn
	for i := range cs {
		c, err := dial(addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		cs[i] = c
	}
	round := func(n int) {
		var all sync.WaitGroup
		for _, c := range cs {
			all.Go(func() { ask(t, c, "a message of some bytes", n) })
		}
		all.Wait()
	}
	round(200) // tables grow
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	round(each)
	runtime.ReadMemStats(&after)
	// The clients and the test itself allocate some, for each round.
	if n := after.Mallocs - before.Mallocs; n > conns*each/100 {
		t.Errorf("%d allocations in %d exchanges", n, conns*each)
	}
	s := e.Stats()
	t.Logf("%d enters, %d submissions, %d completions", s.Enters, s.Submissions, s.Completions)
}

// A handler that blocks loses its loop; what others have armed goes on under
// the next leader, nothing is armed twice, and all ends clean.
func TestBlockedHandlerLosesTheLoop(t *testing.T) {
	before := openFDs(t)
	e, addr, h := startAnswers(t, Options{Loops: 1})
	const conns = 6
	var clients sync.WaitGroup
	for i := range conns {
		c, err := dial(addr)
		if err != nil {
			t.Fatal(err)
		}
		clients.Go(func() {
			defer c.Close()
			if i < 2 {
				ask(t, c, "block", 10)
			} else {
				ask(t, c, "quick", 500)
			}
		})
	}
	clients.Wait()
	e.StopAccept()
	if left := e.Close(5 * time.Second); left != 0 {
		t.Errorf("%d handlers left", left)
	}
	s := e.Stats()
	if s.Takeovers == 0 {
		t.Error("the loop was never taken: the test is void")
	}
	if h.closed.Load() != conns || s.Conns != 0 || s.OpsInFlight != 0 || s.LeasesOut != 0 {
		t.Errorf("%d closed; stats %+v", h.closed.Load(), s)
	}
	if after := openFDs(t); after > before+8 { // of package net and the runtime
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func TestEngineCloseWithoutStart(t *testing.T) {
	e, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if e.Loops() != system.CPUs() {
		t.Errorf("%d loops on %d CPUs", e.Loops(), system.CPUs())
	}
	e.Close(time.Second)
	before := openFDs(t)
	for range 20 {
		e, err := New(Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		e.Close(time.Second)
	}
	if after := openFDs(t); after > before+10 {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// denying runs f on a thread to which a seccomp filter denies calls.
func denying(t *testing.T, errno syscall.Errno, calls []uintptr, f func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		// The filter stays on the thread, which ends with this goroutine.
		runtime.LockOSThread()
		err := denied.Install(errno, calls...)
		if err == nil {
			f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestProbeUnderSeccomp(t *testing.T) {
	if r := Probe(); r.Err != nil || r.CoarseWaits != "" {
		t.Fatalf("without a filter: %+v", r)
	}
	for _, tt := range []struct {
		errno  syscall.Errno
		call   uintptr
		reason string
	}{
		{syscall.EPERM, unix.SYS_EPOLL_CREATE1, "a seccomp filter denies epoll_create1"},
		{syscall.ENOSYS, unix.SYS_EPOLL_CREATE1, "has no epoll_create1"},
		{syscall.EPERM, unix.SYS_EVENTFD2, "a seccomp filter denies eventfd"},
		{syscall.EPERM, unix.SYS_EPOLL_CTL, "a seccomp filter denies epoll_ctl"},
		{syscall.EMFILE, unix.SYS_EPOLL_CREATE1, "no file descriptor left"},
		{syscall.ENOMEM, unix.SYS_EVENTFD2, "not enough memory"},
	} {
		denying(t, tt.errno, []uintptr{tt.call}, func() {
			r := Probe()
			var u *ring.UnavailableError
			if !errors.As(r.Err, &u) || !strings.Contains(u.Reason, tt.reason) || !errors.Is(u, tt.errno) {
				t.Errorf("%v of call %d: %v", tt.errno, tt.call, r.Err)
			}
			if _, err := New(Options{}); !errors.As(err, &u) || !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("%v of call %d: New answers %v", tt.errno, tt.call, err)
			}
		})
	}
	for errno, word := range map[syscall.Errno]string{syscall.EPERM: "seccomp filter denies", syscall.ENOSYS: "older than 5.11"} {
		denying(t, errno, []uintptr{unix.SYS_EPOLL_PWAIT2}, func() {
			if r := Probe(); r.Err != nil || !strings.Contains(r.CoarseWaits, word) {
				t.Errorf("without epoll_pwait2, by %v: %+v", errno, r)
			}
		})
	}
}
