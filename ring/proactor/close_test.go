package proactor

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/uringserve/uringserve/ring"
)

func TestCloseAfterEndNeedsNoCancel(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	c.on = func(event string) {
		if event == "end" {
			c.c.Close()
		}
	}
	r.p.end(c.ud(OpRecv, 0), 0)
	r.turn()
	c.want(t, "end", "closed")
	r.turn()
	r.wantLog("close 10")
}

func TestCloseWaitsForEveryCompletion(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	r.p.onEnter = func(o fakeOp) {
		if o.name == "send" && o.skip {
			r.p.post(Completion{UserData: o.ud, Res: 1})
		}
	}
	c.c.Send([]byte("hello"))
	r.turn()
	r.turn()
	r.takeLog()
	r.p.holdEnd = true
	c.c.Close()
	c.c.Close()
	r.turn()
	r.wantLog("cancel send@0", "cancel recv@0")
	r.p.data(c.ud(OpRecv, 0), "late", false)
	r.p.end(c.ud(OpSendRest, 0), -int32(ECANCELED))
	r.turn()
	c.want(t)
	r.p.end(c.ud(OpRecv, 0), -int32(ECANCELED))
	r.turn()
	c.want(t, "closed")
	r.turn()
	r.wantLog("close 10")
	if r.p.allocated != 0 || r.l.pool.leased != 0 || r.l.conns != 0 || r.l.ops != 1 {
		t.Fatalf("left: %d bytes, %d leases, %d connections, %d operations", r.p.allocated, r.l.pool.leased, r.l.conns, r.l.ops)
	}
}

// A thread that is stuck delays the cancel; the peer is told all the same.
func TestCloseShutsDownWhatIsForeign(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	r.lead(1)
	r.p.holdEnd = true
	c.c.Close()
	r.turn()
	r.wantLog("cancel recv@0", "shutdown 10", "wake 0", "cancel wake@0")
	r.p.end(c.ud(OpRecv, 0), 0)
	r.turn()
	c.want(t, "closed")
}

func TestAbort(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	c.c.Abort()
	c.c.Abort()
	r.turn()
	r.turn()
	c.want(t, "closed")
	r.turn()
	r.wantLog("reset 10", "cancel recv@0", "close 10")
}

func TestRefusedConnectionIsReset(t *testing.T) {
	r := newRig(t)
	r.deny = true
	r.p.post(Completion{UserData: MakeUserData(OpAccept, 0, 0, 0), Res: 10, More: true})
	r.turn()
	r.turn()
	r.wantLog("reset 10", "close 10")
	if r.l.conns != 0 {
		t.Fatal("connection left")
	}
}

func TestStaleCompletions(t *testing.T) {
	r := newRig(t)
	old := r.accept(10)
	ud := old.ud(OpRecv, 0)
	old.c.Close()
	r.turn()
	r.turn()
	old.want(t, "closed")
	c := r.accept(10)
	if c.ud(OpRecv, 0).Slot() != ud.Slot() || c.ud(OpRecv, 0) == ud {
		t.Fatal("the slot is not used again with another generation")
	}
	id := r.p.kernel[0]
	r.p.kernel = r.p.kernel[1:]
	r.p.given[id] = false
	r.p.post(Completion{UserData: ud, Res: 3, HasBuf: true, Buf: id, More: true})
	r.p.post(Completion{UserData: MakeUserData(OpSendRest, 0, 77, 0), Res: 3})
	r.p.post(Completion{UserData: MakeUserData(OpSend, 0, 77, 0), Res: 3})
	r.p.post(Completion{UserData: MakeUserData(OpPoll, 0, 0, 1<<20), Res: 3})
	r.turn()
	c.want(t)
	if r.l.n.staleEvents != 4 || r.l.pool.leased != 0 || !r.p.given[id] {
		t.Fatalf("%d stale, %d leased", r.l.n.staleEvents, r.l.pool.leased)
	}
}

func TestGenerationWraps(t *testing.T) {
	var s slots
	c := s.take()
	c.phase, c.generation = phaseOpen, generationMask
	s.give(c)
	if c = s.take(); c.generation != 0 {
		t.Fatalf("generation %d", c.generation)
	}
}

func TestSlotsGrowByChunks(t *testing.T) {
	var s slots
	seen := map[*conn]bool{}
	for i := range chunkSize + 1 {
		c := s.take()
		if c.slot != uint32(i) || seen[c] {
			t.Fatalf("slot %d for connection %d", c.slot, i)
		}
		seen[c] = true
		c.phase = phaseOpen
	}
	if len(s.chunks) != 2 {
		t.Fatalf("%d chunks", len(s.chunks))
	}
	s.used = MaxSlots
	if s.take() != nil {
		t.Fatal("more than MaxSlots")
	}
}

