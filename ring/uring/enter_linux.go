package uring

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/uringserve/uringserve/ring/iouring"
	"github.com/uringserve/uringserve/ring/proactor"
)

// briefWait bounds a WaitBrief: a goroutine that wants the P, or the garbage
// collector, waits that long (and the kernel's timer slack, 50 µs by default).
const briefWait = 50 * time.Microsecond

// Enter implements proactor.Port.
func (p *Port) Enter(wait proactor.Wait, timeout time.Duration) error {
	if len(p.pollWork) > 0 {
		p.queuePollWork()
	}
	if len(p.late) > 0 {
		// What was queued before them goes first, without waiting.
		if err := p.enter(0, 0, iouring.Raw); err != nil || p.held {
			return err
		}
		p.runLate()
		if wait == proactor.NoWait {
			return nil
		}
	}
	if wait == proactor.NoWait || p.ring.Ready() > 0 || len(p.local) > 0 {
		return p.enter(0, 0, iouring.Raw)
	}
	mode := iouring.Scheduled
	if wait == proactor.WaitBrief {
		mode = iouring.Raw
		if timeout < 0 || timeout > briefWait {
			timeout = briefWait
		}
	}
	var err error
	if p.wake.Sleep() {
		err = p.enter(1, timeout, mode)
	} else {
		err = p.enter(0, 0, iouring.Raw)
	}
	p.wake.Awake()
	return err
}

func (p *Port) enter(min uint32, timeout time.Duration, mode iouring.Mode) error {
	_, errno := p.ring.Enter(min, timeout, mode)
	p.held = p.ring.Unsubmitted() > 0
	switch errno {
	case 0,
		unix.ETIME,  // the timeout
		unix.EINTR,  // a signal; nothing was submitted or all was
		unix.EAGAIN, // no memory for a request just now: held
		unix.EBUSY:  // completions must be reaped first: held
		return nil
	}
	return fmt.Errorf("uring: io_uring_enter: %w", errno)
}

// Overflowed implements proactor.Port. It also holds while the kernel has not
// taken all submissions: then the Enter that submits them is not over.
func (p *Port) Overflowed() bool { return p.held || p.ring.Overflowed() }

// Reap implements proactor.Port.
func (p *Port) Reap(out []proactor.Completion) int {
	n := 0
	if len(out) > 0 && p.wakeArmed && p.wake.Take() {
		out[0] = proactor.Completion{UserData: p.wakeUD, Res: unix.POLLIN, More: true}
		n = 1
	}
	if len(p.local) > 0 {
		moved := copy(out[n:], p.local)
		p.local = p.local[:copy(p.local, p.local[moved:])]
		n += moved
	}
	ready := p.ring.Ready()
	i := 0
	for ; i < ready && n < len(out); i++ {
		cqe := p.ring.CQEAt(i)
		c := proactor.Completion{UserData: proactor.UserData(cqe.UserData), Res: cqe.Res, More: cqe.More()}
		switch c.UserData.Op() {
		case proactor.OpWake, proactor.OpPoll, portOp:
			var shown bool
			if c, shown = p.special(cqe, c); !shown {
				continue
			}
		case proactor.OpSend:
			if p.showsSends && p.sentWhole(c) {
				continue
			}
		}
		if cqe.HasBuffer() {
			c.HasBuf, c.Buf = true, uint32(cqe.BufferID())
			p.buffers.Taken(c.Buf)
		}
		out[n] = c
		n++
	}
	if i > 0 {
		p.ring.AdvanceCQ(i)
	}
	return n
}

// portOp is the Op that portUserData seems to have.
const portOp = proactor.Op(0xFF)

// special handles completions that do not simply pass through.
func (p *Port) special(cqe iouring.CQE, c proactor.Completion) (proactor.Completion, bool) {
	switch c.UserData.Op() {
	case proactor.OpPoll:
		return p.polled(cqe)
	case proactor.OpWake:
		if c.Res >= 0 {
			p.wake.Drain()
		}
		// A wake is shown by its flag, once, whichever arms it fired. The
		// end of an arm is shown.
		return c, !c.More
	default:
		return c, false
	}
}

// sentWhole reports whether c is the success of a skipped send. Sends try, and
// complete, in order; only in front of an overflow are some left over.
func (p *Port) sentWhole(c proactor.Completion) bool {
	for i, s := range p.sends {
		if s.ud == c.UserData {
			p.sends = append(p.sends[:i], p.sends[i+1:]...)
			return c.Res == s.n
		}
	}
	return false
}
