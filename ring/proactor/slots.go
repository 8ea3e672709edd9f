package proactor

const (
	chunkBits = 6
	chunkSize = 1 << chunkBits
)

// slots is a loop's table of connections. It grows by chunks, so that a
// connection stays where it is, and does not shrink. A slot is used again with
// the next generation: what completes late for its last user is told apart.
type slots struct {
	chunks []*[chunkSize]conn
	free   []uint32 // slots given back, the last one first
	used   uint32   // slots ever given out
}

// take gives out a slot, nil if all are in use.
func (s *slots) take() *conn {
	if n := len(s.free); n > 0 {
		slot := s.free[n-1]
		s.free = s.free[:n-1]
		return s.at(slot)
	}
	if s.used == MaxSlots {
		return nil
	}
	if s.used&(chunkSize-1) == 0 {
		s.chunks = append(s.chunks, new([chunkSize]conn))
	}
	c := s.at(s.used)
	c.slot = s.used
	s.used++
	return c
}

// give takes a slot back.
func (s *slots) give(c *conn) {
	if invariants && c.phase == phaseFree {
		panic("BUG: proactor: slot given back twice")
	}
	*c = conn{slot: c.slot, generation: (c.generation + 1) & generationMask}
	s.free = append(s.free, c.slot)
}

func (s *slots) at(slot uint32) *conn { return &s.chunks[slot>>chunkBits][slot&(chunkSize-1)] }

// find is the connection that u names, nil if it is gone.
func (s *slots) find(u UserData) *conn {
	slot := u.Slot()
	if slot >= s.used {
		return nil
	}
	c := s.at(slot)
	if c.generation != u.Generation() && !faultGeneration || c.phase == phaseFree {
		return nil
	}
	return c
}

// each calls f for every connection that is not free.
func (s *slots) each(f func(*conn)) {
	for slot := range s.used {
		if c := s.at(slot); c.phase != phaseFree {
			f(c)
		}
	}
}
