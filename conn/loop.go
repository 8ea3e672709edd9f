package conn

import (
	"sync/atomic"
	"time"

	"github.com/valyala/bytebufferpool"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/h2"
	"github.com/uringserve/uringserve/ring"
)

// A loop is the Server's half of a ring.Loop. On loop, but for orders.
type loop struct {
	srv *Server
	rl  ring.Loop
	n   counters
	m   tallies

	wheel   wheel
	conns   []*conn // all that are not closed; conn.index is the place in it
	watched []*conn // those that had a send outstanding at some time this second
	watchAt ring.Instant
	timed   []*exchange  // those with deadlines
	timedAt ring.Instant // when to look at them; 0: never

	free         []*h1stream // for further requests
	freeH2       []*h2stream
	quarantine   []*h1stream // with the invariants tag: not to be used again yet
	quarantineH2 []*h2stream
	h2scratch    h2.Scratch

	engine int // which of the Server's
	tls    secureShare

	scratch  []byte                       // a response being put together; at most maxScratch is kept
	held     []*conn                      // whose output waits for the end of a batch
	heldFrom ring.Instant                 // when the first of them came there
	heldAt   uint64                       // m.handled when sendHeld last looked
	spare    []*bytebufferpool.ByteBuffer // for outputs, see getOutput
	hurried  int                          // further turns wanted
	wsHeld   []*wsSession                 // whose callbacks may have lost the loop
	inflates []*wsSession                 // that decompress, the one that has waited longest first
	dateText [dateLen]byte
	dateSec  int64
	logAt    ring.Instant // begin of the interval in which logged counts
	logged   int

	draining bool
	node     ring.PostNode
	orders   atomic.Uint32 // of type order; from any goroutine
}

// An order is what a Server wants of its loops.
type order uint32

const (
	orderDrain order = 1 << iota
	orderAbort
)

const (
	maxFreeStreams = 256           // kept per loop
	maxBusy        = 256           // connections over MaxConns being told so
	maxQuarantine  = 64            // streams, with the invariants tag
	maxScratch     = 64 << 10      // bytes
	heartbeat      = time.Second   // between looks at what is slow
	dateLen        = len(dateForm) // of a Date field's value
	dateForm       = "Mon, 02 Jan 2006 15:04:05 GMT"
)

func newLoop(s *Server, rl ring.Loop) *loop {
	return &loop{srv: s, rl: rl, dateSec: -1}
}

// Open begins a connection.
func (l *loop) Open(rc ring.Conn) ring.ConnHandler {
	if l.wheel.count == 0 {
		l.wheel.start(l.rl.Now())
	}
	e := l.srv.endpoint(l.engine, rc.Listener())
	active := l.srv.active.Add(1)
	busy := l.srv.limits.MaxConns > 0 && active > l.srv.limits.MaxConns
	if busy {
		l.n.refusals[RefusedBusy].Add(1)
		if !l.srv.limits.BusyResponse || e.TLS != nil || active > l.srv.limits.MaxConns+maxBusy {
			l.srv.left()
			return nil
		}
	} else {
		l.n.conns.Add(1)
	}
	if e.TLS != nil {
		return l.openSecure(rc, &e)
	}
	c := newH1(rc, l)
	c.fresh = e.Protocols&HTTP2 != 0
	c.index = uint32(len(l.conns))
	l.conns = append(l.conns, c.conn)
	if busy {
		c.refuse(503)
	} else {
		if l.srv.connClosed != nil {
			c.describe()
		}
		if e.Protocols == HTTP2 {
			newH2(c.conn)
		}
		c.awaitFirst()
	}
	return c.conn
}

// drop forgets a closed connection.
func (l *loop) drop(c *conn) {
	last := len(l.conns) - 1
	l.conns[c.index] = l.conns[last]
	l.conns[c.index].index = c.index
	l.conns[last] = nil
	l.conns = l.conns[:last]
	l.wheel.remove(c)
	if l.srv.connClosed != nil && c.info != nil {
		l.srv.connClosed(c.info.Context)
	}
	l.publish()
	l.srv.left()
}

// Tick runs what is due.
func (l *loop) Tick(now ring.Instant) (next ring.Instant) {
	l.publish()
	l.sendHeld()
	l.watch(now)
	l.lookDeadlines(now)
	l.wheel.advance(now, (*conn).expire)
	if len(l.conns) == 0 {
		l.shrink()
	}
	next = l.wheel.next()
	if len(l.watched) > 0 && (next == 0 || l.watchAt < next) {
		next = l.watchAt
	}
	if l.timedAt != 0 && (next == 0 || l.timedAt < next) {
		next = l.timedAt
	}
	return next
}

// watchLater has watch look at c, within two heartbeats.
func (l *loop) watchLater(c *conn) {
	if len(l.watched) == 0 {
		l.watchAt = l.rl.Now().Add(heartbeat)
	}
	c.flags |= flagWatched
	l.watched = append(l.watched, c)
}

