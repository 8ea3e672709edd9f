package proactor

import (
	"bytes"
	"testing"

	"github.com/uringserve/uringserve/ring"
)

func TestSilenceIsSuccess(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	c.c.Send([]byte("hello"))
	c.want(t)
	r.turn()
	c.want(t, "sent")
	r.wantLog("send 10 5 bytes skip=true")
	if r.l.arenaUsed != 0 || r.l.n.shortSends != 0 {
		t.Fatal("the arena is not free")
	}
}

// Nothing else may come for long: the wait that submits a send is short, or
// comes after.
func TestSuccessIsToldSoon(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	for _, reaped := range []int{0, busyBatch - 1, busyBatch} {
		r.p.waits = nil
		r.l.reaped = reaped
		c.c.Send([]byte("hello"))
		r.turn()
		c.want(t, "sent")
		if w := r.p.waits; reaped < busyBatch && len(w) > 0 || reaped >= busyBatch && (len(w) != 1 || w[0] != sentWithin) {
			t.Fatalf("after a batch of %d, waited %v", reaped, w)
		}
	}
	r.p.waits = nil
	r.l.mayBrief, r.l.flowing = true, true
	c.c.Send(make([]byte, promptBytes-1))
	if wait, _ := r.l.plan(); wait != WaitBrief {
		t.Fatalf("wait %v", wait)
	}
	r.turn()
	c.c.Send(make([]byte, promptBytes))
	if wait, _ := r.l.plan(); wait != NoWait {
		t.Fatalf("wait %v", wait)
	}
}

// The peer's next request stands ahead of the short send in the same batch.
func TestShortSendIsAppliedFirst(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	var rest []byte
	r.p.onEnter = func(o fakeOp) {
		if o.name == "send" && o.skip {
			r.p.data(c.ud(OpRecv, 0), "next", false)
			r.p.post(Completion{UserData: o.ud, Res: 2})
		}
		if o.name == "send" && !o.skip {
			rest = o.b
		}
	}
	c.on = func(event string) {
		if event == "recv next" {
			if s := c.c.(*conn).send; s != sendQueued {
				t.Errorf("send state %d when the next request comes", s)
			}
			clear(r.p.arena) // others' bytes
		}
	}
	c.c.Send([]byte("hello"))
	r.turn()
	c.want(t, "recv next")
	r.turn()
	r.wantLog("send 10 5 bytes skip=true", "send 10 3 bytes skip=false")
	if string(rest) != "llo" || r.l.n.shortSends != 1 {
		t.Fatalf("rest %q, %d short", rest, r.l.n.shortSends)
	}
	r.p.end(c.ud(OpSendRest, 0), 3)
	r.turn()
	c.want(t, "sent")
	if r.p.allocated != 0 {
		t.Fatal("memory leaked")
	}
}

func TestFailedSendIsAppliedFirst(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	r.p.onEnter = func(o fakeOp) {
		if o.name == "send" {
			r.p.data(c.ud(OpRecv, 0), "next", false)
			r.p.post(Completion{UserData: o.ud, Res: -int32(EPIPE)})
		}
	}
	c.c.Send([]byte("hello"))
	r.turn()
	c.want(t, "broken ring: broken pipe")
	if r.l.pool.leased != 0 {
		t.Fatal("lease leaked")
	}
	c.c.Close()
	r.turn()
	r.turn()
	c.want(t, "closed")
}

func TestFullSocketTakesNothing(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	r.p.onEnter = func(o fakeOp) {
		if o.name == "send" && o.skip {
			r.p.post(Completion{UserData: o.ud, Res: -int32(EAGAIN)})
		}
	}
	c.c.Send([]byte("hello"))
	r.turn()
	r.turn()
	r.wantLog("send 10 5 bytes skip=true", "send 10 5 bytes skip=false")
	r.p.end(c.ud(OpSendRest, 0), -int32(ECONNRESET))
	r.turn()
	c.want(t, "broken ring: connection reset by peer")
}

func TestNoMemoryForTheRest(t *testing.T) {
	for _, tc := range []struct {
		memory int
		want   string
	}{{2, "broken ring: out of memory for sending"}, {3, "sent"}, {4, "sent"}} {
		r := newRig(t, func(p *fakePort) { p.memory = tc.memory })
		c := r.accept(10)
		r.p.onEnter = func(o fakeOp) {
			if o.name == "send" && o.skip {
				r.p.post(Completion{UserData: o.ud, Res: 2})
			}
		}
		c.c.Send([]byte("hello"))
		r.turn()
		r.turn()
		if tc.want == "sent" {
			r.p.end(c.ud(OpSendRest, 0), 3)
			r.turn()
		}
		c.want(t, tc.want)
	}
}

