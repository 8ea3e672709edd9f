package mem

import (
	"slices"
	"time"

	"github.com/uringserve/uringserve/ring/proactor"
	"github.com/uringserve/uringserve/ring/takeover/sched"
)

// Port is the simulated kernel, in the style of completions, as one loop sees
// it.
type Port struct {
	host
	memory memory

	queued   []func() // submissions, in order
	cq       []proactor.Completion
	overflow []proactor.Completion // no room in cq
	ops      []*op                 // in flight, oldest first
	due      []*op                 // of ops: have something to do
	leader   int                   // the thread that entered last
	threads  []int                 // that have submitted

	woken   bool   // a Wake that no Reap has shown
	wakes   uint64 // how many there were
	wakeUps map[proactor.UserData]bool
}

var _ proactor.Port = (*Port)(nil)

func newPort(k *kernel, index int) *Port {
	p := &Port{host: newHost(k, index), leader: -1, wakeUps: map[proactor.UserData]bool{}}
	p.memory = newMemory(p, k.o)
	k.ports = append(k.ports, p)
	return p
}

// submit queues what Enter will do.
func (p *Port) submit(act func()) {
	if p.disposed {
		p.k.violate("submission to a port that was disposed of")
		return
	}
	if p.Space() == 0 {
		p.k.violate("submission without space")
	}
	p.queued = append(p.queued, act)
}

// arm puts an operation in flight. It runs at once if it has something to do.
func (p *Port) arm(o op) {
	o.port, o.thread = p, p.leader
	p.k.note("%s %s armed by thread %d", o.name(), o.kind.String(), int32(o.thread))
	p.ops = append(p.ops, &o)
	switch {
	case o.socket != nil:
		o.socket.ops = append(o.socket.ops, &o)
	case o.lis != nil:
		o.lis.ops = append(o.lis.ops, &o)
	}
	if o.ready() {
		o.step()
	}
	p.poke(&o)
}

// socket is the socket of fd; if it is not one, ud fails.
func (p *Port) socket(fd int, ud proactor.UserData) *socket {
	s := p.k.file(fd).socket
	if s == nil {
		p.k.violate("operation %d on descriptor %d, which is no open socket", ud.Op(), fd)
		p.fail(ud, proactor.EBADF)
	}
	return s
}

func (p *Port) fail(ud proactor.UserData, e proactor.Errno) {
	p.post(proactor.Completion{UserData: ud, Res: -int32(e)})
}

// Accept implements proactor.Port.
func (p *Port) Accept(fd int, ud proactor.UserData) {
	p.submit(func() {
		l := p.k.file(fd).listener
		if l == nil {
			p.k.violate("accept on descriptor %d, which is no listener", fd)
			p.fail(ud, proactor.EBADF)
			return
		}
		p.arm(op{kind: opAccept, ud: ud, lis: l})
	})
}

// Recv implements proactor.Port.
func (p *Port) Recv(fd int, ud proactor.UserData) {
	p.submit(func() {
		if s := p.socket(fd, ud); s != nil {
			s.lastRecv = ud
			p.arm(op{kind: opRecv, ud: ud, socket: s})
		}
	})
}

// Send implements proactor.Port.
func (p *Port) Send(fd int, b []byte, ud proactor.UserData, skip bool) {
	p.submit(func() {
		s := p.socket(fd, ud)
		switch {
		case s == nil:
		case skip:
			p.sendNow(s, b, ud)
		default:
			p.arm(op{kind: opSend, ud: ud, socket: s, b: b})
		}
	})
}

// sendNow is a send that does not wait and tells only what it did not send.
func (p *Port) sendNow(s *socket, b []byte, ud proactor.UserData) {
	f := &p.k.o.Faults
	if p.k.chance(f.SendError) {
		p.fail(ud, p.k.anyOf(proactor.EAGAIN, proactor.EINTR))
		return
	}
	n := len(b)
	if n > 1 && p.k.chance(f.ShortSend) {
		n = 1 + p.k.random.IntN(n)
	}
	got, e := s.send(b[:n])
	p.k.note("%s sends %d of %d", s.name, got, len(b))
	switch {
	case e != 0:
		p.fail(ud, e)
	case got < len(b):
		p.post(proactor.Completion{UserData: ud, Res: int32(got)})
	}
}

// SendNow implements proactor.Port.
func (p *Port) SendNow(fd int, b []byte) (int, proactor.Errno) {
	s := p.k.file(fd).socket
	if s == nil {
		p.k.violate("send now on descriptor %d, which is no open socket", fd)
		return 0, proactor.EBADF
	}
	if p.k.chance(p.k.o.Faults.SendError) {
		return 0, proactor.EAGAIN
	}
	if len(b) > 1 && p.k.chance(p.k.o.Faults.ShortSend) {
		b = b[:1+p.k.random.IntN(len(b))]
	}
	return s.send(b)
}

// PollHangup implements proactor.Port.
func (p *Port) PollHangup(fd int, ud proactor.UserData) {
	p.submit(func() {
		if s := p.socket(fd, ud); s != nil {
			p.arm(op{kind: opHangup, ud: ud, socket: s})
		}
	})
}

// Cancel implements proactor.Port.
func (p *Port) Cancel(target, ud proactor.UserData) {
	p.submit(func() {
		for _, o := range p.ops {
			if o.ud == target && !o.cancelled {
				o.cancelled = true
				p.poke(o)
				if p.k.chance(p.k.o.Faults.Cancel) {
					p.fail(ud, p.k.anyOf(proactor.EALREADY, proactor.ENOENT))
				}
				return
			}
		}
		p.fail(ud, proactor.ENOENT)
	})
}

