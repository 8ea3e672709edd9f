package proactor

import (
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/uringserve/uringserve/ring"
)

const (
	// After a failed accept a loop waits so long, doubling, before it tries
	// again: descriptors or memory are short, and trying costs the
	// connections that there are.
	acceptBackoffMin = 10 * time.Millisecond
	acceptBackoffMax = time.Second

	// acceptCancelWait is how long StopAccept waits for a cancelled accept of
	// a thread that is stuck, before it shuts the listening socket down.
	acceptCancelWait = 100 * time.Millisecond

	// While an accept of another thread is armed, a loop looks at the queue so
	// often: an accept waits exclusively, so the kernel tells the oldest alone
	// of a connection, and one that is cancelled, or whose thread is stuck,
	// tells nobody. lookMax bounds what is taken at a time.
	lookEvery = time.Millisecond
	lookMax   = 64

	// acceptDrainMax bounds the connections taken from one queue at the end.
	acceptDrainMax = 1 << 16
)

// socket is a listening descriptor, which several loops may share.
type socket struct {
	fd    int
	loops atomic.Int32 // that have not let it go
	stuck atomic.Bool  // one of them let it go with an accept armed
}

// acceptor is a loop's half of a listener.
//
//	accepting ⇄ backing off        (retryAt)
//	    └──────────┴─▶ stopping ──▶ gone
type acceptor struct {
	id        int16
	slot      uint32
	sock      *socket
	arms      uint64 // threads with an accept armed
	cancelled uint64
	backoff   time.Duration
	retryAt   ring.Instant // backing off until then; 0: not
	lookAt    ring.Instant // when to look at the queue; 0: the accept tells
	stopping  bool
	giveUpAt  ring.Instant
	gone      bool
}

// addAcceptor begins to accept.
func (l *loop) addAcceptor(id int, sock *socket) *acceptor {
	a := &acceptor{id: int16(id), slot: uint32(len(l.acceptors)), sock: sock}
	l.acceptors = append(l.acceptors, a)
	return a
}

func (l *loop) onAccept(cp *Completion) {
	slot := cp.UserData.Slot()
	if int(slot) >= len(l.acceptors) {
		l.n.staleEvents++
		return
	}
	a := l.acceptors[slot]
	if !cp.More {
		bit := uint64(1) << cp.UserData.Thread()
		a.arms &^= bit
		a.cancelled &^= bit
		l.ops--
	}
	if cp.Res >= 0 {
		a.backoff = 0
		l.open(int(cp.Res), a)
	} else {
		l.acceptFailed(a, Errno(-cp.Res))
	}
	if !cp.More && l.threadBound && !a.stopping && a.retryAt == 0 {
		l.look(a)
	}
	if !cp.More || a.arms != l.bit && l.threadBound {
		l.settleAccept(a)
	}
}

// look takes connections that are queued and that no accept may tell of.
func (l *loop) look(a *acceptor) {
	for range lookMax {
		fd, errno := l.engine.cfg.Sockets.AcceptNow(a.sock.fd)
		if errno != 0 {
			l.acceptFailed(a, errno)
			return
		}
		l.open(fd, a)
	}
}

func (l *loop) acceptFailed(a *acceptor, errno Errno) {
	switch errno {
	case ECANCELED, EAGAIN, EINTR:
		return
	case ECONNABORT:
		l.n.acceptErrors++ // that client went away: the next may stay
		return
	}
	if a.stopping {
		return
	}
	// EMFILE, ENFILE, ENOBUFS, ENOMEM and what else may fail at once again.
	l.n.acceptErrors++
	a.backoff = min(max(2*a.backoff, acceptBackoffMin), acceptBackoffMax)
	a.retryAt = l.now.Add(a.backoff)
	l.retryBy(a.retryAt)
}

// retryBy has retryAccepts called at t, or earlier.
func (l *loop) retryBy(t ring.Instant) {
	if t != 0 && (l.retryAt == 0 || t < l.retryAt) {
		l.retryAt = t
	}
}

// retryAccepts ends the back-offs that are over, looks at queues, and stops
// those acceptors that have waited long enough for a cancel.
func (l *loop) retryAccepts() {
	l.retryAt = 0
	for _, a := range l.acceptors {
		look := false
		for _, t := range [...]*ring.Instant{&a.retryAt, &a.lookAt} {
			if *t != 0 && l.now >= *t {
				*t, look = 0, true
			}
		}
		if look && l.threadBound && a.retryAt == 0 && !a.stopping {
			l.look(a)
		}
		l.settleAccept(a)
		l.retryBy(a.retryAt)
		l.retryBy(a.lookAt)
		l.retryBy(a.giveUpAt)
	}
}

