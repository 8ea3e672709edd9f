package conn

// Decompressing takes time that others wait for: up to 200 ms for a message of
// 1 MiB that is made for it, 1 to 15 ms for ordinary ones. So the engine does a
// bounded piece at a time (ws.EventMore), and a loop does one piece a turn, for
// one session after the other, however many there are.

// inflateLater has the loop go on with a message in one of its next turns.
func (s *wsSession) inflateLater() {
	s.inflating = true
	s.l.inflates = append(s.l.inflates, s)
	s.l.rl.Post(s.l)
}

// inflateOne goes on with the message of the session that has waited longest. Those
// that have ended meanwhile take no turn.
func (l *loop) inflateOne() {
	for i, s := range l.inflates {
		s.inflating = false
		if s.phase >= wsOver {
			continue
		}
		l.inflates = dropFirst(l.inflates, i+1)
		s.inflate()
		if len(l.inflates) > 0 {
			l.rl.Post(l)
		}
		return
	}
	l.inflates = nil
}

// dropFirst is q without the first n. Its memory is moved rarely.
func dropFirst(q []*wsSession, n int) []*wsSession {
	clear(q[:n])
	if n == len(q) {
		return nil
	}
	return q[n:]
}

// inflate does another piece, and what follows from it.
func (s *wsSession) inflate() {
	if s.running {
		s.readAhead()
	} else {
		s.goOn()
	}
}