// Shutdown implements proactor.Port.
func (p *Port) Shutdown(fd int, both bool, ud proactor.UserData) {
	p.submit(func() {
		if s := p.socket(fd, ud); s != nil {
			if e := s.shutdown(both); e != 0 {
				p.fail(ud, e)
			}
		}
	})
}

// Close implements proactor.Port.
func (p *Port) Close(fd int, ud proactor.UserData) {
	p.submit(func() {
		s := p.socket(fd, ud)
		if s == nil {
			return
		}
		for _, o := range slices.Clone(s.ops) {
			p.k.violate("%s closed with a %v in flight", s.name, o.kind)
			o.end(-int32(proactor.ECANCELED))
		}
		p.k.note("%s closed", s.name)
		p.k.closeSocket(fd, s)
		p.stale(s)
	})
}

// Leave implements proactor.Port.
func (p *Port) Leave(fd int, ud proactor.UserData) { p.Close(fd, ud) }

// stale has a receive of s, which is closed, complete once more some time
// later, as if it had been overtaken by the close and what followed. It must
// not be taken for one of the connection that has its place by then.
func (p *Port) stale(s *socket) {
	if s.lastRecv == 0 || !p.k.chance(p.k.o.Faults.Stale) {
		return
	}
	c := proactor.Completion{UserData: s.lastRecv}
	p.k.at(p.k.now()+p.k.random.Int64N(int64(maxTick)), func() {
		if !p.disposed {
			p.post(c)
		}
	})
}

// ResetOnClose implements proactor.Port.
func (p *Port) ResetOnClose(fd int) {
	if s := p.k.file(fd).socket; s != nil {
		s.linger0 = true
		return
	}
	p.k.violate("reset on close of descriptor %d, which is no open socket", fd)
}

// ArmWake implements proactor.Port.
func (p *Port) ArmWake(ud proactor.UserData) {
	p.wakeUps[ud] = true
	p.submit(func() { p.arm(op{kind: opWake, ud: ud}) })
}

// Wake implements proactor.Port.
func (p *Port) Wake() {
	if p.woken || p.disposed {
		return
	}
	p.woken = true
	p.wakes++
	for _, o := range p.ops {
		if o.kind == opWake {
			p.poke(o)
		}
	}
}

// Space implements proactor.Port.
func (p *Port) Space() int { return p.k.o.SQSize - len(p.queued) }

// full reports whether a completion would overflow.
func (p *Port) full() bool { return len(p.overflow) > 0 || len(p.cq) >= p.k.o.CQSize }

func (p *Port) post(c proactor.Completion) {
	if p.full() {
		p.overflow = append(p.overflow, c)
		return
	}
	p.cq = append(p.cq, c)
}

// flush moves overflowed completions to the queue.
func (p *Port) flush() {
	n := min(len(p.overflow), p.k.o.CQSize-len(p.cq))
	p.cq = append(p.cq, p.overflow[:n]...)
	p.overflow = p.overflow[n:]
}

// Overflowed implements proactor.Port.
func (p *Port) Overflowed() bool { return len(p.overflow) > 0 }

// Reap implements proactor.Port.
func (p *Port) Reap(out []proactor.Completion) int {
	n := copy(out, p.cq)
	p.cq = p.cq[n:]
	for _, c := range out[:n] {
		if p.wakeUps[c.UserData] && c.Res > 0 {
			p.woken = false
		}
		p.k.note("loop %d: %d.%d res %d", p.index, c.UserData.Op(), c.UserData.Slot(), c.Res)
	}
	return n
}

// ThreadBound implements proactor.Port.
func (p *Port) ThreadBound() bool { return true }

// Dispose implements proactor.Port.
func (p *Port) Dispose() {
	for _, o := range p.ops {
		if o.kind != opWake {
			p.k.violate("loop %d disposed of with a %v in flight", p.index, o.kind)
		}
	}
	p.dispose()
	p.ops, p.due, p.queued = nil, nil, nil
}

// briefly is how long a brief wait is.
const briefly = 20 * time.Microsecond

// Enter implements proactor.Port.
func (p *Port) Enter(wait proactor.Wait, timeout time.Duration) error {
	defer p.enter("kernel")()
	me := p.k.rt.ThreadID()
	p.leader = me
	if !slices.Contains(p.threads, me) {
		p.threads = append(p.threads, me)
	}
	p.submitQueued()
	p.flush()
	p.work(me)
	if wait == proactor.NoWait || len(p.cq) > 0 || len(p.queued) > 0 || p.k.chance(p.k.o.Faults.Wake) {
		return nil
	}
	if wait == proactor.WaitBrief && (timeout < 0 || timeout > briefly) {
		timeout = briefly
	}
	until := sched.Never
	if timeout >= 0 && timeout < sched.Never-p.k.s.Now() {
		until = p.k.s.Now() + timeout
	}
	for _, o := range p.due {
		p.k.tickLater(o)
	}
	p.k.s.WaitUntil(func() bool { return len(p.cq) > 0 || p.runnable(me) }, until)
	p.flush()
	p.work(me)
	return nil
}

// submitQueued does what is queued; a part of it, by a fault.
func (p *Port) submitQueued() {
	n := len(p.queued)
	if p.k.chance(p.k.o.Faults.Enter) {
		n = p.k.random.IntN(n + 1)
	}
	for _, act := range p.queued[:n] {
		act()
	}
	p.queued = append(p.queued[:0], p.queued[n:]...)
}
