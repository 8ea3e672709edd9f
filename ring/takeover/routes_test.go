package takeover

import (
	"testing"
	"time"
)

// clock is a Runtime of which only the clock works.
type clock struct {
	Runtime
	now int64
}

func (c *clock) Now() int64              { return c.now }
func (c *clock) advance(d time.Duration) { c.now += int64(d) }

// routeRig drives a route table as a loop does.
type routeRig struct {
	*testing.T
	clock
	r routes
}

func newRouteRig(t *testing.T) *routeRig {
	rig := &routeRig{T: t}
	rig.r.init(time.Millisecond)
	rig.advance(time.Hour)
	return rig
}

// run dispatches a run of key and reports whether it was inline.
func (rig *routeRig) run(key uint64, loses bool) bool {
	if !rig.r.inline(&rig.clock, key, false) {
		return false
	}
	rig.r.begin(key)
	if loses {
		rig.r.learn(rig.now, key, lessonBlocked)
	}
	return true
}

func (rig *routeRig) want(key uint64, inline bool, why string) {
	rig.Helper()
	if got := rig.r.inline(&rig.clock, key, false); got != inline {
		rig.Errorf("%s: inline %v, want %v (%+v)", why, got, inline, rig.r.find(key))
	}
}

// block makes a key blocked.
func (rig *routeRig) block(key uint64) {
	for range BlockedRuns {
		rig.run(key, true)
	}
	rig.want(key, false, "after 3 losses")
}

func TestBlockedAfterThreeOf32(t *testing.T) {
	for _, c := range []struct {
		gap     int // good runs between the losses
		blocked bool
	}{{0, true}, {14, true}, {15, false}, {16, false}} {
		// Three losses with gap runs between span 2*gap+3 runs: 31, 33, …
		rig := newRouteRig(t)
		for range BlockedRuns {
			if !rig.run(5, true) {
				t.Fatalf("gap %d: blocked early", c.gap)
			}
			rig.advance(time.Second)
			if rig.r.find(5).standing == blocked {
				break
			}
			for range c.gap {
				rig.run(5, false)
			}
		}
		if got := rig.r.find(5).standing == blocked; got != c.blocked {
			t.Errorf("3 losses with %d runs between: blocked %v, want %v", c.gap, got, c.blocked)
		}
	}
	for losses, blocks := range map[int]bool{BlockedRuns - 1: false, BlockedRuns: true, BlockedRuns + 1: true} {
		rig := newRouteRig(t)
		for range losses {
			rig.run(5, true)
		}
		rig.want(5, !blocks, "losses")
	}
}

func TestTakenWithoutFaultTeachesNothing(t *testing.T) {
	rig := newRouteRig(t)
	for range 10 {
		rig.run(5, false)
		rig.r.learn(rig.now, 5, lessonTaken)
		rig.advance(time.Second)
	}
	rig.want(5, true, "after takeovers that were nobody's fault")
}

func TestRetriedWithBackoff(t *testing.T) {
	rig := newRouteRig(t)
	rig.block(5)
	pause := backoffTime
	for level := range maxLevel + 2 {
		runs := backoffRuns << min(level, maxLevel)
		rig.advance(pause - 1)
		for range runs {
			rig.r.finished(5, quick)
		}
		rig.want(5, false, "just before the back-off is over")
		rig.advance(1)
		if !rig.run(5, true) {
			t.Fatalf("level %d: not tried after %v and %d runs", level, pause, runs)
		}
		rig.want(5, false, "after a trial that failed")
		pause = min(2*pause, backoffTime<<maxLevel)
	}
}

func TestRetryWantsRunsToo(t *testing.T) {
	for runs, tried := range map[int]bool{backoffRuns - 1: false, backoffRuns: true, backoffRuns + 1: true} {
		rig := newRouteRig(t)
		rig.block(5)
		rig.advance(backoffTime)
		for range runs {
			rig.r.finished(5, quick)
		}
		rig.want(5, tried, "runs on goroutines")
	}
}

