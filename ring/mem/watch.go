package mem

import (
	"slices"

	"github.com/uringserve/uringserve/ring/epoll"
)

// watch is an entry of an interest list: what a loop wants to hear of a
// descriptor.
//
//	         it may hold                   Wait tells it
//	idle ───────────────────▶ listed ────────────────────▶ idle, or with levels
//	  ▲                         │                          listed again
//	  └─────────────────────────┘
//	     Wait finds that it does not hold
//
// So an edge is told once, and says everything that holds when it is told; a
// level is told again by each Wait until it does not hold.
type watch struct {
	calls  *Calls
	fd     int
	file   file
	events epoll.Events
	token  uint64
	listed bool // in calls.ready
	coming int  // wakes that are delayed
	gone   bool
}

const always = epoll.Hangup | epoll.Error

// interest is what the watch is told of.
func (w *watch) interest() epoll.Events {
	return w.events&^(epoll.Edge|epoll.Exclusive) | always
}

// holds is what there is to tell. It only looks.
func (w *watch) holds() epoll.Events { return w.file.holds() & w.interest() }

// look is holds for who then relies on being told of the rest.
func (w *watch) look() epoll.Events {
	if s := w.file.socket; s != nil && s.holds()&epoll.Writable == 0 {
		s.noRoom = true
	}
	return w.holds()
}

// wake notes, now or later, that key holds, or that anything may if it is 0.
func (w *watch) wake(key epoll.Events) {
	if key != 0 && key&w.interest() == 0 {
		return
	}
	d := w.calls.k.delay()
	if d == 0 {
		w.list()
		return
	}
	k := w.calls.k
	w.coming++
	k.at(k.now()+d, func() {
		w.coming--
		w.list()
	})
}

// list puts w on the list that Wait looks through.
func (w *watch) list() {
	if w.gone {
		return
	}
	w.calls.waiting = false // it is being woken
	if !w.listed {
		w.listed = true
		w.calls.ready = append(w.calls.ready, w)
	}
}

// remove takes w off its interest list.
func (w *watch) remove() {
	is := func(x *watch) bool { return x == w }
	w.gone = true
	w.calls.interest = slices.DeleteFunc(w.calls.interest, is)
	w.calls.ready = slices.DeleteFunc(w.calls.ready, is)
	src := w.file.source()
	src.watches = slices.DeleteFunc(src.watches, is)
}

// source is what can be waited for, of a socket or a listener.
type source struct {
	ops     []*op    // operations in flight
	watches []*watch // in the order in which they were added
}

// changed tells who waits for s that key holds, or with 0 that its state is
// another.
func (s *source) changed(k *kernel, key epoll.Events) {
	k.poke(s.ops)
	for _, w := range s.watches {
		w.wake(key)
	}
}

// arrived tells who waits for a listener of a connection, as Linux does. Of
// operations the oldest alone: an accept waits exclusively. One that was
// cancelled, or whose thread cannot run, takes the news with it. Of watches all,
// but of the exclusive ones only those up to the first whose loop waits.
func (s *source) arrived(k *kernel) {
	if len(s.ops) > 0 {
		s.ops[0].port.poke(s.ops[0])
	}
	var exclusive []*watch
	for _, w := range s.watches {
		if w.events&epoll.Exclusive != 0 {
			exclusive = append(exclusive, w)
		} else {
			w.wake(epoll.Readable)
		}
	}
	if n := len(exclusive); n > 1 && !k.o.Faults.none() {
		first := k.random.IntN(n)
		exclusive = append(exclusive[first:], exclusive[:first]...)
	}
	for _, w := range exclusive {
		waits := w.calls.waiting
		w.wake(epoll.Readable)
		if waits {
			return
		}
	}
}

// source is what is waited for of an open file.
func (f file) source() *source {
	if f.listener != nil {
		return &f.listener.source
	}
	return &f.socket.source
}

// holds is what holds of an open file.
func (f file) holds() epoll.Events {
	if f.listener != nil {
		return f.listener.holds()
	}
	return f.socket.holds()
}
