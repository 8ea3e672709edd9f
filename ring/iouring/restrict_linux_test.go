package iouring

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	opOpenat = 18

	opsOfLinux60       = 48 // every kernel that the engine runs on has these operations,
	registersOfLinux60 = 26 // and these registrations
)

// prepOpenat opens a path, which lies off-heap and ends with a zero.
func prepOpenat(s *SQE, path []byte) {
	s.Opcode = opOpenat
	s.FD = unix.AT_FDCWD
	// SAFETY: off-heap memory.
	s.Addr = uint64(uintptr(unsafe.Pointer(&path[0])))
	s.OpFlags = unix.O_RDONLY | unix.O_CLOEXEC
}

// An operation that a server does not need is denied, and those around it in
// the batch are not.
func TestOpenatIsDenied(t *testing.T) {
	path := testMemory(t, 4096)
	copy(path, os.TempDir())
	for _, tt := range []struct {
		name   string
		config Config
		denied bool
	}{
		{"by default", Config{Entries: 8}, true},
		{"beside what is allowed", Config{Entries: 8, Allow: []uint8{OpRead}}, true},
		{"unless it is allowed", Config{Entries: 8, Allow: []uint8{opOpenat}}, false},
		{"unless nothing is restricted", Config{Entries: 8, Unrestricted: true}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newTestRing(t, tt.config)
			sqe(t, r, 1).PrepNop()
			prepOpenat(sqe(t, r, 2), path)
			sqe(t, r, 3).PrepNop()
			seen := map[uint64]CQE{}
			for len(seen) < 3 {
				if c, ok := r.PeekCQE(); ok {
					seen[c.UserData] = c
					r.AdvanceCQ(1)
				} else if _, errno := r.Enter(1, -1, Scheduled); errno != 0 && errno != unix.EINTR {
					t.Fatal(errno)
				}
			}
			if seen[1].Res != 0 || seen[3].Res != 0 {
				t.Errorf("the operations beside it: %+v", seen)
			}
			if tt.denied {
				wantErrno(t, seen[2], unix.EACCES)
			} else if fd := int(seen[2].Res); fd < 0 {
				t.Errorf("openat: %v", unix.Errno(-fd))
			} else {
				unix.Close(fd)
			}
		})
	}
}

// All operations but the server's are denied before the kernel looks at them.
func TestOtherOperationsAreDenied(t *testing.T) {
	r := newTestRing(t, Config{Entries: 8})
	for op := range uint8(opsOfLinux60) {
		if slices.Contains(serverOps[:], op) {
			continue
		}
		s := sqe(t, r, uint64(op))
		s.Opcode, s.FD = op, -1
		if c := one(t, r, uint64(op)); unix.Errno(-c.Res) != unix.EACCES {
			t.Errorf("operation %d: result %d, want EACCES", op, c.Res)
		}
	}
}

// Flags that the engine does not set are denied, too.
func TestOtherFlagsAreDenied(t *testing.T) {
	const drain, hardLink = 1 << 1, 1 << 3
	r := newTestRing(t, Config{Entries: 8})
	for _, flag := range []uint8{SQEFixedFile, drain, SQELink, hardLink, SQEAsync} {
		s := sqe(t, r, uint64(flag))
		s.PrepNop()
		s.Flags = flag
		if c := one(t, r, uint64(flag)); unix.Errno(-c.Res) != unix.EACCES {
			t.Errorf("flag %#x: result %d, want EACCES", flag, c.Res)
		}
	}
	free := newTestRing(t, Config{Entries: 8, Unrestricted: true})
	s := sqe(t, free, 1)
	s.PrepNop()
	s.Flags = SQEAsync
	if c := one(t, free, 1); c.Res != 0 {
		t.Errorf("on a ring without restrictions: %+v", c)
	}
}

