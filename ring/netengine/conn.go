package netengine

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/uringserve/uringserve/ring"
)

// A conn is a ring.Conn. Everything is on loop, but for what read and write say
// is theirs while they are off it.
type conn struct {
	// Immutable:
	l        *loop
	nc       net.Conn
	raw      syscall.RawConn // nil: no reading and writing without waiting
	listener int
	handler  ring.ConnHandler // nil: refused by Open
	reader   runner           // the first leader

	index  int // in loop.conns
	state  state
	fin    step // of CloseWrite
	closed step // of the socket
	detach step // of Detach
	paused bool
	fresh  bool // the leader is to look again whether it may read
	abort  bool // close with a reset
	large  bool // the last read filled its buffer

	out    *buffer // of the outstanding Send; nil: none
	outPos int
	outLen int

	inRead  bool // the leader is in wait or read
	inWrite bool // someone is in write, or sends the FIN
	hungUp  bool // the socket is closed

	// In loop.dirty:
	next   *conn
	listed bool

	// The leader's, off loop:
	got     *buffer
	gotLen  int
	gotErr  error
	onRead  func(fd uintptr) bool // readReady, bound once
	gate    waiter                // if raw is nil: signalled by wakeReader
	written int                   // the writer's, off loop
	sendErr error                 // the writer's
	onWrite func(fd uintptr) bool // writeReady, bound once
}

// A state is what the connection can still carry.
//
//	open ──EOF──▶ peerEnded ──▶ broken ──▶ closing
//	  └──error──────────────────▲   Close ──▲
//
// Each may be skipped; closing is the last, and ends with Closed.
type state uint8

const (
	// stateOpen: both directions.
	stateOpen state = iota
	// statePeerEnded: RecvEnd was called; ours goes on.
	statePeerEnded
	// stateBroken: Broken was called; only Close is left to do.
	stateBroken
	// stateClosing: Close was called.
	stateClosing
)

// A step is something that is asked for, then done, once.
type step uint8

const (
	stepNone step = iota
	stepWanted
	stepDone
)

var _ ring.Conn = (*conn)(nil)

func newConn(l *loop, nc net.Conn, listener int) *conn {
	c := &conn{l: l, nc: nc, listener: listener}
	c.reader = runner{l: l, c: c, leads: true}
	// Only types that are known not to change what Read and Write mean.
	switch s := nc.(type) {
	case *net.TCPConn:
		c.setRaw(s)
	case *net.UnixConn:
		c.setRaw(s)
	}
	if c.raw == nil {
		c.gate = make(waiter, 1)
	}
	return c
}

// open gives the connection to the protocol layer and begins to read.
func (l *loop) open(c *conn) {
	l.lock()
	if l.closing {
		l.unlock()
		c.hangUp(false)
		return
	}
	c.index = len(l.conns)
	l.conns = append(l.conns, c)
	l.stats.Accepted++
	if c.handler = l.handler.Open(c); c.handler == nil {
		c.Abort()
		l.leave()
		return
	}
	go c.reader.run()
	l.leave()
}

// Send is ring.Conn's.
func (c *conn) Send(b []byte) {
	if c.out != nil || len(b) == 0 || len(b) > ring.MaxSend {
		panic("BUG: Send while one is outstanding, or of a wrong size")
	}
	if c.state >= stateBroken {
		return
	}
	c.out = c.l.e.pools.get(len(b))
	c.outPos, c.outLen = 0, copy(c.out.data, b)
	c.l.dirty.push(c)
}

// SendNow is ring.Conn's.
func (c *conn) SendNow([]byte) int { return 0 }

// PauseRecv is ring.Conn's.
func (c *conn) PauseRecv() { c.paused = true }

// ResumeRecv is ring.Conn's.
func (c *conn) ResumeRecv() {
	if c.paused {
		c.paused = false
		c.wakeReader()
	}
}

