package proactor

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/uringserve/uringserve/ring"
)

func TestRecvStates(t *testing.T) {
	const p, w, s, e = recvPaused, recvWanted, recvStarved, recvEnded
	for _, tc := range []struct {
		from  recvState
		event recvEvent
		to    recvState
	}{
		{w, recvPause, p}, {w, recvResume, w}, {w, recvNoBuffers, s}, {w, recvBuffers, w}, {w, recvEnd, e},
		{p, recvPause, p}, {p, recvResume, w}, {p, recvNoBuffers, p}, {p, recvBuffers, p}, {p, recvEnd, e},
		{s, recvPause, p}, {s, recvResume, s}, {s, recvNoBuffers, s}, {s, recvBuffers, w}, {s, recvEnd, e},
		{e, recvPause, e}, {e, recvResume, e}, {e, recvNoBuffers, e}, {e, recvBuffers, e}, {e, recvEnd, e},
	} {
		c := &conn{recv: tc.from}
		if changed := c.on(tc.event); c.recv != tc.to || changed != (tc.from != tc.to) {
			t.Errorf("state %d, event %d: state %d (changed %v), want %d", tc.from, tc.event, c.recv, changed, tc.to)
		}
	}
}

func TestRecvIsArmedAgain(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	r.p.data(c.ud(OpRecv, 0), "one", false)
	r.p.data(c.ud(OpRecv, 0), "two", true)
	r.turn()
	c.want(t, "recv one", "recv two")
	r.turn()
	r.wantLog("recv 10@0")
}

func TestEndIsToldOnce(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	r.p.end(c.ud(OpRecv, 0), 0)
	r.turn()
	c.want(t, "end")
	r.turn()
	r.wantLog("poll 10")
	// Both directions end: not a failure of ours, after our own FIN.
	c.c.CloseWrite()
	r.turn()
	r.wantLog("fin 10")
	r.p.end(c.ud(OpPoll, 0), 0x10)
	r.turn()
	c.want(t)
}

func TestResetAfterEndIsSeen(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	r.p.end(c.ud(OpRecv, 0), 0)
	r.turn()
	r.turn()
	r.p.end(c.ud(OpPoll, 0), 0x18)
	r.turn()
	c.want(t, "end", "broken ring: connection reset by peer")
}

func TestRecvFailureBreaksOnce(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	r.p.end(c.ud(OpRecv, 0), -int32(ECONNRESET))
	r.turn()
	r.turn()
	c.want(t, "broken ring: connection reset by peer")
	c.c.Close()
	r.turn()
	c.want(t, "closed")
	r.turn()
	r.wantLog("close 10")
}

func TestPauseCancelsAndWatches(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	c.c.PauseRecv()
	c.c.PauseRecv()
	r.p.data(c.ud(OpRecv, 0), "late", false)
	r.turn()
	c.want(t, "recv late")
	r.wantLog("cancel recv@0", "poll 10")
	r.turn()
	r.wantLog()
	c.c.ResumeRecv()
	c.c.ResumeRecv()
	r.turn()
	r.wantLog("recv 10@0", "cancel poll@0")
	r.turn()
	c.want(t)
	if c.c.(*conn).has(flagPoll) {
		t.Fatal("the poll is on")
	}
}

// Two receives of one thread could not be told apart: the new one waits for
// the end of the cancelled.
func TestResumeBeforeTheCancelIsOver(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	r.p.holdEnd = true
	c.c.PauseRecv()
	r.turn()
	c.c.ResumeRecv()
	r.turn()
	r.wantLog("cancel recv@0", "poll 10", "cancel poll@0")
	c.c.PauseRecv()
	c.c.ResumeRecv()
	r.turn()
	r.wantLog()
	r.p.end(c.ud(OpRecv, 0), -int32(ECANCELED))
	r.turn()
	r.turn()
	r.wantLog("recv 10@0")
}

func TestHangupWhilePaused(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	c.c.PauseRecv()
	r.turn()
	r.turn()
	r.p.end(c.ud(OpPoll, 0), 0x18)
	r.turn()
	c.want(t, "broken ring: connection reset by peer")
}

func TestNoBuffersDoesNotSpin(t *testing.T) {
	r := newRig(t)
	a, b := r.accept(10), r.accept(11)
	a.keep = true
	// All but the reserve is leased: four provided, then the two in reserve.
	for i := range 4 {
		r.p.data(a.ud(OpRecv, 0), fmt.Sprint(i), false)
	}
	r.turn()
	r.p.data(b.ud(OpRecv, 0), "x", false) // ENOBUFS
	r.turn()
	b.want(t)
	r.turn() // the reserve is provided
	r.wantLog("recv 11@0")
	r.p.data(a.ud(OpRecv, 0), "4", false)
	r.p.data(a.ud(OpRecv, 0), "5", false)
	r.p.data(b.ud(OpRecv, 0), "x", false) // ENOBUFS again
	r.turn()
	for range 10 {
		r.turn()
	}
	r.wantLog()
	if r.l.n.noBuffers != 2 || len(r.l.starved) != 1 {
		t.Fatalf("%d times no buffers, %d starved", r.l.n.noBuffers, len(r.l.starved))
	}
	a.leases[0].Release()
	r.turn()
	r.wantLog("recv 11@0")
	r.p.data(b.ud(OpRecv, 0), "x", false)
	r.turn()
	b.want(t, "recv x")
}