// Among the registrations that are denied are a second enabling and second
// restrictions.
func TestOtherRegistrationsAreDenied(t *testing.T) {
	r := newTestRing(t, Config{Entries: 8})
	for op := range uint8(registersOfLinux60) {
		if slices.Contains(serverRegisters[:], op) {
			continue
		}
		if errno := r.register(uintptr(op), nil, 0); errno != unix.EACCES {
			t.Errorf("registration %d: %v, want EACCES", op, errno)
		}
	}
	free := newTestRing(t, Config{Entries: 8, Unrestricted: true})
	if errno := free.register(registerEnableRings, nil, 0); errno != unix.EBADFD {
		t.Errorf("enabling a ring that was never disabled: %v, want EBADFD", errno)
	}
	if err := free.restrict(nil); !errors.Is(err, unix.EBADFD) {
		t.Errorf("restricting a ring that is in use: %v, want EBADFD", err)
	}
	if err := free.Unrestricted(); err != errNotAskedFor {
		t.Errorf("why it is not restricted: %v", err)
	}
}

// A restricted ring is bound to no thread: another may go on where the one
// before, which still lives, has operations in flight. None is let do more.
func TestRestrictedRingChangesThreads(t *testing.T) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	path := testMemory(t, 4096)
	copy(path, os.TempDir())
	r := newTestRing(t, Config{Entries: 8})
	end := make(chan struct{})
	defer close(end)
	seen := map[int]bool{}
	for leader := range uint64(3) {
		tid := make(chan int)
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			lead(t, r, fd, leader, path)
			tid <- unix.Gettid()
			<-end // its thread lives on
		}()
		seen[<-tid] = true
	}
	if len(seen) != 3 {
		t.Fatalf("the leaders had threads %v", seen)
	}
	if _, err := unix.Write(fd, []byte{1, 0, 0, 0, 0, 0, 0, 0}); err != nil {
		t.Fatal(err)
	}
	for polls := map[uint64]bool{}; len(polls) < 3; r.AdvanceCQ(1) {
		deadline := time.Now().Add(5 * time.Second)
		for r.Ready() == 0 {
			if time.Now().After(deadline) {
				t.Fatalf("of three leaders' polls only %v completed", polls)
			}
			if _, errno := r.Enter(1, time.Second, Scheduled); errno != 0 && errno != unix.EINTR && errno != unix.ETIME {
				t.Fatal(errno)
			}
		}
		polls[r.CQEAt(0).UserData] = true
	}
}

// lead does as a new leader of a ring: a poll for itself, an operation, a
// registration; and what is denied.
func lead(t *testing.T, r *Ring, fd int, leader uint64, path []byte) {
	poll := r.GetSQE()
	poll.PrepPollMultishot(fd, unix.POLLIN)
	poll.UserData = leader
	r.GetSQE().PrepNop()
	prepOpenat(r.GetSQE(), path)
	for r.Ready() < 2 {
		if _, errno := r.Enter(2, -1, Scheduled); errno != 0 && errno != unix.EINTR {
			t.Errorf("leader %d: %v", leader, errno)
			return
		}
	}
	if nop, open := r.CQEAt(0).Res, r.CQEAt(1).Res; nop != 0 || unix.Errno(-open) != unix.EACCES {
		t.Errorf("leader %d: a nop answered %d, an openat %d", leader, nop, open)
	}
	r.AdvanceCQ(2)
	b, err := NewBufRing(r, 2, uint16(leader))
	if err != nil {
		t.Errorf("leader %d: %v", leader, err)
		return
	}
	if errno := b.Close(); errno != 0 {
		t.Errorf("leader %d: unregistering: %v", leader, errno)
	}
}

