package conn

import (
	"math/bits"
	"time"

	"github.com/uringserve/uringserve/ring"
)

// A wheel holds the connections of a loop that have a deadline, by the time at
// which to look at them. It is lazy: a deadline that moves away is only written
// down (conn.deadline); the connection is moved when its slot comes round. So a
// keep-alive connection costs the wheel nothing per request.
//
// A deadline is found at the first tick that is not before it. Deadlines beyond
// the wheel's span wait in its last slot and are put on again from there.
//
// The zero wheel is ready once started. On loop.
type wheel struct {
	slots [wheelSlots]*conn       // heads of doubly linked lists
	full  [wheelSlots / 64]uint64 // which slots are not empty
	now   int64                   // the tick that has been worked off
	count int                     // connections on the wheel
}

const (
	wheelShift = 25 // a tick is 2^25 ns, 33.6 ms
	wheelSlots = 2048
	wheelTick  = time.Duration(1) << wheelShift
)

// tickAt is the first tick not before t.
func tickAt(t ring.Instant) int64 { return int64(t+ring.Instant(wheelTick)-1) >> wheelShift }

// start sets the wheel's time. The wheel is empty.
func (w *wheel) start(now ring.Instant) { w.now = int64(now) >> wheelShift }

// update takes note that c's deadline (conn.due) may have changed.
func (w *wheel) update(c *conn) {
	due := c.due()
	if due == 0 {
		return
	}
	tick := min(max(tickAt(due), w.now+1), w.now+wheelSlots-1)
	if c.tick != 0 {
		if c.tick <= tick {
			return
		}
		w.remove(c)
	}
	w.insert(c, tick)
}

func (w *wheel) insert(c *conn, tick int64) {
	i := tick % wheelSlots
	c.tick = tick
	c.prev, c.next = nil, w.slots[i]
	if c.next != nil {
		c.next.prev = c
	}
	w.slots[i] = c
	w.full[i/64] |= 1 << (i % 64)
	w.count++
}

// remove takes c off the wheel, if it is on it.
func (w *wheel) remove(c *conn) {
	if c.tick == 0 {
		return
	}
	i := c.tick % wheelSlots
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		w.slots[i] = c.next
		if c.next == nil {
			w.full[i/64] &^= 1 << (i % 64)
		}
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.prev, c.next, c.tick = nil, nil, 0
	w.count--
}

// advance works off the ticks up to now: expire is called for each connection
// that is due. It may change any connection's deadline.
func (w *wheel) advance(now ring.Instant, expire func(*conn, ring.Instant)) {
	end := int64(now) >> wheelShift
	if end-w.now > wheelSlots {
		w.now = end - wheelSlots // every slot once is enough
	}
	for w.now < end {
		if w.count == 0 {
			w.now = end
			return
		}
		w.now++
		// What is put on meanwhile goes to later slots, so this ends.
		for c := w.slots[w.now%wheelSlots]; c != nil; c = w.slots[w.now%wheelSlots] {
			w.remove(c)
			if due := c.due(); due != 0 && due <= now {
				expire(c, now)
			}
			w.update(c)
		}
	}
}

// next is when advance has something to look at, 0 if the wheel is empty.
func (w *wheel) next() ring.Instant {
	if w.count == 0 {
		return 0
	}
	for step := int64(1); step <= wheelSlots; {
		i := (w.now + step) % wheelSlots
		if word := w.full[i/64] >> (i % 64); word != 0 {
			tick := w.now + step + int64(bits.TrailingZeros64(word))
			return ring.Instant(tick << wheelShift)
		}
		step += 64 - i%64
	}
	panic("BUG: the wheel lost a connection")
}
