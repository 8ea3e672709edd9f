package netengine

// connList is a queue of connections, each in it at most once.
type connList struct{ first, last *conn }

func (q *connList) push(c *conn) {
	if c.listed {
		return
	}
	c.listed = true
	if q.last == nil {
		q.first = c
	} else {
		q.last.next = c
	}
	q.last = c
}

func (q *connList) pop() *conn {
	c := q.first
	if c == nil {
		return nil
	}
	q.first, c.next, c.listed = c.next, nil, false
	if q.first == nil {
		q.last = nil
	}
	return c
}

// runnerList holds runners in the order in which their handlers began.
type runnerList struct{ first, last *runner }

func (q *runnerList) push(r *runner) {
	r.listed = true
	r.prev = q.last
	if q.last == nil {
		q.first = r
	} else {
		q.last.next = r
	}
	q.last = r
}

// remove takes r out, if it is in.
func (q *runnerList) remove(r *runner) {
	if !r.listed {
		return
	}
	r.listed = false
	if r.prev == nil {
		q.first = r.next
	} else {
		r.prev.next = r.next
	}
	if r.next == nil {
		q.last = r.prev
	} else {
		r.next.prev = r.prev
	}
	r.prev, r.next = nil, nil
}
