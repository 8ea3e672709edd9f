package proactor

import (
	"math/bits"

	"github.com/uringserve/uringserve/ring"
)

// maxArms bounds the receives armed for one connection. More than two are
// seen only when leaders are left behind faster than they come back.
const maxArms = 4

// onRecv applies a completion of a receive. The one of an older leader's arm
// is as good as our own: the order is that of the socket.
func (l *loop) onRecv(cp *Completion) {
	c := l.find(cp.UserData)
	if c == nil {
		if cp.HasBuf {
			l.drop(cp.Buf)
		}
		return
	}
	if !cp.More {
		l.armOver(c, cp.UserData.Thread())
	}
	if cp.HasBuf {
		l.received(c, cp)
	}
	if cp.Res == 0 && c.on(recvEnd) {
		c.handler.RecvEnd()
	} else if cp.Res < 0 {
		l.recvFailed(c, Errno(-cp.Res))
	}
	if !cp.More {
		l.resettle(c)
	}
	// Also when our own is over: another's may be of a thread that is stuck.
	if c.arms&^l.bit != 0 && l.threadBound {
		l.converge(c)
	}
}

// received hands the bytes on, if anybody still wants them.
func (l *loop) received(c *conn, cp *Completion) {
	if invariants && c.phase == phaseOpen && c.recv == recvEnded && !faultGeneration {
		panic("BUG: proactor: bytes after the end")
	}
	if !c.alive() || c.recv == recvEnded || cp.Res <= 0 || faultOldArm && cp.UserData.Thread() != l.thread {
		l.drop(cp.Buf)
		return
	}
	l.pool.lease(cp.Buf)
	l.touch(c)
	c.handler.Recv(ring.NewBuf(l.port.Buffer(cp.Buf)[:cp.Res:cp.Res], &l.pool, cp.Buf))
}

// drop gives a filled buffer back unread.
func (l *loop) drop(id uint32) {
	l.pool.lease(id)
	l.pool.ReleaseBuf(id)
}

func (l *loop) recvFailed(c *conn, errno Errno) {
	switch errno {
	case ECANCELED, EAGAIN, EINTR:
		// Over, for no fault of the connection's.
	case ENOBUFS:
		l.n.noBuffers++
		if c.on(recvNoBuffers) && !c.has(flagStarved) {
			c.flags |= flagStarved
			l.starved = append(l.starved, c)
		}
	default:
		l.fail(c, errno)
	}
}

// armOver takes note that the arm of that thread is over.
func (l *loop) armOver(c *conn, thread uint8) {
	bit := uint64(1) << thread
	if invariants && c.arms&bit == 0 && !faultGeneration {
		panic("BUG: proactor: a receive ended that was not armed")
	}
	c.arms &^= bit
	c.cancelled &^= bit
	l.ops--
}

// settleRecv arms and cancels, so that the operations in flight are what the
// state of receiving asks for.
func (l *loop) settleRecv(c *conn) {
	live := c.arms &^ c.cancelled
	switch c.recv {
	case recvWanted:
		// With a cancelled one of our own in flight, its end comes here
		// again: two of the same name could not be told apart. One of another
		// thread's is not enough: that may be stuck.
		if c.arms&l.bit == 0 && (live == 0 || l.threadBound && bits.OnesCount64(c.arms) < maxArms) {
			l.arm(c)
		}
		l.cancelPoll(c)
	case recvStarved:
		l.cancelPoll(c)
	case recvPaused, recvEnded:
		l.cancelArms(c, live)
		if c.phase == phaseOpen {
			l.poll(c)
		} else {
			l.cancelPoll(c)
		}
	}
}

func (l *loop) arm(c *conn) {
	c.arms |= l.bit
	l.port.Recv(int(c.fd), c.ud(OpRecv))
	l.submitted()
}

func (l *loop) cancelArms(c *conn, arms uint64) {
	for rest := arms; rest != 0; rest &= rest - 1 {
		l.cancel(c, c.udOf(OpRecv, uint8(bits.TrailingZeros64(rest))))
	}
	c.cancelled |= arms
}

// poll watches for hang-ups while nothing is received.
func (l *loop) poll(c *conn) {
	if c.flags&(flagPoll|flagHungUp) != 0 {
		return // if it was cancelled, its completion comes here again
	}
	c.flags |= flagPoll
	c.pollThread = l.thread
	l.port.PollHangup(int(c.fd), c.ud(OpPoll))
	l.submitted()
}

func (l *loop) cancelPoll(c *conn) {
	if c.flags&(flagPoll|flagPollCancelled) == flagPoll {
		c.flags |= flagPollCancelled
		l.cancel(c, c.udOf(OpPoll, c.pollThread))
	}
}

// onPoll applies the completion of a PollHangup.
func (l *loop) onPoll(cp *Completion) {
	c := l.find(cp.UserData)
	if c == nil {
		return
	}
	c.flags &^= flagPoll | flagPollCancelled
	l.ops--
	if cp.Res != -int32(ECANCELED) {
		c.flags |= flagHungUp
		// After our own FIN, the end of both directions is no failure. While
		// receiving is wanted, the receive tells, after what was sent before.
		if c.phase == phaseOpen && !c.has(flagFin) && (c.recv == recvPaused || c.recv == recvEnded) {
			l.fail(c, ECONNRESET)
		}
	}
	l.resettle(c)
}

// feedStarved has connections receive again for which there are buffers: no
// more of them than buffers, so that none of them ends at once for want of one.
func (l *loop) feedStarved() {
	if len(l.starved) == 0 {
		return
	}
	l.pool.topUp()
	n := min(len(l.starved), l.pool.provided)
	for _, c := range l.starved[:n] {
		c.flags &^= flagStarved
		if c.recv == recvStarved && c.on(recvBuffers) {
			l.settle(c)
		}
	}
	l.starved = append(l.starved[:0], l.starved[n:]...)
}

// touch puts c first in the active list, unless it was moved a moment ago.
func (l *loop) touch(c *conn) {
	if c.stamp == l.stamp || !l.threadBound {
		return
	}
	c.stamp = l.stamp
	if l.newest != c {
		l.unlink(c)
		l.link(c)
	}
}

func (l *loop) link(c *conn) {
	c.newer, c.older = nil, l.newest
	if l.newest != nil {
		l.newest.newer = c
	}
	l.newest = c
}

func (l *loop) unlink(c *conn) {
	if l.lazy == c {
		l.lazy = c.older
	}
	if c.newer != nil {
		c.newer.older = c.older
	} else if l.newest == c {
		l.newest = c.older
	}
	if c.older != nil {
		c.older.newer = c.newer
	}
	c.newer, c.older = nil, nil
}