func TestCloseWhileStarved(t *testing.T) {
	r := newRig(t)
	a, b := r.accept(10), r.accept(11)
	a.keep = true
	for range 6 {
		r.p.data(a.ud(OpRecv, 0), "x", false)
		r.turn()
		r.l.pool.topUp()
	}
	r.p.data(b.ud(OpRecv, 0), "x", false)
	r.turn()
	b.c.Close()
	r.turn()
	b.want(t, "closed")
	if len(r.l.starved) != 0 {
		t.Fatal("a closed connection waits for buffers")
	}
}

func TestNewLeaderArmsItsOwn(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	r.lead(1)
	r.l.rearm()
	r.wantLog("wake 0", "cancel wake@0", "accept 3@1", "recv 10@1")
	// The older arm's data are as good, and have it cancelled.
	r.p.holdEnd = true
	r.p.data(c.ud(OpRecv, 0), "old", false)
	r.p.data(c.ud(OpRecv, 1), "new", false)
	r.turn()
	c.want(t, "recv old", "recv new")
	r.turn()
	r.wantLog("cancel recv@0")
	// Live data until its last completion.
	r.p.data(c.ud(OpRecv, 0), "older", true)
	r.turn()
	c.want(t, "recv older")
	r.p.end(c.ud(OpRecv, 1), 0)
	r.turn()
	c.want(t, "end")
}

// An operation bears the name of the thread that submits it: with a wrong one,
// a connection would seem armed on a thread that is not the leader, and stuck.
func TestNamesOfThreadsAreTrue(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	c.c.PauseRecv()
	r.turn()
	r.turn()
	r.takeLog()
	r.l.serving = true // a handler, which does not come back
	c.c.ResumeRecv()
	r.l.serving = false
	r.lead(1)
	r.l.rearm()
	r.turn()
	r.turn()
	r.wantLog("wake 0", "cancel wake@0", "accept 3@1", "recv 10@1", "cancel poll@0")

	r.p.data(c.ud(OpRecv, 1), "x", true)
	r.turn() // arms a receive
	r.wantLog()
	done := make(chan bool, 1)
	r.l.Dispatch(&task{run: func(ring.Run) { done <- true }, done: func(ring.Outcome) ring.Task { return nil }})
	r.l.serve()
	r.wantLog("recv 10@1") // before the handler ran
	<-done
}

// The other arm's thread may be stuck.
func TestOwnArmIsArmedAgainBesideAnother(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	r.lead(1)
	r.l.rearm()
	r.takeLog()
	r.p.data(c.ud(OpRecv, 1), "x", true)
	r.turn()
	r.turn()
	r.wantLog("recv 10@1", "cancel recv@0")
}

func TestBothArmsSeeTheEnd(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	r.lead(1)
	r.l.rearm()
	r.p.end(c.ud(OpRecv, 0), 0)
	r.p.end(c.ud(OpRecv, 1), 0)
	r.turn()
	c.want(t, "end")
}

func TestArmsAreBounded(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	for thread := uint8(1); thread < 10; thread++ {
		r.lead(thread)
		r.l.rearm()
	}
	recvs := 0
	for ud := range r.p.flight {
		if ud.Op() == OpRecv {
			recvs++
		}
	}
	if recvs != maxArms {
		t.Fatalf("%d receives armed", recvs)
	}
	c.c.Close()
	r.turn()
	r.turn()
	c.want(t, "closed")
}

func TestIdleConnectionsAreArmedLazily(t *testing.T) {
	r := newRig(t)
	for i := range 70 {
		r.accept(10 + i)
	}
	r.p.now = r.p.now.Add(10 * recentFor)
	r.lead(1)
	r.l.away, r.l.left = 1, 1 // a handler was left behind
	r.l.rearm()
	r.wantLog("wake 0", "cancel wake@0", "accept 3@1")
	if r.turn(); len(r.takeLog()) > 0 {
		t.Fatal("armed at once")
	}
	var armed []int
	for range 20 {
		r.turn()
		recvs := slices.DeleteFunc(r.takeLog(), func(op string) bool { return !strings.HasPrefix(op, "recv") })
		if len(recvs) > 0 {
			armed = append(armed, len(recvs))
		}
	}
	if got := fmt.Sprint(armed); got != "[64 6]" {
		t.Fatalf("armed %v", got)
	}
}
