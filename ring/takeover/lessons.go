package takeover

import "sync/atomic"

// lesson is something learned about a key by a thread that has not got the
// loop.
type lesson struct {
	key  uint64 // lessonAsleep: the token of the run
	kind lessonKind
	next *lesson
}

type lessonKind uint8

const (
	lessonTaken   lessonKind = iota // lost its loop, for no fault of the handler's
	lessonBlocked                   // its last run lost its loop
	lessonExits                     // calls runtime.Goexit
	lessonAsleep                    // was seen asleep in a run that may be over
)

// lessons wait for the leader. There are never more of them than threads and
// open runs, because each teller has ended a run, or seen another one, before
// it tells again.
type lessons struct{ head atomic.Pointer[lesson] }

func (s *lessons) waiting() bool { return s.head.Load() != nil }

// add may be called from any thread.
func (s *lessons) add(n lesson) {
	for {
		n.next = s.head.Load()
		if s.head.CompareAndSwap(n.next, &n) {
			return
		}
	}
}

// learn applies the lessons, the oldest first. Leader.
func (l *Loop) learn() {
	var first *lesson
	for n := l.lessons.head.Swap(nil); n != nil; {
		next := n.next
		n.next, first = first, n
		n = next
	}
	now := l.rt.Now()
	for n := first; n != nil; n = n.next {
		if n.kind != lessonAsleep {
			l.routes.learn(now, n.key, n.kind)
		} else if t := l.leader.Load(); t.run == n.key {
			l.routes.learn(now, t.key, n.kind)
		}
	}
}
