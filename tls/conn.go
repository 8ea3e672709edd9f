package tls

import (
	"errors"
	"io"
	"net"
	"sync/atomic"

	"github.com/valyala/bytebufferpool"

	cryptotls "crypto/tls"
)

// Phase is what a Conn is doing.
//
//	Handshaking ──▶ Established ──▶ Released (also by Rebase)
//	     └────────▶ Failed ─────────────┘
type Phase uint8

const (
	// Handshaking: no data yet. Feed and AppendOutput go on.
	Handshaking Phase = iota
	// Established: data may be read and appended.
	Established
	// Failed: the handshake failed; Err says why. There may be output, an
	// alert, to be sent before the connection closes.
	Failed
	// Released: Release was called.
	Released
)

var phases = [...]string{"handshaking", "established", "failed", "released"}

// String is the phase in words.
func (p Phase) String() string {
	if int(p) < len(phases) {
		return phases[p]
	}
	return "unknown phase"
}

const (
	// fullInput is how much unread ciphertext makes a Conn Full, in bytes.
	fullInput = 64 << 10

	// maxPending is how much output may wait to be taken before Read goes on,
	// in bytes: a peer can provoke output (KeyUpdate) and not read it.
	maxPending = 4 << 10
)

// Peer is what the hooks of a handshake may ask the connection for, by
// ClientHelloInfo.Conn. Both may be nil.
type Peer struct{ Remote, Local net.Addr }

// A Conn is the server's side of one TLS connection. It is made by
// Handshaker.Accept. All its methods are on loop; none blocks.
type Conn struct {
	tc *cryptotls.Conn // nil until Established
	hs *handshake      // nil once it is over, or aborted

	// running is the handshake as its goroutine sees it: nil once that is done.
	running atomic.Pointer[handshake]

	base net.Conn // what goes on below, after Rebase; nil before

	in      inbox                      // since Established
	pending *bytebufferpool.ByteBuffer // output nobody has taken; nil: none
	sink    []byte                     // where pipe.Write appends, while sinking

	err error // what Read answers for ever, or why the handshake failed

	phase   Phase
	scanned bool // the ClientHello is whole
	ended   bool // FeedEOF was called
	more    bool // crypto/tls may hold plaintext
	sinking bool
	closing bool // close_notify is sent
}

// Feed hands over ciphertext from the peer, in pieces of any size. While the
// connection is Established, b is lent until Detach: read what can be read, then
// call Detach. Otherwise it is copied. What comes after a failure, or
// after FeedEOF, is ignored.
//
// ErrInputFull: MaxInput would be exceeded, nothing was taken. A caller that
// pauses receiving while Full, or while it does not read, does not see it.
func (c *Conn) Feed(b []byte) error {
	if c.ended || len(b) == 0 {
		return nil
	}
	switch c.phase {
	case Handshaking:
		return c.feedHandshake(b)
	case Established:
		if c.in.size()+len(b) > MaxInput {
			return ErrInputFull
		}
		c.in.keep()
		c.in.lend(b)
	}
	return nil
}

func (c *Conn) feedHandshake(b []byte) error {
	h := c.hs
	ready, err := h.put(b)
	if err != nil {
		return err
	}
	if !c.scanned {
		done, r := h.scan.feed(b, h.p.opt.HelloBytes)
		if r != 0 {
			c.Abort(r)
			return nil
		}
		c.scanned, ready = done, done
	}
	h.p.fed(h, len(b), ready)
	return nil
}

// FeedEOF says that the peer has ended its sending (FIN). A handshake that
// needs more fails: ClientGone. An established connection can still be read,
// then Read answers io.EOF, or io.ErrUnexpectedEOF within a record; and it can
// be written.
func (c *Conn) FeedEOF() {
	if c.ended {
		return
	}
	c.ended = true
	if c.phase != Handshaking {
		return
	}
	if !c.scanned {
		c.Abort(ClientGone)
		return
	}
	c.hs.end()
	c.hs.p.fed(c.hs, 0, true)
}

// Detach ends the lease of what was fed: what has not been read is copied.
func (c *Conn) Detach() { c.in.keep() }

// Buffered is how much ciphertext waits to be read, in bytes.
func (c *Conn) Buffered() int {
	if c.hs != nil {
		return c.hs.held()
	}
	return c.in.size()
}

// Full reports whether the caller should pause receiving. During the handshake,
// look again when notified.
func (c *Conn) Full() bool {
	return (c.scanned || c.phase != Handshaking) && c.Buffered() >= fullInput
}

// Poll looks whether the handshake is over. Established: the first data may be
// here already, so Read once before waiting for more.
func (c *Conn) Poll() Phase {
	if c.phase == Handshaking && c.hs.over.Load() {
		h := c.hs
		c.hs = nil
		c.running.Store(nil)
		c.pending = h.out
		if h.err != nil {
			c.fail(h)
		} else {
			c.tc, c.in = h.tc, h.in
			c.phase = Established
		}
	}
	return c.phase
}

// fail takes note of h's failure.
func (c *Conn) fail(h *handshake) {
	c.phase, c.err = Failed, h.err
	if !h.started {
		c.setPending(appendAlert(nil, h.err.Reason))
	}
	h.in.clear()
}

func (c *Conn) setPending(b []byte) {
	if len(b) > 0 {
		c.pending = getBuffer()
		c.pending.B = append(c.pending.B, b...)
	}
}

