package conn

import (
	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/h2"
	"github.com/uringserve/uringserve/ring"
)

// An h2conn is what HTTP/2 needs of a connection: the engine of package h2,
// which knows the protocol, and the streams, which handlers have.
//
// Output is put together in conn.out: heads and small responses as they come,
// DATA as the peer's windows and the room in conn.out allow (fill). What has to
// wait for that waits in its stream.
type h2conn struct {
	*conn
	x       *h2.Conn
	streams h2table

	due      int          // tasks queued whose handlers have not been run
	ending   bool         // x.Shutdown was called
	walking  bool         // settleDown comes when it is over: sessions need not call it
	heldFrom ring.Instant // the peer's windows hold output back since; 0: they do not
	heldSent int64        // bytes of DATA appended since then
	headFrom ring.Instant // a head, or the preface, is awaited since; 0: none is
}

var _ protocol = (*h2conn)(nil)

// newH2 has c speak HTTP/2 from here on. Nothing was read.
func newH2(c *conn) *h2conn {
	x := &h2conn{conn: c, x: h2.NewConn(c.l.srv.h2, &c.l.h2scratch), headFrom: c.l.rl.Now()}
	c.p = x
	c.l.n.h2conns.Add(1)
	return x
}

// recv feeds the engine. Streams copy what they need.
func (c *h2conn) recv(b ring.Buf) {
	c.feed(b.Bytes())
	b.Release()
	c.settleDown()
}

// feed gives bytes to the engine, event by event.
func (c *h2conn) feed(b []byte) {
	c.walking = true
	now := int64(c.l.rl.Now())
	for len(b) > 0 && c.state == stateOpen {
		b = b[c.x.Feed(now, b):]
		if ev, ok := c.x.Next(); ok {
			c.handle(&ev)
		}
	}
	c.walking = false
}

func (c *h2conn) handle(ev *h2.Event) {
	switch ev.Kind {
	case h2.EventHead:
		c.head(ev)
	case h2.EventRefusal:
		c.refuseRequest(ev)
	case h2.EventData:
		if s := c.streams.find(ev.ID); s != nil {
			s.recvData(ev)
		}
	case h2.EventTrailers:
		if s := c.streams.find(ev.ID); s != nil {
			c.x.TakeTrailers(&s.after)
			s.recvEnd()
		}
	case h2.EventReset:
		c.count(ev.Reason)
		if s := c.streams.find(ev.ID); s != nil {
			s.wasReset()
		}
	case h2.EventRejected:
		c.count(ev.Reason)
	case h2.EventDrainDue:
		c.x.FinishShutdown()
	case h2.EventFailed:
		c.count(ev.Reason)
		c.end()
	case h2.EventReady, h2.EventWindow, h2.EventPong, h2.EventGoAway:
		// settleDown looks at what has changed.
	}
}

func (c *h2conn) count(r h2.Reason) {
	c.l.n.h2rejections[r].Add(1)
	if r != 0 {
		c.l.logReset(r)
	}
}

// head begins a request.
func (c *h2conn) head(ev *h2.Event) {
	s := c.l.takeH2stream(c, ev.ID)
	if p := ev.Head.Protocol; len(p) > 0 && string(p) != webSocketProtocol {
		s.respondBare(501) // RFC 9220 §3
		return
	}
	if err := s.startExchange(ev); err != nil {
		c.l.n.panics.Add(1)
		c.l.logPanic(err)
		s.respondBare(500)
		return
	}
	s.start()
	s.inDue = true
	c.due++
	c.l.rl.Dispatch(s)
}

// refuseRequest answers a request that no handler is to see.
func (c *h2conn) refuseRequest(ev *h2.Event) {
	c.count(ev.Reason)
	c.l.takeH2stream(c, ev.ID).respondBare(ev.Status)
}

// end ends the connection: what the engine has to say last is on its way to
// the peer, and handlers hear that nobody listens.
func (c *h2conn) end() {
	b := c.stage()
	b.B = c.x.AppendOutput(b.B)
	c.fail(app.ErrGone)
	c.finish(true)
}

