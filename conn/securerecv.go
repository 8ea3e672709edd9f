package conn

// PauseRecv stops decrypting, and receiving. What the engine still delivers is
// kept as it comes, encrypted: at most ring.MaxRecvAfterPause, less than
// tls.MaxInput.
func (s *secure) PauseRecv() {
	s.flags |= securePaused
	s.settleRecv()
}

// ResumeRecv goes on: first with what is here, before the engine is told, so
// that no more can gather than in one pause.
func (s *secure) ResumeRecv() {
	s.flags &^= securePaused
	if s.flags&secureUnread != 0 && s.state == secureOpen && s.c.state == stateOpen {
		s.flags |= secureChoked
		s.post() // conn is not to be called from here
	} else {
		s.flags &^= secureChoked
	}
	s.settleRecv()
}

// choke stops receiving, or goes on, for reasons of our own.
func (s *secure) choke(stop bool) {
	if stop {
		s.flags |= secureChoked
	} else {
		s.flags &^= secureChoked
	}
	s.settleRecv()
}

// settleRecv tells the engine what has changed.
func (s *secure) settleRecv() {
	stop := s.flags&(securePaused|secureChoked) != 0
	if stop == (s.flags&secureStopped != 0) {
		return
	}
	s.flags ^= secureStopped
	if stop {
		s.rc.PauseRecv()
	} else {
		s.rc.ResumeRecv()
	}
}
