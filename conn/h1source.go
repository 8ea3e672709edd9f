package conn

import (
	"github.com/valyala/bytebufferpool"

	"github.com/uringserve/uringserve/h1"
	"github.com/uringserve/uringserve/ring"
)

// A source is the memory that a request's views point into: the leased buffer
// in which it came, or memory of its own. One source may hold several requests,
// of which s.rest are those to come; the last one takes it along. All of this
// is on loop.

// setOwn makes b, which s owns from now on, the source.
func (s *h1stream) setOwn(b *bytebufferpool.ByteBuffer) {
	s.dropSource()
	s.own, s.rest = b, b.B
}

// join makes what is left of the source, and what came after it, one source.
func (s *h1stream) join() {
	in := s.takeRest()
	in.B = append(in.B, s.c.in.B...)
	putBuffer(s.c.in)
	s.c.in = nil
	s.own, s.rest = in, in.B
}

// takeRest takes what is not parsed out of s, which has no source then.
func (s *h1stream) takeRest() *bytebufferpool.ByteBuffer {
	if b := s.own; b != nil && len(s.rest) == len(b.B) {
		s.own, s.rest, s.span = nil, nil, nil
		return b
	}
	b := getBuffer()
	b.B = append(b.B[:0], s.rest...)
	s.dropSource()
	return b
}

// dropSource gives the source back. Nothing may look at it any more.
func (s *h1stream) dropSource() {
	if s.lease.Held() {
		s.lease.Release()
		s.lease = ring.Buf{}
	}
	putIfHeld(&s.own)
	s.span, s.rest = nil, nil
}

// replace gives another stream with the same source, so that a request kept
// too long is noticed also when the next one is here already.
func (s *h1stream) replace() *h1stream {
	c := s.c
	l, lease, own, rest, x := s.l, s.lease, s.own, s.rest, s.x
	s.lease, s.own, s.rest = ring.Buf{}, nil, nil
	l.freeStream(s)
	s = l.takeStream(c)
	s.lease, s.own, s.rest, s.x = lease, own, rest, x
	return s
}

// poison spoils what a handler may have kept.
func (s *h1stream) poison() {
	s.exchange.poison()
	s.head = h1.Head{}
}
