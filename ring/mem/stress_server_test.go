package mem_test

import (
	"encoding/binary"
	"runtime"
	"time"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/mem"
	"github.com/uringserve/uringserve/ring/ringtest"
)

// The stress protocol. A request is a head and a body; its response is a head
// and bytes made from the request's:
//
//	request   ┌─────────┬────────────┬───────┬──────────┬────────┬─────────┐
//	          │ body  4 │ response 4 │ id  4 │ action 1 │ hint 1 │ time  2 │ body…
//	response  ├─────────┼────────────┼───────┴──────────┴────────┴─────────┘
//	          │ id    4 │ size     4 │ bytes…
//	          └─────────┴────────────┘
const (
	requestHead  = 16
	responseHead = 8
	maxBody      = 48 << 10
)

// action is what a handler does before it answers.
type action uint8

const (
	actNothing    action = iota
	actCompute           // for the request's time
	actSleep             // the same
	actSleepHard         // the same
	actHandOver          // and sleep
	actFlush             // send a part of the response from the handler
	actFlushOther        // the same, from another thread, and wait for it
	actPost              // go to the loop by Post, and wait
	actLeave             // the connection leaves the engine, and goes on outside
	actExit              // runtime.Goexit: the connection is aborted
	actHog               // sleep hard until nobody else needs the server

	actions
)

type request struct {
	body, response uint32
	id             uint32
	act            action
	hint           ring.Hint
	time           time.Duration
}

func (q *request) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, q.body)
	b = binary.LittleEndian.AppendUint32(b, q.response)
	b = binary.LittleEndian.AppendUint32(b, q.id)
	b = append(b, byte(q.act), byte(q.hint))
	return binary.LittleEndian.AppendUint16(b, uint16(q.time/(10*time.Microsecond)))
}

func parseRequest(b []byte) (q request) {
	q.body = binary.LittleEndian.Uint32(b)
	q.response = binary.LittleEndian.Uint32(b[4:])
	q.id = binary.LittleEndian.Uint32(b[8:])
	q.act, q.hint = action(b[12]), ring.Hint(b[13])
	q.time = time.Duration(binary.LittleEndian.Uint16(b[14:])) * 10 * time.Microsecond
	return q
}

// responseByte is byte i of a response, made from the body.
func responseByte(body []byte, i int) byte {
	if len(body) == 0 {
		return byte(i)
	}
	return body[i%len(body)] ^ byte(i/len(body)) ^ 0x5A
}

// server is the protocol layer of the stress.
type server struct {
	e       *mem.Engine
	problem func(format string, args ...any)
	plain   bool // plain dispatch
	// released is true once nobody but the hogs needs the server.
	released func() bool
}

func (s *server) newLoop(l ring.Loop, g *ringtest.Guard) ring.LoopHandler {
	return &serverLoop{s: s, l: l, g: g}
}

type serverLoop struct {
	s *server
	l ring.Loop
	g *ringtest.Guard
}

func (l *serverLoop) Tick(ring.Instant) ring.Instant { return 0 }

func (l *serverLoop) Open(c ring.Conn) ring.ConnHandler { return &serverConn{l: l, c: c} }

// serverConn is one connection. Everything is on loop.
type serverConn struct {
	l *serverLoop
	c ring.Conn

	held    []ring.Buf // received, not consumed; the first from off on
	off     int
	own     []byte // what the first is, if it is not leased
	running *handler
	out     []byte // to be sent
	sending bool
	paused  bool
	ended   bool
	broken  bool
	closed  bool
	aborted bool
	leaving bool // Detach is to be called, or was
	left    bool // it was
}

// keepBufs is how many buffers are held before what they say is copied out and
// receiving pauses.
const keepBufs = 4

func (c *serverConn) Recv(b ring.Buf) {
	c.held = append(c.held, b)
	c.next()
	if c.left {
		c.compact()
		return
	}
	if len(c.held) >= keepBufs && !c.paused {
		c.paused = true
		c.c.PauseRecv()
	}
}

