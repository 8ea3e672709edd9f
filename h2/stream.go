package h2

// stream is one stream that is live, or that the owner still holds.
type stream struct {
	id    uint32
	state State // changed by transit alone
	queue uint8 // the scheduler's queue it waits in, plus 1; 0: none

	linger   linger
	headSent bool // the final head; DATA may go
	end      bool // END_STREAM goes after the last ready byte

	urgency     uint8 // RFC 9218 §4.1, 0 first, 7 last
	incremental bool  // or without any signal: RR by single frames
	updated     bool  // by PRIORITY_UPDATE, which is above the field

	sendWindow int32 // octets we may send; may be negative (§6.9.2)
	recvWindow int32 // octets the peer may send; may be negative until it has our settings
	consumed   int32 // octets read by the owner and not yet returned to the peer
	unread     int32 // octets handed to the owner and not consumed
	turn       int32 // octets sent since it came to the front of its queue

	declared int64 // octets of body still to come by Content-Length; -1: not known
	ready    int   // octets that the owner has to send

	next, prev *stream // in the scheduler's queue; next also in the free list
	chain      *stream // in streams
}

// linger says whether a stream outlives its Release.
type linger uint8

const (
	lingerNot linger = iota
	lingerNew        // released with its request unended, since the last EndLingering
	lingerOld        // since before that
)

// transit applies an input, and answers what is to be done. Only accepted
// inputs change the state.
func (s *stream) transit(in input) outcome {
	o := transitions[s.state][in]
	if o.verdict == accept {
		s.state = o.next
	}
	return o
}

// streams are the streams of one connection, found by id: a hash table of lists.
// Ids of new streams differ by two, so that most lists have one stream at most;
// there are no more of them than Limits.Streams, whatever the ids are.
type streams struct {
	slots []*stream // heads of lists; a power of two, at least count; nil before the first
	count int
	free  *stream // of those there were, at most as many as there ever were at a time
}

func (t *streams) slot(id uint32) **stream { return &t.slots[int(id>>1)&(len(t.slots)-1)] }

// get is the stream of that id, nil if there is none.
func (t *streams) get(id uint32) *stream {
	if len(t.slots) == 0 {
		return nil
	}
	s := *t.slot(id)
	for s != nil && s.id != id {
		s = s.chain
	}
	return s
}

// all yields the streams in any order. Meanwhile none may be added, and none but
// the one that it has yielded removed.
func (t *streams) all(yield func(*stream) bool) {
	for _, s := range t.slots {
		for s != nil {
			next := s.chain
			if !yield(s) {
				return
			}
			s = next
		}
	}
}

// add makes a stream, which must not be there.
func (t *streams) add(id uint32) *stream {
	if t.count >= len(t.slots) {
		t.grow()
	}
	s := t.free
	if s == nil {
		s = new(stream)
	} else {
		t.free = s.next
	}
	*s = stream{id: id}
	t.place(s)
	t.count++
	return s
}

func (t *streams) place(s *stream) {
	head := t.slot(s.id)
	s.chain, *head = *head, s
}

func (t *streams) grow() {
	old := t.slots
	t.slots = make([]*stream, max(8, 2*len(old)))
	for _, s := range old {
		for s != nil {
			next := s.chain
			t.place(s)
			s = next
		}
	}
}

// remove takes s out, which is there.
func (t *streams) remove(s *stream) {
	at := t.slot(s.id)
	for *at != s {
		at = &(*at).chain
	}
	*at = s.chain
	t.count--
	*s = stream{next: t.free}
	t.free = s
}

// trim frees what an idle connection does not need.
func (t *streams) trim() {
	t.free = nil
	if t.count == 0 {
		t.slots = nil
	}
}
