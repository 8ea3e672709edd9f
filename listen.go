package uringserve

import (
	"errors"
	"net"
	"strconv"
	"strings"

	"github.com/uringserve/uringserve/ring"
)

// Listen binds addr, as Addr is written, and returns what is bound: two
// addresses for localhost, else one. It may be called any number of times, also
// after Start.
func (s *Server) Listen(addr string) ([]net.Addr, error) {
	network, hosts, port, err := splitAddr(addr)
	if err != nil {
		return nil, &ConfigError{"Addr", err}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(); err != nil {
		return nil, err
	}
	var addrs []net.Addr
	if len(hosts) == 2 {
		addrs, err = s.listenBoth(hosts, port)
	} else {
		addrs, err = s.listenOne(network, joined(network, hosts[0], port))
	}
	s.addrs = append(s.addrs, addrs...)
	return addrs, err
}

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

func (s *Server) listenOne(network, address string) ([]net.Addr, error) {
	l, err := s.engines[0].Listen(network, address)
	if err != nil {
		return nil, err
	}
	return []net.Addr{l.Addr}, nil
}

// listenBoth binds the same port at both loopback addresses, or at the one that
// the host has. A port that is in use at either is an error.
func (s *Server) listenBoth(hosts []string, port string) ([]net.Addr, error) {
	port = freeAtBoth(hosts, port)
	first, err := s.listenOne("tcp", net.JoinHostPort(hosts[0], port))
	if isInUse(err) {
		return nil, err
	}
	second, err6 := s.listenOne("tcp", net.JoinHostPort(hosts[1], port))
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
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(); err != nil {
		_ = ln.Close() // the caller gets the better error
		return err
	}
	l, err := s.engines[0].Adopt(ln)
	if errors.Is(err, ring.ErrNotAdoptable) {
		e, ferr := s.foreign()
		if ferr != nil {
			_ = ln.Close()
			return ferr
		}
		l, err = e.Adopt(ln)
	}
	if err != nil {
		return err
	}
	s.addrs = append(s.addrs, l.Addr)
	return nil
}

// Addrs are all bound addresses, in order, ports resolved.
func (s *Server) Addrs() []net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]net.Addr(nil), s.addrs...)
}
