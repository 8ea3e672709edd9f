package conn

import (
	"errors"
	"io"

	"github.com/valyala/bytebufferpool"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/tls"
)

// A secure is TLS between an engine's connection and ours: to the engine it is
// the ring.ConnHandler, to conn the ring.Conn, so that conn and what is spoken
// on it need not know. This file is what the engine calls, securesend.go and
// securerecv.go are what conn calls. Everything is on loop, but for post.
//
// While it is idle it holds no buffer; what crypto/tls holds is in tc.
type secure struct {
	rc   ring.Conn // the engine's, of ciphertext
	c    *conn     // ours, of plaintext
	tc   *tls.Conn
	node ring.PostNode

	out    *bytebufferpool.ByteBuffer // ciphertext the engine has not got, from outPos on; nil: none
	outPos int32
	ahead  int32 // bytes that the next Send begins with and that are in out, or gone, already

	protocols Protocols // of the endpoint
	state     secureState
	flags     secureFlags
}

var (
	_ ring.ConnHandler = (*secure)(nil)
	_ ring.Conn        = (*secure)(nil)
	_ ring.Posted      = (*secure)(nil)
)

// A secureState is where a secure is in its life; it only grows.
//
//	handshaking ──▶ open ──▶ closing ──▶ closed ◀── any
//	     └──▶ refused ─────────▲
type secureState uint8

const (
	// secureHandshaking: conn.p is a handshaking (handshake.go).
	secureHandshaking secureState = iota
	// secureOpen: data passes.
	secureOpen
	// secureRefused: the handshake failed. The client may be told why; what it
	// sends is conn's to drop.
	secureRefused
	// secureClosing: Close was called, the last output is being taken. Timer:
	// LingerTimeout.
	secureClosing
	// secureClosed: Close or Abort of the engine's connection was called.
	secureClosed
)

type secureFlags uint16

const (
	secureSending  secureFlags = 1 << iota // a Send to the engine is outstanding
	secureOwed                             // conn awaits Sent
	securePaused                           // conn has paused receiving
	secureChoked                           // we have: output, or plaintext, has to go first
	secureStopped                          // and so the engine was told
	secureUnread                           // there may be plaintext to be read
	securePeerFIN                          // the engine's RecvEnd came
	secureFed                              // tc.FeedEOF was called since it is open
	secureTold                             // conn's RecvEnd was called
	secureFIN                              // CloseWrite was called
	secureFINSent                          // and passed on
	secureBroken                           // nothing can be sent: the engine's Broken came, or tc failed
	secureCallsOff                         // conn's Broken is to be called
	secureLeaving                          // Detach was called
)

// newSecure makes a connection with TLS, and begins its handshake.
func newSecure(rc ring.Conn, l *loop, e *Endpoint) *secure {
	both := &struct {
		conn
		secure
	}{conn: conn{l: l}, secure: secure{rc: rc, protocols: e.Protocols}}
	c, s := &both.conn, &both.secure
	c.rc, s.c = s, c
	c.p = (*handshaking)(s)
	c.info = l.newInfo(rc)
	s.tc = l.srv.handshaker.Accept(e.TLS, tls.Peer{Remote: c.info.Remote, Local: c.info.Local}, s.post)
	return s
}

// post has the loop look at s: from any goroutine, without allocation.
func (s *secure) post() { s.c.l.rl.Post(s) }

// PostNode is ring.Posted's.
func (s *secure) PostNode() *ring.PostNode { return &s.node }

// OnLoop looks at what there is to do; it may come once too often.
func (s *secure) OnLoop() {
	switch s.state {
	case secureHandshaking:
		s.look()
	case secureOpen:
		if s.flags&secureCallsOff != 0 {
			s.flags &^= secureCallsOff
			s.c.Broken(app.ErrGone)
			return
		}
		if s.flags&secureUnread != 0 {
			s.pump()
		}
	}
}

