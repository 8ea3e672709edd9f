package tls

import (
	"errors"
	"fmt"
)

// Reason says why a handshake failed. The set is closed; it is for counters.
type Reason uint8

const (
	// NotTLS: the first bytes are no TLS record and no HTTP either.
	NotTLS Reason = iota + 1
	// PlainHTTP: the first bytes are an HTTP request in cleartext.
	PlainHTTP
	// BadHello: TLS records that do not make a ClientHello.
	BadHello
	// HelloTooLarge: HandshakerOptions.HelloBytes exceeded.
	HelloTooLarge
	// NoCommonVersion: the client speaks no version that we do.
	NoCommonVersion
	// NoCommonCipher: no cipher suite, group or signature in common.
	NoCommonCipher
	// NoCommonProtocol: the client's ALPN list has none of our protocols.
	NoCommonProtocol
	// UnknownName: there is no certificate for the name the client asked for.
	UnknownName
	// BadCertificate: the client's certificate is missing or was refused.
	BadCertificate
	// PeerAlert: the client ended the handshake with an alert, for instance as
	// it does not trust our certificate.
	PeerAlert
	// ClientGone: the client ended the connection within the handshake.
	ClientGone
	// TooSlow: the caller's time limit; for Conn.Abort.
	TooSlow
	// Crowded: others waited for their clients, this one had waited longest.
	Crowded
	// Overloaded: too many handshakes were waiting for a CPU.
	Overloaded
	// Violation: the client broke the protocol in another way.
	Violation
	// Internal: our fault, a certificate that cannot sign, say.
	Internal
	// Stopped: the server closed the connection; for Conn.Abort.
	Stopped

	// NumReasons is one more than the largest Reason; 0 is none.
	NumReasons = int(iota + 1)
)

var reasons = [NumReasons]string{
	0:                "no reason",
	NotTLS:           "not TLS",
	PlainHTTP:        "HTTP in cleartext",
	BadHello:         "malformed ClientHello",
	HelloTooLarge:    "ClientHello too large",
	NoCommonVersion:  "no common version",
	NoCommonCipher:   "no common cipher suite, group or signature algorithm",
	NoCommonProtocol: "no common application protocol",
	UnknownName:      "unknown server name",
	BadCertificate:   "client certificate missing or refused",
	PeerAlert:        "alert from the client",
	ClientGone:       "client gone",
	TooSlow:          "too slow",
	Crowded:          "too many handshakes, waited longest for its client",
	Overloaded:       "too many handshakes to compute",
	Violation:        "protocol violation",
	Internal:         "internal error",
	Stopped:          "stopped",
}

// String is the reason in words.
func (r Reason) String() string {
	if int(r) < NumReasons {
		return reasons[r]
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// HandshakeError says that a handshake failed. The connection cannot go on. A
// nil *HandshakeError must not be put into an error.
type HandshakeError struct {
	Reason Reason
	// Err is what crypto/tls said; nil if the handshake was ended without it.
	Err error
}

func (e *HandshakeError) Error() string {
	if e.Err == nil {
		return "tls: handshake: " + e.Reason.String()
	}
	return fmt.Sprintf("tls: handshake: %s: %.200v", e.Reason, e.Err)
}

func (e *HandshakeError) Unwrap() error { return e.Err }

// RecordError says that an established connection broke: a record that is not
// authentic, a message that may not come, an alert from the peer.
type RecordError struct {
	Err error // what crypto/tls said
}

func (e *RecordError) Error() string { return fmt.Sprintf("tls: %.200v", e.Err) }

func (e *RecordError) Unwrap() error { return e.Err }

// ErrWouldBlock is Conn.Read's answer when more ciphertext is needed. It is a
// net.Error that is temporary, so that crypto/tls does not remember it.
var ErrWouldBlock error = wouldBlock{}

type wouldBlock struct{}

func (wouldBlock) Error() string   { return "tls: needs more ciphertext" }
func (wouldBlock) Timeout() bool   { return false }
func (wouldBlock) Temporary() bool { return true }

var (
	// ErrOutputPending is Conn.Read's answer when it will not go on until
	// AppendOutput has been called.
	ErrOutputPending = errors.New("tls: output has not been taken")

	// ErrInputFull is Conn.Feed's answer to more than MaxInput.
	ErrInputFull = errors.New("tls: too much ciphertext waits to be read")

	// ErrNotEstablished is the answer to data before the handshake or after it
	// failed, a mistake of the caller.
	ErrNotEstablished = errors.New("tls: connection is not established")
)
