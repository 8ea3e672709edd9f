package app

import (
	"context"
	"net"
	"time"
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

	// ContextErr is Context().Err(), without making a context.
	ContextErr() error

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

	// Conn describes the connection, never nil.
	Conn() *ConnInfo

	// SetReadDeadline and SetWriteDeadline are Request's and Response's.
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
}

// A Hijacker is a Stream whose connection can be taken over: one of HTTP/1.1.
type Hijacker interface {
	Stream

	// Hijack is Response.Hijack.
	Hijack() (c net.Conn, unread []byte, err error)
}
