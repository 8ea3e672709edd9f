package conn

import (
	"errors"
	"fmt"
	"log/slog"

	cryptotls "crypto/tls"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/tls"
)

// A handshaking is a secure as the protocol of its connection while the TLS
// handshake lasts. There is no plaintext yet, so nothing is received or sent
// by way of conn. The end of it chooses the protocol that follows (ALPN), or
// refuses the client.
type handshaking secure

var _ protocol = (*handshaking)(nil)

func (h *handshaking) recv(ring.Buf)    { panic("BUG: plaintext before the end of the handshake") }
func (h *handshaking) recvEnd()         { panic("BUG: the end of the plaintext before its beginning") }
func (h *handshaking) sent()            { panic("BUG: plaintext sent before the end of the handshake") }
func (h *handshaking) awaitsSent() bool { return false }
func (h *handshaking) gathers() bool    { return false }
func (h *handshaking) flush()           {}
func (h *handshaking) release()         {}

// fail: the connection is gone, or we have reset it.
func (h *handshaking) fail(error) { (*secure)(h).lose(tls.Stopped) }

// drain: who has begun is served yet, if it hurries.
func (h *handshaking) drain() { h.c.setTimer(TimeoutDrain, 4*h.c.l.srv.limits.DrainLull) }

func (h *handshaking) expire(reason Timeout, _ ring.Instant) {
	h.c.l.n.timeouts[reason].Add(1)
	if reason == TimeoutDrain {
		h.tc.Abort(tls.Stopped)
	} else {
		h.tc.Abort(tls.TooSlow)
	}
	(*secure)(h).look()
}

// openSecure begins a connection with TLS.
func (l *loop) openSecure(rc ring.Conn, e *Endpoint) *secure {
	s := newSecure(rc, l, e)
	s.c.index = uint32(len(l.conns))
	l.conns = append(l.conns, s.c)
	s.awaitHandshake()
	return s
}

// awaitHandshake begins the life of s: HandshakeTimeout runs from the accept on.
func (s *secure) awaitHandshake() {
	s.c.setTimer(TimeoutHandshake, s.c.l.srv.limits.HandshakeTimeout)
	if s.c.l.draining {
		s.c.p.drain()
	}
}

// look sees how the handshake goes.
func (s *secure) look() {
	if s.state != secureHandshaking || s.c.state != stateOpen {
		return
	}
	switch s.tc.Poll() {
	case tls.Established:
		s.establish()
	case tls.Failed:
		s.refuse()
	default:
		s.flush()
		s.choke(s.tc.Full())
	}
}

// establish begins the connection proper. Its first bytes may be here.
func (s *secure) establish() {
	c := s.c
	s.state = secureOpen
	c.l.n.secured.Add(1)
	made := &struct {
		info  app.ConnInfo
		state cryptotls.ConnectionState
	}{info: *c.info, state: s.tc.State()}
	made.info.TLS = &made.state
	c.info = &made.info
	c.stopTimer()
	if !s.speak(made.state.NegotiatedProtocol) {
		return
	}
	c.awaitFirst()
	s.flush()
	s.pump()
}

// speak has the connection speak what was agreed on.
func (s *secure) speak(alpn string) bool {
	switch alpn {
	case "", "http/1.1", "http/1.0":
		if s.protocols&HTTP1 != 0 {
			s.c.p = &h1conn{conn: s.c}
			return true
		}
	case "h2":
		if s.protocols&HTTP2 != 0 {
			newH2(s.c)
			return true
		}
	}
	// Nothing that we speak: crypto/tls lets clients of HTTP/1.1 in where there
	// is HTTP/2 alone, and a configuration of others may have protocols that are
	// over with the handshake (RFC 8737).
	s.c.l.n.refusals[RefusedProtocol].Add(1)
	s.c.finish(false)
	return false
}

// refuse ends a connection whose handshake has failed.
func (s *secure) refuse() {
	c := s.c
	s.state = secureRefused
	reason := reasonOf(s.tc.Err())
	c.l.n.handshakes[reason].Add(1)
	c.l.logHandshake(reason, s.tc.Err())
	if reason == tls.PlainHTTP {
		s.push(c.l.appendSpeaksTLS(c.l.tls.records[:0]))
	} else {
		s.flush() // the alert
	}
	s.choke(false)
	c.finish(readsOn(reason))
}

// readsOn reports whether the client is still there to see why it was refused.
func readsOn(r tls.Reason) bool {
	switch r {
	case tls.ClientGone, tls.PeerAlert, tls.TooSlow, tls.Crowded, tls.Overloaded, tls.Stopped:
		return false
	}
	return true
}

// reasonOf is why a handshake failed.
func reasonOf(err error) tls.Reason {
	if failed, ok := errors.AsType[*tls.HandshakeError](err); ok {
		return failed.Reason
	}
	return tls.Internal
}

// lose counts a handshake whose connection is gone. It may have been over
// without our having looked.
func (s *secure) lose(r tls.Reason) {
	if s.state != secureHandshaking {
		return
	}
	s.state = secureRefused
	s.tc.Abort(r)
	if s.tc.Poll() == tls.Failed {
		r = reasonOf(s.tc.Err())
	}
	s.c.l.n.handshakes[r].Add(1)
}

// logHandshake reports a handshake that failed, to those who want to know.
func (l *loop) logHandshake(r tls.Reason, err error) {
	l.emit(slog.LevelDebug, "handshake failed", slog.String("reason", r.String()),
		slog.String("error", fmt.Sprintf("%.200q", err)))
}

// appendSpeaksTLS appends the answer to a request in cleartext.
func (l *loop) appendSpeaksTLS(dst []byte) []byte {
	const text = "This port speaks TLS: the URL must begin with https.\n"
	dst = append(dst, "HTTP/1.1 400 Bad Request\r\nDate: "...)
	dst = append(dst, l.date()...)
	dst = append(dst, "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 53\r\nConnection: close\r\n\r\n"...)
	l.m.responses[4]++
	return append(dst, text...)
}
