package takeover

import (
	"sync"
	"sync/atomic"
)

// sparesAhead is how many spares are made before they are needed.
const sparesAhead = 1

// spares are the threads of a loop that wait to lead it, the last to come on
// top, so that those not needed stay cold. Threads are added by themselves;
// they are taken only by who has the loop, so that a spare seen by the leader
// is there for the whole of the next run.
type spares struct {
	ready  atomic.Int32 // threads on the stack
	usable atomic.Int32 // threads that could still be made

	// Guarded by mu, which is never held while waiting:
	mu     sync.Mutex
	stack  []*Thread
	worn   []*Thread // never to lead again; parked until the end
	made   int       // threads made, ever
	making int       // made and not yet on the stack for the first time
	ended  bool
}

// canLead reports whether pop would find a thread, or one may be made at once.
func (s *spares) canLead(makeNow bool) bool {
	return s.ready.Load() > 0 || makeNow && s.usable.Load() > 0
}

// add puts t on the stack; false: the loop has ended.
func (s *spares) add(t *Thread) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	if t.fresh {
		t.fresh = false
		s.making--
	}
	s.stack = append(s.stack, t)
	s.ready.Store(int32(len(s.stack)))
	return true
}

// pop takes the topmost spare, nil if there is none. With the loop held.
func (s *spares) pop() *Thread {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.stack)
	if n == 0 {
		return nil
	}
	t := s.stack[n-1]
	s.stack[n-1] = nil
	s.stack = s.stack[:n-1]
	s.ready.Store(int32(n - 1))
	return t
}

// bury keeps t, which is worn out, until the end; false: the loop has ended.
func (s *spares) bury(t *Thread) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	s.worn = append(s.worn, t)
	return true
}

// index gives out the index of a new thread, as a spare if it is one to be
// made ahead; false: there are enough, or none can be made any more.
func (s *spares) index(ahead bool) (index int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.made == MaxThreads {
		return 0, false
	}
	if ahead {
		if len(s.stack)+s.making >= sparesAhead {
			return 0, false
		}
		s.making++
	}
	s.made++
	s.usable.Store(int32(MaxThreads - s.made))
	return s.made - 1, true
}

// end ends the stack and returns every thread that is parked.
func (s *spares) end() []*Thread {
	s.mu.Lock()
	defer s.mu.Unlock()
	parked := append(s.stack, s.worn...)
	s.stack, s.worn, s.ended = nil, nil, true
	s.ready.Store(0)
	s.usable.Store(0)
	return parked
}
