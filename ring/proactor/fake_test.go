package proactor

import (
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/uringserve/uringserve/ring"
)

// fakePort is a kernel that does what the test says. It remembers what is in
// flight and completes cancels by itself.
type fakePort struct {
	t     *testing.T
	space int
	bound bool // thread-bound

	queued []fakeOp
	log    []string // operations submitted since the last takeLog
	cq     []Completion
	flight map[UserData]fakeOp
	now    ring.Instant
	waits  []time.Duration // of long waits, -1: for ever
	full   bool            // Overflowed
	ended  map[int]bool    // descriptors whose peer has sent its FIN
	held   int             // Enters that submit nothing

	onEnter   func(op fakeOp) // called for each operation submitted
	holdEnd   bool            // cancelled operations do not end
	cancelled []UserData      // for which holdEnd was true

	bufs      [][]byte
	given     []bool
	kernel    []uint32 // provided ids
	limit     int
	arena     []byte
	memory    int // bytes that Allocate has left
	allocated int
	wakes     int
	sendNow   func(b []byte) (int, Errno)
	failEnter error
	disposed  bool
}

type fakeOp struct {
	name   string
	fd     int
	ud     UserData
	target UserData
	b      []byte
	skip   bool
}

func (o fakeOp) String() string {
	switch o.name {
	case "send":
		return fmt.Sprintf("send %d %d bytes skip=%v", o.fd, len(o.b), o.skip)
	case "cancel":
		return fmt.Sprintf("cancel %s@%d", opNames[o.target.Op()], o.target.Thread())
	case "recv", "accept":
		return fmt.Sprintf("%s %d@%d", o.name, o.fd, o.ud.Thread())
	}
	return fmt.Sprintf("%s %d", o.name, o.fd)
}

var opNames = map[Op]string{OpRecv: "recv", OpAccept: "accept", OpPoll: "poll", OpSendRest: "send", OpWake: "wake"}

func newFakePort(t *testing.T) *fakePort {
	p := &fakePort{t: t, space: 64, bound: true, flight: map[UserData]fakeOp{}, ended: map[int]bool{}, now: 1,
		limit: 4, arena: make([]byte, ring.MaxSend), memory: 1 << 20}
	for range 6 {
		p.bufs = append(p.bufs, make([]byte, 64))
	}
	p.given = make([]bool, len(p.bufs))
	return p
}

func (p *fakePort) queue(o fakeOp) {
	if len(p.queued) == p.space {
		p.t.Fatal("queued more than Space")
	}
	p.queued = append(p.queued, o)
}

func (p *fakePort) Accept(fd int, ud UserData) { p.queue(fakeOp{name: "accept", fd: fd, ud: ud}) }
func (p *fakePort) Recv(fd int, ud UserData)   { p.queue(fakeOp{name: "recv", fd: fd, ud: ud}) }
func (p *fakePort) Send(fd int, b []byte, ud UserData, skip bool) {
	p.queue(fakeOp{name: "send", fd: fd, ud: ud, b: b, skip: skip})
}
func (p *fakePort) PollHangup(fd int, ud UserData) { p.queue(fakeOp{name: "poll", fd: fd, ud: ud}) }
func (p *fakePort) Cancel(target, ud UserData) {
	p.queue(fakeOp{name: "cancel", ud: ud, target: target})
}
func (p *fakePort) Shutdown(fd int, both bool, ud UserData) {
	name := "fin"
	if both {
		name = "shutdown"
	}
	p.queue(fakeOp{name: name, fd: fd, ud: ud})
}
func (p *fakePort) Close(fd int, ud UserData) { p.queue(fakeOp{name: "close", fd: fd, ud: ud}) }
func (p *fakePort) Leave(fd int, ud UserData) { p.queue(fakeOp{name: "leave", fd: fd, ud: ud}) }
func (p *fakePort) ArmWake(ud UserData)       { p.queue(fakeOp{name: "wake", ud: ud}) }
func (p *fakePort) Space() int                { return p.space - len(p.queued) }

func (p *fakePort) Enter(wait Wait, timeout time.Duration) error {
	if p.failEnter != nil {
		return p.failEnter
	}
	if p.held > 0 {
		p.held--
		return nil
	}
	ops := p.queued
	p.queued = nil
	for _, o := range ops {
		p.log = append(p.log, o.String())
		p.submit(o)
		if p.onEnter != nil {
			p.onEnter(o)
		}
	}
	if wait == WaitLong && len(p.cq) == 0 {
		p.waits = append(p.waits, timeout)
		if timeout > 0 {
			p.now = p.now.Add(timeout)
		}
	}
	return nil
}

