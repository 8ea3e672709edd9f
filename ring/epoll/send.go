package epoll

import "github.com/uringserve/uringserve/ring/proactor"

// waitingSend is a send that waits for room.
type waitingSend struct {
	ud   proactor.UserData
	rest []byte // what was not taken
	sent int32  // what was
}

// trySend tries once, but for signals.
func (p *Port) trySend(fd int, b []byte) (int, proactor.Errno) {
	n, errno := p.calls.Send(fd, b)
	for errno == proactor.EINTR {
		n, errno = p.calls.Send(fd, b)
	}
	return n, errno
}

// try does a send with Skip: it completes only if it did not take all.
func (p *Port) try(fd int, b []byte, ud proactor.UserData) {
	n, errno := p.trySend(fd, b)
	switch {
	case errno != 0:
		p.failed(ud, errno)
	case n < len(b):
		p.post(ud, int32(n), false)
	}
}

// send does a send without Skip: as much as can be now, the rest when there is
// room.
func (p *Port) send(fd int, b []byte, ud proactor.UserData) {
	s := waitingSend{ud: ud, rest: b}
	errno := p.push(fd, &s)
	if errno == proactor.EAGAIN {
		var d *descriptor
		// The change tells whether there is room by now.
		if d, errno = p.watch(fd, ud, Writable); errno == 0 {
			p.keepSend(d, s)
			return
		}
	}
	p.post(ud, s.result(errno), false)
}

// push gives to the socket until it has taken all (0), has no room (EAGAIN) or
// has failed. A send that took a part is followed by another: only EAGAIN
// promises an edge.
func (p *Port) push(fd int, s *waitingSend) proactor.Errno {
	for len(s.rest) > 0 {
		n, errno := p.trySend(fd, s.rest)
		if errno != 0 {
			return errno
		}
		if n == 0 {
			return proactor.EIO // no system takes nothing and calls it success
		}
		s.rest = s.rest[n:]
		s.sent += int32(n)
	}
	return 0
}

// result is the send's, which ended with errno or 0: what was sent counts.
func (s *waitingSend) result(errno proactor.Errno) int32 {
	if s.sent > 0 {
		return s.sent
	}
	return -int32(errno)
}

// keepSend makes s the waiting send of d.
func (p *Port) keepSend(d *descriptor, s waitingSend) {
	if d.send != 0 {
		panic("BUG: epoll: two sends of one connection")
	}
	if last := len(p.freeSends) - 1; last >= 0 {
		d.send = p.freeSends[last] + 1
		p.freeSends = p.freeSends[:last]
		p.sends[d.send-1] = s
		return
	}
	p.sends = append(p.sends, s)
	d.send = int32(len(p.sends))
}

// sendOn goes on with the waiting send of d.
func (p *Port) sendOn(d *descriptor) {
	if errno := p.push(int(d.fd), &p.sends[d.send-1]); errno != proactor.EAGAIN {
		p.sendOver(d, errno)
	}
}

// sendOver completes the waiting send of d.
func (p *Port) sendOver(d *descriptor, errno proactor.Errno) {
	s := &p.sends[d.send-1]
	p.post(s.ud, s.result(errno), false)
	p.dropSend(d)
}

// dropSend forgets the waiting send of d.
func (p *Port) dropSend(d *descriptor) {
	p.sends[d.send-1] = waitingSend{}
	p.freeSends = append(p.freeSends, d.send-1)
	d.send = 0
}