// Recv takes ciphertext from the engine, and the lease.
func (s *secure) Recv(b ring.Buf) {
	switch {
	case s.state == secureHandshaking:
		err := s.tc.Feed(b.Bytes()) // copied
		b.Release()
		s.fed(err)
		s.look()
	case s.state == secureOpen && s.flags&secureLeaving != 0:
		s.recvLeaving(b.Bytes())
		b.Release()
	case s.state == secureRefused, s.state == secureOpen && s.c.state != stateOpen:
		s.c.Recv(b) // which counts and drops it: nobody wants to know what it says
	case s.state == secureOpen && s.flags&secureTold == 0:
		s.fed(s.tc.Feed(b.Bytes()))
		s.pump()
		s.tc.Detach()
		b.Release()
	default: // RFC 8446 §6.1: data after a closure alert MUST be ignored
		b.Release()
	}
}

// fed looks at what Feed answered. That too much waits to be read can not be,
// as receiving is paused in time.
func (s *secure) fed(err error) {
	if err != nil {
		s.c.abort(app.ErrGone)
	}
}

// RecvEnd takes note of the peer's FIN.
func (s *secure) RecvEnd() {
	switch {
	case s.state == secureHandshaking:
		s.flags |= secureFed
		s.tc.FeedEOF()
		s.look()
	case s.flags&(secureTold|secureLeaving) != 0 || s.state >= secureClosing:
	case s.state == secureRefused || s.c.state != stateOpen:
		s.flags |= secureTold
		s.c.RecvEnd()
	default:
		s.flags |= securePeerFIN
		s.pump()
	}
}

// pump decrypts what is here and hands it to conn, until conn pauses.
func (s *secure) pump() {
	l := s.c.l
	for s.state == secureOpen && s.c.state == stateOpen && s.flags&(secureTold|securePaused) == 0 {
		b := l.tls.take(s.tc.Buffered())
		n, err := s.tc.Read(b.memory)
		if n > 0 {
			s.c.Recv(ring.NewBuf(b.memory[:n:n], b, 0))
			continue
		}
		l.tls.give(b)
		if !s.starved(err) {
			return
		}
	}
	if s.state == secureOpen {
		s.flags |= secureUnread
	}
}

// starved deals with a Read that gave nothing. It reports whether to read again.
func (s *secure) starved(err error) (again bool) {
	switch {
	case errors.Is(err, tls.ErrWouldBlock):
		if s.flags&(securePeerFIN|secureFed) == securePeerFIN {
			s.flags |= secureFed // no close_notify came before the FIN
			s.tc.FeedEOF()
			return true
		}
		s.flush()
		s.flags &^= secureUnread
		s.choke(false)
	case errors.Is(err, tls.ErrOutputPending):
		if s.flush(); s.tc.HasOutput() {
			s.flags |= secureUnread
			s.choke(true) // until Sent
			return false
		}
		return true
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		if s.flags&secureFed != 0 {
			// RFC 9112 §9.8: an incomplete close is a close all the same.
			// Messages say by themselves whether they are whole.
			s.c.l.n.truncated.Add(1)
		}
		s.flags |= secureTold
		s.c.RecvEnd()
	default:
		s.c.l.n.badRecords.Add(1)
		s.c.Broken(err) // which closes s, with the alert
	}
	return false
}

// Sent takes note that the engine has all of the outstanding Send.
func (s *secure) Sent() {
	s.flags &^= secureSending
	if s.out != nil {
		s.sendOut()
		return
	}
	if s.state == secureClosing {
		s.hangUp()
		return
	}
	if s.flags&secureLeaving != 0 {
		s.leave()
		return
	}
	if s.flags&secureOwed != 0 {
		s.flags &^= secureOwed
		s.c.Sent()
	}
	if s.state != secureOpen && s.state != secureHandshaking {
		return
	}
	s.flush()
	if s.flags&(secureUnread|securePaused) == secureUnread {
		s.pump()
	}
}

// Broken takes note that the connection failed.
func (s *secure) Broken(err error) {
	s.flags |= secureBroken
	switch s.state {
	case secureClosing:
		s.hangUp()
		return
	case secureClosed:
		return
	case secureHandshaking:
		s.lose(tls.ClientGone)
	}
	s.c.Broken(err)
}

// Closed is the end of s.
func (s *secure) Closed() {
	s.lose(tls.Stopped)
	s.state = secureClosed
	s.tc.Release()
	putIfHeld(&s.out)
	s.c.Closed()
}
