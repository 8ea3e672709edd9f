package h2

import "math/bits"

// scheduler says which stream sends next (RFC 9218 §10).
//
// Streams that can send wait in queues: one for those that have but their end
// to send, which needs no window, then one for each urgency. The first of the
// first queue that is not empty sends. So a less urgent stream sends when the
// more urgent ones have nothing, or may send nothing.
//
// Within a queue streams take turns, so that one long response cannot delay
// short ones. A turn is one frame, and for a stream that asked not to be
// served incrementally turnBytes: it is of use only when it is complete
// (§4.2), but what it delays is bounded.
//
// A stream whose own window is used up is in no queue.
type scheduler struct {
	first [numQueues]*stream // of a ring
	used  uint16             // a bit for each queue that is not empty
}

const (
	endQueue  = 0
	numQueues = 1 + maxUrgency + 1
	turnBytes = 64 << 10
)

// queueFor is the queue that s belongs into, -1 if it cannot send now.
func queueFor(s *stream) int {
	switch {
	case !s.state.localOpen() || !s.headSent:
		return -1
	case s.ready > 0 && s.sendWindow > 0:
		return 1 + int(s.urgency)
	case s.ready == 0 && s.end:
		return endQueue
	}
	return -1
}

// update moves s where it belongs now; it keeps its place if it can.
func (q *scheduler) update(s *stream) {
	want := queueFor(s)
	if want == int(s.queue)-1 {
		return
	}
	q.remove(s)
	if want >= 0 {
		q.push(s, want)
	}
}

// push puts s at the end of a queue.
func (q *scheduler) push(s *stream, queue int) {
	s.queue, s.turn = uint8(queue+1), 0
	first := q.first[queue]
	if first == nil {
		s.next, s.prev = s, s
		q.first[queue] = s
		q.used |= 1 << queue
		return
	}
	s.next, s.prev = first, first.prev
	s.prev.next, first.prev = s, s
}

// remove takes s out of its queue, if it is in one.
func (q *scheduler) remove(s *stream) {
	if s.queue == 0 {
		return
	}
	queue := s.queue - 1
	switch {
	case s.next == s:
		q.first[queue] = nil
		q.used &^= 1 << queue
	case q.first[queue] == s:
		q.first[queue] = s.next
		fallthrough
	default:
		s.prev.next, s.next.prev = s.next, s.prev
	}
	s.next, s.prev, s.queue = nil, nil, 0
}

// pick is the stream that sends next; nil: none can. Without window for the
// connection only ends can go.
func (q *scheduler) pick(window bool) *stream {
	used := q.used
	if !window {
		used &= 1 << endQueue
	}
	if used == 0 {
		return nil
	}
	return q.first[bits.TrailingZeros16(used)]
}

// sent says that s sent n octets. At the end of its turn it goes to the end
// of its queue, or where it belongs now.
func (q *scheduler) sent(s *stream, n int) {
	s.turn += int32(n)
	queue := queueFor(s)
	if queue != int(s.queue)-1 {
		q.update(s)
		return
	}
	if queue < 0 || !s.incremental && s.turn < turnBytes {
		return
	}
	s.turn = 0
	if q.first[queue] == s {
		q.first[queue] = s.next // the ring turns, s is its end
		return
	}
	q.remove(s)
	q.push(s, queue)
}
