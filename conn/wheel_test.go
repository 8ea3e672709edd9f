package conn

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/uringserve/uringserve/ring"
)

// newWheel gives a wheel that has been started.
func newWheel(now ring.Instant) *wheel {
	w := &wheel{}
	w.start(now)
	return w
}

func TestWheelFindsDeadlines(t *testing.T) {
	const n = 2000
	rng := rand.New(rand.NewPCG(1, 2))
	now := ring.Instant(12345678901)
	w := newWheel(now)
	at := make(map[*conn]ring.Instant, n)
	for range n {
		// From now to three times the wheel's span.
		c := &conn{deadline: now + 1 + ring.Instant(rng.Int64N(int64(3*wheelSlots*wheelTick)))}
		at[c] = c.deadline
		w.update(c)
	}
	var worst time.Duration
	expire := func(c *conn, now ring.Instant) {
		late := now.Sub(at[c])
		if late < 0 {
			t.Fatalf("expired %v before its deadline", -late)
		}
		worst = max(worst, late)
		delete(at, c)
		c.deadline = 0
	}
	for w.count > 0 {
		next := w.next()
		if next <= now {
			t.Fatalf("next is %d, not after %d", next, now)
		}
		now = next
		w.advance(now, expire)
	}
	if len(at) != 0 {
		t.Errorf("%d deadlines were never found", len(at))
	}
	if worst > wheelTick {
		t.Errorf("a deadline was found %v late, want at most %v", worst, wheelTick)
	}
}

func TestWheelIsLazy(t *testing.T) {
	w := newWheel(1)
	c := &conn{deadline: 1 + ring.Instant(time.Second)}
	w.update(c)
	slot := c.tick
	for i := range 1000 {
		c.deadline = 1 + ring.Instant(time.Second) + ring.Instant(i)*1000000
		w.update(c)
	}
	if c.tick != slot {
		t.Error("a later deadline moved the connection")
	}
	c.deadline = 0
	w.update(c)
	if c.tick != slot {
		t.Error("no deadline moved the connection")
	}
	w.advance(1+ring.Instant(2*time.Second), func(*conn, ring.Instant) { t.Error("expired without a deadline") })
	if w.count != 0 || c.tick != 0 || w.next() != 0 {
		t.Error("a connection without deadline is still on the wheel")
	}
}

func TestWheelNearerDeadline(t *testing.T) {
	w := newWheel(1)
	c := &conn{deadline: 1 + ring.Instant(time.Minute)}
	w.update(c)
	c.deadline = 1 + ring.Instant(time.Second)
	w.update(c)
	if next := w.next(); next < c.deadline || next > c.deadline.Add(wheelTick) {
		t.Errorf("next is %d, the deadline %d", next, c.deadline)
	}
	if w.count != 1 {
		t.Errorf("%d connections on the wheel", w.count)
	}
}

func TestWheelAfterLongPause(t *testing.T) {
	w := newWheel(1)
	found := 0
	for i := range 10 {
		w.update(&conn{deadline: 1 + ring.Instant(i+1)*ring.Instant(time.Second)})
	}
	w.advance(ring.Instant(time.Hour), func(c *conn, _ ring.Instant) { c.deadline = 0; found++ })
	if found != 10 || w.count != 0 {
		t.Errorf("found %d of 10, %d left", found, w.count)
	}
}

// Deadlines set while others expire are neither lost nor found too early, and
// others may be removed.
func TestWheelChangesWhileAdvancing(t *testing.T) {
	w := newWheel(1)
	var cs [100]*conn
	for i := range cs {
		cs[i] = &conn{deadline: ring.Instant(time.Second)}
		w.update(cs[i])
	}
	seen, removed := 0, 0
	end := ring.Instant(time.Second + wheelTick)
	w.advance(end, func(c *conn, now ring.Instant) {
		seen++
		c.deadline = now.Add(time.Second)
		for i, other := range cs {
			if other != c && other != nil && i%2 == 0 && other.tick != 0 {
				w.remove(other)
				cs[i] = nil
				removed++
				break
			}
		}
	})
	if removed == 0 || seen > 100 {
		t.Errorf("%d expired, %d removed of 100", seen, removed)
	}
	left := 0
	for _, c := range cs {
		if c != nil && c.tick != 0 {
			left++
		}
	}
	if w.count != left {
		t.Errorf("%d on the wheel, want %d", w.count, left)
	}
}
