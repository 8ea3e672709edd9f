package takeover

import (
	"math/bits"
	"time"
)

// What is learned, and forgotten. Durations are the loop's time; "runs" are
// runs of one key.
const (
	routeSets = 128 // a key belongs in one of them
	routeWays = 4   // keys of a set

	// BlockedRuns of a key's last 32 inline runs that lost their loop send it
	// to goroutines.
	BlockedRuns = 3

	// knownRuns without a loss, in a row, make a key known.
	knownRuns = 8

	// maxGood runs without a loss, in a row, make a key well known: the
	// watchdog looks less often.
	maxGood = 255

	// trialRuns without a loss, in a row, make a key that was blocked as good
	// as others.
	trialRuns = 32

	// MaxLosses is how many loops may be lost in a second, by takeover or
	// hand-over, before keys that are not known go to goroutines, for
	// wariness: a client that invents paths must not force takeovers.
	MaxLosses = 20
	wariness  = time.Second

	// A blocked key is tried inline again after backoffTime and backoffRuns
	// on goroutines, both doubled with each trial that failed, up to maxLevel
	// times. So many quick runs in a row as quickRuns says, doubled too, bring
	// the trial forward.
	backoffTime = 250 * time.Millisecond
	backoffRuns = 16
	maxLevel    = 8
	quickRuns   = 8

	// A run on a goroutine that took less than quick would have been none too
	// long for the loop.
	quick = 200 * time.Microsecond

	// For so long after it was learned, what speaks against a key is not
	// given up for another key.
	keepLoss  = time.Minute
	keepExits = 10 * time.Minute
)

// standing is what a loop thinks of a key.
//
//	           8 good runs          3 of 32 lost
//	 unknown ──────────────▶ known ──────────────▶ blocked ◀──────┐
//	    │                      ▲                      │ back-off  │ 1 lost
//	    │  3 of 32 lost        │ 32 good runs         ▼ over      │
//	    └──────────▶ blocked   └─────────────────── trial ────────┘
//
//	any ──────▶ exits   when a run has called runtime.Goexit
type standing uint8

const (
	unknown standing = iota // inline, unless many loops are lost
	known                   // inline
	blocked                 // on goroutines, until it is tried again
	trial                   // inline, and blocked at the first loss
	exits                   // on goroutines: each exit costs a thread a little
)

// route is what is known of one key.
type route struct {
	standing  standing
	level     uint8  // trials that failed
	slow      bool   // the last run on a goroutine took a tick or more
	good      uint8  // runs in a row without a loss, up to maxGood
	quick     uint16 // runs on goroutines in a row that were quick
	wait      uint16 // blocked: runs on goroutines before a trial
	history   uint32 // the last 32 inline runs, the last in bit 0; 1: lost
	retryAt   int64  // blocked: not tried before
	keepUntil int64  // not forgotten before
}

// routes is the table of a loop: fixed in size, on loop only. A key displaces
// only keys against which nothing is known, or was long ago; where it cannot,
// it runs on goroutines.
type routes struct {
	tick  time.Duration
	keys  [routeSets][routeWays]uint64 // 0: free
	table [routeSets][routeWays]route

	current    *route // of the last inline answer; nil: none
	currentKey uint64

	zeroExits bool    // a run of key 0 has exited
	budget    float64 // losses left
	budgetAt  int64   // when budget was computed
	waryUntil int64   // 0: not wary
}

func (r *routes) init(tick time.Duration) {
	r.tick = tick
	r.budget = MaxLosses
}

func set(key uint64) int { return int(key * 0x9e3779b97f4a7c15 >> 57) }

func (r *routes) find(key uint64) *route {
	i := set(key)
	for way, k := range &r.keys[i] {
		if k == key {
			return &r.table[i][way]
		}
	}
	return nil
}

// inline decides whether a run of key may be inline; always: whatever was
// learned, except that it exits.
func (r *routes) inline(rt Runtime, key uint64, always bool) bool {
	r.current, r.currentKey = nil, key
	if key == 0 {
		return !r.zeroExits && (always || !r.wary(rt))
	}
	e := r.find(key)
	if e == nil {
		if e = r.insert(rt.Now(), key); e == nil {
			return always
		}
	}
	r.current = e
	switch e.standing {
	case known, trial:
		return true
	case unknown:
		return always || !r.wary(rt)
	case blocked:
		return always || e.due(rt)
	}
	return false
}

// begin notes that an inline run of key begins, and reports whether the key is
// well known.
func (r *routes) begin(key uint64) bool {
	e := r.current
	if e == nil || r.currentKey != key {
		return false
	}
	if e.standing != known {
		e.promote()
	}
	e.history <<= 1
	if e.good == maxGood {
		return true
	}
	e.good++
	return false
}