// wakeReader has a leader that waits, look again.
func (c *conn) wakeReader() {
	if !c.inRead {
		return
	}
	if c.raw == nil {
		c.gate.Signal()
		return
	}
	c.fresh = true
	_ = c.nc.SetReadDeadline(past) // fails on a closed one, where it is not needed
}

var past = time.Unix(1, 0)

// CloseWrite is ring.Conn's.
func (c *conn) CloseWrite() {
	if c.fin == stepNone && c.state < stateBroken {
		c.fin = stepWanted
		c.l.dirty.push(c)
	}
}

// Close is ring.Conn's.
func (c *conn) Close() {
	if c.state != stateClosing {
		c.state = stateClosing
		c.closed = stepWanted
		c.l.dirty.push(c)
	}
}

// Abort is ring.Conn's.
func (c *conn) Abort() {
	c.abort = true
	c.Close()
}

// RemoteAddr is ring.Conn's.
func (c *conn) RemoteAddr() net.Addr { return named(c.nc.RemoteAddr()) }

// LocalAddr is ring.Conn's.
func (c *conn) LocalAddr() net.Addr { return named(c.nc.LocalAddr()) }

// named is a without the names that stand for none.
func named(a net.Addr) net.Addr {
	if u, ok := a.(*net.UnixAddr); ok && (u == nil || u.Name == "" || u.Name == "@") {
		return nil
	}
	return a
}

// Listener is ring.Conn's.
func (c *conn) Listener() int { return c.listener }

// receive waits for what the peer does next and hands it over; r leads c. The
// lock is released meanwhile. False: there is nothing to wait for any more.
func (c *conn) receive(r *runner) bool {
	l := c.l
	if c.state >= stateBroken || c.detach != stepNone || c.state == statePeerEnded && c.raw == nil {
		r.leads = false
		return false
	}
	if c.fresh {
		c.fresh = false
		_ = c.nc.SetReadDeadline(time.Time{}) // a closed one says so when it is read
	}
	waits := c.paused || c.state == statePeerEnded
	c.inRead = true
	l.reading++
	l.unlock()
	if waits {
		c.await()
	} else {
		c.read()
	}
	l.lock()
	l.reading--
	c.inRead = false
	b, n, err := c.got, c.gotLen, c.gotErr
	c.got, c.gotLen, c.gotErr = nil, 0, nil
	c.received(r, b, n, err)
	return true
}

// received hands over what was read.
func (c *conn) received(r *runner, b *buffer, n int, err error) {
	l := c.l
	if b != nil && (n == 0 || c.state >= stateBroken) {
		l.e.pools.put(b)
		b = nil
	}
	l.current = r
	switch {
	case c.state == stateClosing:
		c.end()
	case c.state == stateBroken:
	case b != nil:
		c.large = n == len(b.data)
		c.handler.Recv(l.lease(b, n))
	case err == io.EOF:
		c.state = statePeerEnded
		c.handler.RecvEnd()
	case err == nil || errors.Is(err, os.ErrDeadlineExceeded):
		// Woken by wakeReader.
	default:
		c.fail(err)
	}
	l.current = nil
	c.leaveLater()
}

// fail reports that the connection failed.
func (c *conn) fail(err error) {
	if c.state >= stateBroken {
		return
	}
	c.state = stateBroken
	if isReset(err) {
		err = ring.ErrReset
	}
	c.wakeReader()
	c.handler.Broken(err)
}

// act does what is to be done to the socket. It unlocks meanwhile.
func (c *conn) act(r *runner) {
	switch {
	case c.closed == stepWanted:
		c.closed = stepDone
		c.closeSocket()
	case c.inWrite || c.state >= stateBroken:
		// Whoever writes goes on; or there is nothing to be done.
	case c.out != nil:
		c.write(r)
	case c.fin == stepWanted:
		c.fin = stepDone
		c.closeWrite()
	case c.detach == stepWanted && !c.inRead:
		c.leave()
	}
}

