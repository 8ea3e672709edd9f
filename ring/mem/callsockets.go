package mem

import (
	"github.com/uringserve/uringserve/ring/epoll"
	"github.com/uringserve/uringserve/ring/proactor"
)

// socket is the socket of fd; nil, and a violation, if it is not one.
func (c *Calls) socket(fd int, call string) *socket {
	s := c.k.file(fd).socket
	if s == nil {
		c.refuse(proactor.EBADF, "%s on descriptor %d, which is no open socket", call, fd)
	}
	return s
}

// fails decides whether a call fails for a while: EINTR, or EAGAIN although
// there is something to do. To the caller that is as if it had come to be
// right after the call, so the edge comes again.
func (c *Calls) fails(chance float64, src *source, key epoll.Events) proactor.Errno {
	if !c.k.chance(chance) {
		return 0
	}
	e := c.k.anyOf(proactor.EAGAIN, proactor.EINTR)
	if e == proactor.EAGAIN {
		c.again(src, key)
	}
	return e
}

// again tells this loop's watch of src once more.
func (c *Calls) again(src *source, key epoll.Events) {
	for _, w := range src.watches {
		if w.calls == c {
			w.wake(key)
		}
	}
}

// Accept implements epoll.Calls.
func (c *Calls) Accept(fd int) (int, proactor.Errno) {
	defer c.enter("accept")()
	l := c.k.file(fd).listener
	if l == nil {
		return -1, c.refuse(proactor.EBADF, "accept on descriptor %d, which is no listener", fd)
	}
	if l.shut {
		return -1, proactor.EINVAL
	}
	f := &c.k.o.Faults
	if e := c.fails(f.Again, &l.source, epoll.Readable); e != 0 {
		return -1, e
	}
	if len(l.queue) > 0 && c.k.chance(f.Accept) {
		c.refused++
		return -1, c.k.anyOf(proactor.EMFILE, proactor.ENFILE, proactor.ECONNABORT, proactor.ENOMEM)
	}
	s := l.accept()
	if s == nil {
		return -1, proactor.EAGAIN
	}
	n := c.k.open(file{socket: s})
	c.k.note("loop %d accepts %s as %d", c.index, s.name, int32(n))
	return n, 0
}

// Recv implements epoll.Calls.
func (c *Calls) Recv(fd int, b []byte) (int, proactor.Errno) {
	defer c.enter("recv")()
	s := c.socket(fd, "recv")
	if s == nil {
		return 0, proactor.EBADF
	}
	if len(b) == 0 {
		return 0, c.refuse(proactor.EINVAL, "recv without room: its 0 would be taken for a FIN")
	}
	if e := c.fails(c.k.o.Faults.Again, &s.source, epoll.Readable); e != 0 {
		return 0, e
	}
	most := min(len(b), len(s.in))
	n, e := s.recv(b[:c.k.some(most)])
	c.k.note("%s receives %d: %d", s.name, int32(n), int32(e))
	if n < most {
		// Less than there is room for means that there was no more: these
		// are bytes that have come since.
		c.again(&s.source, epoll.Readable)
	}
	scramble(b[n:])
	return n, e
}

// Send implements epoll.Calls.
func (c *Calls) Send(fd int, b []byte) (int, proactor.Errno) {
	defer c.enter("send")()
	s := c.socket(fd, "send")
	if s == nil {
		return 0, proactor.EBADF
	}
	if len(b) == 0 {
		return 0, c.refuse(proactor.EINVAL, "nothing sent")
	}
	f := &c.k.o.Faults
	if e := c.fails(f.SendError, &s.source, epoll.Writable); e != 0 {
		return 0, e
	}
	part := b
	if len(b) > 1 && c.k.chance(f.ShortSend) {
		// No edge follows: who wants one asks until EAGAIN.
		part = b[:1+c.k.random.IntN(len(b))]
	}
	n, e := s.send(part)
	c.k.note("%s sends %d of %d: %d", s.name, int32(n), int32(len(b)), int32(e))
	return n, e
}

// Shutdown implements epoll.Calls.
func (c *Calls) Shutdown(fd int, both bool) proactor.Errno {
	defer c.enter("shutdown")()
	if l := c.k.file(fd).listener; l != nil {
		l.shutdown()
		return 0
	}
	s := c.socket(fd, "shutdown")
	if s == nil {
		return proactor.EBADF
	}
	return s.shutdown(both)
}

// ResetOnClose implements epoll.Calls.
func (c *Calls) ResetOnClose(fd int) {
	if s := c.socket(fd, "reset on close"); s != nil {
		s.linger0 = true
	}
}

// Close implements epoll.Calls.
func (c *Calls) Close(fd int) proactor.Errno {
	defer c.enter("close")()
	s := c.socket(fd, "close")
	if s == nil {
		return proactor.EBADF
	}
	c.k.note("%s closed, was %d", s.name, int32(fd))
	if w := c.find(fd); w != nil {
		if s.refs > 1 {
			c.refuse(0, "descriptor %d closed while watched, and its socket lives on", fd)
		}
		c.haunt(w)
	}
	c.k.unwatch(fd, c)
	c.k.closeSocket(fd, s)
	return 0
}

// haunt has w, whose descriptor closes, tell once more: some time later, or when
// the next connection is watched, which may have its place by then. On Linux
// that happens when the process forks just before: until the child calls exec it
// has the socket, too, and epoll goes by sockets, not by descriptors.
func (c *Calls) haunt(w *watch) {
	if !c.k.chance(c.k.o.Faults.Stale) {
		return
	}
	e := epoll.Event{Token: w.token, Events: w.interest() &^ epoll.Error}
	if c.k.random.IntN(2) == 0 {
		c.buried = append(c.buried, e)
		return
	}
	c.k.at(c.k.now()+c.k.random.Int64N(int64(maxTick)), func() {
		if !c.disposed {
			c.ghosts = append(c.ghosts, e)
		}
	})
}

// unwatch takes a descriptor that is about to close off the interest lists:
// quietly off that of by, who closes it. Others would take events of the
// descriptor's next user for those of the one that they knew.
func (k *kernel) unwatch(fd int, by *Calls) {
	src := k.file(fd).source()
	for len(src.watches) > 0 {
		w := src.watches[0]
		if w.calls != by {
			k.violate("descriptor %d closed while loop %d watches it", fd, w.calls.index)
		}
		w.remove()
	}
}