func TestLostPort(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	r.e.cfg.Lost = func(int, error) {}
	r.p.failEnter = errors.New("gone")
	r.l.submit(NoWait, 0)
	r.l.abandon()
	c.want(t, "broken gone", "closed")
	if len(r.socks.closed) != 1 {
		t.Fatal("the listener is open")
	}
}

// Whatever is called in whatever order, and however late completions come:
// each connection ends, nothing of it is left, and no operation is submitted
// under a name in use (fakePort checks).
func TestInterleavings(t *testing.T) {
	for seed := range uint64(400) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { interleave(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func interleave(t *testing.T, rnd *rand.Rand) {
	r := newRig(t, func(p *fakePort) { p.space = settleOps + rnd.IntN(8) })
	var cs []*peer
	for i := range 3 {
		cs = append(cs, r.accept(10+i))
	}
	r.p.onEnter = func(o fakeOp) {
		if o.name == "send" && o.skip && rnd.IntN(3) == 0 {
			r.p.post(Completion{UserData: o.ud, Res: []int32{0, 1, -int32(EAGAIN), -int32(EPIPE)}[rnd.IntN(4)]})
		}
	}
	closed := func(c *peer) bool { return len(c.events) > 0 && c.events[len(c.events)-1] == "closed" }
	for range 60 {
		c := cs[rnd.IntN(len(cs))]
		if !closed(c) {
			act(r, c, rnd)
		}
		r.p.holdEnd = rnd.IntN(2) == 0
		r.p.full = rnd.IntN(8) == 0
		kernel(r.p, rnd)
		if rnd.IntN(3) > 0 {
			r.turn()
		}
		if rnd.IntN(20) == 0 {
			r.lead(uint8(rnd.IntN(3)))
			r.l.rearm()
		}
	}
	r.p.holdEnd, r.p.full, r.p.onEnter = false, false, nil
	for _, c := range cs {
		if !closed(c) {
			c.c.Close()
		}
	}
	for range 8 {
		for _, ud := range r.p.cancelled {
			if _, ok := r.p.flight[ud]; ok {
				r.p.end(ud, -int32(ECANCELED))
			}
		}
		r.turn()
	}
	for i, c := range cs {
		checkOrder(t, c)
		if !closed(c) {
			t.Fatalf("connection %d is not closed: %+v", i, c.c)
		}
	}
	for ud, o := range r.p.flight {
		if ud.Op() != OpAccept && ud.Op() != OpWake {
			t.Fatalf("%v is still in flight", o)
		}
	}
	if r.p.allocated != 0 || r.l.pool.leased != 0 || r.l.conns != 0 {
		t.Fatalf("left: %d bytes, %d leases, %d connections", r.p.allocated, r.l.pool.leased, r.l.conns)
	}
}

func act(r *rig, c *peer, rnd *rand.Rand) {
	conn := c.c.(*conn)
	r.l.serving = rnd.IntN(4) == 0
	defer func() { r.l.serving = false }()
	switch rnd.IntN(9) {
	case 0, 1:
		c.c.PauseRecv()
	case 2, 3:
		c.c.ResumeRecv()
	case 4, 5, 6:
		if conn.send == sendNone && !conn.has(flagFin) {
			c.c.Send([]byte("hello"))
		}
	case 7:
		if rnd.IntN(4) == 0 {
			c.c.CloseWrite()
		}
	case 8:
		if rnd.IntN(6) == 0 {
			c.c.Close()
		} else if rnd.IntN(6) == 0 {
			c.c.Abort()
		}
	}
}

// kernel lets something happen to an operation in flight.
func kernel(p *fakePort, rnd *rand.Rand) {
	for ud, o := range p.flight {
		switch ud.Op() {
		case OpRecv:
			if p.ended[o.fd] {
				p.end(ud, 0)
				continue
			}
			switch rnd.IntN(12) {
			case 0:
				p.ended[o.fd] = true
				p.end(ud, 0)
			case 1:
				p.end(ud, -int32(ECONNRESET))
			case 2, 3:
				p.data(ud, "x", true)
			case 4:
				p.end(ud, -int32(ECANCELED))
			default:
				p.data(ud, "x", false)
			}
		case OpSendRest:
			p.end(ud, []int32{int32(len(o.b)), -int32(EPIPE), 1}[rnd.IntN(3)])
		case OpPoll:
			if rnd.IntN(10) == 0 {
				p.end(ud, 0x10)
			}
		default:
			continue
		}
		return
	}
}

// checkOrder checks the contract of ring.ConnHandler.
func checkOrder(t *testing.T, c *peer) {
	count := map[string]int{}
	for i, e := range c.events {
		kind := e[:min(4, len(e))]
		count[kind]++
		if count["clos"] > 0 && i != len(c.events)-1 || count["brok"] > 1 || count["end"] > 1 ||
			count["brok"] == 1 && kind != "brok" && kind != "clos" || kind == "recv" && count["end"] > 0 {
			t.Fatalf("out of order: %q", c.events)
		}
	}
}

func TestAcceptBacksOff(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	ud := MakeUserData(OpAccept, 0, 0, 0)
	r.p.waits = nil
	for range 9 {
		r.p.end(ud, -int32(EMFILE))
		r.turn()                // fails
		r.turn()                // waits
		r.turn()                // submits the next
		r.wantLog("accept 3@0") // and no more
	}
	var total time.Duration
	for _, w := range r.p.waits {
		if w > 0 {
			total += w
		}
	}
	if want := (10 + 20 + 40 + 80 + 160 + 320 + 640 + 1000 + 1000) * time.Millisecond; total != want {
		t.Fatalf("backed off for %v, want %v: %v", total, want, r.p.waits)
	}
	if r.l.n.acceptErrors != 9 {
		t.Fatalf("%d errors", r.l.n.acceptErrors)
	}
	r.p.data(c.ud(OpRecv, 0), "unharmed", false)
	r.turn()
	c.want(t, "recv unharmed")
	r.accept(11)
	if r.l.acceptors[0].backoff != 0 {
		t.Fatal("the back-off stays after success")
	}
}

func TestAbortedConnectionsDoNotBackOff(t *testing.T) {
	r := newRig(t)
	r.p.end(MakeUserData(OpAccept, 0, 0, 0), -int32(ECONNABORT))
	r.turn()
	r.turn()
	r.wantLog("accept 3@0")
}

func TestStopAcceptTakesWhatIsQueued(t *testing.T) {
	r := newRig(t)
	r.socks.queued[listenerFD] = []int{20, 21}
	r.l.stopAccepts()
	r.l.stopAccepts()
	r.turn() // the cancel
	if len(r.socks.closed) != 1 || r.e.listening.Load() != 0 || len(r.conns) != 2 {
		t.Fatalf("closed %v, %d listening, %d connections", r.socks.closed, r.e.listening.Load(), len(r.conns))
	}
	r.turn()
	r.wantLog("cancel accept@0", "recv 20@0", "recv 21@0")
}

// The accept of a stuck thread does not hold StopAccept up.
func TestStopAcceptWithAStuckThread(t *testing.T) {
	r := newRig(t)
	r.p.holdEnd = true
	r.l.stopAccepts()
	r.l.flush()
	r.l.timers()
	if len(r.socks.closed) != 0 {
		t.Fatal("closed before the cancel is over")
	}
	for range 3 {
		r.turn()
	}
	if len(r.socks.closed) != 1 || r.p.now < ring.Instant(acceptCancelWait) {
		t.Fatalf("closed %v at %v", r.socks.closed, r.p.now)
	}
	r.wantLog("cancel accept@0", "shutdown 3")
	// It comes back with a connection after all.
	r.p.end(MakeUserData(OpAccept, 0, 0, 0), 30)
	r.turn()
	if len(r.conns) != 1 || r.l.ops != 1 { // its receive
		t.Fatalf("%d connections, %d operations", len(r.conns), r.l.ops)
	}
}

// An accept waits exclusively: one of another thread's, cancelled or stuck, may
// have taken the news of a connection with it. So the queue is looked at.
func TestLooksAtQueueBesideAnothersAccept(t *testing.T) {
	r := newRig(t)
	queue := r.e.cfg.Sockets.(*fakeSockets)
	queue.queued = map[int][]int{listenerFD: {50}}
	r.turn()
	if r.l.conns != 0 {
		t.Fatal("looked at, though the only accept is the leader's own")
	}
	r.lead(1)
	r.l.rearm()
	r.p.now = r.p.now.Add(lookEvery)
	r.turn()
	if r.l.conns != 1 {
		t.Fatal("not looked at while an accept of another thread is armed")
	}
	queue.queued[listenerFD] = []int{51}
	r.p.end(MakeUserData(OpAccept, 0, 0, 0), -int32(ECANCELED))
	r.turn()
	if r.l.conns != 2 {
		t.Fatal("not looked at when it was cancelled")
	}
	r.p.now = r.p.now.Add(lookEvery)
	r.turn() // for the last time
	queue.queued[listenerFD] = []int{52}
	r.p.now = r.p.now.Add(10 * lookEvery)
	r.turn()
	if r.l.conns != 2 {
		t.Fatal("looked at once the leader's accept is alone")
	}
}
