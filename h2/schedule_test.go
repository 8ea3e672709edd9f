package h2

import (
	"fmt"
	"strings"
	"testing"
)

// open has a stream ask, with that priority ("" none), and n bytes ready.
func (r *rig) open(id uint32, priority string, n int) {
	r.t.Helper()
	var more []string
	if priority != "" {
		more = []string{"priority", priority}
	}
	r.wantKinds(r.send(r.get(id, more...)), EventHead)
	if _, _, _, err := r.c.AppendResponse(nil, id, &ResponseMeta{Status: 200, Length: -1}); err != nil {
		r.t.Fatal(err)
	}
	if err := r.c.Ready(id, n, true); err != nil {
		r.t.Fatal(err)
	}
}

// wide opens the windows so that they do not matter.
func (r *rig) wide() {
	r.send(AppendSettingsFrame(nil, Setting{SettingInitialWindowSize, 1 << 29}), AppendWindowUpdateFrame(nil, 0, 1<<29))
}

// order is who sends the next frames, each with how many KiB.
func (r *rig) order(frames int) string {
	var all []string
	for range frames {
		id, n, ok := r.c.Pick(1 << 20)
		if !ok {
			break
		}
		s := r.c.streams.get(id)
		r.c.AppendData(nil, id, make([]byte, n), s.end && n == s.ready)
		all = append(all, fmt.Sprintf("%d:%d", id, (n+1023)>>10))
	}
	return strings.Join(all, " ")
}

func TestScheduleRoundRobin(t *testing.T) {
	r := newRig(t)
	r.wide()
	for id := uint32(1); id <= 5; id += 2 {
		r.open(id, "", 40<<10)
	}
	if got := r.order(20); got != "1:16 3:16 5:16 1:16 3:16 5:16 1:8 3:8 5:8" {
		t.Errorf("order %s", got)
	}
}

// One large response delays a small one by a frame, and by turnBytes if both
// are not to be served incrementally.
func TestScheduleLargeDoesNotDelaySmall(t *testing.T) {
	for _, c := range []struct{ priority, want string }{
		{"", "1:16 1:16 3:1"},
		{"i", "1:16 1:16 3:1"},
		{"u=3", "1:16 1:16 1:16 1:16 3:1"},
	} {
		r := newRig(t)
		r.wide()
		r.open(1, c.priority, 1<<30)
		first := r.order(1)
		r.open(3, c.priority, 100)
		got := first + " " + r.order(len(strings.Fields(c.want))-1)
		if got != c.want {
			t.Errorf("priority %q: %s, want %s", c.priority, got, c.want)
		}
	}
}

func TestScheduleUrgency(t *testing.T) {
	r := newRig(t)
	r.wide()
	r.open(1, "u=7", 20<<10)
	r.open(3, "u=3, i", 20<<10)
	r.open(5, "u=0", 20<<10)
	r.open(7, "", 20<<10) // urgency 3
	if got := r.order(20); got != "5:16 5:4 3:16 7:16 3:4 7:4 1:16 1:4" {
		t.Errorf("order %s", got)
	}
}

// A less urgent stream goes on while the more urgent one may not send, or has
// nothing to.
func TestScheduleNoStarvation(t *testing.T) {
	r := newRig(t)
	r.open(1, "u=0", 1<<20)
	r.open(3, "u=7", 1<<20)
	r.send(AppendWindowUpdateFrame(nil, 0, 1<<20))
	if got := r.order(5); got != "1:16 1:16 1:16 1:16 3:16" {
		t.Errorf("order %s", got)
	}
	r.send(AppendWindowUpdateFrame(nil, 1, 16384))
	if got := r.order(2); got != "1:16 3:16" {
		t.Errorf("order %s", got)
	}
	if err := r.c.Ready(3, 0, false); err != nil {
		t.Fatal(err)
	}
	if got := r.order(2); got != "" {
		t.Errorf("nothing is ready, and %s is sent", got)
	}
}

func TestSchedulePriorityUpdate(t *testing.T) {
	r := newRig(t)
	r.wide()
	r.send(AppendPriorityUpdateFrame(nil, 3, "u=0"), AppendPriorityUpdateFrame(nil, 3, "u=1")) // of an idle stream: the last counts
	r.open(1, "u=2", 40<<10)
	r.open(3, "u=7", 20<<10) // the field does not count any more
	if got := r.order(1); got != "3:16" {
		t.Errorf("order %s", got)
	}
	r.send(AppendPriorityUpdateFrame(nil, 1, "u=0, i"))
	if got := r.order(4); got != "1:16 1:16 1:8 3:4" {
		t.Errorf("order %s", got)
	}
}

