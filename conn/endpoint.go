package conn

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

// Endpoint is how connections of one listener are treated. The zero value is
// cleartext with all protocols.
type Endpoint struct {
	// Protocols; 0: all.
	Protocols Protocols
}

// SetEndpoint says how connections of the listener with that ring.Listener.ID
// are treated. It is to be called before the engine listens: what is accepted
// earlier is treated as the zero Endpoint says.
func (s *Server) SetEndpoint(listener int, e Endpoint) {
	if e.Protocols == 0 {
		e.Protocols = allProtocols
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Endpoint
	if old := s.endpoints.Load(); old != nil {
		all = append(all, *old...)
	}
	for len(all) <= listener {
		all = append(all, Endpoint{Protocols: allProtocols})
	}
	all[listener] = e
	s.endpoints.Store(&all)
}

// endpoint is how connections of that listener are treated.
func (s *Server) endpoint(listener int) Endpoint {
	if all := s.endpoints.Load(); all != nil && listener < len(*all) {
		return (*all)[listener]
	}
	return Endpoint{Protocols: allProtocols}
}