// promote lets e's standing follow its good runs so far.
func (e *route) promote() {
	switch {
	case e.standing == unknown && e.good >= knownRuns:
		e.standing = known
	case e.standing == trial && e.good >= trialRuns:
		e.standing = known
		e.level -= min(e.level, 1)
	}
}

// finished notes that a run of key on a goroutine took so long.
func (r *routes) finished(key uint64, took time.Duration) {
	if key == 0 {
		return
	}
	e := r.find(key)
	if e == nil {
		return
	}
	e.slow = took >= r.tick
	if e.wait > 0 {
		e.wait--
	}
	if took >= quick {
		e.quick = 0
		return
	}
	e.quick = min(e.quick+1, quickRuns<<maxLevel)
	if e.standing == unknown && e.good < maxGood {
		e.good++
		e.promote()
	}
}

// due reports whether a blocked key is to be tried inline now, and begins the
// trial.
func (e *route) due(rt Runtime) bool {
	if e.quick < quickRuns<<e.level {
		if e.wait > 0 {
			return false
		}
		now := rt.Now()
		if now < e.retryAt {
			return false
		}
		if e.slow && e.level < maxLevel {
			// It would only be lost again.
			e.block(now)
			return false
		}
	}
	e.standing, e.good, e.history, e.quick = trial, 0, 0, 0
	return true
}

// block sends e to goroutines, longer each time.
func (e *route) block(now int64) {
	if e.standing == trial || e.standing == blocked {
		e.level = min(e.level+1, maxLevel)
	}
	e.standing, e.good, e.quick = blocked, 0, 0
	e.wait = backoffRuns << e.level
	e.retryAt = now + int64(backoffTime)<<e.level
	e.keepUntil = e.retryAt + int64(keepLoss)
}

// learn applies a lesson.
func (r *routes) learn(now int64, key uint64, kind lessonKind) {
	if kind == lessonTaken || kind == lessonBlocked {
		r.spend(now)
	}
	if kind == lessonTaken {
		return
	}
	if key == 0 {
		r.zeroExits = r.zeroExits || kind == lessonExits
		return
	}
	e := r.find(key)
	if e == nil {
		if e = r.insert(now, key); e == nil {
			return
		}
	}
	if kind == lessonExits {
		e.standing, e.keepUntil = exits, now+int64(keepExits)
		return
	}
	e.lose(now)
}

// lose notes that the last inline run of e lost its loop.
func (e *route) lose(now int64) {
	e.history |= 1
	e.good = 0
	e.keepUntil = max(e.keepUntil, now+int64(keepLoss))
	switch {
	case e.standing == exits || e.standing == blocked:
		// Run inline by a hint, or lost before it was told.
	case e.standing == trial || bits.OnesCount32(e.history) >= BlockedRuns:
		e.block(now)
	}
}

// spend counts a lost loop against the budget, which fills at MaxLosses per
// second up to MaxLosses.
func (r *routes) spend(now int64) {
	r.budget += time.Duration(now-r.budgetAt).Seconds() * MaxLosses
	r.budget = min(r.budget, MaxLosses) - 1
	r.budgetAt = now
	if r.budget < 0 {
		r.budget = 0
		r.waryUntil = now + int64(wariness)
	}
}

// wary reports whether too many loops were lost lately.
func (r *routes) wary(rt Runtime) bool {
	if r.waryUntil == 0 {
		return false
	}
	if rt.Now() >= r.waryUntil {
		r.waryUntil = 0
		return false
	}
	return true
}

// insert makes room for key in its set; nil: there is none. The first to go is
// a key that is not known, then a known one that has not run of late: each
// attempt halves what its good runs count for.
func (r *routes) insert(now int64, key uint64) *route {
	i := set(key)
	victim := -1
	for way := range routeWays {
		if r.keys[i][way] == 0 {
			victim = way
			break
		}
		e := &r.table[i][way]
		if !e.forgettable(now) {
			continue
		}
		if e.standing == known {
			if e.good /= 2; e.good >= knownRuns {
				continue
			}
		}
		if victim < 0 || e.good < r.table[i][victim].good {
			victim = way
		}
	}
	if victim < 0 {
		return nil
	}
	r.keys[i][victim] = key
	r.table[i][victim] = route{}
	return &r.table[i][victim]
}

// forgettable reports whether nothing is known against e, or was long ago.
func (e *route) forgettable(now int64) bool {
	if e.standing == unknown || e.standing == known {
		return e.history == 0 || now > e.keepUntil
	}
	return now > e.keepUntil
}
