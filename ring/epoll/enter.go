package epoll

import (
	"fmt"
	"time"

	"github.com/uringserve/uringserve/ring/proactor"
)

// Enter implements proactor.Port: what is queued is done, in order; then
// events are taken, and waited for if there is nothing else to tell. Receiving
// is left to Reap: an Enter begins a round of it.
func (p *Port) Enter(wait proactor.Wait, timeout time.Duration) error {
	submitted := len(p.queue) > 0
	p.submit()
	p.ready = p.ready[:copy(p.ready, p.ready[p.readyAt:])]
	p.readyAt, p.round = 0, len(p.ready)
	if wait == proactor.NoWait && submitted && !p.passed {
		// Whoever does not wait after having submitted comes again, to wait:
		// events can be taken then, by the same call. Not twice in a row, for
		// a busy loop never waits.
		p.passed = true
		return nil
	}
	p.passed = false
	if p.round > 0 || p.localAt < len(p.local) {
		wait = proactor.NoWait
	}
	n, errno := p.calls.Wait(p.events[:], wait, timeout)
	switch errno {
	case 0, proactor.EINTR: // a signal: the caller comes again
	default:
		return fmt.Errorf("epoll: waiting: errno %d", errno)
	}
	for i := range p.events[:n] {
		p.apply(&p.events[i])
	}
	p.round = len(p.ready)
	return nil
}

// submit does what is queued.
func (p *Port) submit() {
	for i := range p.queue {
		op := &p.queue[i]
		switch op.kind {
		case opAccept:
			p.listen(op.fd, op.ud)
		case opRecv:
			p.armRecv(op.fd, op.ud)
		case opTry:
			p.try(op.fd, op.b, op.ud)
		case opSend:
			p.send(op.fd, op.b, op.ud)
		case opHangup:
			p.armHangup(op.fd, op.ud)
		case opCancel:
			p.cancel(op.of, op.ud)
		case opFin, opShutdown:
			p.failed(op.ud, p.calls.Shutdown(op.fd, op.kind == opShutdown))
		case opClose:
			p.close(op.fd, op.ud)
		case opLeave:
			p.leave(op.fd, op.ud)
		}
		op.b = nil
	}
	p.queue = p.queue[:0]
}

// post tells the loop of an operation with the next Reap.
func (p *Port) post(ud proactor.UserData, res int32, more bool) {
	p.local = append(p.local, proactor.Completion{UserData: ud, Res: res, More: more})
}

// failed posts a failure, if it is one.
func (p *Port) failed(ud proactor.UserData, errno proactor.Errno) {
	if errno != 0 {
		p.post(ud, -int32(errno), false)
	}
}

// apply takes note of an event. One of a connection that is gone is dropped:
// the kernel forgets a closed socket only when nobody has it open, and a child
// process may, between fork and exec.
func (p *Port) apply(e *Event) {
	ud := proactor.UserData(e.Token)
	if ud.Op() == proactor.OpAccept {
		p.accept(ud)
		return
	}
	d := p.named(ud)
	if d == nil {
		return
	}
	if e.Events&(Readable|ReadEnded|Hangup|Error) != 0 && !(faultEdge && d.recv == 0) {
		d.flags |= flagReadable
		p.list(d, ud.Slot())
	}
	if e.Events&(ReadEnded|Hangup|Error) != 0 {
		d.flags |= flagEnding
	}
	if e.Events&(Hangup|Error) != 0 {
		d.flags |= flagHungUp
		p.tellHangup(d)
	}
	if d.send != 0 && e.Events&(Writable|Hangup|Error) != 0 {
		p.sendOn(d)
	}
}

// hungUp is the result of a PollHangup: EPOLLHUP, as the kernel spells it.
const hungUp = 0x10

func (p *Port) armHangup(fd int, ud proactor.UserData) {
	d, errno := p.watch(fd, ud, 0)
	if errno != 0 {
		p.failed(ud, errno)
		return
	}
	if d.hangup != 0 {
		panic("BUG: epoll: two polls of one connection")
	}
	d.hangup = ud
	if d.has(flagHungUp) {
		p.tellHangup(d)
	}
}

// tellHangup completes the poll of a connection that is hung up.
func (p *Port) tellHangup(d *descriptor) {
	if d.hangup != 0 {
		p.post(d.hangup, hungUp, false)
		d.hangup = 0
	}
}

// cancel ends the operation target, or says that there is none.
func (p *Port) cancel(target, ud proactor.UserData) {
	d := p.named(target)
	switch {
	case d != nil && d.recv == target:
		d.recv = 0
		p.failed(target, proactor.ECANCELED)
	case d != nil && d.hangup == target:
		d.hangup = 0
		p.failed(target, proactor.ECANCELED)
	case d != nil && d.send != 0 && p.sends[d.send-1].ud == target:
		p.sendOver(d, proactor.ECANCELED)
	case p.wakeArmed && p.wakeUD == target:
		p.wakeArmed = false
		p.failed(target, proactor.ECANCELED)
	default:
		if errno := p.unlisten(target, proactor.ECANCELED); errno != 0 {
			p.failed(ud, errno)
		}
	}
}

// leave closes fd, whose socket somebody else has open: it would go on telling
// of itself.
func (p *Port) leave(fd int, ud proactor.UserData) {
	if d := p.named(ud); d != nil && int(d.fd) == fd {
		p.failed(ud, p.calls.Unwatch(fd))
	}
	p.close(fd, ud)
}

// close closes fd and forgets it. A descriptor that was never watched is
// nobody's slot, whatever ud says.
func (p *Port) close(fd int, ud proactor.UserData) {
	if d := p.named(ud); d != nil && int(d.fd) == fd {
		p.forget(d)
	}
	p.failed(ud, p.calls.Close(fd))
}