func (p *fakePort) submit(o fakeOp) {
	switch o.name {
	case "cancel":
		p.cancel(o)
	case "accept", "recv", "poll":
		p.begin(o)
	case "send":
		if !o.skip {
			p.begin(o)
		}
	case "close", "leave":
		for ud, other := range p.flight {
			if other.fd == o.fd && other.name != "accept" && other.name != "wake" {
				p.t.Fatalf("close of %d with %v (%x) in flight", o.fd, other, ud)
			}
		}
	}
}

func (p *fakePort) begin(o fakeOp) {
	if other, ok := p.flight[o.ud]; ok {
		p.t.Fatalf("%v submitted while %v of the same name is in flight", o, other)
	}
	p.flight[o.ud] = o
}

func (p *fakePort) cancel(o fakeOp) {
	if _, ok := p.flight[o.target]; !ok {
		if o.target.Op() != OpWake {
			p.post(Completion{UserData: o.ud, Res: -int32(ENOENT)})
		}
	} else if p.holdEnd {
		p.cancelled = append(p.cancelled, o.target)
	} else {
		p.end(o.target, -int32(ECANCELED))
	}
}

// post queues a completion.
func (p *fakePort) post(cp Completion) { p.cq = append(p.cq, cp) }

// end completes an operation in flight for the last time.
func (p *fakePort) end(ud UserData, res int32) {
	if _, ok := p.flight[ud]; !ok {
		p.t.Fatalf("%s@%d is not in flight", opNames[ud.Op()], ud.Thread())
	}
	delete(p.flight, ud)
	p.post(Completion{UserData: ud, Res: res})
}

// data completes a receive with text in a provided buffer; last: for the last
// time.
func (p *fakePort) data(ud UserData, text string, last bool) {
	if _, ok := p.flight[ud]; !ok {
		p.t.Fatalf("no receive in flight on thread %d", ud.Thread())
	}
	if len(p.kernel) == 0 {
		p.end(ud, -int32(ENOBUFS))
		return
	}
	id := p.kernel[0]
	p.kernel = p.kernel[1:]
	p.given[id] = false
	n := copy(p.bufs[id], text)
	if last {
		delete(p.flight, ud)
	}
	p.post(Completion{UserData: ud, Res: int32(n), More: !last, HasBuf: true, Buf: id})
}

func (p *fakePort) Reap(out []Completion) int {
	n := copy(out, p.cq)
	p.cq = slices.Delete(p.cq, 0, n)
	return n
}
func (p *fakePort) Overflowed() bool { return p.full }
func (p *fakePort) SendNow(_ int, b []byte) (int, Errno) {
	if p.sendNow == nil {
		return 0, EAGAIN
	}
	return p.sendNow(b)
}
func (p *fakePort) ResetOnClose(fd int)     { p.log = append(p.log, fmt.Sprintf("reset %d", fd)) }
func (p *fakePort) Buffer(id uint32) []byte { return p.bufs[id] }
func (p *fakePort) Provide(id uint32) {
	if p.given[id] || len(p.kernel) == p.limit {
		p.t.Fatalf("buffer %d provided while provided, or too many", id)
	}
	p.given[id] = true
	p.kernel = append(p.kernel, id)
}
func (p *fakePort) Buffers() int      { return len(p.bufs) }
func (p *fakePort) Provided() int     { return p.limit }
func (p *fakePort) SendArena() []byte { return p.arena }
func (p *fakePort) Allocate(n int) []byte {
	if n > p.memory {
		return nil
	}
	p.memory -= n
	p.allocated += n
	return make([]byte, n)
}
func (p *fakePort) Free(b []byte) {
	p.memory += len(b)
	p.allocated -= len(b)
}
func (p *fakePort) Wake()             { p.wakes++ }
func (p *fakePort) ThreadBound() bool { return p.bound }
func (p *fakePort) Now() ring.Instant { return p.now }
func (p *fakePort) Wall() time.Time   { return time.Unix(0, int64(p.now)) }
func (p *fakePort) Dispose()          { p.disposed = true }

var _ Port = (*fakePort)(nil)

// fakeSockets are listening sockets with connections to take.
type fakeSockets struct {
	fds    []int
	queued map[int][]int // by listener, for AcceptNow
	closed []int
	full   bool // no descriptor is left
}

func (s *fakeSockets) Conn(int) (net.Conn, error) {
	if s.full {
		return nil, EMFILE
	}
	c, _ := net.Pipe()
	return c, nil
}

