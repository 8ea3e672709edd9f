package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/uringserve/uringserve/app/field"
)

// Fields are the fields (headers or trailers) of a message.
type Fields = field.Fields

// Request is one request as the server read it. See the package's words on
// lifetimes.
type Request struct {
	// Method is the method, case kept: "GET".
	Method string

	// Target is the request target as sent: "/a?b=c", "http://h/a",
	// "h:443" for CONNECT, "*" for OPTIONS. A view.
	Target []byte

	// Path and Query are the parts of an origin- or absolute-form target,
	// before and after the first '?', undecoded. Path is "*" for the
	// asterisk form and empty for CONNECT. Views.
	Path, Query []byte

	// Host is the authority the request is for: the target's if it has one,
	// else the Host field's value (RFC 9112 §3.2.2). A view.
	Host []byte

	// Proto is "HTTP/1.0", "HTTP/1.1" or "HTTP/2.0"; Major and Minor are its
	// numbers.
	Proto        string
	Major, Minor int

	// Header are the header fields in the order of the wire, names as sent.
	// Connection-specific ones are included. Read-only.
	Header Fields

	// ContentLength is the declared length of the body in bytes, -1 if it is
	// not known beforehand, 0 if there is none.
	ContentLength int64

	// Listener is the number of the listener, in the order in which the
	// server was given them.
	Listener int

	stream Stream
}

// Reset empties r for the exchange of s. For servers.
func (r *Request) Reset(s Stream) {
	// One by one: copying the whole struct shows in profiles.
	r.Method, r.Target, r.Path, r.Query, r.Host = "", nil, nil, nil, nil
	r.Proto, r.Major, r.Minor = "", 0, 0
	r.Header.Reset()
	r.ContentLength, r.Listener, r.stream = 0, 0, s
}

// Get is the value of the first header field of that name, nil if there is
// none. Name matches in any case. A view.
func (r *Request) Get(name string) []byte { return r.Header.Get(name) }

// Context is cancelled when the client is gone, or the exchange has ended. The
// first call may allocate.
func (r *Request) Context() context.Context { return r.stream.Context() }

// ContextErr is Context().Err() for less: no context is made.
func (r *Request) ContextErr() error { return r.stream.ContextErr() }

// Read reads the body, as io.Reader: it blocks until there is at least one
// byte, io.EOF at the end. The first Read of a request that expects it sends
// 100 Continue. Errors are *BodyError.
func (r *Request) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return r.stream.ReadBody(p)
}

// WriteTo copies the rest of the body to w.
func (r *Request) WriteTo(w io.Writer) (int64, error) {
	var total int64
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			m, werr := w.Write(buf[:n])
			total += int64(m)
			if werr != nil {
				return total, werr
			}
		}
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

// Trailer are the fields after the body; nil before Read has answered io.EOF.
func (r *Request) Trailer() *Fields { return r.stream.RequestTrailers() }

// SetMaxBodyBytes replaces the limit on this request's body, in bytes;
// negative: no limit. It fails with ErrBodyStarted after the first Read.
func (r *Request) SetMaxBodyBytes(n int64) error { return r.stream.SetReadLimit(n) }

// Conn describes the connection, never nil. The first call on a connection may
// allocate.
func (r *Request) Conn() *ConnInfo { return r.stream.Conn() }

// RemoteAddr is Conn().Remote.
func (r *Request) RemoteAddr() net.Addr { return r.stream.Conn().Remote }

// LocalAddr is Conn().Local.
func (r *Request) LocalAddr() net.Addr { return r.stream.Conn().Local }

// TLS is Conn().TLS.
func (r *Request) TLS() *tls.ConnectionState { return r.stream.Conn().TLS }

// SetReadDeadline has reads of the body fail with an error that wraps
// ErrDeadline from t on, also one that waits; zero: never. After that the body
// cannot be read any more. It is noticed some milliseconds late.
func (r *Request) SetReadDeadline(t time.Time) error { return r.stream.SetReadDeadline(t) }

// QueryValue is the value of the first parameter of that name in Query,
// undecoded ('+' and %xx as sent), and whether it is there. A view.
func (r *Request) QueryValue(name string) ([]byte, bool) {
	for rest := r.Query; len(rest) > 0; {
		var pair []byte
		pair, rest, _ = bytes.Cut(rest, ampersand)
		key, value, _ := bytes.Cut(pair, equals)
		if string(key) == name {
			return value, true
		}
	}
	return nil, false
}

var ampersand, equals = []byte{'&'}, []byte{'='}

// Clone copies the request's head, so that it may be kept after Serve. The
// clone has no body and a context that is done.
func (r *Request) Clone() *Request {
	c := *r
	c.Header = r.Header.Clone()
	c.Target = bytes.Clone(r.Target)
	c.Path = bytes.Clone(r.Path)
	c.Query = bytes.Clone(r.Query)
	c.Host = bytes.Clone(r.Host)
	c.stream = endedStream{}
	return &c
}

// ErrBodyStarted is SetMaxBodyBytes' answer once the body has been read from.
var ErrBodyStarted = errors.New("app: the request body has been read from")

// ErrEnded is the answer to the use of a request or response after its end.
var ErrEnded = errors.New("app: the exchange has ended")

// BodyFault says why a body could not be read.
type BodyFault uint8

const (
	// BodyTooLarge: more bytes than the limit (413).
	BodyTooLarge BodyFault = iota + 1
	// BodyMalformed: bad framing (400).
	BodyMalformed
	// BodyTooSlow: below the minimum rate (408).
	BodyTooSlow
	// BodyCut: the client ended its sending before the end of the body (400).
	BodyCut
	// BodyGone: the connection broke.
	BodyGone
	// BodyDeadline: it was not here before the read deadline (408).
	BodyDeadline
)

var bodyFaults = [...]string{"unknown fault", "larger than the limit",
	"malformed", "slower than the minimum rate", "ended early", "the connection is gone", "later than the read deadline"}

// BodyError says that a request body could not be read to its end.
type BodyError struct {
	Fault BodyFault
	Err   error // what the server found; may be nil
}

func (e *BodyError) Error() string {
	s := "request body: " + bodyFaults[e.Fault]
	if e.Err != nil {
		s = fmt.Sprintf("%s: %v", s, e.Err)
	}
	return s
}

func (e *BodyError) Unwrap() error { return e.Err }

// Status is the status code that tells the client.
func (e *BodyError) Status() int {
	switch e.Fault {
	case BodyTooLarge:
		return 413
	case BodyTooSlow, BodyDeadline:
		return 408
	}
	return 400
}