// settleDown follows everything that may have changed what there is to send or
// to wait for.
func (c *h2conn) settleDown() { c.settle(c.due > 0) }

func (c *h2conn) gathers() bool { return c.due > 0 }

// flush is settleDown that waits for no handlers.
func (c *h2conn) flush() { c.settle(false) }

func (c *h2conn) settle(hold bool) {
	if c.state != stateOpen {
		return
	}
	if c.l.draining && c.streams.count > 0 {
		c.shutdown()
	}
	c.fill()
	if c.x.HasOutput() {
		b := c.stage()
		b.B = c.x.AppendOutput(b.B)
	}
	if hold && c.out != nil {
		c.l.hold(c.conn) // the handlers that are due add to it
	} else {
		c.send()
	}
	switch {
	case c.x.Drained():
		c.finish(true)
	case c.streams.count == 0 && c.flags&flagPeerEnded != 0:
		c.finish(false)
	default:
		c.choke()
		c.arm()
	}
}

// choke stops receiving while the peer leaves untaken what it is answered with:
// heads, resets and acknowledgements are framed whether there is room or not. What
// was received by then is still served.
func (c *h2conn) choke() {
	if c.unsent() >= 2*c.batch() {
		c.pause()
	} else {
		c.resume()
	}
}

// batch is how much output may be unsent, in bytes, before DATA waits.
func (c *h2conn) batch() int { return max(c.l.srv.limits.MaxResponseBuffer, h2batch) }

// hasRoom reports whether DATA may be appended.
func (c *h2conn) hasRoom() bool { return c.unsent() < c.batch() }

// fill appends DATA while the peer's windows allow it and little is unsent, so
// that what comes later, and is more urgent, need not wait behind it.
func (c *h2conn) fill() {
	room := c.batch() - c.unsent()
	for room > 0 {
		id, n, ok := c.x.Pick(room)
		if !ok {
			break
		}
		s := c.streams.find(id)
		s.appendFrame(n)
		c.heldSent += int64(n)
		room -= n + h2.HeaderBytes
	}
}

// h2batch is the least room for DATA in conn.out, in bytes.
const h2batch = 16 << 10

func (c *h2conn) recvEnd() {
	// Nothing can come any more: no body, no window.
	c.walking = true
	c.streams.each(func(s *h2stream) { s.peerEnded() })
	c.walking = false
	c.settleDown()
}

func (c *h2conn) sent() { c.settleDown() }

func (c *h2conn) awaitsSent() bool { return c.out != nil || c.waiting() }

// waiting reports whether streams have output that has not been appended.
func (c *h2conn) waiting() (waiting bool) {
	c.streams.each(func(s *h2stream) { waiting = waiting || s.unframed() > 0 })
	return waiting
}

// drain: the peer is to open no more streams, those that it has opened are
// served. One that has none hears of it at a time of its own (arm).
func (c *h2conn) drain() {
	c.streams.each(func(s *h2stream) {
		if s.ws != nil {
			s.ws.drain()
		}
	})
	c.settleDown()
}

func (c *h2conn) shutdown() {
	c.ending = true
	c.x.Shutdown()
}

func (c *h2conn) fail(cause error) {
	c.streams.each(func(s *h2stream) {
		if s.handling {
			s.fail(cause)
		} else if w := s.ws; w != nil {
			s.ws = nil
			w.fail(cause)
		}
	})
}

func (c *h2conn) release() {
	c.streams.each(func(s *h2stream) {
		if !s.handling {
			c.l.freeH2stream(s)
		}
	})
}

