package mem_test

import (
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/mem"
)

// client is one simulated client: some connections, one after the other.
type client struct {
	e       *mem.Engine
	id      int
	address string
	random  *rand.Rand
	problem func(format string, args ...any)
	load    *load
	done    bool
}

// load is what clients of a run do.
type load struct {
	conns, requests int
	maxBody         int
	actions         []action
	maxTime         time.Duration // of a handler
	slow            bool          // readers and writers dawdle
	resets          bool          // clients may reset
	excused         func() bool   // connections may fail, because the engine closes or the network resets
}

// talk is one connection of a client.
type talk struct {
	c        *client
	p        *mem.Peer
	requests []*ask
	out      []byte // not written yet
	in       []byte // read, not judged
	answered int
	ended    bool // we have sent a FIN
	final    bool // the last request's handler exits, unless the connection
	leaves   bool // has left by then
}

type ask struct {
	request
	body []byte
}

func (c *client) run() {
	defer func() { c.done = true }()
	for range 1 + c.random.IntN(c.load.conns) {
		t := &talk{c: c, p: c.e.Dial(c.address)}
		t.plan()
		t.talk()
		if c.load.excused() {
			return
		}
		c.pause()
	}
}

func (c *client) pause() {
	if c.random.IntN(3) == 0 {
		c.e.Sleep(time.Duration(c.random.Int64N(int64(3 * time.Millisecond))))
	}
}

// size is mostly small, sometimes not.
func (c *client) size(most int) int {
	switch c.random.IntN(6) {
	case 0:
		return 0
	case 1:
		return c.random.IntN(most + 1)
	}
	return c.random.IntN(min(most, 300) + 1)
}

func (t *talk) plan() {
	c := t.c
	n := 1 + c.random.IntN(c.load.requests)
	for i := range n {
		a := &ask{request: request{
			body: uint32(c.size(c.load.maxBody)), response: uint32(c.size(c.load.maxBody)),
			id:   uint32(i),
			act:  c.load.actions[c.random.IntN(len(c.load.actions))],
			hint: [...]ring.Hint{0, 0, 0, ring.HintInline, ring.HintBlocking}[c.random.IntN(5)],
			time: time.Duration(c.random.Int64N(int64(c.load.maxTime))),
		}}
		if a.act == actExit && i < n-1 {
			a.act = actNothing
		}
		t.final = a.act == actExit
		t.leaves = t.leaves || a.act == actLeave
		a.body = make([]byte, a.request.body)
		for k := range a.body {
			a.body[k] = byte(c.random.Uint32())
		}
		t.requests = append(t.requests, a)
		t.out = append(a.append(t.out), a.body...)
	}
}

// talk writes, reads and judges until everything has been answered.
func (t *talk) talk() {
	c := t.c
	resetAt := -1
	if c.load.resets && c.random.IntN(4) == 0 {
		resetAt = c.random.IntN(40)
	}
	b := make([]byte, 1+c.random.IntN(8192))
	for step := 0; ; step++ {
		if step == resetAt {
			t.p.Reset()
			return
		}
		if c.load.slow && c.random.IntN(8) == 0 {
			c.pause()
		}
		if len(t.out) == 0 && !t.ended && c.random.IntN(2) == 0 {
			t.ended = true
			t.p.CloseWrite()
		}
		if !t.ended && t.answered == len(t.requests) {
			if t.final && !t.leaves {
				c.problem("client %d: an answer of a handler that exits", c.id)
			}
			t.p.Close()
			return
		}
		c.e.WaitFor(func() bool { return t.p.Readable() || len(t.out) > 0 && t.p.Writable() })
		if !t.write() || !t.read(b) {
			return
		}
	}
}

// write writes a part of what is left. A failure shows by reading.
func (t *talk) write() bool {
	if len(t.out) == 0 || !t.p.Writable() {
		return true
	}
	part := t.out
	if t.c.random.IntN(2) == 0 {
		part = part[:1+t.c.random.IntN(len(part))]
	}
	n, err := t.p.Write(part)
	t.out = t.out[n:]
	if err != nil {
		t.out = nil
		if !t.p.Readable() {
			t.over(err)
			return false
		}
	}
	return true
}

// read reads and judges; false: it is over.
func (t *talk) read(b []byte) bool {
	if !t.p.Readable() {
		return true
	}
	n, err := t.p.Read(b)
	t.in = append(t.in, b[:n]...)
	if !t.judge() {
		t.p.Reset()
		return false
	}
	if err != nil {
		t.over(err)
		return false
	}
	return true
}

// judge compares what has come so far with what must come.
func (t *talk) judge() bool {
	for t.answered < len(t.requests) && len(t.in) >= responseHead {
		a := t.requests[t.answered]
		id, size := binary.LittleEndian.Uint32(t.in), binary.LittleEndian.Uint32(t.in[4:])
		if id != a.id || size != a.response {
			t.c.problem("client %d: response %d of %d bytes, want %d of %d", t.c.id, id, size, a.id, a.response)
			return false
		}
		if len(t.in) < responseHead+int(size) {
			return true
		}
		for i, x := range t.in[responseHead:][:size] {
			if want := responseByte(a.body, i); x != want {
				t.c.problem("client %d: response %d, byte %d of %d is %#x, want %#x", t.c.id, id, i, size, x, want)
				return false
			}
		}
		t.in = t.in[responseHead+int(size):]
		t.answered++
	}
	if t.answered == len(t.requests) && len(t.in) > 0 {
		t.c.problem("client %d: %d bytes too many", t.c.id, len(t.in))
		return false
	}
	return true
}

// over judges the connection's end.
func (t *talk) over(err error) {
	t.p.Close()
	if t.c.load.excused() {
		return
	}
	all := t.answered == len(t.requests)
	switch {
	case t.final && errors.Is(err, ring.ErrReset):
	case err == io.EOF && t.ended && all:
	default:
		t.c.problem("client %d: %d of %d answered, then %v", t.c.id, t.answered, len(t.requests), err)
	}
}
