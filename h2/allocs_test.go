//go:build !race && !invariants

package h2

import "testing"

// Requests and responses must not allocate once memory has grown to its size.
func TestNoAllocations(t *testing.T) {
	l := newLoad(4, "Hello, World!")
	for range 4 {
		l.batch(32)
	}
	if n := testing.AllocsPerRun(50, func() { l.batch(32) }); n != 0 {
		t.Errorf("128 requests: %v allocations", n)
	}
	long := newLoad(1, string(make([]byte, 60000)))
	for range 4 {
		long.batch(32)
	}
	if n := testing.AllocsPerRun(50, func() { long.batch(32) }); n != 0 {
		t.Errorf("32 requests that need the scheduler: %v allocations", n)
	}
}

// Bodies that come, in frames cut at odd places, must not allocate either.
func TestNoAllocationsUpload(t *testing.T) {
	l := newLoad(1, "")
	c := l.conns[0]
	r := &rig{enc: c.enc}
	frames := AppendDataFrame(nil, 1, make([]byte, 3000), false)
	frames = AppendDataFrame(frames, 1, make([]byte, 10), false)
	// The client's part allocates: it is made beforehand.
	var posts [64][]byte
	for i := range posts {
		posts[i] = r.post(uint32(1 + 2*i))
	}
	next := 0
	run := func() {
		post := posts[next]
		next++
		id := uint32(2*next - 1)
		in := append(c.in[:0], post...)
		in = append(in, frames...)
		in = AppendDataFrame(in, 1, nil, true)
		c.in = in
		for at := len(post); at < len(in); {
			h := ParseFrameHeader(in[at:])
			h.ID = id
			AppendFrameHeader(in[:at], h)
			at += HeaderBytes + h.Length
		}
		for b := in; len(b) > 0; {
			b = b[c.c.Feed(l.now, b[:min(len(b), 7)]):]
			if ev, ok := c.c.Next(); ok {
				if ev.Kind == EventData {
					c.c.Consumed(id, len(ev.Data))
				}
				if ev.End {
					l.respond(c.c, id, "GET")
				}
			}
		}
		l.out = c.c.AppendOutput(l.out)[:0]
	}
	for range 8 {
		run()
	}
	if n := testing.AllocsPerRun(40, run); n != 0 {
		t.Errorf("an upload in pieces: %v allocations", n)
	}
}
