package ws

import (
	"context"

	"github.com/uringserve/uringserve/app"
	wire "github.com/uringserve/uringserve/h1/ws"
)

// Session is the server's half of one connection; Conn is its face towards the
// application. A server implements it, and so may a test of a Handler. Its
// methods are safe for concurrent use.
type Session interface {
	// Send queues a message, as Conn.Write says.
	Send(kind Kind, p []byte, slow SlowPolicy) error
	// SendPrepared is Send of a message that is encoded.
	SendPrepared(m *Prepared, slow SlowPolicy) error
	// Ping, Close, Context, Info and Buffered are Conn's.
	Ping(p []byte) error
	Close(code CloseCode, reason string) error
	Context() context.Context
	Info() *app.ConnInfo
	Buffered() int
}

// Switcher is an app.Stream that can go on as a WebSocket.
type Switcher interface {
	app.Stream

	// ConnectProtocol is the protocol that an extended CONNECT asks for (RFC
	// 8441 §4), empty for all other requests.
	ConnectProtocol() string

	// Switch has the connection speak WebSocket from when the handler has
	// returned. resp, which says so, is sent as it is then, without a body; it
	// must not have begun: app.ErrCommitted. Errors besides: app.ErrEnded,
	// app.ErrGone.
	Switch(resp *app.Response, a *Acceptance) error
}

// Acceptance is what a Switcher needs to know. It is immutable, but for
// Request, which is given up after Open.
type Acceptance struct {
	Upgrader    *Upgrader
	Config      *wire.Config
	Deflate     wire.Deflate
	Request     *app.Request
	Subprotocol string
}

// Init makes c the face of s. For servers, before Open.
func (c *Conn) Init(s Session, a *Acceptance) {
	*c = Conn{session: s, upgrader: a.Upgrader, request: a.Request, subprotocol: a.Subprotocol}
}

// Opened forgets what was for Open alone. For servers.
func (c *Conn) Opened() { c.request = nil }
