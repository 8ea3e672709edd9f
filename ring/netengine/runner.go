package netengine

import "github.com/uringserve/uringserve/ring"

// A runner is a goroutine that runs handlers, one at a time, and reads a
// connection if it leads it. It is the ring.Holder of the runs of its handlers.
// Fields are on loop.
type runner struct {
	l *loop // immutable
	c *conn // whose leader it is or was; nil: of no connection

	leads bool        // it reads c
	queue []ring.Task // to be run; from first on
	first int

	token   uint64 // number of the run; the last one, if none is on
	running bool   // a handler runs, and Enter holds
	left    bool   // it was replaced while it ran

	// In loop.running:
	next, prev *runner
	listed     bool
	pulse      uint64 // loop.pulses when the handler began
}

var _ ring.Holder = (*runner)(nil)

// newRunner makes a runner of tasks, which leads c if that is not nil.
func newRunner(l *loop, c *conn, tasks []ring.Task) *runner {
	return &runner{l: l, c: c, leads: c != nil, queue: tasks}
}

// run is the goroutine.
func (r *runner) run() {
	r.l.lock()
	r.serve()
}

// serve goes on with the lock held, and ends without it.
func (r *runner) serve() {
	l := r.l
	for {
		if t := r.pop(); t != nil {
			r.handle(t)
			continue
		}
		l.settle(r)
		if r.first < len(r.queue) {
			continue
		}
		if !r.leads || !r.c.receive(r) {
			l.unlock()
			return
		}
	}
}

func (r *runner) pop() ring.Task {
	if r.first == len(r.queue) {
		return nil
	}
	t := r.queue[r.first]
	r.queue[r.first] = nil
	r.first++
	if r.first == len(r.queue) {
		r.queue, r.first = r.queue[:0], 0
	}
	return t
}

// handle runs t and what follows from it. Output of before goes out first, as
// a handler may take long; posts wait, because among them are those that gather
// the output of pipelined requests.
func (r *runner) handle(t ring.Task) {
	l := r.l
	for t != nil {
		l.flush(r)
		if l.ended {
			return
		}
		t.Route()
		r.begin()
		l.mu.Unlock()
		r.call(t)
		l.lock()
		t = r.finish(t, ring.Returned)
	}
}

// begin makes the run of a handler one that Enter knows.
func (r *runner) begin() {
	l := r.l
	r.token++
	r.running = true
	r.pulse = l.pulses
	l.running.push(r)
	l.handlers++
	if r.leads {
		l.stats.Inline++
	} else {
		l.stats.Goroutines++
	}
}

// call calls the handler, off the lock.
func (r *runner) call(t ring.Task) {
	returned := false
	defer func() {
		if !returned {
			r.exit(t)
		}
	}()
	t.Run(ring.NewRun(r, r.token))
	returned = true
}

// finish ends the run and takes its result.
func (r *runner) finish(t ring.Task, o ring.Outcome) (next ring.Task) {
	l := r.l
	r.running = false
	l.running.remove(r)
	l.handlers--
	if r.left {
		r.left = false
		l.stats.LeftBehind--
	}
	l.changed()
	if l.ended {
		return nil
	}
	l.current = r
	next = t.Done(o)
	l.current = nil
	return next
}

// exit is the end of the goroutine by runtime.Goexit in a handler; another one
// goes on.
func (r *runner) exit(t ring.Task) {
	l := r.l
	l.lock()
	l.stats.Goexits++
	if next := r.finish(t, ring.Exited); next != nil {
		r.queue = append([]ring.Task{next}, r.queue[r.first:]...)
		r.first = 0
	}
	r.replace()
	l.leave()
}

// replace has a fresh runner do what r does beside its handler, and reports
// whether that was anything. On loop.
func (r *runner) replace() bool {
	if r.l.ended || !r.leads && r.first == len(r.queue) {
		return false
	}
	n := newRunner(r.l, nil, r.queue[r.first:])
	n.c, n.leads = r.c, r.leads
	r.queue, r.first, r.leads = nil, 0, false
	if r.running {
		r.left = true
		r.l.stats.LeftBehind++
	}
	go n.run()
	return true
}

// EnterRun is ring.Holder's.
func (r *runner) EnterRun(token uint64) bool {
	r.l.lock()
	if !r.running || r.token != token || r.l.ended {
		r.l.unlock()
		return false
	}
	return true
}

// LeaveRun is ring.Holder's.
func (r *runner) LeaveRun(uint64) { r.l.leave() }

// HandOverRun is ring.Holder's.
func (r *runner) HandOverRun(uint64) {
	if r.replace() {
		r.l.stats.HandOvers++
	}
	r.l.running.remove(r)
	r.l.leave()
}
