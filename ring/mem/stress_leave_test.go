package mem_test

import (
	"errors"
	"io"
	"net"
	"slices"

	"github.com/uringserve/uringserve/ring"
)

// leave has the connection leave the engine, with its output if it has not been
// given to it.
func (c *serverConn) leave() {
	if c.left || c.running != nil {
		return
	}
	if c.sending {
		c.l.l.Post(&nudge{l: c.l, left: 2}) // Sent may come late
		return
	}
	c.left = true
	c.compact()
	c.c.Detach()
}

// nudge has the loop take turns: one to submit, one to see what came of it.
type nudge struct {
	node ring.PostNode
	l    *serverLoop
	left int
}

func (n *nudge) PostNode() *ring.PostNode { return &n.node }

func (n *nudge) OnLoop() {
	if n.left--; n.left > 0 {
		n.l.l.Post(n)
	}
}

func (c *serverConn) Detached(nc net.Conn) {
	c.closed = true
	in := slices.Clone(c.peek(c.available()))
	c.release()
	c.l.s.e.Go("alone", func() { c.alone(nc, c.out, in) })
}

// alone goes on with the protocol outside of the engine: out is still to be
// sent, in has been received.
func (c *serverConn) alone(nc net.Conn, out, in []byte) {
	defer nc.Close()
	for {
		if len(out) > 0 {
			if _, err := nc.Write(out); err != nil {
				return
			}
		}
		q, body, rest, err := receive(nc, in)
		if err != nil {
			var failed *net.OpError
			if err != io.EOF && !errors.As(err, &failed) {
				c.l.s.problem("read outside: %v", err)
			}
			return
		}
		h := &handler{c: c, q: q, body: body}
		out, in = h.response(), rest
	}
}

// receive reads the next request behind in.
func receive(nc net.Conn, in []byte) (q request, body, rest []byte, err error) {
	for p := make([]byte, 512); ; {
		if len(in) >= requestHead {
			q = parseRequest(in)
			if size := requestHead + int(q.body); len(in) >= size {
				return q, in[requestHead:size], in[size:], nil
			}
		}
		n, err := nc.Read(p)
		in = append(in, p[:n]...)
		if err != nil {
			return q, nil, nil, err
		}
	}
}

var _ ring.ConnHandler = (*serverConn)(nil)