func TestQuickRunsBringTheTrialForward(t *testing.T) {
	for runs, tried := range map[int]bool{quickRuns - 1: false, quickRuns: true, quickRuns + 1: true} {
		rig := newRouteRig(t)
		rig.block(5)
		for range runs {
			rig.r.finished(5, quick-1)
		}
		rig.want(5, tried, "quick runs")
	}
	rig := newRouteRig(t)
	rig.block(5)
	for range 3 * quickRuns {
		rig.r.finished(5, quick-1)
		rig.r.finished(5, quick)
		rig.want(5, false, "quick runs, but not in a row")
		if rig.r.find(5).wait == 0 {
			break
		}
	}
}

func TestSlowRunsPutTheTrialOff(t *testing.T) {
	rig := newRouteRig(t)
	rig.block(5)
	trials := 0
	for range 3600 { // an hour, ten runs a second
		rig.advance(time.Second)
		for range 100 {
			rig.r.finished(5, 50*time.Millisecond)
		}
		if rig.run(5, true) {
			trials++
		}
	}
	if most := int(time.Hour / (backoffTime << maxLevel)); trials == 0 || trials > most+1 {
		t.Errorf("a key that sleeps was tried %d times in an hour, want 1 to %d", trials, most+1)
	}
}

func TestTrialPassed(t *testing.T) {
	rig := newRouteRig(t)
	rig.block(5)
	for range quickRuns {
		rig.r.finished(5, 1)
	}
	rig.run(5, true)
	if e := rig.r.find(5); e.standing != blocked || e.level != 1 {
		t.Fatalf("after a trial that failed: %+v", e)
	}
	for range 2 * quickRuns {
		rig.r.finished(5, 1)
	}
	for range trialRuns {
		rig.want(5, true, "in its trial")
		rig.run(5, false)
	}
	rig.run(5, false)
	if e := rig.r.find(5); e.standing != known || e.level != 0 {
		t.Fatalf("after its trial: %+v", e)
	}
	rig.run(5, true)
	rig.want(5, true, "one loss of a known key")
}

func TestLossBudget(t *testing.T) {
	for losses, wary := range map[int]bool{MaxLosses - 1: false, MaxLosses: false, MaxLosses + 1: true} {
		rig := newRouteRig(t)
		for range 20 {
			rig.run(1, false) // known
			rig.r.inline(&rig.clock, 2, false)
			rig.r.finished(2, 1) // known by its runs on goroutines
		}
		for i := range losses {
			rig.run(1000+uint64(i), true)
		}
		rig.want(1, true, "a known key")
		rig.want(2, true, "a key known by its runs on goroutines")
		rig.want(3, !wary, "a key that is not known")
		rig.want(0, !wary, "no key")
		if got := rig.r.inline(&rig.clock, 4, true); !got {
			t.Error("an inline hint was not respected")
		}
		rig.advance(wariness)
		rig.want(3, true, "a second later")
		rig.want(0, true, "a second later")
	}
}

func TestSteadyLossesWithinBudget(t *testing.T) {
	rig := newRouteRig(t)
	for i := range uint64(200) {
		if !rig.run(1000+i, true) {
			t.Fatalf("wary after %d losses, %d a second", i, MaxLosses)
		}
		rig.advance(time.Second / MaxLosses)
	}
}

func TestExitsAtOnce(t *testing.T) {
	rig := newRouteRig(t)
	for _, key := range []uint64{0, 5} {
		rig.want(key, true, "at first")
		rig.r.learn(rig.now, key, lessonExits)
		rig.want(key, false, "after one exit")
		if rig.r.inline(&rig.clock, key, true) {
			t.Errorf("key %d: hinted inline though it exits", key)
		}
		rig.advance(24 * time.Hour)
		rig.want(key, false, "a day later")
	}
}

