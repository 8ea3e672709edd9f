package iouring

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func newTestRing(t testing.TB, c Config) *Ring {
	t.Helper()
	r, err := Setup(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func testMemory(t testing.TB, n int) []byte {
	t.Helper()
	m, err := Map(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { Unmap(m) })
	return m
}

// one submits what is queued and returns the next completion, which is tagged.
func one(t testing.TB, r *Ring, tag uint64) CQE {
	t.Helper()
	for r.Ready() == 0 {
		if _, errno := r.Enter(1, 5*time.Second, Scheduled); errno != 0 && errno != unix.EINTR {
			t.Fatalf("waiting for %d: %v", tag, errno)
		}
	}
	cqe, _ := r.PeekCQE()
	r.AdvanceCQ(1)
	if cqe.UserData != tag {
		t.Fatalf("completion of %d, want %d: %+v", cqe.UserData, tag, cqe)
	}
	return cqe
}

// two submits and returns the next two completions, by their tags: their order
// is the kernel's affair.
func two(t testing.TB, r *Ring) map[uint64]CQE {
	t.Helper()
	seen := map[uint64]CQE{}
	for len(seen) < 2 {
		if _, errno := r.Enter(1, 5*time.Second, Scheduled); errno != 0 && errno != unix.EINTR {
			t.Fatal(errno)
		}
		for ; r.Ready() > 0; r.AdvanceCQ(1) {
			seen[r.CQEAt(0).UserData] = r.CQEAt(0)
		}
	}
	return seen
}

func none(t testing.TB, r *Ring) {
	t.Helper()
	// What was submitted hides that the time was over.
	if _, errno := r.Enter(1, 10*time.Millisecond, Scheduled); errno != 0 && errno != unix.ETIME && errno != unix.EINTR {
		t.Fatalf("wait: %v", errno)
	}
	if cqe, ok := r.PeekCQE(); ok {
		t.Fatalf("completion %+v", cqe)
	}
}

func sqe(t testing.TB, r *Ring, tag uint64) *SQE {
	t.Helper()
	s := r.GetSQE()
	if s == nil {
		t.Fatal("no space")
	}
	s.UserData = tag
	return s
}

func testPair(t testing.TB) (a, b int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	return fds[0], fds[1]
}

func wantErrno(t testing.TB, cqe CQE, want unix.Errno) {
	t.Helper()
	if got := unix.Errno(-cqe.Res); cqe.Res >= 0 || got != want {
		t.Errorf("result %d, want %v", cqe.Res, want)
	}
}

// The ring works on every rung of the ladder, with and without an index array.
func TestEveryRung(t *testing.T) {
	for _, flags := range ladder {
		r := newTestRing(t, Config{Entries: 8, CQEntries: 32, Flags: flags})
		if p := r.Params(); p.Flags != flags|SetupRDisabled || p.SQEntries != 8 || p.CQEntries != 32 {
			t.Errorf("flags %#x: made %#x, %d, %d", flags, p.Flags, p.SQEntries, p.CQEntries)
		}
		if err := r.Unrestricted(); err != nil {
			t.Errorf("flags %#x: unrestricted: %v", flags, err)
		}
		for lap := range uint64(5) {
			for i := range uint64(8) {
				sqe(t, r, lap<<8|i).PrepNop()
			}
			if r.GetSQE() != nil || r.Space() != 0 {
				t.Fatal("a ninth submission")
			}
			if n, errno := r.Enter(8, -1, Scheduled); n != 8 || errno != 0 {
				t.Fatalf("enter: %d, %v", n, errno)
			}
			if r.Space() != 8 || r.Unsubmitted() != 0 || r.Ready() != 8 {
				t.Fatalf("space %d, unsubmitted %d, ready %d", r.Space(), r.Unsubmitted(), r.Ready())
			}
			for i := range uint64(8) {
				if cqe := r.CQEAt(int(i)); cqe.UserData != lap<<8|i || cqe.Res != 0 {
					t.Fatalf("lap %d: completion %d is %+v", lap, i, cqe)
				}
			}
			r.AdvanceCQ(8)
		}
	}
}

func TestSubmissionsAreZeroed(t *testing.T) {
	r := newTestRing(t, Config{Entries: 1, CQEntries: 4, Unrestricted: true})
	s := sqe(t, r, 1)
	s.PrepNop()
	s.Flags, s.IoPrio, s.Off, s.Addr, s.Len, s.Addr3, s.FileIndex = SQEAsync, 0, 3, 4, 5, 6, 7
	one(t, r, 1)
	if s := r.GetSQE(); *s != (SQE{}) {
		t.Errorf("a used submission came back as %+v", *s)
	}
}

func TestEnterTimeout(t *testing.T) {
	r := newTestRing(t, Config{Entries: 8})
	for _, mode := range []Mode{Raw, Scheduled} {
		begin := time.Now()
		if _, errno := r.Enter(1, 2*time.Millisecond, mode); errno != unix.ETIME && errno != unix.EINTR {
			t.Errorf("mode %d: %v", mode, errno)
		}
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("mode %d: took %v", mode, took)
		}
	}
	if n, errno := r.Enter(1, 0, Scheduled); n != 0 || errno != 0 {
		t.Errorf("without a wait: %d, %v", n, errno)
	}
}

func TestOverflowKeepsCompletions(t *testing.T) {
	r := newTestRing(t, Config{Entries: 8, CQEntries: 8})
	const total = 40
	for i := range uint64(total) {
		sqe(t, r, i).PrepNop()
		if r.Space() == 0 || i == total-1 {
			if _, errno := r.Enter(0, 0, Raw); errno != 0 && errno != unix.EBUSY {
				t.Fatal(errno)
			}
		}
	}
	if !r.Overflowed() {
		t.Fatal("no overflow")
	}
	for i := range uint64(total) {
		one(t, r, i)
	}
	if r.Overflowed() {
		t.Error("still overflowed")
	}
	if s, c := r.Dropped(); s != 0 {
		t.Errorf("dropped %d, %d", s, c)
	}
	none(t, r)
}

func TestReadAndPollOfAnEventfd(t *testing.T) {
	r := newTestRing(t, Config{Entries: 8, Allow: []uint8{OpRead}})
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	mem := testMemory(t, 8)
	sqe(t, r, 1).PrepPollAdd(fd, unix.POLLIN)
	sqe(t, r, 2).PrepPollMultishot(fd, unix.POLLIN)
	none(t, r)
	unix.Write(fd, []byte{5, 0, 0, 0, 0, 0, 0, 0})
	seen := two(t, r)
	if c := seen[1]; c.Res&unix.POLLIN == 0 || c.More() {
		t.Errorf("poll: %+v", c)
	}
	if c := seen[2]; c.Res&unix.POLLIN == 0 || !c.More() {
		t.Errorf("multishot poll: %+v", c)
	}
	sqe(t, r, 3).PrepRead(fd, mem)
	if c := one(t, r, 3); c.Res != 8 || mem[0] != 5 {
		t.Errorf("read: %+v, %v", c, mem[:8])
	}
	unix.Write(fd, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	if c := one(t, r, 2); !c.More() {
		t.Errorf("multishot poll, second event: %+v", c)
	}
	sqe(t, r, 4).PrepCancelFD(fd)
	seen = two(t, r)
	if c := seen[2]; unix.Errno(-c.Res) != unix.ECANCELED || c.More() {
		t.Errorf("cancelled poll: %+v", c)
	}
	if c := seen[4]; c.Res != 1 {
		t.Errorf("cancel of a descriptor: %+v", c)
	}
}

func TestSends(t *testing.T) {
	r := newTestRing(t, Config{Entries: 8})
	mem := testMemory(t, 1<<20)
	a, b := testPair(t)
	copy(mem, "hello")
	sqe(t, r, 1).PrepSendTry(a, mem[:5])
	none(t, r)
	var buf [8]byte
	if n, err := unix.Read(b, buf[:]); err != nil || string(buf[:n]) != "hello" {
		t.Fatalf("read %q, %v", buf[:n], err)
	}
	// A short one shows inside the submitting enter.
	sqe(t, r, 2).PrepSendTry(a, mem)
	if _, errno := r.Enter(0, 0, Raw); errno != 0 {
		t.Fatal(errno)
	}
	c, ok := r.PeekCQE()
	if !ok || c.UserData != 2 || c.Res <= 0 || int(c.Res) >= len(mem) {
		t.Fatalf("short send: %+v, %v", c, ok)
	}
	r.AdvanceCQ(1)
	sqe(t, r, 3).PrepSendTry(a, mem)
	wantErrno(t, one(t, r, 3), unix.EAGAIN)
	// An armed one waits for the peer.
	sqe(t, r, 4).PrepSendAll(a, mem[:100])
	none(t, r)
	drained := 0
	big := make([]byte, 1<<20)
	for want := int(c.Res) + 100; drained < want; {
		n, err := unix.Read(b, big)
		if err != nil {
			t.Fatal(err)
		}
		drained += n
		if _, errno := r.Enter(0, 0, Raw); errno != 0 {
			t.Fatal(errno)
		}
	}
	if c := one(t, r, 4); c.Res != 100 {
		t.Errorf("armed send: %+v", c)
	}
	unix.Shutdown(b, unix.SHUT_RDWR)
	sqe(t, r, 5).PrepSendTry(a, mem[:1])
	wantErrno(t, one(t, r, 5), unix.EPIPE)
}

func TestShutdownAndClose(t *testing.T) {
	r := newTestRing(t, Config{Entries: 8, Allow: []uint8{OpShutdown}})
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[1])
	sqe(t, r, 1).PrepShutdown(fds[0], unix.SHUT_WR)
	if c := one(t, r, 1); c.Res != 0 {
		t.Fatalf("shutdown: %+v", c)
	}
	var buf [1]byte
	if n, err := unix.Read(fds[1], buf[:]); n != 0 || err != nil {
		t.Errorf("peer read %d, %v", n, err)
	}
	sqe(t, r, 2).PrepClose(fds[0])
	if c := one(t, r, 2); c.Res != 0 {
		t.Errorf("close: %+v", c)
	}
	sqe(t, r, 3).PrepClose(fds[0])
	wantErrno(t, one(t, r, 3), unix.EBADF)
}

func TestCancelByUserData(t *testing.T) {
	r := newTestRing(t, Config{Entries: 8})
	a, _ := testPair(t)
	sqe(t, r, 1).PrepPollAdd(a, unix.POLLIN)
	sqe(t, r, 2).PrepCancel(1)
	seen := two(t, r)
	if unix.Errno(-seen[1].Res) != unix.ECANCELED || seen[2].Res != 0 {
		t.Errorf("results %v", seen)
	}
	sqe(t, r, 3).PrepCancel(1)
	wantErrno(t, one(t, r, 3), unix.ENOENT)
}

// A provided-buffer ring goes round more often than its 16-bit tail, with ids
// in changing order.
func TestBufferRingGoesRound(t *testing.T) {
	r := newTestRing(t, Config{Entries: 8})
	const n, size = 4, 16
	mem := testMemory(t, n*size)
	bufs, err := NewBufRing(r, n, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer bufs.Close()
	provide := func(id uint16) { bufs.Provide(mem[int(id)*size:int(id+1)*size], id) }
	for id := range uint16(n) {
		provide(n - 1 - id)
	}
	a, b := testPair(t)
	sqe(t, r, 1).PrepRecvMultishot(a, 3)
	r.Enter(0, 0, Raw)
	order := []uint16{3, 2, 1, 0}
	var kept []uint16
	laps := 70_000
	if testing.Short() {
		laps = 1000
	}
	for i := range laps {
		msg := [2]byte{byte(i), byte(i >> 8)}
		if _, err := unix.Write(b, msg[:]); err != nil {
			t.Fatal(err)
		}
		c := one(t, r, 1)
		id := order[0]
		if c.Res != 2 || !c.More() || !c.HasBuffer() || c.BufferID() != id {
			t.Fatalf("message %d: %+v in buffer %d, want %d", i, c, c.BufferID(), id)
		}
		if got := mem[int(id)*size:]; got[0] != msg[0] || got[1] != msg[1] {
			t.Fatalf("message %d: received %v", i, got[:2])
		}
		order = order[1:]
		// Now and then a buffer is kept back, and returns behind the next.
		if i%3 == 0 && len(order) > 1 {
			kept = append(kept, id)
			continue
		}
		for _, id := range append([]uint16{id}, kept...) {
			provide(id)
			order = append(order, id)
		}
		kept = kept[:0]
	}
}

func TestBufferRingSizes(t *testing.T) {
	r := newTestRing(t, Config{Entries: 8})
	for _, n := range []int{0, 3, -1, MaxBuffers + 1, MaxBuffers * 2} {
		if _, err := NewBufRing(r, n, 1); err == nil {
			t.Errorf("%d buffers were accepted", n)
		}
	}
	for _, n := range []int{1, 2, MaxBuffers} {
		b, err := NewBufRing(r, n, 1)
		if err != nil {
			t.Errorf("%d buffers: %v", n, err)
			continue
		}
		if _, err := NewBufRing(r, n, 1); err == nil {
			t.Error("the same group twice")
		}
		if errno := b.Close(); errno != 0 {
			t.Errorf("closing: %v", errno)
		}
	}
}

func TestCancelEverything(t *testing.T) {
	r := newTestRing(t, Config{Entries: 8})
	a, b := testPair(t)
	sqe(t, r, 1).PrepPollAdd(a, unix.POLLIN)
	sqe(t, r, 2).PrepPollAdd(b, unix.POLLIN)
	r.Enter(0, 0, Raw)
	if errno := r.CancelEverything(time.Second); errno != 0 {
		t.Fatal(errno)
	}
	for range 2 {
		for r.Ready() == 0 {
			r.Enter(1, time.Second, Scheduled)
		}
		wantErrno(t, r.CQEAt(0), unix.ECANCELED)
		r.AdvanceCQ(1)
	}
}

func TestSetupRefusesBadFlags(t *testing.T) {
	if _, err := Setup(Config{Flags: 1 << 31}); err == nil {
		t.Error("an unknown flag was accepted")
	}
}

func TestSeccompMode(t *testing.T) {
	for text, want := range map[string]int{
		"Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t1\n": 2,
		"Seccomp:\t0\n": 0,
		"Name:\tx\n":    -1,
		"Seccomp:\tx\n": -1,
	} {
		if got := seccompMode([]byte(text)); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func TestRingAllocatesNothing(t *testing.T) {
	r := newTestRing(t, Config{Entries: 8})
	allocs := testing.AllocsPerRun(1000, func() {
		r.GetSQE().PrepNop()
		r.Enter(1, time.Millisecond, Raw)
		r.AdvanceCQ(r.Ready())
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkNop(b *testing.B) {
	for name, mode := range map[string]Mode{"raw": Raw, "scheduled": Scheduled} {
		b.Run(name, func(b *testing.B) {
			r := newTestRing(b, Config{Entries: 64})
			for b.Loop() {
				r.GetSQE().PrepNop()
				r.Enter(1, -1, mode)
				r.AdvanceCQ(1)
			}
		})
	}
	for name, unrestricted := range map[string]bool{"batch of 32": false, "batch of 32, unrestricted": true} {
		b.Run(name, func(b *testing.B) {
			r := newTestRing(b, Config{Entries: 64, Unrestricted: unrestricted})
			n := 0
			for b.Loop() {
				r.GetSQE().PrepNop()
				if n++; n%32 == 0 {
					r.Enter(32, -1, Raw)
					r.AdvanceCQ(r.Ready())
				}
			}
		})
	}
}