// write offers the outstanding Send to the kernel; the rest is for a goroutine.
func (c *conn) write(r *runner) {
	l := c.l
	c.inWrite = true
	l.writing++
	if c.raw == nil {
		go c.writeAll()
		return
	}
	l.mu.Unlock()
	err := c.tryWrite()
	l.lock()
	if err == nil && c.outPos < c.outLen && c.state < stateBroken {
		l.stats.ShortSends++
		go c.writeAll()
		return
	}
	c.wrote(r, err)
}

// writeAll is that goroutine.
func (c *conn) writeAll() {
	_, err := c.nc.Write(c.out.data[c.outPos:c.outLen])
	c.l.lock()
	c.wrote(nil, err)
	c.l.leave()
}

// wrote takes note of the end of a write.
func (c *conn) wrote(r *runner, err error) {
	l := c.l
	c.inWrite = false
	l.writing--
	l.e.pools.put(c.out)
	c.out = nil
	switch {
	case c.state == stateClosing:
		c.end()
		return
	case c.state == stateBroken:
		return
	case err != nil:
		c.fail(err)
		return
	}
	if r != nil && r.c == c {
		l.current = r
	}
	c.handler.Sent()
	l.current = nil
	if c.fin == stepWanted {
		l.dirty.push(c)
	}
}

// closeWrite sends the FIN.
func (c *conn) closeWrite() {
	s, ok := c.nc.(interface{ CloseWrite() error })
	if !ok {
		return
	}
	l := c.l
	c.inWrite = true
	l.writing++
	l.mu.Unlock()
	_ = s.CloseWrite() // whoever reads or writes finds out what is wrong
	l.lock()
	l.writing--
	c.inWrite = false
	if c.state == stateClosing {
		c.end()
	} else if c.out != nil {
		l.dirty.push(c)
	}
	c.leaveLater()
}

// closeSocket closes it, which ends the reading and writing of others.
func (c *conn) closeSocket() {
	l, abort := c.l, c.abort
	l.writing++
	if c.raw == nil {
		c.gate.Signal()
		go func() { // a stranger's Close may wait
			c.hangUp(abort)
			l.lock()
			c.socketClosed()
			l.leave()
		}()
		return
	}
	l.mu.Unlock()
	c.hangUp(abort)
	l.lock()
	c.socketClosed()
}

func (c *conn) socketClosed() {
	c.l.writing--
	c.state = stateClosing
	c.hungUp = true
	c.end()
}

// hangUp closes the socket, with a reset if abort. Off loop.
func (c *conn) hangUp(abort bool) {
	if s, ok := c.nc.(*net.TCPConn); ok && abort {
		_ = s.SetLinger(0) // then it is an ordinary close
	}
	_ = c.nc.Close() // nothing can be done about it
}

// end calls Closed once nothing of the connection is in use.
func (c *conn) end() {
	if !c.hungUp || c.inRead || c.inWrite || c.index < 0 {
		return
	}
	c.forget()
	if c.out != nil {
		c.l.e.pools.put(c.out)
		c.out = nil
	}
	c.l.changed()
	if c.handler != nil {
		c.handler.Closed()
	}
}

// forget takes c out of loop.conns.
func (c *conn) forget() {
	l := c.l
	last := len(l.conns) - 1
	l.conns[c.index] = l.conns[last]
	l.conns[c.index].index = c.index
	l.conns[last] = nil
	l.conns = l.conns[:last]
	c.index = -1
}

// readSize is how large a buffer the next read gets.
func (c *conn) readSize() int {
	if c.large {
		return largeBuffer
	}
	return smallBuffer
}

// readPlain reads, holding a buffer meanwhile.
func (c *conn) readPlain() {
	b := c.l.e.pools.get(c.readSize())
	n, err := c.nc.Read(b.data)
	if n > 0 {
		err = nil // it comes again
	}
	c.got, c.gotLen, c.gotErr = b, n, err
}
