package mem

import (
	"fmt"
	"slices"
	"time"

	"github.com/uringserve/uringserve/ring/epoll"
	"github.com/uringserve/uringserve/ring/proactor"
	"github.com/uringserve/uringserve/ring/takeover/sched"
)

// Calls is the simulated kernel, in the style of readiness, as one loop's
// epoll.Port sees it: one epoll instance, and the calls on sockets. Its rules
// are those of Linux; who breaks one finds a violation in Engine.Check.
type Calls struct {
	host
	interest []*watch // oldest first
	ready    []*watch // of interest: listed
	mapped   [][]byte
	audit    *audit // nil in tests of Calls alone
	refused  int    // accepts that failed, which the loop was not told of
	waited   bool   // there was a Wait: the start is over
	waiting  bool   // somebody is in Wait, and nobody has woken it

	ghosts []epoll.Event // of closed descriptors, see Faults.Stale
	buried []epoll.Event // ghosts that come with the next new watch

	woken bool // a Wake since the last Woken
	wakes bool // a Wake that no Wait has returned for
}

var _ epoll.Calls = (*Calls)(nil)

func newCalls(k *kernel, index int) *Calls { return &Calls{host: newHost(k, index)} }

// refuse notes that the caller broke a rule, and is what the call answers.
func (c *Calls) refuse(e proactor.Errno, format string, args ...any) proactor.Errno {
	c.k.violate("loop %d: %s", c.index, fmt.Sprintf(format, args...))
	return e
}

// find is the watch of fd, nil if there is none.
func (c *Calls) find(fd int) *watch {
	for _, w := range c.interest {
		if w.fd == fd {
			return w
		}
	}
	return nil
}

// Watch implements epoll.Calls.
func (c *Calls) Watch(fd int, events epoll.Events, token uint64) proactor.Errno {
	defer c.enter("watch")()
	f := c.k.file(fd)
	if f == (file{}) {
		return c.refuse(proactor.EBADF, "watch of descriptor %d, which is not open", fd)
	}
	w := c.find(fd)
	exclusive := events&epoll.Exclusive != 0
	if exclusive && events&epoll.ReadEnded != 0 || w != nil && (exclusive || w.events&epoll.Exclusive != 0) {
		return c.refuse(proactor.EINVAL, "watch of descriptor %d: an exclusive one can't have ReadEnded, nor be changed", fd)
	}
	if c.k.chance(c.k.o.Faults.Watch) {
		if f.listener != nil {
			c.refused++
		} else {
			c.k.resets++
		}
		return proactor.ENOMEM
	}
	if w == nil {
		w = &watch{calls: c, fd: fd, file: f}
		c.interest = append(c.interest, w)
		src := f.source()
		src.watches = append(src.watches, w)
		c.ghosts, c.buried = append(c.ghosts, c.buried...), nil
	}
	w.events, w.token = events, token
	c.k.note("loop %d watches %d for %d", int32(c.index), int32(fd), int32(events))
	if w.look() != 0 {
		w.wake(0)
	}
	return 0
}

// Unwatch implements epoll.Calls.
func (c *Calls) Unwatch(fd int) proactor.Errno {
	defer c.enter("unwatch")()
	w := c.find(fd)
	if w == nil {
		return c.refuse(proactor.ENOENT, "descriptor %d taken off the list, on which it is not", fd)
	}
	c.k.note("loop %d watches %d no more", int32(c.index), int32(fd))
	w.remove()
	return 0
}