func (s *fakeSockets) Listen(string, string, int) ([]int, net.Addr, error) {
	return s.fds, &net.TCPAddr{Port: 80}, nil
}
func (s *fakeSockets) Adopt(net.Listener, int) ([]int, net.Addr, error) {
	return nil, nil, ring.ErrNotAdoptable
}
func (s *fakeSockets) AcceptNow(fd int) (int, Errno) {
	if len(s.queued[fd]) == 0 {
		return 0, EAGAIN
	}
	next := s.queued[fd][0]
	s.queued[fd] = s.queued[fd][1:]
	return next, 0
}
func (s *fakeSockets) CloseListener(fd int) { s.closed = append(s.closed, fd) }
func (s *fakeSockets) Addrs(int) (remote, local net.Addr) {
	return nil, &net.UnixAddr{Name: "x"}
}

const listenerFD = 3

// rig is one loop on a fakePort, whose turns the test makes.
type rig struct {
	t     *testing.T
	e     *Engine
	l     *loop
	p     *fakePort
	socks *fakeSockets
	conns []*peer
	ticks int
	next  func(now ring.Instant) ring.Instant
	deny  bool
}

// peer records what a connection is told.
type peer struct {
	c      ring.Conn
	events []string
	leases []ring.Buf
	keep   bool // leases are not released
	on     func(event string)
}

func newRig(t *testing.T, change ...func(*fakePort)) *rig {
	r := &rig{t: t, p: newFakePort(t), socks: &fakeSockets{fds: []int{listenerFD}, queued: map[int][]int{}}}
	for _, f := range change {
		f(r.p)
	}
	e, err := New(Config{Name: "fake", Loops: 1, Sockets: r.socks, Procs: -1,
		NewPort: func(int) (Port, error) { return r.p, nil }})
	if err != nil {
		t.Fatal(err)
	}
	r.e, r.l = e, e.loops[0]
	if _, err := e.Listen("tcp", "x"); err != nil {
		t.Fatal(err)
	}
	r.l.handler = r
	r.lead(0)
	r.l.begun = true
	r.l.begin()
	r.turn()
	r.takeLog()
	return r
}

// lead is what loop.lead does for a first leader.
func (r *rig) lead(thread uint8) { r.l.thread, r.l.bit = thread, 1<<thread }

func (r *rig) turn() bool { return r.l.turn() }

func (r *rig) Open(c ring.Conn) ring.ConnHandler {
	if r.deny {
		return nil
	}
	p := &peer{c: c}
	r.conns = append(r.conns, p)
	return p
}

func (r *rig) Tick(now ring.Instant) ring.Instant {
	r.ticks++
	if r.next != nil {
		return r.next(now)
	}
	return 0
}

// accept opens a connection on fd, on thread 0's arm.
func (r *rig) accept(fd int) *peer {
	r.t.Helper()
	r.p.post(Completion{UserData: MakeUserData(OpAccept, r.l.thread, 0, 0), Res: int32(fd), More: true})
	r.turn()
	r.turn() // submits its receive
	r.takeLog()
	if len(r.conns) == 0 {
		r.t.Fatal("not opened")
	}
	return r.conns[len(r.conns)-1]
}

func (r *rig) takeLog() []string {
	log := r.p.log
	r.p.log = nil
	return log
}

func (r *rig) wantLog(want ...string) {
	r.t.Helper()
	if got := r.takeLog(); !slices.Equal(got, want) {
		r.t.Fatalf("submitted %q, want %q", got, want)
	}
}

func (p *peer) add(s string) {
	p.events = append(p.events, s)
	if p.on != nil {
		p.on(s)
	}
}

func (p *peer) Recv(b ring.Buf) {
	s := "recv " + string(b.Bytes())
	if p.keep {
		p.leases = append(p.leases, b)
	} else {
		b.Release()
	}
	p.add(s)
}
func (p *peer) RecvEnd()         { p.add("end") }
func (p *peer) Sent()            { p.add("sent") }
func (p *peer) Broken(err error) { p.add("broken " + err.Error()) }
func (p *peer) Closed()          { p.add("closed") }

func (p *peer) Detached(nc net.Conn) {
	nc.Close()
	p.add("detached")
}

func (p *peer) ud(op Op, thread uint8) UserData { return p.c.(*conn).udOf(op, thread) }

func (p *peer) want(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(p.events, want) {
		t.Fatalf("told %q, want %q", p.events, want)
	}
	p.events = nil
}
