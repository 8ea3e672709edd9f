package ring

import "sync/atomic"

// PostNode links a Posted value into a PostQueue. Embed it; the zero value is
// ready.
type PostNode struct {
	next   *PostNode
	value  Posted
	queued atomic.Bool
}

// PostQueue is a queue of many producers and one consumer, the loop, without
// locks and without allocation: producers push onto a stack; the consumer
// takes the whole stack and turns it round, so that the order of each producer
// is kept. The zero value is ready.
type PostQueue struct {
	head atomic.Pointer[PostNode]
}

// ended is the head of a queue whose consumer has gone.
var ended = &PostNode{}

// PushResult says what Push did.
type PushResult uint8

const (
	// Pushed: queued behind others; the consumer has been woken already.
	Pushed PushResult = iota
	// PushedFirst: queued on an empty queue; the caller wakes the consumer.
	PushedFirst
	// PushedAlready: p is still queued from an earlier Push, one call serves
	// both.
	PushedAlready
	// PushEnded: the queue has ended, p was not queued.
	PushEnded
)

// Push queues p. Safe from any goroutine; never blocks, does not allocate.
func (q *PostQueue) Push(p Posted) PushResult {
	n := p.PostNode()
	if !n.queued.CompareAndSwap(false, true) {
		return PushedAlready
	}
	n.value = p
	for {
		old := q.head.Load()
		if old == ended {
			n.value = nil
			n.queued.Store(false)
			return PushEnded
		}
		n.next = old
		if q.head.CompareAndSwap(old, n) {
			if old == nil {
				return PushedFirst
			}
			return Pushed
		}
	}
}

// Empty reports whether nothing is queued. Safe from any goroutine.
func (q *PostQueue) Empty() bool {
	h := q.head.Load()
	return h == nil || h == ended
}

// Drain calls OnLoop of everything queued when it began, in order, and
// reports how many that were. What those calls push waits for the next Drain.
// Consumer only.
func (q *PostQueue) Drain() int {
	if q.Empty() {
		return 0
	}
	return run(q.head.Swap(nil))
}

// End runs what is queued and makes every later Push answer PushEnded.
// Consumer only.
func (q *PostQueue) End() {
	if top := q.head.Swap(ended); top != ended {
		run(top)
	}
}

// run turns the stack at top round and calls each value. The node is free for
// a new Push before its OnLoop runs, so that nothing posted meanwhile is lost.
func run(top *PostNode) (count int) {
	var first *PostNode
	for top != nil {
		next := top.next
		top.next, first = first, top
		top = next
	}
	for first != nil {
		n, p := first, first.value
		first = n.next
		n.next, n.value = nil, nil
		n.queued.Store(false)
		p.OnLoop()
		count++
	}
	return count
}
