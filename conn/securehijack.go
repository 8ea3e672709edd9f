package conn

import "net"

// Detach is ring.Conn's. What comes from now on stays encrypted, for the
// tls.Conn that is handed over.
func (s *secure) Detach() {
	s.flags |= secureLeaving
	s.leave()
}

// leave lets the engine's connection go, once it has everything that tc had to
// send.
func (s *secure) leave() {
	if s.state != secureOpen || s.flags&secureBroken != 0 {
		return // or Closed will follow
	}
	s.flush()
	if s.out != nil || s.flags&secureSending != 0 {
		s.c.l.hurry()
		return
	}
	s.rc.Detach()
}

// recvLeaving keeps ciphertext for the tls.Conn.
func (s *secure) recvLeaving(b []byte) {
	err := s.tc.Feed(b)
	s.tc.Detach()
	s.fed(err)
}

// Detached is ring.ConnHandler's.
func (s *secure) Detached(nc net.Conn) {
	s.state = secureClosed
	s.c.Detached(s.tc.Rebase(nc))
}
