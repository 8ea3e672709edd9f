package epoll

import "github.com/uringserve/uringserve/ring/proactor"

// armRecv arms a receive. A connection that is known to be readable is ready.
func (p *Port) armRecv(fd int, ud proactor.UserData) {
	d, errno := p.watch(fd, ud, 0)
	if errno != 0 {
		p.failed(ud, errno)
		return
	}
	if d.recv != 0 {
		panic("BUG: epoll: two receives of one connection")
	}
	d.recv = ud
	p.list(d, ud.Slot())
}

// list puts a connection on ready, if it is and is not there.
func (p *Port) list(d *descriptor, slot uint32) {
	if d.recv != 0 && d.flags&(flagReadable|flagListed) == flagReadable {
		d.flags |= flagListed
		p.ready = append(p.ready, slot)
	}
}

// Reap implements proactor.Port. It receives here, as late as can be: straight
// into the buffers whose completions it tells, at most one buffer from each
// ready connection between two Enters. So one fast sender gets no more of a
// turn than the others, and a turn receives no more than there are ready
// connections, nor than there are provided buffers.
func (p *Port) Reap(out []proactor.Completion) int {
	n := 0
	if len(out) > 0 && p.wakeArmed && p.calls.Woken() {
		out[0] = proactor.Completion{UserData: p.wakeUD, Res: 1, More: true}
		n = 1
	}
	if p.localAt < len(p.local) {
		moved := copy(out[n:], p.local[p.localAt:])
		n += moved
		if p.localAt += moved; p.localAt == len(p.local) {
			p.local, p.localAt = p.local[:0], 0
		}
	}
	for ; p.round > 0 && n < len(out); p.round-- {
		slot := p.ready[p.readyAt]
		p.readyAt++
		if p.receive(&out[n], slot) {
			n++
		}
	}
	return n
}

// receive receives once from the connection that has the slot. False: there
// was nothing, or it is not ready any more.
func (p *Port) receive(c *proactor.Completion, slot uint32) bool {
	d := p.table.find(slot)
	d.flags &^= flagListed
	if d.recv == 0 || !d.has(flagReadable) {
		return false
	}
	*c = proactor.Completion{UserData: d.recv}
	last := len(p.provided) - 1
	if last < 0 {
		c.Res = -int32(proactor.ENOBUFS)
		d.recv = 0
		return true
	}
	id := p.provided[last]
	b := p.buffers.At(id)
	n, errno := p.calls.Recv(int(d.fd), b)
	for errno == proactor.EINTR {
		n, errno = p.calls.Recv(int(d.fd), b)
	}
	switch {
	case errno == proactor.EAGAIN:
		d.flags &^= flagReadable
		return false
	case errno != 0:
		c.Res = -int32(errno)
		d.recv = 0
		return true
	case n == 0: // the FIN
		d.recv = 0
		return true
	}
	p.provided = p.provided[:last]
	p.buffers.Taken(id)
	c.Res, c.More, c.HasBuf, c.Buf = int32(n), true, true, id
	if (n < len(b) || faultDrained) && !d.has(flagEnding) {
		d.flags &^= flagReadable
	}
	p.list(d, slot) // if there may be more: the next round's
	return true
}
