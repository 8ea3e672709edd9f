package proactor

import (
	"errors"
	"net"
	"reflect"
	"testing"
	"time"

	"github.com/uringserve/uringserve/ring"
)

type posted struct {
	node ring.PostNode
	run  func()
}

func (p *posted) OnLoop()                  { p.run() }
func (p *posted) PostNode() *ring.PostNode { return &p.node }

// Work posted before the flag is up is seen by the loop; after that, the
// poster sees the flag.
func TestNoWakeIsLost(t *testing.T) {
	r := newRig(t)
	ran := 0
	p := &posted{run: func() { ran++ }}
	r.l.Post(p)
	if r.p.wakes != 0 {
		t.Fatal("woken though it is not asleep")
	}
	if r.l.asleep() {
		t.Fatal("it sleeps on posted work")
	}
	r.turn()
	if !r.l.asleep() {
		t.Fatal("it does not sleep")
	}
	r.l.Post(p)
	r.l.Post(&posted{run: func() { ran++ }})
	if r.p.wakes != 1 {
		t.Fatalf("%d wakes", r.p.wakes)
	}
	r.l.awake()
	r.turn()
	if ran != 3 {
		t.Fatalf("ran %d", ran)
	}
	r.l.posts.End()
	if r.l.Post(p) {
		t.Fatal("posted to a loop that has ended")
	}
}

func TestWaits(t *testing.T) {
	r := newRig(t)
	r.turn()
	if last := r.p.waits[len(r.p.waits)-1]; last != -1 {
		t.Fatalf("idle, it waits for %v", last)
	}
	due := r.l.port.Now().Add(time.Minute)
	r.next = func(now ring.Instant) ring.Instant {
		if now >= due {
			return 0
		}
		return due
	}
	r.p.waits = nil
	c := r.accept(10)
	r.turn()
	r.turn()
	// A callback set a timer: Tick hears of it before the loop waits, and is
	// called when it is due, once.
	if w := r.p.waits; len(w) != 3 || w[0] <= 0 || w[1] != -1 || w[2] != -1 || r.p.now != due {
		t.Fatalf("waits %v, until %v of %v", w, r.p.now, due)
	}
	// Briefly only while something comes soon: at the third wait it does, at
	// the fourth and the fifth not.
	r.l.mayBrief = true
	for i, want := range []Wait{WaitLong, WaitLong, WaitLong, WaitBrief, WaitLong} {
		wait, _ := r.l.plan()
		r.l.awake()
		if wait != want {
			t.Fatalf("wait %d is %d, want %d", i, wait, want)
		}
		if i == 2 {
			r.p.data(c.ud(OpRecv, 0), "x", true)
		}
		r.l.submit(wait, 0)
		if i == 2 {
			r.l.readClock()
			r.l.apply()
			r.l.callTick()
		}
	}
	r.l.flowing, r.l.away = true, 1
	if wait, _ := r.l.plan(); wait == WaitBrief {
		t.Fatal("a brief wait while a goroutine has work for the loop")
	}
}

func TestIdleConnectionIsSmall(t *testing.T) {
	const most = 150
	if size := reflect.TypeOf(conn{}).Size(); size > most {
		t.Fatalf("a connection is %d bytes, at most %d wanted", size, most)
	}
}

type task struct {
	run  func(ring.Run)
	done func(ring.Outcome) ring.Task
}

func (t *task) Route() (uint64, ring.Hint)    { return 0, ring.HintBlocking }
func (t *task) Detach()                       {}
func (t *task) Run(r ring.Run)                { t.run(r) }
func (t *task) Done(o ring.Outcome) ring.Task { return t.done(o) }

func TestTasksRunInOrder(t *testing.T) {
	var q taskQueue
	tasks := make([]*task, 100)
	for i := range tasks {
		tasks[i] = &task{}
		q.push(tasks[i])
		if i%3 == 0 {
			if got := q.pop(); got != tasks[i/3] {
				t.Fatalf("task %d out of order", i/3)
			}
		}
	}
	front := &task{}
	q.pushFront(front)
	if q.pop() != front || q.pop() != tasks[34] || q.len() != 65 {
		t.Fatal("the front is not the front")
	}
}

func TestGoroutineRun(t *testing.T) {
	r := newRig(t)
	outcomes := make(chan ring.Outcome, 2)
	entered := make(chan bool, 1)
	next := &task{run: func(ring.Run) {}, done: func(o ring.Outcome) ring.Task { outcomes <- o; return nil }}
	r.l.Dispatch(&task{
		run:  func(run ring.Run) { entered <- run.Enter() },
		done: func(o ring.Outcome) ring.Task { outcomes <- o; return next },
	})
	for range 2 {
		r.l.serve()
		if r.l.away != 1 {
			t.Fatalf("%d away", r.l.away)
		}
		for r.l.posts.Empty() {
			r.l.rt.Sleep(time.Millisecond)
		}
		r.turn()
		if o := <-outcomes; o != ring.Returned || r.l.away != 0 {
			t.Fatalf("outcome %v, %d away", o, r.l.away)
		}
	}
	if <-entered {
		t.Fatal("a run on a goroutine had the loop")
	}
}