// Abort ends the handshake for a reason of the caller's: TooSlow, Stopped,
// ClientGone. The phase is Failed at once. It does nothing in other phases.
func (c *Conn) Abort(r Reason) {
	if c.Poll() != Handshaking {
		return
	}
	h := c.hs
	h.p.abort(h, r)
	c.hs = nil
	c.phase, c.err = Failed, &HandshakeError{Reason: r}
	if !c.scanned {
		c.setPending(appendAlert(nil, r))
		h.in.clear() // there never was a goroutine
	}
}

// Err says why the phase is Failed: a *HandshakeError. While Established it is
// what Read answers from now on, nil if nothing is wrong.
func (c *Conn) Err() error { return c.err }

// State describes the connection, its ALPN protocol, its client's certificates
// and so on. Only while Established.
func (c *Conn) State() cryptotls.ConnectionState { return c.tc.ConnectionState() }

// Read decrypts into dst and answers how many bytes it wrote, at most those of
// one record. n > 0 comes without an error.
//
// ErrWouldBlock: feed more. ErrOutputPending: take the output first. io.EOF: the
// peer has ended its sending; ours goes on. io.ErrUnexpectedEOF: it did so within
// a record. *RecordError: the connection is broken; there may be an alert to
// send. All but the first two are remembered.
func (c *Conn) Read(dst []byte) (n int, err error) {
	switch {
	case c.phase != Established:
		return 0, ErrNotEstablished
	case c.err != nil:
		return 0, c.err
	case len(dst) == 0:
		return 0, nil
	case c.pending != nil && len(c.pending.B) >= maxPending:
		return 0, ErrOutputPending
	case !c.more && !c.in.whole():
		// crypto/tls is not asked: it would allocate to hear this from us.
		return 0, c.starved()
	}
	n, err = c.tc.Read(dst)
	c.more = n == len(dst)
	switch {
	case err == nil:
	case errors.Is(err, ErrWouldBlock):
		if n == 0 {
			return 0, c.starved()
		}
	case errors.Is(err, io.EOF): // close_notify
		c.err = io.EOF
	default:
		// Some errors crypto/tls does not remember; we do.
		c.err = &RecordError{err}
	}
	if n > 0 {
		return n, nil
	}
	return 0, c.err
}

// starved is Read's answer when there is no whole record.
func (c *Conn) starved() error {
	if !c.ended {
		return ErrWouldBlock
	}
	c.err = io.EOF
	if c.in.size() > 0 {
		c.err = io.ErrUnexpectedEOF
	}
	return c.err
}

// AppendData appends records that carry data to dst, behind any output that
// waits. data is not retained. Records are as large as can be, but for the first
// of a connection, which grow from a segment to 16 KiB (crypto/tls), so that a
// client can begin before a window's worth has come: many small pieces are
// better gathered by the caller.
//
// It fails if the connection is not Established, has broken, or is closed by
// AppendCloseNotify; dst then has no part of data.
func (c *Conn) AppendData(dst, data []byte) ([]byte, error) {
	dst = c.AppendOutput(dst)
	if c.phase != Established || c.closing {
		return dst, ErrNotEstablished
	}
	if c.err != nil && c.err != io.EOF {
		return dst, c.err
	}
	if len(data) == 0 {
		return dst, nil
	}
	n := len(dst)
	c.sink, c.sinking = dst, true
	_, err := c.tc.Write(data)
	dst = c.unsink()
	if err != nil {
		dst = dst[:n]
		err = &RecordError{err}
		if c.err == nil {
			c.err = err
		}
	}
	return dst, err
}

func (c *Conn) unsink() []byte {
	dst := c.sink
	c.sink, c.sinking = nil, false
	return dst
}

// AppendCloseNotify appends the alert that ends our sending (RFC 8446 §6.1),
// behind any output that waits. The peer may go on sending. Only the first call
// does it, and only while the connection is Established and not broken.
func (c *Conn) AppendCloseNotify(dst []byte) []byte {
	dst = c.AppendOutput(dst)
	if c.phase != Established || c.closing || c.err != nil && c.err != io.EOF {
		return dst
	}
	c.closing = true
	c.sink, c.sinking = dst, true
	_ = c.tc.CloseWrite() // pipe.Write does not fail
	return c.unsink()
}

// HasOutput reports whether AppendOutput would append something.
func (c *Conn) HasOutput() bool {
	if h := c.hs; h != nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.out != nil
	}
	return c.pending != nil
}

// AppendOutput moves to dst what has to be sent apart from data: flights of the
// handshake, alerts, answers to KeyUpdate. Call it after Feed, Read and notify.
func (c *Conn) AppendOutput(dst []byte) []byte {
	if c.hs != nil {
		return c.hs.appendOutput(dst)
	}
	if c.pending != nil {
		dst = append(dst, c.pending.B...)
		putBuffer(c.pending)
		c.pending = nil
	}
	return dst
}

// Release gives back what the Conn holds, in whatever phase; a handshake is
// Stopped. No other method may be called then but Poll, Err and Release.
func (c *Conn) Release() {
	if c.base != nil {
		return // it is somebody else's
	}
	c.Abort(Stopped)
	if c.pending != nil {
		putBuffer(c.pending)
		c.pending = nil
	}
	c.in.clear()
	c.phase, c.tc = Released, nil
}