// refusing runs f on a thread on which io_uring_register answers errno to one
// registration.
func refusing(t *testing.T, register uint32, errno unix.Errno, f func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		// A filter cannot be taken off again: the thread ends with this
		// goroutine, which stays locked to it.
		runtime.LockOSThread()
		err := filterRegister(register, errno)
		if err == nil {
			f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func filterRegister(register uint32, errno unix.Errno) error {
	const (
		load   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		jumpIf = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		answer = unix.BPF_RET | unix.BPF_K

		// In struct seccomp_data; of the argument the low half.
		number, secondArg = 0, 16 + 8
	)
	filter := []unix.SockFilter{
		{Code: load, K: number},
		{Code: jumpIf, K: unix.SYS_IO_URING_REGISTER, Jf: 3},
		{Code: load, K: secondArg},
		{Code: jumpIf, K: register, Jf: 1},
		{Code: answer, K: unix.SECCOMP_RET_ERRNO | uint32(errno)},
		{Code: answer, K: unix.SECCOMP_RET_ALLOW},
	}
	fprog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	// SAFETY: fprog and what it points to are alive during the call.
	_, _, e := unix.Syscall(unix.SYS_PRCTL, unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&fprog)))
	runtime.KeepAlive(filter)
	if e != 0 {
		return e
	}
	return nil
}

// Where the system refuses restrictions the ring works without them, the probe
// says why, and nothing is left over of the first attempt.
func TestRestrictionsRefused(t *testing.T) {
	for _, register := range []uint32{registerRestrictions, registerEnableRings} {
		for _, errno := range []unix.Errno{unix.EPERM, unix.EINVAL} {
			refusing(t, register, errno, func() { ringWithout(t, errno) })
		}
	}
}

func ringWithout(t *testing.T, errno unix.Errno) {
	before := openFiles(t)
	r, err := Setup(Config{Entries: 8})
	if err != nil {
		t.Errorf("%v: %v", errno, err)
		return
	}
	if why := r.Unrestricted(); !errors.Is(why, errno) {
		t.Errorf("why it is not restricted: %v, want %v", why, errno)
	}
	if p := r.Params(); p.Flags != ladder[0] || p.SQEntries != 8 {
		t.Errorf("%v: made flags %#x, %d entries", errno, p.Flags, p.SQEntries)
	}
	s := r.GetSQE()
	s.PrepNop()
	s.Flags = SQEAsync
	if _, e := r.Enter(1, -1, Scheduled); e != 0 || r.Ready() != 1 || r.CQEAt(0).Res != 0 {
		t.Errorf("%v: an operation with a flag: %v, %d ready", errno, e, r.Ready())
	}
	r.Close()
	if after := openFiles(t); after != before {
		t.Errorf("%v: %d files are open, %d were", errno, after, before)
	}
	features, err := Probe()
	if err != nil {
		t.Errorf("%v: %v", errno, err)
	}
	for _, f := range features {
		want := Works
		if f.Name == FeatureRestrictions {
			want = Unsupported
			if f.Required || f.Reason == "" {
				t.Errorf("%v: %+v", errno, f)
			}
		}
		if f.State != want {
			t.Errorf("%v: %s: %s: %s", errno, f.Name, f.State, f.Reason)
		}
	}
}

func openFiles(t *testing.T) int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Error(err)
	}
	return len(list)
}

// Want of memory passes: no ring goes without restrictions for it.
func TestWantOfMemoryIsNoRefusal(t *testing.T) {
	refusing(t, registerRestrictions, unix.ENOMEM, func() {
		if r, err := Setup(Config{Entries: 8}); !errors.Is(err, unix.ENOMEM) {
			t.Errorf("a ring, %v; want ENOMEM", err)
			if err == nil {
				r.Close()
			}
		}
	})
}

// A probe that gets no answer knows nothing.
func TestRestrictionsInconclusive(t *testing.T) {
	p, err := newProber()
	if err != nil {
		t.Fatal(err)
	}
	fd := p.ring.fd
	p.ring.fd = -1
	f := p.run(FeatureRestrictions, false, (*prober).restrictions)
	if f.State != Inconclusive || f.Reason == "" {
		t.Errorf("%+v", f)
	}
	p.ring.fd = fd
	p.dispose()
}
