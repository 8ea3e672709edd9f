package conn

import (
	cryptotls "crypto/tls"

	"github.com/uringserve/uringserve/ring"
)

// Protocols are those that connections of a listener may speak.
type Protocols uint8

const (
	// HTTP1 is HTTP/1.1, and 1.0.
	HTTP1 Protocols = 1 << iota
	// HTTP2 is HTTP/2: by ALPN over TLS, by prior knowledge over cleartext
	// (RFC 9113 §3.3), on the same port as HTTP/1.1.
	HTTP2

	allProtocols = HTTP1 | HTTP2
)

// ALPN are the names of p in TLS (RFC 7301 §6), the preferred first.
func (p Protocols) ALPN() (names []string) {
	if p == 0 {
		p = allProtocols
	}
	if p&HTTP2 != 0 {
		names = append(names, "h2") // RFC 9113 §3.2
	}
	if p&HTTP1 != 0 {
		names = append(names, "http/1.1", "http/1.0")
	}
	return names
}

// Endpoint is how connections of one listener are treated. The zero value is
// cleartext with all protocols.
type Endpoint struct {
	// Protocols; 0: all.
	Protocols Protocols

	// TLS, if set, has connections begin with a handshake. Its NextProtos should
	// be Protocols.ALPN; with others, the connection ends after the handshake.
	// It must not be changed.
	TLS *cryptotls.Config

	// Number is what app.Request.Listener says. 0: the listener's ID.
	Number int
}

// Engines is how many engines can share a Server.
const Engines = 2

// SetEndpoint says how connections of the listener with that ring.Listener.ID
// are treated. It is to be called before the engine listens: what is accepted
// earlier is treated as the zero Endpoint says.
func (s *Server) SetEndpoint(listener int, e Endpoint) { s.SetEndpointOf(0, listener, e) }

// SetEndpointOf is SetEndpoint for a listener of one of several engines, as
// NewLoopOf numbers them.
func (s *Server) SetEndpointOf(engine, listener int, e Endpoint) {
	if e.Protocols == 0 {
		e.Protocols = allProtocols
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Endpoint
	if old := s.endpoints[engine].Load(); old != nil {
		all = append(all, *old...)
	}
	for len(all) <= listener {
		all = append(all, Endpoint{Protocols: allProtocols, Number: len(all)})
	}
	if e.Number == 0 {
		e.Number = listener
	}
	all[listener] = e
	s.endpoints[engine].Store(&all)
}

// endpoint is how connections of that listener are treated.
func (s *Server) endpoint(engine, listener int) Endpoint {
	if all := s.endpoints[engine].Load(); all != nil && listener < len(*all) {
		return (*all)[listener]
	}
	return Endpoint{Protocols: allProtocols, Number: listener}
}

// listener is the number of c's, for handlers.
func (c *conn) listener() int { return c.l.number(c.rc) }

// number is the number of the listener of rc.
func (l *loop) number(rc ring.Conn) int {
	id := rc.Listener()
	if all := l.srv.endpoints[l.engine].Load(); all != nil && id < len(*all) {
		return (*all)[id].Number
	}
	return id
}

// isHello reports whether b, in which no request was found, begins as TLS does:
// with a handshake record of version 3 (RFC 8446 §5.1).
func isHello(b []byte) bool {
	return len(b) > 0 && b[0] == 22 && (len(b) == 1 || b[1] == 3)
}