// settleAccept brings the accepts in flight in line with the acceptor's state.
// Without room in the port it is tried again a little later.
func (l *loop) settleAccept(a *acceptor) {
	if a.gone {
		return
	}
	if !l.reserve(settleOps) {
		l.retryAt = l.now.Add(time.Millisecond)
		return
	}
	switch {
	case a.stopping:
		l.cancelAccepts(a, a.arms&^a.cancelled)
		if a.arms == 0 || a.giveUpAt != 0 && l.now >= a.giveUpAt {
			l.release(a)
		}
	case a.retryAt != 0:
	case a.arms&l.bit == 0 && (a.arms&^a.cancelled == 0 || l.threadBound):
		l.armAccept(a)
	case a.cancelled&l.bit == 0 && l.threadBound:
		l.cancelAccepts(a, a.arms&^a.cancelled&^l.bit)
	}
	if a.arms&^l.bit != 0 && l.threadBound && !a.stopping && a.lookAt == 0 {
		a.lookAt = l.now.Add(lookEvery)
		l.retryBy(a.lookAt)
	}
}

func (l *loop) armAccept(a *acceptor) {
	a.arms |= l.bit
	l.port.Accept(a.sock.fd, MakeUserData(OpAccept, l.thread, 0, a.slot))
	l.submitted()
}

func (l *loop) cancelAccepts(a *acceptor, arms uint64) {
	for rest := arms; rest != 0 && l.port.Space() > 0; rest &= rest - 1 {
		thread := bits.TrailingZeros64(rest)
		a.cancelled |= 1 << thread
		l.port.Cancel(MakeUserData(OpAccept, uint8(thread), 0, a.slot), MakeUserData(OpNone, l.thread, 0, 0))
		l.n.submissions++
	}
}

// stopAccept begins to stop a: cancel, take what is queued, close.
func (l *loop) stopAccept(a *acceptor) {
	if a.stopping {
		return
	}
	a.stopping = true
	a.retryAt, a.lookAt = 0, 0
	a.giveUpAt = l.now.Add(acceptCancelWait)
	l.retryBy(a.giveUpAt)
	l.settleAccept(a)
}

// release lets the listening socket go. The last loop takes the connections
// that are queued and closes it at once: closing it first would reset them.
func (l *loop) release(a *acceptor) {
	a.gone = true
	a.giveUpAt = 0
	if a.arms != 0 {
		a.sock.stuck.Store(true)
	}
	if a.sock.loops.Add(-1) == 0 {
		if !l.closing {
			l.drain(a)
		}
		if a.sock.stuck.Load() && l.reserve(1) {
			// A stuck accept keeps the socket open, and it would go on
			// queueing connections that nobody takes.
			l.port.Shutdown(a.sock.fd, true, MakeUserData(OpNone, l.thread, 0, 0))
			l.n.submissions++
			for tries := 0; !l.flush() && tries < 16; tries++ {
			}
		}
		l.engine.cfg.Sockets.CloseListener(a.sock.fd)
	}
	l.engine.listening.Add(-1)
}

func (l *loop) drain(a *acceptor) {
	for range acceptDrainMax {
		fd, errno := l.engine.cfg.Sockets.AcceptNow(a.sock.fd)
		switch errno {
		case 0:
			l.open(fd, a)
		case EINTR, ECONNABORT:
		default:
			return
		}
	}
}

// open makes a connection of an accepted descriptor.
func (l *loop) open(fd int, a *acceptor) {
	c := l.slots.take()
	if c == nil || l.closing {
		l.n.acceptErrors++
		l.refuse(fd)
		if c != nil {
			c.phase = phaseOpen
			l.slots.give(c)
		}
		return
	}
	c.loop, c.fd, c.listener, c.phase = l, int32(fd), a.id, phaseOpen
	l.conns++
	l.n.accepted++
	if l.threadBound {
		c.stamp = l.stamp
		l.link(c)
	}
	if c.handler = l.handler.Open(c); c.handler == nil {
		c.Abort()
		return
	}
	if c.phase == phaseOpen {
		l.settle(c)
	}
}

// refuse closes a descriptor for which there is no slot.
func (l *loop) refuse(fd int) {
	l.port.ResetOnClose(fd)
	if l.reserve(1) {
		l.port.Close(fd, MakeUserData(OpNone, l.thread, 0, 0))
		l.n.submissions++
	}
}
