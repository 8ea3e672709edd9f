package proactor

import "github.com/uringserve/uringserve/ring"

// sendState is where the outstanding send of a connection is.
//
//	           room in arena          enter, all taken
//	none ──────────────────▶ staged ───────────────────▶ done ──▶ none, Sent
//	  │                        │ fell short                ▲
//	  │ no room                ▼         room              │ completed
//	  └─────────────────▶ queued ──────────────▶ armed ────┘
type sendState uint8

const (
	sendNone sendState = iota
	// sendStaged: in the arena, submitted with Skip by the next Enter; its
	// success is known by silence.
	sendStaged
	// sendQueued: in memory of its own, not submitted yet.
	sendQueued
	// sendArmed: in memory of its own, submitted without Skip.
	sendArmed
	// sendDone: taken whole; on loop.retired.
	sendDone
)

// startSend stages a copy of b. The arena is where nearly all go.
func (l *loop) startSend(c *conn, b []byte) {
	if l.reserve(1) && l.arenaRoom(len(b)) {
		end := l.arenaUsed + len(b)
		c.out = l.arena[l.arenaUsed:end:end]
		l.arenaUsed = end
		copy(c.out, b)
		c.send = sendStaged
		l.port.Send(int(c.fd), c.out, c.ud(OpSend), true)
		l.n.submissions++
		l.staged = append(l.staged, c)
		return
	}
	if c.phase == phaseOpen && l.keep(c, b) {
		l.settle(c)
	}
}

// arenaRoom makes room for n bytes in the arena, if need be by submitting what
// is in it.
func (l *loop) arenaRoom(n int) bool {
	if len(l.arena)-l.arenaUsed >= n {
		return true
	}
	return l.flush() && len(l.arena)-l.arenaUsed >= n && l.port.Space() > 0
}

// keep copies b, which the arena cannot hold any longer, to memory of its own.
// False: there is none, the connection has failed.
func (l *loop) keep(c *conn, b []byte) bool {
	own := l.port.Allocate(len(b))
	if own == nil {
		c.out, c.send = nil, sendNone
		l.fail(c, ENOMEM)
		return false
	}
	copy(own, b)
	c.out, c.send = own, sendQueued
	return true
}

// fellShort applies the completion of a send with Skip: it did not take all.
// Called while reaping, so that it submits nothing and calls nobody.
func (l *loop) fellShort(cp *Completion) {
	c := l.slots.find(cp.UserData)
	if c == nil || c.send != sendStaged {
		l.n.staleEvents++
		return
	}
	took := 0
	switch {
	case cp.Res >= 0:
		took = int(cp.Res)
	case cp.Res != -int32(EAGAIN) && cp.Res != -int32(EINTR) && cp.Res != -int32(ENOBUFS):
		l.fail(c, Errno(-cp.Res))
		return
	}
	if took >= len(c.out) || faultShortSend {
		return // whole: the port is one that says so
	}
	l.n.shortSends++
	if l.keep(c, c.out[took:]) {
		l.attend(c)
	}
}

// sendsOver is called when everything submitted has been reaped: the sends
// that did not fall short were taken whole, and nothing is in the arena.
func (l *loop) sendsOver() {
	for _, c := range l.staged {
		if c.send == sendStaged {
			c.out, c.send = nil, sendDone
			l.retired = append(l.retired, c)
		}
	}
	l.staged = l.staged[:0]
	l.arenaUsed = 0
}

// settleSend submits a queued send, or drops it once the connection has
// failed or is closing.
func (l *loop) settleSend(c *conn) {
	switch {
	case c.phase == phaseOpen && c.send == sendQueued:
		c.send, c.sendThread = sendArmed, l.thread
		l.port.Send(int(c.fd), c.out, c.ud(OpSendRest), false)
		l.submitted()
	case c.phase != phaseOpen && c.send == sendQueued:
		l.port.Free(c.out)
		c.out, c.send = nil, sendNone
	case c.phase != phaseOpen && c.send == sendArmed && !c.has(flagSendCancelled):
		c.flags |= flagSendCancelled
		l.cancel(c, c.udOf(OpSendRest, c.sendThread))
	}
	if c.alive() && c.send == sendNone && c.flags&(flagFin|flagFinSent) == flagFin {
		c.flags |= flagFinSent
		l.port.Shutdown(int(c.fd), false, c.ud(OpShutdown))
		l.n.submissions++
	}
}

// onSendRest applies the completion of a send without Skip.
func (l *loop) onSendRest(cp *Completion) {
	c := l.find(cp.UserData)
	if c == nil {
		return
	}
	if c.send != sendArmed {
		l.n.staleEvents++
		return
	}
	l.ops--
	size := len(c.out)
	l.port.Free(c.out)
	c.out = nil
	if int(cp.Res) == size {
		c.send = sendDone
		l.retired = append(l.retired, c)
		return
	}
	c.send = sendNone
	errno := EPIPE // it took a part and then failed
	if cp.Res < 0 {
		errno = Errno(-cp.Res)
	}
	l.fail(c, errno)
	l.attend(c)
}

// retire tells of the sends that are over. Those that become so meanwhile,
// because the arena was full, wait for the next turn: senders of large files
// must not keep the loop here.
func (l *loop) retire() {
	n := len(l.retired)
	for i := 0; i < n; i++ {
		c := l.retired[i]
		c.send = sendNone
		if c.phase != phaseOpen {
			l.attend(c)
			continue
		}
		if c.has(flagFin) {
			l.settle(c)
		}
		c.handler.Sent()
	}
	l.retired = append(l.retired[:0], l.retired[n:]...)
}

var _ ring.Conn = (*conn)(nil)
