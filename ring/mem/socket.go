package mem

import (
	"net"
	"slices"

	"github.com/uringserve/uringserve/ring/epoll"
	"github.com/uringserve/uringserve/ring/proactor"
)

// socket is one end of a connection: a peer's, or a server's (which has a
// descriptor from its accept on).
//
//	write ──▶ out ──network──▶ other.in ──▶ read
type socket struct {
	k     *kernel
	other *socket
	name  string // in the trace
	in    []byte // received, not read
	out   []byte // written, not delivered
	inMax int    // room for received bytes
	max   int    // room for written bytes

	err      proactor.Errno // told once, as in SO_ERROR
	dead     bool           // reset by either side
	finOut   bool           // shut down for sending: a FIN follows out
	finSent  bool           // and it has been delivered
	finIn    bool           // the other's FIN has come
	shut     bool           // shut down for receiving
	closed   bool           // no descriptor any more, or never again
	linger0  bool           // closing resets
	inFlight bool           // a delivery of out is under way
	refs     int            // descriptors

	source
	noRoom        bool              // somebody is to be told when there is room
	lastRecv      proactor.UserData // of the newest receive; 0: none
	remote, local net.Addr
}

// send takes bytes into out: how many, or why none.
func (s *socket) send(b []byte) (int, proactor.Errno) {
	if e := s.err; e != 0 {
		s.err = 0
		return 0, e
	}
	if s.dead || s.finOut {
		return 0, proactor.EPIPE
	}
	n := min(len(b), s.max-len(s.out))
	if n < len(b) {
		s.noRoom = true
	}
	if n == 0 {
		return 0, proactor.EAGAIN
	}
	s.out = append(s.out, b[:n]...)
	s.k.push(s)
	return n, 0
}

// recv reads received bytes: how many, 0 for the end, or why none.
func (s *socket) recv(b []byte) (int, proactor.Errno) {
	switch {
	case len(s.in) > 0:
		n := copy(b, s.in)
		s.in = s.in[n:]
		if len(s.in) == 0 {
			s.in = nil
		}
		s.k.push(s.other)
		return n, 0
	case s.err != 0 && !s.finIn: // after a FIN, Linux tells of that only
		e := s.err
		s.err = 0
		return 0, e
	case s.ended():
		return 0, 0
	}
	return 0, proactor.EAGAIN
}

// ended reports whether nothing can come any more.
func (s *socket) ended() bool { return s.finIn || s.dead || s.shut }

func (s *socket) readable() bool { return len(s.in) > 0 || s.err != 0 || s.ended() }

func (s *socket) writable() bool {
	return len(s.out) < s.max || s.err != 0 || s.dead || s.finOut
}

// hungUp is what POLLHUP and POLLERR say.
func (s *socket) hungUp() bool { return s.holds()&(epoll.Hangup|epoll.Error) != 0 }

// holds is what readiness says of s, as Linux does of TCP. There is no room
// to speak of before a third of the buffer is free.
func (s *socket) holds() (e epoll.Events) {
	noneIn, noneOut := s.ended(), s.finOut || s.dead
	if noneIn {
		e |= epoll.ReadEnded
	}
	if noneIn || len(s.in) > 0 {
		e |= epoll.Readable
	}
	if room := s.max - len(s.out); noneOut || room > 0 && room >= len(s.out)/2 {
		e |= epoll.Writable
	}
	if noneIn && noneOut {
		e |= epoll.Hangup
	}
	if s.err != 0 {
		e |= epoll.Error
	}
	return e
}

// drained tells who waits that written bytes have left.
func (s *socket) drained() {
	if s.noRoom && s.holds()&epoll.Writable != 0 {
		s.noRoom = false
		s.changed(s.k, epoll.Writable)
	} else {
		s.k.poke(s.ops)
	}
}

// push has the network deliver what s has written, now or later.
func (k *kernel) push(s *socket) {
	if s.inFlight || !s.deliverable() {
		return
	}
	d := k.delay()
	if k.stopped || d == 0 && k.o.Faults.Split == 0 {
		k.deliver(s, len(s.out))
		return
	}
	s.inFlight = true
	k.at(k.now()+d, func() {
		s.inFlight = false
		k.deliver(s, k.some(len(s.out)))
		k.push(s)
	})
}

// deliverable reports whether the network can do something for s.
func (s *socket) deliverable() bool {
	if s.dead || s.other.dead { // its RST is on the way
		return false
	}
	if len(s.out) > 0 {
		return s.other.closed || len(s.other.in) < s.other.inMax
	}
	return s.finOut && !s.finSent
}

// deliver moves up to most bytes of s to the other end, and then the FIN.
func (k *kernel) deliver(s *socket, most int) {
	if !s.deliverable() {
		return
	}
	o := s.other
	if len(s.out) > 0 && (o.closed || o.shut) {
		if !o.closed {
			o.gotReset() // as its own
		}
		k.reset(o)
		return
	}
	if k.chance(k.o.Faults.Reset) {
		k.resets++
		k.note("network resets %s", s.name)
		k.reset(s)
		s.gotReset()
		return
	}
	if n := min(most, o.inMax-len(o.in), len(s.out)); n > 0 {
		o.in = append(o.in, s.out[:n]...)
		s.out = s.out[n:]
		k.note("%s → %d", s.name, n)
		s.drained()
		o.changed(k, epoll.Readable)
	}
	if len(s.out) == 0 {
		s.out = nil
		if s.finOut && !s.finSent {
			s.finSent, o.finIn = true, true
			k.note("%s FIN", s.name)
			o.changed(k, 0)
			s.changed(k, 0)
		}
	}
}

// reset sends a RST from s, unless both FINs have come: then the connection is
// over.
func (k *kernel) reset(s *socket) {
	if s.finSent && s.finIn {
		return
	}
	if !s.dead {
		k.note("%s RST", s.name)
		s.dead, s.out = true, nil
	}
	if d := k.delay(); d > 0 {
		k.at(k.now()+d, s.other.gotReset)
		return
	}
	s.other.gotReset()
}

// gotReset is the arrival of a RST. What was received before stays readable.
func (s *socket) gotReset() {
	if s.dead && s.err == 0 && s.closed {
		return
	}
	if !s.dead {
		s.err = proactor.ECONNRESET
		if s.finIn {
			s.err = proactor.EPIPE // the state CLOSE_WAIT
		}
	}
	s.dead, s.out = true, nil
	s.changed(s.k, 0)
}

// shutdown ends sending and, with both, receiving.
func (s *socket) shutdown(both bool) proactor.Errno {
	if s.dead {
		s.changed(s.k, 0) // Linux wakes all the same
		return proactor.ENOTCONN
	}
	s.finOut = true
	if both {
		s.shut = true
	}
	s.k.push(s)
	s.changed(s.k, 0)
	return 0
}

// close is what the last close of a socket does: unread bytes, or linger0,
// make it a reset.
func (s *socket) close() {
	if s.closed {
		return
	}
	s.closed = true
	if s.dead {
		return
	}
	if s.linger0 || len(s.in) > 0 {
		s.in = nil
		s.k.reset(s)
		return
	}
	s.finOut = true
	s.k.push(s)
	s.k.push(s.other) // its bytes now find nobody
}

func (s *socket) remove(o *op) {
	s.ops = slices.DeleteFunc(s.ops, func(x *op) bool { return x == o })
}
