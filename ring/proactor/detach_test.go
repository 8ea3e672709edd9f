package proactor

import (
	"testing"

	"github.com/uringserve/uringserve/ring"
)

// What the kernel had already is handed on, whether receiving was paused or
// not; the socket leaves with the last completion, once.
func TestDetachAwaitsEveryCompletion(t *testing.T) {
	for _, paused := range []bool{false, true} {
		r := newRig(t)
		c := r.accept(10)
		r.p.holdEnd = true
		want := []string{"cancel recv@0"}
		if paused {
			c.c.PauseRecv()
			r.turn()
			r.wantLog("cancel recv@0", "poll 10")
			want = []string{"cancel poll@0"}
		}
		c.c.Detach()
		c.c.Detach()
		r.turn()
		r.wantLog(want...)
		r.p.data(c.ud(OpRecv, 0), "on its way", false)
		r.turn()
		c.want(t, "recv on its way")
		if paused {
			r.p.end(c.ud(OpPoll, 0), -int32(ECANCELED))
			r.turn()
			c.want(t)
		}
		r.p.end(c.ud(OpRecv, 0), -int32(ECANCELED))
		r.turn()
		c.want(t, "detached")
		r.turn()
		r.wantLog("leave 10")
		if r.l.pool.leased != 0 || r.l.conns != 0 || r.l.ops != 1 {
			t.Errorf("left: %d leases, %d connections, %d operations", r.l.pool.leased, r.l.conns, r.l.ops)
		}
	}
}

// With two receives armed, after a change of leader, both ends are awaited.
func TestDetachAfterTakeover(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	r.lead(1)
	r.l.rearm()
	r.takeLog()
	r.p.holdEnd = true
	c.c.Detach()
	r.turn()
	r.wantLog("cancel recv@0", "cancel recv@1")
	r.p.end(c.ud(OpRecv, 1), -int32(ECANCELED))
	r.turn()
	c.want(t)
	r.p.data(c.ud(OpRecv, 0), "of the old leader's", true)
	r.turn()
	c.want(t, "recv of the old leader's", "detached")
}

// A change of leader does not arm what is about to leave.
func TestRearmLeavesDetachingAlone(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	r.p.holdEnd = true
	c.c.Detach()
	r.turn()
	r.takeLog()
	r.lead(1)
	r.l.rearm()
	r.turn()
	for _, op := range r.takeLog() {
		if op == "recv 10@1" {
			t.Error("it is received from again")
		}
	}
	r.p.end(c.ud(OpRecv, 0), -int32(ECANCELED))
	r.turn()
	c.want(t, "detached")
}

func TestDetachAfterEnd(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	r.p.end(c.ud(OpRecv, 0), 0)
	r.turn()
	c.want(t, "end")
	r.turn()
	r.takeLog()
	c.c.Detach()
	r.turn()
	r.turn()
	c.want(t, "detached")
	r.turn()
	r.wantLog("cancel poll@0", "leave 10")
}

// What ends a connection comes before Detached, and instead of it.
func TestDetachIsOvertaken(t *testing.T) {
	tests := map[string]struct {
		act  func(r *rig, c *peer)
		want []string
		log  string
	}{
		"reset": {func(r *rig, c *peer) {
			c.on = func(event string) {
				if event != "closed" {
					c.c.Close()
				}
			}
			r.p.end(c.ud(OpRecv, 0), -int32(ECONNRESET))
		}, []string{"broken " + ring.ErrReset.Error(), "closed"}, "close 10"},
		"close": {func(r *rig, c *peer) {
			c.c.Close()
			r.p.end(c.ud(OpRecv, 0), -int32(ECANCELED))
		}, []string{"closed"}, "close 10"},
		"abort": {func(r *rig, c *peer) {
			c.c.Abort()
			r.p.end(c.ud(OpRecv, 0), -int32(ECANCELED))
		}, []string{"closed"}, "close 10"},
		"no descriptor": {func(r *rig, c *peer) {
			r.socks.full = true
			r.p.end(c.ud(OpRecv, 0), -int32(ECANCELED))
		}, []string{"closed"}, "close 10"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			c := r.accept(10)
			r.p.holdEnd = true
			c.c.Detach()
			r.turn()
			tt.act(r, c)
			for range 4 {
				r.turn()
			}
			c.want(t, tt.want...)
			log := r.takeLog()
			found := false
			for _, op := range log {
				found = found || op == tt.log
			}
			if !found {
				t.Errorf("submitted %q, want %q among it", log, tt.log)
			}
		})
	}
}

// Detached comes when Close and Abort are too late.
func TestCloseInDetached(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	c.on = func(event string) {
		if event == "detached" {
			c.c.Close()
			c.c.Abort()
			c.c.Detach()
		}
	}
	c.c.Detach()
	for range 4 {
		r.turn()
	}
	c.want(t, "detached")
	r.wantLog("cancel recv@0", "leave 10")
}

// A FIN that is owed goes before the socket does, also from within a handler.
func TestDetachSendsFIN(t *testing.T) {
	for _, serving := range []bool{false, true} {
		r := newRig(t)
		c := r.accept(10)
		r.l.serving = serving
		c.c.CloseWrite()
		c.c.Detach()
		r.l.serving = false
		for range 4 {
			r.turn()
		}
		c.want(t, "detached")
		log := r.takeLog()
		fin, leave := -1, -1
		for i, op := range log {
			switch op {
			case "fin 10":
				fin = i
			case "leave 10":
				leave = i
			}
		}
		if fin < 0 || leave < fin {
			t.Errorf("submitted %q", log)
		}
	}
}

// A connection that waits for buffers leaves the list of those that do.
func TestDetachStarved(t *testing.T) {
	r := newRig(t)
	c := r.accept(10)
	kernel := r.p.kernel
	r.p.kernel = nil
	r.p.data(c.ud(OpRecv, 0), "x", false)
	limit := r.l.pool.provided
	r.l.pool.provided = 0
	r.turn()
	if len(r.l.starved) != 1 {
		t.Fatalf("%d starve", len(r.l.starved))
	}
	c.c.Detach()
	r.turn()
	r.turn()
	c.want(t, "detached")
	if len(r.l.starved) != 0 {
		t.Error("it starves still")
	}
	r.p.kernel, r.l.pool.provided = kernel, limit
}
