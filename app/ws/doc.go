// Package ws is the contract between the server and an application that speaks
// WebSocket (RFC 6455), over HTTP/1.1 and over HTTP/2 (RFC 8441): an Upgrader
// answers a request, and from then on its Handler gets what the peer sends and
// writes to a Conn. It knows no socket and no clock, and starts no goroutine:
// the bytes are package h1/ws's business, the rest is the server's.
//
//	echo := &ws.Upgrader{Handler: ws.HandlerFunc(func(c *ws.Conn, kind ws.Kind, p []byte) {
//		c.Write(kind, p)
//	})}
//	server := &uringserve.Server{App: echo} // or echo.Upgrade(req, resp) in a handler
//
// # Callbacks
//
// Open, Message… and Close of one connection come one after another, never two
// at a time, in this order. They run as HTTP handlers do: inline on the loop,
// and they may block: the loop goes on without them. While one runs, Pings are
// still answered, and messages that come wait, up to a bound; then the peer
// waits, too.
//
// A message's bytes are a view, valid until Message returns. A panic closes the
// connection with InternalError.
//
// # Writing
//
// The methods of Conn are safe for concurrent use, from any goroutine, also
// after the end. What is written is copied. Messages written in one callback
// leave in one piece. A peer that does not read makes writers wait, or is
// dropped, as Upgrader.SlowPolicy says; at most Upgrader.MaxUnsent bytes wait
// for it.
//
// # Origins
//
// Browsers let any page open a WebSocket to any server, with the user's
// cookies. So a request whose Origin is another host's is refused, unless
// Upgrader.CheckOrigin says otherwise.
package ws
