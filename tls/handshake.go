package tls

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"github.com/valyala/bytebufferpool"

	cryptotls "crypto/tls"
)

// A stage is where a handshake is. Guarded by Handshaker.mu.
//
//	          whole hello           slot                  result
//	stageHello ─────────▶ stageReady ───▶ stageComputing ────────▶ stageOver
//	    │                   ▲    │              │                      ▲
//	    │       whole record│    │              │ needs its client     │
//	    │                   │    │              ▼                      │
//	    │                   └────┼──────── stageWaiting                │
//	    │                        │              │                      │
//	    └────────────────────────┴──────────────┴──────────────────────┘
//	                          ended: dropped or aborted
type stage uint8

const (
	// stageHello: the ClientHello is not whole. No goroutine. In p.waiting.
	stageHello stage = iota
	// stageReady: waits for a slot. In p.fresh if it has no goroutine yet,
	// else in p.resumed.
	stageReady
	// stageComputing: its goroutine runs and has a slot.
	stageComputing
	// stageWaiting: its goroutine is blocked in pipe.Read, or about to be. In
	// p.waiting.
	stageWaiting
	// stageOver: it has its result, or no way to get another than cause. If it
	// has a goroutine, that is about to end, without a slot.
	stageOver
)

// A handshake is what loop and goroutine share until the handshake is done.
type handshake struct {
	p      *Handshaker
	c      *Conn
	cfg    *cryptotls.Config
	peer   Peer
	notify func()

	scan helloScan // on loop

	// Guarded by mu, which is held for copies only:
	mu    sync.Mutex
	in    inbox // nothing is lent
	ended bool  // the peer has sent its FIN
	out   *bytebufferpool.ByteBuffer

	// Guarded by p.mu:
	stage      stage
	started    bool            // there is, or was, a goroutine
	again      bool            // a whole record came while it computed
	charge     int             // bytes of p.charged that are its
	cause      *HandshakeError // why it ends before its time
	prev, next *handshake      // in one of p's lists
	list       *handshakeList  // which

	wake chan struct{} // one signal: there is a slot, or a cause

	abandoned atomic.Bool // nobody wants the result any more

	// The result, written before over is set:
	over atomic.Bool
	tc   *cryptotls.Conn
	err  *HandshakeError
}

// run is the handshake's goroutine.
func (h *handshake) run() {
	tc := cryptotls.Server((*pipe)(h.c), h.cfg)
	err := tc.Handshake()
	if err == nil {
		h.tc = tc
	} else {
		h.err = h.explain(err)
	}
	h.p.finish(h)
}

// read is pipe.Read's part: it blocks until there is a whole record.
func (h *handshake) read(b []byte) (int, error) {
	for {
		if h.abandoned.Load() {
			return 0, &HandshakeError{Reason: Stopped}
		}
		h.mu.Lock()
		if h.in.whole() {
			n := h.in.read(b)
			h.mu.Unlock()
			return n, nil
		}
		ended := h.ended
		h.mu.Unlock()
		if ended {
			return 0, &HandshakeError{Reason: ClientGone}
		}
		if cause := h.p.await(h); cause != nil {
			return 0, cause
		}
	}
}

// write is pipe.Write's part.
func (h *handshake) write(b []byte) {
	h.mu.Lock()
	if h.out == nil {
		h.out = getBuffer()
	}
	h.out.B = append(h.out.B, b...)
	h.mu.Unlock()
}

// put adds what came from the client, copied. ready says that its goroutine has
// something to go on with. On loop.
func (h *handshake) put(b []byte) (ready bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.in.size()+len(b) > MaxInput {
		return false, ErrInputFull
	}
	h.in.lend(b)
	h.in.keep()
	return h.in.whole(), nil
}

// held is how much ciphertext h holds, in bytes.
func (h *handshake) held() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.in.size()
}

// end says that the peer has sent its FIN. On loop.
func (h *handshake) end() {
	h.mu.Lock()
	h.ended = true
	h.mu.Unlock()
}

// appendOutput moves the output to dst. On loop.
func (h *handshake) appendOutput(dst []byte) []byte {
	h.mu.Lock()
	out := h.out
	h.out = nil
	h.mu.Unlock()
	if out != nil {
		dst = append(dst, out.B...)
		putBuffer(out)
	}
	return dst
}

// explain finds the reason behind the error of crypto/tls.
func (h *handshake) explain(err error) *HandshakeError {
	var ours *HandshakeError
	if errors.As(err, &ours) {
		return ours // from read
	}
	h.mu.Lock()
	alert, sent := h.lastAlert()
	h.mu.Unlock()
	return &HandshakeError{reasonOf(err, alert, sent), err}
}

// lastAlert is the description of the alert that ends the output, if it is
// there in cleartext. h.mu is held.
func (h *handshake) lastAlert() (description byte, ok bool) {
	const size = recordHeaderLen + 2
	if h.out == nil || len(h.out.B) < size {
		return 0, false
	}
	a := h.out.B[len(h.out.B)-size:]
	return a[6], a[0] == recordAlert && a[1] == 3 && a[3] == 0 && a[4] == 2 && a[5] == 2
}

// reasonOf turns what crypto/tls said, and the alert it sent if that can be
// read, into a reason. Its errors have no types of their own, for the most
// part: what alert it chose says more.
func reasonOf(err error, alert byte, sent bool) Reason {
	var certificate *cryptotls.CertificateVerificationError
	var refused *refusedError
	var op *net.OpError
	var header cryptotls.RecordHeaderError
	switch {
	case errors.As(err, &certificate), errors.As(err, &refused):
		return BadCertificate
	case errors.As(err, &op) && op.Op == "remote error":
		return PeerAlert
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ClientGone // close_notify
	// TLS 1.3 has encrypted its alert by now, that of TLS 1.2 is a general one.
	// Pinned by TestClientAuth.
	case err.Error() == "tls: client didn't provide a certificate":
		return BadCertificate
	case sent:
		return reasonOfAlert(alert)
	case errors.As(err, &header):
		return Violation
	}
	return Violation
}

// reasonOfAlert is the reason for which we sent an alert.
func reasonOfAlert(description byte) Reason {
	switch description {
	case alertProtocolVersion, alertInappropriateFallback:
		return NoCommonVersion
	case alertHandshakeFailure, alertMissingExtension:
		return NoCommonCipher
	case alertNoProtocol:
		return NoCommonProtocol
	case alertUnrecognizedName:
		return UnknownName
	case alertBadCertificate, alertUnsupportedCert, alertCertificateExpired,
		alertUnknownCA, alertCertRequired:
		return BadCertificate
	case alertInternalError:
		return Internal
	case alertDecodeError:
		return BadHello
	}
	return Violation
}