func (c *serverConn) RecvEnd() {
	c.ended = true
	c.next()
}

func (c *serverConn) Broken(error) {
	c.broken = true
	c.finish()
}

func (c *serverConn) Closed() {
	c.closed = true
	if c.running == nil {
		c.release() // else its handler may still be reading
	}
}

func (c *serverConn) Sent() {
	c.sending = false
	c.flush()
	c.finish()
}

// next dispatches the next request if it is here.
func (c *serverConn) next() {
	if t := c.ready(); t != nil {
		c.l.l.Dispatch(t)
	}
	c.finish()
}

func (c *serverConn) available() (n int) {
	for _, b := range c.held {
		n += len(b.Bytes())
	}
	return n - c.off
}

// ready makes the task of the next request; nil: not yet.
func (c *serverConn) ready() ring.Task {
	if c.running != nil || c.broken || c.closed || c.leaving {
		return nil
	}
	defer func() {
		if c.running == nil && !c.aborted {
			c.compact()
		}
	}()
	if c.available() < requestHead {
		return nil
	}
	q := parseRequest(c.peek(requestHead))
	size := requestHead + int(q.body)
	if q.body > maxBody {
		c.l.s.problem("request %d has a body of %d", q.id, q.body)
		c.aborted = true
		c.c.Abort()
		return nil
	}
	if c.available() < size {
		return nil
	}
	h := &handler{c: c, q: q}
	if first := c.held[0].Bytes()[c.off:]; len(first) >= size {
		h.body = first[requestHead:size] // leased until Done
	} else {
		h.body = c.peek(size)[requestHead:]
		h.copied = true
	}
	h.size = size
	c.running = h
	return h
}

// compact copies what is held out of leased buffers: none is pinned by a
// request that comes slowly.
func (c *serverConn) compact() {
	if len(c.held) == 0 {
		return
	}
	own, rest, off := c.own, c.held, c.off
	if own != nil {
		own, rest, off = own[off:], rest[1:], 0
	}
	for _, h := range rest {
		own = append(own, h.Bytes()[off:]...)
		off = 0
		h.Release()
	}
	c.own, c.off, c.held = own, 0, nil
	if len(own) > 0 {
		c.held = []ring.Buf{ring.NewBuf(own, nowhere{}, 0)}
	}
	c.resume()
}

// nowhere is the home of buffers that are not leased.
type nowhere struct{}

func (nowhere) ReleaseBuf(uint32) {}

func (c *serverConn) resume() {
	if c.paused && !c.broken && !c.closed && !c.left {
		c.paused = false
		c.c.ResumeRecv()
	}
}

// peek copies the first n bytes.
func (c *serverConn) peek(n int) []byte {
	b := make([]byte, 0, n)
	off := c.off
	for _, h := range c.held {
		part := h.Bytes()[off:]
		off = 0
		b = append(b, part[:min(len(part), n-len(b))]...)
		if len(b) == n {
			break
		}
	}
	return b
}

// consume forgets the first n bytes.
func (c *serverConn) consume(n int) {
	c.off += n
	for len(c.held) > 0 && c.off >= len(c.held[0].Bytes()) {
		c.off -= len(c.held[0].Bytes())
		c.held[0].Release()
		c.held, c.own = c.held[1:], nil
	}
	if len(c.held) < keepBufs {
		c.resume()
	}
}

func (c *serverConn) release() {
	for _, b := range c.held {
		b.Release()
	}
	c.held, c.own, c.off = nil, nil, 0
}

func (c *serverConn) flush() {
	if c.sending || len(c.out) == 0 || c.broken || c.closed || c.aborted {
		return
	}
	n := min(len(c.out), ring.MaxSend)
	c.sending = true
	b := c.out[:n]
	c.out = c.out[n:]
	c.c.Send(b)
	for i := range b {
		b[i] = 0xEE // Send has copied it
	}
}

// finish closes the connection when everything is done.
func (c *serverConn) finish() {
	switch {
	case c.aborted || c.closed || c.running != nil:
	case c.broken:
		c.aborted = true
		c.release()
		c.c.Close()
	case c.leaving:
		c.leave()
	case c.ended && !c.sending && len(c.out) == 0:
		c.aborted = true
		c.release()
		c.c.Close()
	}
}