func TestEngineBeforeStart(t *testing.T) {
	r := newRig(t)
	if _, err := r.e.Adopt(nil); !errors.Is(err, ring.ErrNotAdoptable) {
		t.Fatalf("Adopt: %v", err)
	}
	if r.e.Name() != "fake" || r.e.Loops() != 1 {
		t.Fatal("name or loops")
	}
	r.e.StopAccept()
	r.e.StopAccept()
	if _, err := r.e.Listen("tcp", "x"); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("Listen after StopAccept: %v", err)
	}
	if left := r.e.Close(0); left != 0 || !r.p.disposed || len(r.socks.closed) != 1 {
		t.Fatalf("%d left, disposed %v, closed %v", left, r.p.disposed, r.socks.closed)
	}
	if r.e.Close(0) != 0 || !errors.Is(r.e.Start(nil), net.ErrClosed) {
		t.Fatal("closed twice")
	}
}

func TestPortThatCannotBeMade(t *testing.T) {
	p := newFakePort(t)
	boom := errors.New("boom")
	_, err := New(Config{Name: "fake", Loops: 2, Sockets: &fakeSockets{}, NewPort: func(i int) (Port, error) {
		if i == 1 {
			return nil, boom
		}
		return p, nil
	}})
	if !errors.Is(err, boom) || !p.disposed {
		t.Fatalf("%v, disposed %v", err, p.disposed)
	}
	if _, err := New(Config{}); err == nil {
		t.Fatal("an engine of nothing")
	}
}

// quietPort answers each send with the peer's next request, and allocates
// nothing.
type quietPort struct {
	*fakePort
	ready []Completion
	armed UserData
}

func (p *quietPort) Recv(_ int, ud UserData) { p.armed = ud }
func (p *quietPort) Send(_ int, b []byte, _ UserData, _ bool) {
	id := p.kernel[0]
	p.kernel = p.kernel[:copy(p.kernel, p.kernel[1:])]
	p.given[id] = false
	p.ready = append(p.ready, Completion{UserData: p.armed, Res: int32(len(b)), More: true, HasBuf: true, Buf: id})
}
func (p *quietPort) Enter(Wait, time.Duration) error { return nil }
func (p *quietPort) Space() int                      { return 64 }
func (p *quietPort) Reap(out []Completion) int {
	n := copy(out, p.ready)
	p.ready = p.ready[:copy(p.ready, p.ready[n:])]
	return n
}

type echo struct {
	c    ring.Conn
	text [16]byte
}

func (e *echo) Recv(b ring.Buf) { copy(e.text[:], b.Bytes()); b.Release() }
func (e *echo) RecvEnd()        {}
func (e *echo) Sent()           { e.c.Send(e.text[:]) }
func (e *echo) Broken(error)    {}
func (e *echo) Closed()         {}

func (e *echo) Detached(net.Conn) {}

func quietLoop(t testing.TB) *loop {
	p := &quietPort{fakePort: newFakePort(nil), ready: make([]Completion, 0, 16)}
	e, err := New(Config{Name: "quiet", Loops: 1, Sockets: &fakeSockets{}, Procs: -1,
		NewPort: func(int) (Port, error) { return p, nil }})
	if err != nil {
		t.Fatal(err)
	}
	l := e.loops[0]
	h := &opener{}
	l.handler = h
	l.bit = 1
	l.begun = true
	l.mayBrief = true
	l.begin()
	p.queued = nil
	l.open(10, &acceptor{})
	h.e.Sent()
	return l
}

type opener struct{ e *echo }

func (o *opener) Open(c ring.Conn) ring.ConnHandler { o.e = &echo{c: c}; return o.e }
func (o *opener) Tick(ring.Instant) ring.Instant    { return 0 }

func TestTurnDoesNotAllocate(t *testing.T) {
	l := quietLoop(t)
	if n := testing.AllocsPerRun(1000, func() { l.turn() }); n != 0 {
		t.Fatalf("%v allocations a turn", n)
	}
	if l.n.completions < 1000 {
		t.Fatalf("%d completions", l.n.completions)
	}
}

// One message received and one sent, without the kernel.
func BenchmarkTurn(b *testing.B) {
	l := quietLoop(b)
	b.ReportAllocs()
	for b.Loop() {
		l.turn()
	}
}