// watch arms the response timer of connections whose send does not end: most
// end before they are looked at, and cost the wheel nothing.
func (l *loop) watch(now ring.Instant) {
	if now < l.watchAt || len(l.watched) == 0 {
		return
	}
	l.watchAt = now.Add(heartbeat)
	kept := l.watched[:0]
	for _, c := range l.watched {
		if c.sending == 0 || c.state.over() {
			c.flags &^= flagWatched
			continue
		}
		kept = append(kept, c)
		l.wheel.update(c)
	}
	clear(l.watched[len(kept):])
	l.watched = kept
}

// shrink gives back what a busy time has left.
func (l *loop) shrink() {
	clear(l.free)
	l.free = l.free[:0]
	l.freeH2 = nil
	l.conns, l.watched, l.held, l.spare = nil, nil, nil, nil
	if len(l.timed) == 0 { // handlers may outlive their connections
		l.timed = nil
	}
	l.tls.shrink()
}

// PostNode and OnLoop make a loop a ring.Posted: for orders from elsewhere and
// for held output.
func (l *loop) PostNode() *ring.PostNode { return &l.node }

// hurry has the engine take two turns without waiting in between: one to send
// what is queued, one to say that it is Sent. An engine may otherwise put Sent
// off until there is something else to do, because most of the time nothing
// depends on it.
func (l *loop) hurry() {
	l.hurried = 2
	l.rl.Post(l)
}

// OnLoop carries out orders.
func (l *loop) OnLoop() {
	l.inflateOne()
	l.sendHeld()
	if l.hurried > 0 {
		if l.hurried--; l.hurried > 0 {
			l.rl.Post(l)
		}
	}
	o := order(l.orders.Swap(0))
	if o&orderDrain != 0 {
		l.drain()
	}
	if o&orderAbort != 0 {
		for _, c := range l.conns {
			if !c.state.over() {
				l.n.shutAborted.Add(1)
				c.abort(app.ErrGone)
			}
		}
	}
}

// drain tells idle connections to go, each at a time of its own.
func (l *loop) drain() {
	l.draining = true
	for _, c := range l.conns {
		if c.state == stateOpen {
			c.p.drain()
		}
	}
}

// hold takes note that c has output that is not on its way, while a handler
// runs that may be left behind; sendHeld is called then.
func (l *loop) hold(c *conn) {
	if c.flags&flagHeld == 0 {
		c.flags |= flagHeld
		if len(l.held) == 0 {
			l.heldFrom = l.rl.Now()
		}
		l.held = append(l.held, c)
		l.rl.Post(l)
	}
}

// holdFor is how long output at most is held while handlers add to it, turn
// after turn.
const holdFor = time.Millisecond

// sendHeld sends what is still held, but for what queued handlers add to: while
// turns bring results, and not for longer than holdFor.
func (l *loop) sendHeld() {
	wait := l.heldAt != l.m.handled && l.rl.Now().Sub(l.heldFrom) < holdFor
	l.heldAt = l.m.handled
	kept := l.held[:0]
	for _, c := range l.held {
		if wait && c.state == stateOpen && c.p.gathers() {
			kept = append(kept, c)
			continue
		}
		c.flags &^= flagHeld
		if c.state == stateOpen {
			c.p.flush()
		} else if !c.state.over() {
			c.send()
		}
	}
	clear(l.held[len(kept):])
	l.held = kept
	if len(kept) > 0 {
		l.rl.Post(l)
	}
	l.flushSessions()
}

// date is the Date field's value: the same bytes for a second.
func (l *loop) date() []byte {
	wall := l.rl.Wall()
	if sec := wall.Unix(); sec != l.dateSec {
		l.dateSec = sec
		wall.UTC().AppendFormat(l.dateText[:0], dateForm)
	}
	return l.dateText[:]
}

// takeStream gives a stream for a request of c.
func (l *loop) takeStream(c *h1conn) *h1stream {
	var s *h1stream
	if last := len(l.free) - 1; last >= 0 {
		s, l.free[last] = l.free[last], nil
		l.free = l.free[:last]
	} else {
		s = newH1stream(l)
	}
	s.c = c
	c.s = s
	return s
}

// freeStream takes it back. Its exchange has ended and it has no source.
func (l *loop) freeStream(s *h1stream) {
	s.recycle()
	s.c.s = nil
	s.c = nil
	if invariants {
		if s = l.quarantineStream(s); s == nil {
			return
		}
	}
	if len(l.free) < maxFreeStreams {
		l.free = append(l.free, s)
	}
}

// quarantineStream keeps s from use for a while, so that a handler that uses
// its request too late finds it ended and not another's; it gives back the one
// that has been there longest.
func (l *loop) quarantineStream(s *h1stream) *h1stream {
	s.poison()
	l.quarantine = append(l.quarantine, s)
	if len(l.quarantine) <= maxQuarantine {
		return nil
	}
	oldest := l.quarantine[0]
	l.quarantine = append(l.quarantine[:0], l.quarantine[1:]...)
	return oldest
}
