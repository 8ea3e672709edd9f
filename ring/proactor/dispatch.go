package proactor

import (
	"time"

	"github.com/uringserve/uringserve/ring"
)

const (
	// serveFor is how long handlers may run before the loop makes a turn, so
	// that their answers go out and others are heard.
	serveFor = 250 * time.Microsecond

	// clockEvery is after how many handlers the clock is read for that: it
	// costs as much as a small handler.
	clockEvery = 4

	// maxChain is how many tasks of one connection run in a row while others
	// wait.
	maxChain = 64
)

// taskQueue is a FIFO that keeps its memory. There are no more tasks than the
// protocol layer has requests.
type taskQueue struct {
	ring []ring.Task // a power of two long
	head int
	size int
}

func (q *taskQueue) len() int { return q.size }

func (q *taskQueue) push(t ring.Task) {
	q.grow()
	q.ring[(q.head+q.size)&(len(q.ring)-1)] = t
	q.size++
}

func (q *taskQueue) pushFront(t ring.Task) {
	q.grow()
	q.head = (q.head - 1) & (len(q.ring) - 1)
	q.ring[q.head] = t
	q.size++
}

func (q *taskQueue) pop() ring.Task {
	if q.size == 0 {
		return nil
	}
	t := q.ring[q.head]
	q.ring[q.head] = nil
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.size--
	return t
}

func (q *taskQueue) grow() {
	if q.size < len(q.ring) {
		return
	}
	bigger := make([]ring.Task, max(16, 2*len(q.ring)))
	n := copy(bigger, q.ring[q.head:])
	copy(bigger[n:], q.ring[:q.head])
	q.ring, q.head = bigger, 0
}

// Dispatch queues t.
func (l *loop) Dispatch(t ring.Task) { l.tasks.push(t) }

// serve runs the queued handlers. False: the leader was left behind.
func (l *loop) serve() bool {
	for served := 0; ; {
		task := l.tasks.pop()
		if task == nil {
			return true
		}
		if l.bound && l.threadBound && !l.submitBound() {
			l.tasks.pushFront(task)
			return true
		}
		next, leads := l.run(task)
		if !leads {
			return false
		}
		if next == nil {
			l.chain = 0
		} else if l.chain++; l.chain < maxChain {
			l.tasks.pushFront(next)
		} else {
			l.chain = 0
			l.tasks.push(next)
		}
		if served++; served%clockEvery == 0 && l.tasks.len() > 0 && l.port.Now().Sub(l.now) >= serveFor {
			return true
		}
	}
}

// submitBound submits the operations that bear the leader's name before a
// handler runs: afterwards another thread may lead. False: the kernel does not
// take them now.
func (l *loop) submitBound() bool {
	l.flush()
	return !l.bound
}

// run runs one task, or has it run on a goroutine.
func (l *loop) run(task ring.Task) (next ring.Task, leads bool) {
	key, hint := task.Route()
	if !l.to.Inline(key, hint) {
		l.spawn(task, key)
		return nil, true
	}
	if l.idle {
		l.idle = false
		l.to.Busy()
	}
	l.n.inline++
	l.serving = true
	if !l.inline(task, key) {
		return nil, false
	}
	l.serving = false
	l.dirty = true
	return task.Done(ring.Returned), true
}

// inline runs task on the leader. From Begin to End the loop is not ours; if
// End says that it is somebody else's by then, it is not touched again. A
// handler that calls runtime.Goexit ends the frames up to the thread's first:
// the deferred function does what is left to do here.
func (l *loop) inline(task ring.Task, key uint64) (leads bool) {
	run := l.to.Begin(key)
	returned := false
	defer func() {
		if returned {
			return
		}
		if l.to.End(run) {
			l.serving = false
			l.exited = task
		} else {
			l.postLeft(task, ring.Exited)
		}
	}()
	task.Run(run)
	returned = true
	if l.to.End(run) {
		return true
	}
	l.postLeft(task, ring.Returned)
	return false
}

// done gives a result to the protocol layer, outside of serve.
func (l *loop) done(task ring.Task, o ring.Outcome) {
	l.dirty = true
	if next := task.Done(o); next != nil {
		l.tasks.pushFront(next)
	}
}

// postLeft posts the result of a handler that was left behind. Without the
// loop.
func (l *loop) postLeft(task ring.Task, o ring.Outcome) {
	if invariants {
		l.rt.Yield("left behind")
	}
	l.Post(&leftRun{loop: l, task: task, outcome: o})
}

// leftRun is the result of a handler that was left behind. It is rare.
type leftRun struct {
	node    ring.PostNode
	loop    *loop
	task    ring.Task
	outcome ring.Outcome
}

func (r *leftRun) PostNode() *ring.PostNode { return &r.node }

func (r *leftRun) OnLoop() {
	r.loop.away--
	r.loop.left--
	r.loop.done(r.task, r.outcome)
}

// run is a handler's run on a goroutine.
type run struct {
	node    ring.PostNode
	loop    *loop
	task    ring.Task
	key     uint64
	took    time.Duration
	outcome ring.Outcome
	start   func()
	next    *run // free list
}

// spawn has task run on a goroutine.
func (l *loop) spawn(task ring.Task, key uint64) {
	r := l.spawned
	if r == nil {
		r = &run{loop: l}
		r.start = r.main
	} else {
		l.spawned = r.next
	}
	r.task, r.key, r.next = task, key, nil
	l.n.goroutines++
	l.away++
	l.engine.running.Add(1)
	task.Detach()
	l.rt.Spawn(r.start)
}

func (r *run) main() {
	l := r.loop
	began := l.rt.Now()
	r.outcome = ring.Exited
	defer func() {
		r.took = time.Duration(l.rt.Now() - began)
		l.engine.running.Add(-1)
		l.Post(r)
	}()
	r.task.Run(ring.Run{})
	r.outcome = ring.Returned
}

func (r *run) PostNode() *ring.PostNode { return &r.node }

func (r *run) OnLoop() {
	l, task, outcome := r.loop, r.task, r.outcome
	l.away--
	l.to.Finished(r.key, r.took)
	r.task = nil
	r.next, l.spawned = l.spawned, r
	l.done(task, outcome)
}
