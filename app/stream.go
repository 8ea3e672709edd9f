package app

import (
	"context"
	"crypto/tls"
	"net"
)

// Stream is the server's half of one exchange; Request and Response are its
// face towards the handler. HTTP/1.1 and HTTP/2 implement it, and so may a
// test of a handler. Applications do not call it.
type Stream interface {
	// ReadBody reads request body into p, at least one byte, blocking. io.EOF
	// at the end; after it RequestTrailers are known. *BodyError otherwise.
	ReadBody(p []byte) (int, error)

	// RequestTrailers are the fields after the body, nil before its end.
	RequestTrailers() *Fields

	// Context is cancelled when the peer goes or the exchange ends.
	Context() context.Context

	// WriteBody takes what the response has staged (Response.Staged) when it
	// is long, or, with flush, when the handler wants it sent. It sends the
	// head first if that has not gone. It blocks while the peer is slow. Nil:
	// the staged bytes were taken.
	WriteBody(resp *Response, flush bool) error

	// WriteInformational sends a 1xx response with fields, at once.
	WriteInformational(status int, fields *Fields) error

	// SetReadLimit replaces the limit on the request body, before the first
	// ReadBody.
	SetReadLimit(n int64) error

	// Addrs are the ends of the connection.
	Addrs() (remote, local net.Addr)

	// TLS describes the TLS of the connection, nil if there is none.
	TLS() *tls.ConnectionState
}
