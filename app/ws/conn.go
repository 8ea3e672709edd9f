package ws

import (
	"context"
	"errors"
	"net"

	"github.com/uringserve/uringserve/app"
	wire "github.com/uringserve/uringserve/h1/ws"
)

// Handler is what an application does with connections. See the package's
// words on callbacks.
type Handler interface {
	// Open begins a connection. It may write.
	Open(c *Conn)
	// Message takes a whole message. p is valid until Message returns, and may
	// be changed.
	Message(c *Conn, kind Kind, p []byte)
	// Close ends a connection: nothing that is written reaches the peer any
	// more. It comes once for each Open, whatever the reason.
	Close(c *Conn, end End)
}

// HandlerFunc is a Handler that only cares for messages.
type HandlerFunc func(c *Conn, kind Kind, p []byte)

// Open does nothing.
func (f HandlerFunc) Open(*Conn) {}

// Message calls f.
func (f HandlerFunc) Message(c *Conn, kind Kind, p []byte) { f(c, kind, p) }

// Close does nothing.
func (f HandlerFunc) Close(*Conn, End) {}

// End says how a connection ended.
type End struct {
	// Code and Reason are those of the Close that came first, the peer's or
	// ours; AbnormalClosure if the connection ended without one.
	Code   CloseCode
	Reason string
	// Err is what went wrong: a *wire.Error of package h1/ws if the peer broke
	// the rules, app.ErrGone or an error that wraps it if the connection broke;
	// nil if it was closed as it should be.
	Err error
}

// Errors of a Conn's methods, besides app.ErrGone: the peer is gone.
var (
	// ErrClosed: a Close was sent, or the connection has ended.
	ErrClosed = errors.New("ws: the connection is closed")
	// ErrSlow: too much waits for the peer; the message was not taken.
	ErrSlow = errors.New("ws: too much waits for the peer")
)

// Conn is one connection. All methods are safe for concurrent use.
type Conn struct {
	// Data is the application's, for what it knows of the connection. The
	// callbacks may use it freely; others as the application arranges.
	Data any

	session     Session
	upgrader    *Upgrader
	request     *app.Request
	subprotocol string
}

// Write sends a message of that kind. p is copied. While more than MaxUnsent
// waits for the peer it blocks, or answers ErrSlow, as SlowPolicy says.
// Errors: ErrSlow, ErrClosed, app.ErrGone, *wire errors of what cannot be sent.
func (c *Conn) Write(kind Kind, p []byte) error {
	return c.session.Send(kind, p, c.upgrader.SlowPolicy)
}

// WriteString is Write of a Text.
func (c *Conn) WriteString(s string) error { return c.Write(Text, []byte(s)) }

// TryWrite is Write that never blocks: it answers ErrSlow.
func (c *Conn) TryWrite(kind Kind, p []byte) error {
	return c.session.Send(kind, p, SlowDrop)
}

// WritePrepared is Write of a message that was encoded before, for many
// connections.
func (c *Conn) WritePrepared(m *Prepared) error {
	return c.session.SendPrepared(m, c.upgrader.SlowPolicy)
}

// TryWritePrepared is WritePrepared that never blocks: it answers ErrSlow.
func (c *Conn) TryWritePrepared(m *Prepared) error {
	return c.session.SendPrepared(m, SlowDrop)
}

// Ping sends a Ping with p, at most 125 bytes; it never blocks: ErrSlow. That
// it is answered nobody is told: the server itself finds out whether the peer
// is there (Upgrader.PingEvery).
func (c *Conn) Ping(p []byte) error { return c.session.Ping(p) }

// Close sends a Close after what was written, and ends the connection when the
// peer has answered it, or has not for five seconds. Messages that come
// meanwhile are dropped. The reason has at most 123 bytes. The code must be one
// that may be sent, or NoStatus. ErrClosed: that was done already.
func (c *Conn) Close(code CloseCode, reason string) error {
	return c.session.Close(code, reason)
}

// Context is cancelled when the connection has ended. The first call may
// allocate.
func (c *Conn) Context() context.Context { return c.session.Context() }

// Info describes the connection, never nil. The first call may allocate. It is
// empty if the connection has ended before.
func (c *Conn) Info() *app.ConnInfo { return c.session.Info() }

// RemoteAddr is Info().Remote.
func (c *Conn) RemoteAddr() net.Addr { return c.session.Info().Remote }

// Buffered is how many bytes wait for the peer, frames counted whole.
func (c *Conn) Buffered() int { return c.session.Buffered() }

// Subprotocol is the one that was agreed on; empty: none.
func (c *Conn) Subprotocol() string { return c.subprotocol }

// Request is the head of the request, a copy. It is for Open, which may keep
// it; later it is nil, so that connections that do not need it do not hold it.
func (c *Conn) Request() *app.Request { return c.request }

// The vocabulary of the wire.
type (
	// Kind is what a message is: Text or Binary.
	Kind = wire.Opcode
	// CloseCode says why a connection ends.
	CloseCode = wire.CloseCode
)

// The kinds of messages.
const (
	Text   = wire.Text
	Binary = wire.Binary
)

// The codes to close with that applications need; package h1/ws has all.
const (
	NormalClosure   = wire.NormalClosure
	GoingAway       = wire.GoingAway
	UnsupportedData = wire.UnsupportedData
	NoStatus        = wire.NoStatus
	AbnormalClosure = wire.AbnormalClosure
	PolicyViolation = wire.PolicyViolation
	InternalError   = wire.InternalError
	TryAgainLater   = wire.TryAgainLater
)