// TestExitsCostNoLoop: an exit is not a lost loop.
func TestExitsCostNoLoop(t *testing.T) {
	rig := newRouteRig(t)
	for i := range 2 * MaxLosses {
		rig.r.learn(rig.now, uint64(1000+i), lessonExits)
	}
	rig.want(3, true, "after many exits")
}

// TestAllLessonsAreLearned: those that wait are applied together.
func TestAllLessonsAreLearned(t *testing.T) {
	l := &Loop{rt: &clock{}}
	l.routes.init(time.Millisecond)
	for key := range uint64(3) {
		l.lessons.add(lesson{key: key + 1, kind: lessonExits})
	}
	l.learn()
	for key := range uint64(3) {
		if e := l.routes.find(key + 1); e == nil || e.standing != exits {
			t.Errorf("lesson %d was not learned", key)
		}
	}
	if l.lessons.waiting() {
		t.Error("lessons wait still")
	}
}

// sameSet makes n keys, from first up, of one set.
func sameSet(first uint64, n int) (keys []uint64) {
	for k := first; len(keys) < n; k++ {
		if set(k) == set(first) {
			keys = append(keys, k)
		}
	}
	return keys
}

// TestCollisionsDoNotUnlearn: what speaks against a key outlasts any number of
// other keys in its set.
func TestCollisionsDoNotUnlearn(t *testing.T) {
	rig := newRouteRig(t)
	keys := sameSet(5, 1000)
	rig.block(keys[0])
	rig.r.learn(rig.now, keys[1], lessonExits)
	rig.run(keys[2], true) // one loss
	for _, key := range keys[3:] {
		for range 3 {
			rig.run(key, false)
		}
	}
	rig.want(keys[0], false, "blocked, after collisions")
	rig.want(keys[1], false, "exits, after collisions")
	if e := rig.r.find(keys[2]); e == nil || e.history == 0 {
		t.Error("a loss was forgotten")
	}
}

// TestFullSet: keys for which there is no room run on goroutines; later, what
// was learned long ago makes room.
func TestFullSet(t *testing.T) {
	rig := newRouteRig(t)
	keys := sameSet(5, routeWays+1)
	for _, key := range keys[:routeWays] {
		rig.block(key)
		rig.advance(time.Second)
	}
	rig.want(keys[routeWays], false, "without room")
	if !rig.r.inline(&rig.clock, keys[routeWays], true) {
		t.Error("hinted inline, without room: not inline")
	}
	rig.advance(2 * keepLoss)
	rig.want(keys[routeWays], true, "with room again")
}

// TestKnownKeysOutlastInvented: a key in use stays known whatever else comes.
func TestKnownKeysOutlastInvented(t *testing.T) {
	rig := newRouteRig(t)
	keys := sameSet(5, 2000)
	for range maxGood {
		rig.run(keys[0], false)
	}
	for _, key := range keys[1:] {
		rig.run(key, false)
		for range maxGood {
			rig.run(keys[0], false)
		}
		if e := rig.r.find(keys[0]); e == nil || e.standing != known {
			t.Fatalf("a key in use was displaced: %+v", e)
		}
	}
	// Out of use, it makes room.
	for _, key := range sameSet(5, 2100)[2000:] {
		for range 20 {
			rig.run(key, false)
		}
	}
	if rig.r.find(keys[0]) != nil {
		t.Error("a key out of use was kept")
	}
}

func TestWellKnown(t *testing.T) {
	rig := newRouteRig(t)
	for i := range maxGood + 2 {
		rig.r.inline(&rig.clock, 5, false)
		if got, want := rig.r.begin(5), i >= maxGood; got != want {
			t.Fatalf("run %d: well known %v", i, got)
		}
	}
	rig.run(5, true)
	rig.r.inline(&rig.clock, 5, false)
	if rig.r.begin(5) {
		t.Error("well known after a loss")
	}
}
