package uringserve

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"

	"github.com/uringserve/uringserve/conn"
	"github.com/uringserve/uringserve/ring"
)

// Listen binds addr, as Addr is written, and returns what is bound: two
// addresses for localhost, else one. It may be called any number of times, also
// after Start.
func (s *Server) Listen(addr string) ([]net.Addr, error) {
	return s.ListenEndpoint(addr, conn.Endpoint{Protocols: s.protocols(false)})
}

// ListenTLS is Listen for TLS, by TLS or TLSConfig.
func (s *Server) ListenTLS(addr string) ([]net.Addr, error) {
	e, err := s.secureEndpoint("", "")
	if err != nil {
		return nil, err
	}
	return s.ListenEndpoint(addr, e)
}

// ListenEndpoint is Listen for connections that are treated as e says. Its
// Number is the server's to set: listeners are counted, from 0.
func (s *Server) ListenEndpoint(addr string, e conn.Endpoint) ([]net.Addr, error) {
	network, hosts, port, err := splitAddr(addr)
	if err != nil {
		return nil, &ConfigError{"Addr", err}
	}
	first, addrs, err := s.bind(network, hosts, port, e)
	for i, addr := range addrs {
		s.bases.put(first+i, s.askBase(bound{addr}))
	}
	return addrs, err
}

// bind binds what splitAddr has found; first is the number of the first listener.
func (s *Server) bind(network string, hosts []string, port string, e conn.Endpoint) (first int, addrs []net.Addr, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(); err != nil {
		return 0, nil, err
	}
	first = s.listeners()
	if len(hosts) == 2 {
		addrs, err = s.listenBoth(hosts, port, e)
	} else {
		addrs, err = s.listenOne(network, joined(network, hosts[0], port), e)
	}
	s.addrs = append(s.addrs, addrs...)
	return first, addrs, err
}

// listeners is how many there are, which is the number of the next. s.mu is held.
func (s *Server) listeners() int { return s.bound[0] + s.bound[1] }

// splitAddr takes an address apart; localhost has two hosts.
func splitAddr(addr string) (network string, hosts []string, port string, err error) {
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		if path == "" {
			return "", nil, "", ErrBadAddress
		}
		return "unix", []string{path}, "", nil
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", nil, "", ErrBadAddress
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return "", nil, "", err
	}
	if host == "localhost" {
		return "tcp", []string{"127.0.0.1", "::1"}, port, nil
	}
	return "tcp", []string{host}, port, nil
}

func joined(network, host, port string) string {
	if network == "unix" {
		return host
	}
	return net.JoinHostPort(host, port)
}

func (s *Server) listenOne(network, address string, e conn.Endpoint) ([]net.Addr, error) {
	s.announce(0, e)
	l, err := s.engines[0].Listen(network, address)
	if err != nil {
		return nil, err
	}
	s.took(0, l)
	return []net.Addr{l.Addr}, nil
}

// announce says how connections of the engine's next listener are treated, as
// they may come before it has been given to us. s.mu is held.
func (s *Server) announce(engine int, e conn.Endpoint) {
	e.Number = s.listeners()
	s.bases.add(e.Number)
	s.conns.SetEndpointOf(engine, s.bound[engine], e)
}

// took takes note of the listener that was announced. s.mu is held.
func (s *Server) took(engine int, l ring.Listener) {
	if l.ID != s.bound[engine] {
		panic("BUG: an engine does not count its listeners")
	}
	s.bound[engine]++
}

// listenBoth binds the same port at both loopback addresses, or at the one that
// the host has. A port that is in use at either is an error.
func (s *Server) listenBoth(hosts []string, port string, e conn.Endpoint) ([]net.Addr, error) {
	port = freeAtBoth(hosts, port)
	first, err := s.listenOne("tcp", net.JoinHostPort(hosts[0], port), e)
	if isInUse(err) {
		return nil, err
	}
	second, err6 := s.listenOne("tcp", net.JoinHostPort(hosts[1], port), e)
	switch {
	case err != nil && err6 != nil:
		return nil, err
	case isInUse(err6):
		return first, err6
	}
	return append(first, second...), nil // of a family that the host lacks, nothing
}

// freeAtBoth is a free port in place of 0: one that is free at both addresses,
// if that can be found.
func freeAtBoth(hosts []string, port string) string {
	if n, err := net.LookupPort("tcp", port); err != nil || n != 0 {
		return port
	}
	const tries = 16
	for range tries {
		first, err := net.Listen("tcp", net.JoinHostPort(hosts[0], "0"))
		if err != nil {
			return port // no such family: any port of the other will do
		}
		found := strconv.Itoa(first.Addr().(*net.TCPAddr).Port)
		second, err := net.Listen("tcp", net.JoinHostPort(hosts[1], found))
		if err == nil {
			_ = second.Close() // it was only to see
		}
		_ = first.Close()
		if !isInUse(err) {
			return found
		}
	}
	return port
}

// Adopt has the server accept from ln, which may be any listener: one that is
// not the system's own is served by the net engine. The server owns ln, also if
// Adopt fails.
func (s *Server) Adopt(ln net.Listener) error {
	return s.AdoptEndpoint(ln, conn.Endpoint{Protocols: s.protocols(false)})
}

// AdoptTLS is Adopt for TLS, by TLS or TLSConfig. What ln accepts is ciphertext.
func (s *Server) AdoptTLS(ln net.Listener) error {
	e, err := s.secureEndpoint("", "")
	if err != nil {
		_ = ln.Close() // the caller gets the better error
		return err
	}
	return s.AdoptEndpoint(ln, e)
}

// AdoptEndpoint is Adopt for connections that are treated as e says, as in
// ListenEndpoint.
func (s *Server) AdoptEndpoint(ln net.Listener, e conn.Endpoint) error {
	s.mu.Lock()
	err := s.open()
	s.mu.Unlock()
	if err != nil {
		_ = ln.Close() // the caller gets the better error
		return err
	}
	return s.adopt(ln, e, s.askBase(ln))
}

// adopt has ln's connections in ctx.
func (s *Server) adopt(ln net.Listener, e conn.Endpoint, ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(); err != nil {
		_ = ln.Close() // as above
		return err
	}
	s.announce(0, e)
	s.bases.put(s.listeners(), ctx)
	l, err := s.engines[0].Adopt(ln)
	engine := 0
	if errors.Is(err, ring.ErrNotAdoptable) {
		other, ferr := s.foreign()
		if ferr != nil {
			_ = ln.Close()
			return ferr
		}
		engine = 1
		s.announce(engine, e)
		s.bases.put(s.listeners(), ctx)
		l, err = other.Adopt(ln)
	}
	if err != nil {
		return err
	}
	s.took(engine, l)
	s.addrs = append(s.addrs, l.Addr)
	return nil
}

// Addrs are all bound addresses, in order, ports resolved.
func (s *Server) Addrs() []net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]net.Addr(nil), s.addrs...)
}