// arm sets the one timer: for the next head or the end of idleness if nothing
// is under way, else a heartbeat, at which all else is looked at.
func (c *h2conn) arm() {
	l := c.l
	now := l.rl.Now()
	awaits := !c.x.Greeted() || c.x.InHead()
	switch {
	case !awaits:
		c.headFrom = 0
	case c.headFrom == 0:
		c.headFrom = now
	}
	switch {
	case c.streams.count > 0 || c.x.Lingering() > 0:
		c.lookLater()
	case l.draining && !c.x.InHead(): // greeted or not: browsers open spare connections
		if c.reason != TimeoutDrain || c.deadline == 0 {
			c.awaitLull()
		}
	case awaits:
		if c.reason != TimeoutHead || c.deadline == 0 {
			c.setTimer(TimeoutHead, l.srv.limits.HeaderTimeout)
		}
	case c.reason != TimeoutKeepAlive || c.deadline == 0:
		// From the last stream on: frames without a stream prolong nothing.
		c.setTimer(TimeoutKeepAlive, l.srv.limits.KeepAliveTimeout)
	}
}

// lingerTime is how long a client at most may go on to send a request that has
// been answered before it is told to stop, see h2.Conn.EndLingering; half of it at
// least.
const lingerTime = heartbeat

// lookLater has look called within a heartbeat.
func (c *h2conn) lookLater() {
	after := heartbeat
	if c.x.Lingering() > 0 {
		after = lingerTime / 2
	}
	if c.reason != TimeoutBodyRate || c.deadline == 0 || c.deadline > c.l.rl.Now().Add(after) {
		c.setTimer(TimeoutBodyRate, after)
	}
}

func (c *h2conn) expire(reason Timeout, now ring.Instant) {
	switch reason {
	case TimeoutBodyRate:
		c.look(now)
	case TimeoutDrain:
		c.expireDrain()
	case TimeoutHead, TimeoutKeepAlive:
		c.l.n.timeouts[reason].Add(1)
		c.x.Close(h2.CodeNoError)
		c.end()
	default:
		panic("BUG: deadline without a reason")
	}
}

// expireDrain: the lull is over. The peer is told, and has another one to answer.
func (c *h2conn) expireDrain() {
	if c.ending {
		c.l.n.timeouts[TimeoutDrain].Add(1)
		c.x.FinishShutdown()
	}
	c.shutdown()
	c.settleDown()
}

// look is the heartbeat: heads, bodies and responses that are too slow.
func (c *h2conn) look(now ring.Instant) {
	limit := c.l.srv.limits.HeaderTimeout
	if c.headFrom != 0 && limit != Off && now.Sub(c.headFrom) >= limit {
		c.l.n.timeouts[TimeoutHead].Add(1)
		c.x.Close(h2.CodeEnhanceYourCalm)
		c.end()
		return
	}
	c.walking = true
	c.streams.each(func(s *h2stream) {
		s.checkBodyRate(now)
		if s.ws != nil {
			s.ws.expire(now)
		}
	})
	c.walking = false
	if c.tooSlow(now) {
		c.l.n.timeouts[TimeoutResponseRate].Add(1)
		c.abort(errTooSlow)
		return
	}
	c.x.EndLingering()
	c.settleDown()
}

// tooSlow reports whether the peer's windows have held output back while it
// took less than MinResponseRate. How fast it takes what was sent, the
// connection watches.
func (c *h2conn) tooSlow(now ring.Instant) bool {
	rate := c.l.srv.limits.MinResponseRate
	_, streams := c.x.Pinned()
	if streams == 0 || rate.BytesPerSecond == Off || c.waived() {
		c.heldFrom = 0
		return false
	}
	if c.heldFrom == 0 {
		c.heldFrom, c.heldSent = now, 0
		return false
	}
	waited := now.Sub(c.heldFrom)
	return c.unsent() == 0 && waited > rate.Grace && c.heldSent < atRate(rate.BytesPerSecond, waited)
}

// waived reports whether all streams with output may take their time.
func (c *h2conn) waived() bool {
	waived := true
	c.streams.each(func(s *h2stream) {
		if s.unframed() > 0 && !s.opt.NoMinResponseRate {
			waived = false
		}
	})
	return waived
}