// With completions waiting for room, silence says nothing yet.
func TestOverflowDelaysSuccess(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	r.p.full = true
	c.c.Send([]byte("hello"))
	r.turn()
	r.turn()
	c.want(t)
	ud := c.ud(OpSend, 0)
	r.p.full = false
	r.p.post(Completion{UserData: ud, Res: 4})
	r.turn()
	r.turn()
	r.p.end(c.ud(OpSendRest, 0), 1)
	r.turn()
	c.want(t, "sent")
	if r.l.n.overflows == 0 {
		t.Fatal("overflow not counted")
	}
}

// An enter that did not take the submissions has sent nothing.
func TestUnsubmittedSendHasNotSucceeded(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	c.c.Send([]byte("hello"))
	r.p.held = 5
	r.turn()
	c.want(t)
	r.wantLog()
	r.turn()
	c.want(t, "sent")
}

func TestFullArenaIsSubmittedInMidTurn(t *testing.T) {
	r := newRig(t)
	a, b, c := r.accept(10), r.accept(11), r.accept(12)
	big := bytes.Repeat([]byte("x"), ring.MaxSend)
	a.c.Send(big)
	r.wantLog()
	b.c.Send(big)
	r.wantLog("send 10 65536 bytes skip=true")
	a.want(t) // told later, not from within Send
	// In a handler only the leader may submit, and it is away.
	r.l.serving = true
	c.c.Send(big)
	r.wantLog()
	r.l.serving = false
	r.turn()
	r.turn()
	r.wantLog("send 11 65536 bytes skip=true", "send 12 65536 bytes skip=false")
	a.want(t, "sent")
	b.want(t, "sent")
	r.p.end(c.ud(OpSendRest, 0), ring.MaxSend)
	r.turn()
	c.want(t, "sent")
}

func TestFullQueueInHandler(t *testing.T) {
	r := newRig(t, func(p *fakePort) { p.space = settleOps })
	var cs []*peer
	for i := range settleOps + 2 {
		cs = append(cs, r.accept(10+i))
	}
	r.l.serving = true
	for _, c := range cs {
		c.c.Send([]byte("hi"))
	}
	cs[0].c.PauseRecv()
	r.l.serving = false
	for range 6 {
		r.turn()
		for ud, o := range r.p.flight {
			if ud.Op() == OpSendRest {
				r.p.end(ud, int32(len(o.b)))
			}
		}
	}
	for _, c := range cs {
		c.want(t, "sent")
	}
	if c := cs[0].c.(*conn); c.arms != 0 || !c.has(flagPoll) {
		t.Fatal("not paused")
	}
}

// One large sender after the other must not keep the loop in one phase.
func TestRetireIsBounded(t *testing.T) {
	r := newRig(t)
	big := bytes.Repeat([]byte("x"), ring.MaxSend)
	for i := range 4 {
		c := r.accept(10 + i)
		c.on = func(event string) {
			if event == "sent" {
				c.c.Send(big)
			}
		}
		c.c.Send(big)
	}
	for range 10 {
		r.turn()
	}
}

func TestSendNow(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	r.p.sendNow = func(b []byte) (int, Errno) { return len(b) - 1, 0 }
	if n := c.c.SendNow([]byte("abc")); n != 2 {
		t.Fatalf("took %d", n)
	}
	c.c.Send([]byte("c"))
	if n := c.c.SendNow([]byte("abc")); n != 0 {
		t.Fatalf("took %d while a Send is outstanding", n)
	}
	r.turn()
	r.p.sendNow = func([]byte) (int, Errno) { return 0, EPIPE }
	if n := c.c.SendNow([]byte("abc")); n != 0 {
		t.Fatalf("took %d", n)
	}
	r.turn()
	c.want(t, "sent", "broken ring: broken pipe")
}

func TestFinAfterTheSend(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	r.p.onEnter = func(o fakeOp) {
		if o.name == "send" && o.skip {
			r.p.post(Completion{UserData: o.ud, Res: 1})
		}
	}
	c.c.Send([]byte("hello"))
	c.c.CloseWrite()
	c.c.CloseWrite()
	r.turn()
	r.turn()
	r.wantLog("send 10 5 bytes skip=true", "send 10 4 bytes skip=false")
	r.p.end(c.ud(OpSendRest, 0), 4)
	r.turn()
	r.turn()
	c.want(t, "sent")
	r.wantLog("fin 10")
}

func TestSendSizes(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	for _, n := range []int{0, ring.MaxSend + 1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Send of %d bytes did not panic", n)
				}
			}()
			c.c.Send(make([]byte, n))
		}()
	}
	c.c.Send(make([]byte, ring.MaxSend))
	r.turn()
	c.want(t, "sent")
}
