package h2

// stream is one stream that is live, or that the owner still holds.
type stream struct {
	id    uint32
	state State // changed by transit alone
	queue uint8 // the scheduler's queue it waits in, plus 1; 0: none

	held     bool // announced by an event, and not released yet
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
}

// transit applies an input, and answers what is to be done. Only accepted
// inputs change the state.
func (s *stream) transit(in input) outcome {
	o := transitions[s.state][in]
	if o.verdict == accept {
		s.state = o.next
	}
	return o
}

// streams are the streams of one connection, found by id: a hash table with
// open addressing. Ids of new streams differ by two, so that they fall next to
// each other and seldom on one another.
type streams struct {
	slots []*stream // a power of two, at most half full; nil before the first
	count int
	free  *stream // of those there were, at most as many as there ever were at a time
}

func (t *streams) home(id uint32) int { return int(id>>1) & (len(t.slots) - 1) }

// get is the stream of that id, nil if there is none.
func (t *streams) get(id uint32) *stream {
	if len(t.slots) == 0 {
		return nil
	}
	for i := t.home(id); ; i = (i + 1) & (len(t.slots) - 1) {
		if s := t.slots[i]; s == nil || s.id == id {
			return s
		}
	}
}

// add makes a stream, which must not be there.
func (t *streams) add(id uint32) *stream {
	if t.count*2 >= len(t.slots) {
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
	i := t.home(s.id)
	for t.slots[i] != nil {
		i = (i + 1) & (len(t.slots) - 1)
	}
	t.slots[i] = s
}

func (t *streams) grow() {
	old := t.slots
	t.slots = make([]*stream, max(8, 2*len(old)))
	for _, s := range old {
		if s != nil {
			t.place(s)
		}
	}
}

// remove takes s out, and closes the gap: what stands after it and would be
// found only through it moves up.
func (t *streams) remove(s *stream) {
	mask := len(t.slots) - 1
	i := t.home(s.id)
	for t.slots[i] != s {
		i = (i + 1) & mask
	}
	t.slots[i] = nil
	for j := (i + 1) & mask; t.slots[j] != nil; j = (j + 1) & mask {
		if home := t.home(t.slots[j].id); (j-home)&mask >= (j-i)&mask {
			t.slots[i], t.slots[j] = t.slots[j], nil
			i = j
		}
	}
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