// Without any window, ends that carry nothing still go.
func TestScheduleEndsNeedNoWindow(t *testing.T) {
	r := newRig(t)
	r.open(1, "", 1<<20)
	for r.order(1) != "" {
	}
	r.send(r.get(3))
	if _, _, _, err := r.c.AppendResponse(nil, 3, &ResponseMeta{Status: 200, Length: -1}); err != nil {
		t.Fatal(err)
	}
	if err := r.c.Ready(3, 5, false); err != nil {
		t.Fatal(err)
	}
	if r.order(1) != "" || r.c.Blocked(3) != BlockConn {
		t.Error("without a window something goes")
	}
	if err := r.c.Ready(3, 0, true); err != nil {
		t.Fatal(err)
	}
	if got := r.order(1); got != "3:0" {
		t.Errorf("order %q", got)
	}
	if r.c.CanSend(3, 0) || r.c.CanSend(3, 1) {
		t.Error("CanSend of a stream that has ended")
	}
}

func TestCanSend(t *testing.T) {
	r := newRig(t)
	r.wide()
	head := func(id uint32, priority string) {
		r.send(r.get(id, "priority", priority))
		if _, _, _, err := r.c.AppendResponse(nil, id, &ResponseMeta{Status: 200, Length: -1}); err != nil {
			t.Fatal(err)
		}
	}
	head(1, "u=3")
	for n, want := range map[int]bool{0: true, 1: true, 16384: true, 16385: false} {
		if got := r.c.CanSend(1, n); got != want {
			t.Errorf("CanSend(%d) = %v", n, got)
		}
	}
	r.open(3, "u=4", 100000)
	if !r.c.CanSend(1, 100) {
		t.Error("what is less urgent is in the way")
	}
	r.open(5, "u=3", 100000)
	if r.c.CanSend(1, 100) || !r.c.CanSend(1, 0) {
		t.Error("what is as urgent is passed")
	}
	head(7, "u=2")
	if !r.c.CanSend(7, 100) || r.c.CanSend(9, 0) {
		t.Error("CanSend")
	}
}

// Shares of random streams, of one urgency, differ by a turn at most.
func TestScheduleFairness(t *testing.T) {
	for seed := range uint64(50) {
		rng := newRand(seed)
		r := newRig(t)
		r.wide()
		n := 2 + rng.n(20)
		share := map[uint32]int{}
		for i := range n {
			r.open(uint32(2*i+1), "i", 1<<28)
		}
		for range 50 * n {
			id, k, ok := r.c.Pick(1 + rng.n(16384) | 8192)
			if !ok {
				t.Fatal("nothing to send")
			}
			r.c.AppendData(nil, id, make([]byte, k), false)
			share[id]++
		}
		for id, k := range share {
			if k < 49 || k > 51 {
				t.Fatalf("seed %d: stream %d sent %d of %d frames, of %d streams", seed, id, k, 50*n, n)
			}
		}
	}
}

func TestParsePriority(t *testing.T) {
	for value, want := range map[string]priority{
		"": {3, false}, "u=0": {0, false}, "u=7, i": {7, true}, "i": {3, true}, "i=?1": {3, true},
		"i=?0": {3, false}, "u=8": {3, false}, "u=-1": {3, false}, "u=1.0": {3, false}, "u=\"1\"": {3, false},
		"u=1,u=2": {2, false}, "i, i=?0": {3, false}, "u=5;x=1,  i;y": {5, true}, "x, u=4": {4, false},
		"u": {3, false}, "u=": {3, false}, "i=": {3, false}, "i=1": {3, false}, ",,,": {3, false}, "U=1": {3, false},
		"ui=1": {3, false}, "u=9, u=2": {2, false},
	} {
		if got := parsePriority([]byte(value)); got != want {
			t.Errorf("%q: %+v, want %+v", value, got, want)
		}
	}
}

// Priorities of idle streams are kept for the last ones only.
func TestEarlyPriorities(t *testing.T) {
	var e earlyPriorities
	for i := range uint32(earlyKept + 1) {
		e.put(2*i+1, priority{urgency: 1})
	}
	e.put(2*earlyKept+1, priority{urgency: 2})
	if _, ok := e.take(1); ok || len(e.list) != earlyKept {
		t.Errorf("%d are kept, of them the first: %v", len(e.list), ok)
	}
	if p, ok := e.take(2*earlyKept + 1); !ok || p.urgency != 2 {
		t.Errorf("the last is %v %v", p, ok)
	}
	if _, ok := e.take(2*earlyKept + 1); ok {
		t.Error("taken twice")
	}
	if _, ok := e.take(3); !ok {
		t.Error("the second is lost")
	}
}