// Wait implements epoll.Calls.
func (c *Calls) Wait(out []epoll.Event, wait proactor.Wait, timeout time.Duration) (int, proactor.Errno) {
	defer c.enter("kernel")()
	if len(out) == 0 {
		return 0, c.refuse(proactor.EINVAL, "wait with room for no event")
	}
	c.waited = true
	f := &c.k.o.Faults
	switch {
	case c.k.chance(f.Enter):
		return 0, proactor.EINTR
	case c.k.chance(f.Wake):
		return c.collect(out[:c.k.random.IntN(len(out)+1)]), 0
	}
	if n := c.collect(out); n > 0 || c.wakes || wait == proactor.NoWait {
		return c.woke(n, len(out)), 0
	}
	if wait == proactor.WaitBrief && (timeout < 0 || timeout > briefly) {
		timeout = briefly
	}
	until := sched.Never
	if timeout >= 0 && timeout < sched.Never-c.k.s.Now() {
		until = c.k.s.Now() + timeout
	}
	if c.audit != nil {
		c.audit.sleeps()
	}
	c.waiting = true
	c.k.s.WaitUntil(c.something, until)
	c.waiting = false
	return c.woke(c.collect(out), len(out)), 0
}

// woke returns n, from a Wait that has shown a Wake if there was room for it.
func (c *Calls) woke(n, room int) int {
	if n < room {
		c.wakes = false
	}
	return n
}

// something reports whether a Wait that waits must return. It only looks.
func (c *Calls) something() bool {
	return c.wakes || len(c.ghosts) > 0 || slices.ContainsFunc(c.ready, func(w *watch) bool { return w.holds() != 0 })
}

// collect tells what there is. What finds no room stays listed.
func (c *Calls) collect(out []epoll.Event) (n int) {
	listed := c.ready
	c.ready = nil
	if c.k.chance(c.k.o.Faults.Reorder) {
		c.k.random.Shuffle(len(listed), func(i, j int) { listed[i], listed[j] = listed[j], listed[i] })
	}
	var again []*watch
	for len(listed) > 0 && n < len(out) {
		w := listed[0]
		listed = listed[1:]
		w.listed = false
		if e := w.look(); e != 0 {
			out[n] = c.tell(w, e)
			n++
			if w.events&epoll.Edge == 0 {
				again = append(again, w)
			}
		}
	}
	c.ready = listed
	for _, w := range again {
		w.list()
	}
	n += c.imagine(out[n:])
	shown := copy(out[n:], c.ghosts)
	c.ghosts = c.ghosts[shown:]
	return n + shown
}

// imagine tells, by a fault, of something that is not so.
func (c *Calls) imagine(out []epoll.Event) int {
	if len(out) == 0 || len(c.interest) == 0 || !c.k.chance(c.k.o.Faults.Spurious) {
		return 0
	}
	w := c.interest[c.k.random.IntN(len(c.interest))]
	e := w.events&(epoll.Readable|epoll.Writable) | w.holds()
	if w.listed || e == 0 {
		return 0
	}
	out[0] = c.tell(w, e)
	return 1
}

func (c *Calls) tell(w *watch, e epoll.Events) epoll.Event {
	c.k.note("loop %d: %d of %d", int32(c.index), int32(e), int32(w.fd))
	return epoll.Event{Token: w.token, Events: e}
}

// Wake implements epoll.Calls.
func (c *Calls) Wake() {
	if c.woken || c.disposed {
		return
	}
	c.woken, c.wakes = true, true
	c.waiting = false
}

// Woken implements epoll.Calls.
func (c *Calls) Woken() bool {
	was := c.woken
	c.woken = false
	return was
}

// Map implements epoll.Calls.
func (c *Calls) Map(bytes int) ([]byte, error) {
	if bytes <= 0 || c.waited || c.disposed {
		return nil, c.refuse(proactor.EINVAL, "%d bytes mapped after the start, or none", bytes)
	}
	b := make([]byte, bytes)
	scramble(b)
	c.mapped = append(c.mapped, b)
	return b, nil
}

// Dispose implements epoll.Calls.
func (c *Calls) Dispose() {
	if c.disposed {
		c.refuse(0, "disposed of twice")
	}
	for _, w := range c.interest {
		c.refuse(0, "disposed of while descriptor %d is watched", w.fd)
	}
	c.dispose()
	for _, w := range slices.Clone(c.interest) {
		w.remove()
	}
	for _, b := range c.mapped {
		scramble(b) // nobody may look at it any more
	}
	c.mapped = nil
}
