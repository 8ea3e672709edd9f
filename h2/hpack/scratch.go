package hpack

// maxKeptScratch is what a Scratch keeps from one field to the next, in
// octets.
const maxKeptScratch = 16 << 10

// A Scratch is memory for strings while they are decoded. Decoders that are
// used one after another, as those of one loop, can share one, so that an
// idle connection holds none. The zero value is ready. It keeps at most 16
// KiB; a single string takes at most max(Limits.StringBytes, the table's
// maximum) octets more while it is used.
type Scratch struct {
	buf  []byte
	used int
}

// reset takes everything back that take gave.
func (s *Scratch) reset() {
	if invariants {
		for i := range s.used {
			s.buf[i] = 0xdb // whoever still reads a view sees that it is over
		}
	}
	s.used = 0
}

// take gives n octets, until reset. What was taken before stays valid.
func (s *Scratch) take(n int) []byte {
	if n > len(s.buf)-s.used {
		if n > maxKeptScratch {
			return make([]byte, n)
		}
		s.buf, s.used = make([]byte, min(maxKeptScratch, ceilPower(max(256, s.used+n)))), 0
	}
	b := s.buf[s.used : s.used+n : s.used+n]
	s.used += n
	return b
}