// handler is one request's run.
type handler struct {
	c      *serverConn
	q      request
	body   []byte
	size   int
	copied bool
	sent   []byte // the response so far, if a part was flushed
	result []byte
	off    func() // the guard, while entered
}

func (h *handler) Route() (uint64, ring.Hint) { return uint64(h.q.act) + 1, h.q.hint }

func (h *handler) Detach() {
	if !h.copied {
		h.body = append([]byte(nil), h.body...)
		h.copied = true
	}
}

func (h *handler) Run(r ring.Run) {
	e := h.c.l.s.e
	var sent int
	switch h.q.act {
	case actCompute:
		e.Compute(h.q.time)
	case actSleep:
		e.Sleep(h.q.time)
	case actSleepHard:
		e.SleepHard(h.q.time)
	case actHandOver:
		if r.Enter() {
			r.HandOver()
		}
		e.Sleep(h.q.time)
	case actFlush:
		sent = h.flush(r)
		e.Sleep(h.q.time)
	case actFlushOther:
		w := h.c.l.l.NewWaiter()
		e.Go("other", func() {
			e.Sleep(h.q.time)
			sent = h.flush(r)
			w.Signal()
		})
		w.Wait()
	case actPost:
		p := &posted{h: h, w: h.c.l.l.NewWaiter()}
		// Without a watchdog, who waits for the loop must hand it over.
		if (h.q.id%2 == 0 || h.c.l.s.plain) && r.Enter() {
			r.HandOver()
		}
		if h.c.l.l.Post(p) {
			p.w.Wait()
		}
	case actExit:
		runtime.Goexit()
	case actHog:
		e.Hard(h.c.l.s.released)
	}
	h.result = h.response()[sent:]
}

// flush sends a part of the response, if the loop can be had.
func (h *handler) flush(r ring.Run) (sent int) {
	if !r.Enter() {
		return 0
	}
	off := h.c.l.g.On("Enter")
	c := h.c
	if !c.sending && len(c.out) == 0 && !c.broken && !c.closed {
		b := h.response()
		b = b[:1+len(b)/2]
		sent = c.c.SendNow(b)
		for i := range b {
			b[i] = 0xEE
		}
	}
	c.l.s.e.Yield()
	off()
	r.Leave()
	return sent
}

func (h *handler) response() []byte {
	b := make([]byte, 0, responseHead+int(h.q.response))
	b = binary.LittleEndian.AppendUint32(b, h.q.id)
	b = binary.LittleEndian.AppendUint32(b, h.q.response)
	for i := range int(h.q.response) {
		b = append(b, responseByte(h.body, i))
	}
	return b
}

func (h *handler) Done(o ring.Outcome) ring.Task {
	c := h.c
	defer c.l.g.On("Done")()
	if c.running != h {
		c.l.s.problem("Done of request %d, which does not run", h.q.id)
		return nil
	}
	c.running = nil
	if c.closed {
		c.release()
		return nil
	}
	if o == ring.Exited {
		if !c.aborted {
			c.aborted = true
			c.release()
			c.c.Abort()
		}
		return nil
	}
	if c.aborted {
		return nil
	}
	if len(c.held) > 0 {
		c.consume(h.size)
	}
	c.out = append(c.out, h.result...)
	if c.leaving = h.q.act == actLeave; !c.leaving || h.q.id%2 == 0 {
		c.flush()
	}
	next := c.ready()
	c.finish()
	return next
}

type posted struct {
	node ring.PostNode
	h    *handler
	w    ring.Waiter
	runs int
}

func (p *posted) PostNode() *ring.PostNode { return &p.node }

func (p *posted) OnLoop() {
	defer p.h.c.l.g.On("OnLoop")()
	if p.runs++; p.runs > 1 {
		p.h.c.l.s.problem("posted once, called twice")
	}
	p.w.Signal()
}
