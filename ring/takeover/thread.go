package takeover

import (
	"fmt"
	"runtime"
	"time"

	"github.com/uringserve/uringserve/ring"
)

// maxExits bounds how often handlers may call runtime.Goexit on one thread:
// each leaves its frames on the stack for ever.
const maxExits = 64

// Thread is a thread that leads, has led or will lead a loop.
//
//	         promote             End false, or exit
//	spare ────────────▶ leading ────────────────────▶ left behind
//	  ▲                    │ ▲ ╲                            │
//	  │                    └─┘  ╲ Stop       handler ended  │
//	  │                    exit  ▼                          │
//	  │                         end ◀── loop stopped ───────┤
//	  └─────────────────────────────────────────────────────┘
//
// A thread that has led stays until its loop ends, because the kernel cancels
// what an ending thread had submitted. One on which handlers have exited too
// often never leads again, and parks.
type Thread struct {
	// Immutable once the thread runs:
	loop   *Loop
	index  uint8
	parker Parker
	id     int // the runtime's name for the thread

	// The thread's own; of a spare, its promoter's:
	leading  bool // lead is to be called
	takeover bool
	fresh    bool   // a spare made ahead that is not among the spares yet
	called   bool   // made to be promoted at once: no spare
	stopped  bool   // it called Stop
	run      uint64 // token of the last run begun since it leads; 0: none
	key      uint64 // of that run
	exits    int    // frames left on the stack by runtime.Goexit
}

// Index is the thread's number, 0 … MaxThreads-1, never used again within its
// loop.
func (t *Thread) Index() uint8 { return t.index }

// Takeover reports that lead was called because another thread gave up the
// loop: this one arms its own operations first.
func (t *Thread) Takeover() bool { return t.takeover }

// newThread makes a thread that does not run yet, nil if there may be no more.
func (l *Loop) newThread() *Thread { return l.makeThread(false) }

func (l *Loop) makeThread(ahead bool) *Thread {
	index, ok := l.spares.index(ahead)
	if !ok {
		return nil
	}
	return &Thread{loop: l, index: uint8(index), parker: l.rt.NewParker(), fresh: ahead}
}

// launch starts t. It does not wait: the system makes the thread elsewhere.
func (l *Loop) launch(t *Thread) {
	l.live.Add(1)
	l.rt.Go(fmt.Sprintf("loop thread %d", t.index), t.start)
}

// provide makes spares ahead.
func (l *Loop) provide() {
	if l.g.disabled {
		return
	}
	for {
		t := l.makeThread(true)
		if t == nil {
			return
		}
		l.launch(t)
	}
}

// next is the thread that shall lead, nil if there is none. With the loop
// held.
func (l *Loop) next() *Thread {
	if t := l.spares.pop(); t != nil {
		return t
	}
	if !l.g.disabled {
		return nil
	}
	t := l.newThread()
	if t != nil {
		t.called = true
		l.launch(t)
	}
	return t
}

// promote has t lead. The caller has given the loop to it, and has it no more.
func (t *Thread) promote() {
	t.leading, t.takeover = true, true
	t.parker.Unpark()
}

func (t *Thread) start() {
	t.id = t.loop.rt.ThreadID()
	// Deferred, because runtime.Goexit does not come back here.
	defer t.loop.live.Add(-1)
	t.main()
}

// main is the life of a thread. A handler that calls runtime.Goexit unwinds
// it: the deferred function then takes the life up again, one nesting deeper.
func (t *Thread) main() {
	over := false
	defer func() {
		if over {
			return
		}
		if p := recover(); p != nil {
			panic(p) // a bug of the server's: not ours to survive
		}
		t.exit()
		t.main()
	}()
	for t.await() {
		t.run = 0
		t.loop.provide()
		t.loop.lead(t)
		t.leading = false
		t.settle()
	}
	over = true
}

// await waits until t is to lead; false: its life is over.
func (t *Thread) await() bool {
	l := t.loop
	if t.called {
		t.called = false
		t.parker.Park()
		return t.leading
	}
	if t.stopped {
		return false
	}
	if t.exits >= maxExits && (!t.leading || t.retire()) {
		l.count.lost.Add(1)
		if !l.spares.bury(t) {
			return false
		}
		t.parker.Park()
		return false
	}
	if t.leading {
		return true
	}
	l.yield("spare")
	if !l.spares.add(t) {
		return false
	}
	l.yield("spare parks")
	t.parker.Park()
	return t.leading
}

// retire passes the loop on to a spare. Without one the thread leads on: its
// loop has used up all its threads, and Inline answers false for ever.
func (t *Thread) retire() bool {
	l := t.loop
	heir := l.next()
	if heir == nil {
		return false
	}
	t.leading = false
	l.leader.Store(heir)
	l.word.retire()
	l.yield("retired")
	heir.promote()
	return true
}

// settle finds out why lead returned.
func (t *Thread) settle() {
	if t.stopped {
		return
	}
	if t.run == 0 || t.loop.word.ended(t.run) {
		panic("BUG: takeover: lead returned though it had the loop")
	}
	t.loop.yield("left behind")
	t.loop.leaveBehind(-1)
}

// exit cleans up after a handler that called runtime.Goexit.
func (t *Thread) exit() {
	l := t.loop
	t.exits++
	l.count.goexits.Add(1)
	if t.stopped || t.run == 0 {
		// Not in a handler: a bug of the server's, which leads on.
		return
	}
	l.lessons.add(lesson{key: t.key, kind: lessonExits})
	l.yield("exit")
	// lead's deferred functions may have ended the run already.
	if l.word.ended(t.run) || l.End(ring.NewRun(l, t.run)) {
		t.takeover = false
		return
	}
	t.leading = false
	l.leaveBehind(-1)
}

// pause waits a little for a goroutine that is in the server; n counts up.
func (l *Loop) pause(n int) {
	switch {
	case n < 64:
	case n < 80:
		runtime.Gosched()
	default:
		l.rt.Sleep(20 * time.Microsecond)
	}
}
