// Package exampletest runs an example's handler on servers, for its tests: on
// net/http's, which says what is right, and on uringserve with the engine of
// this machine and with the portable one.
package exampletest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/uringserve/uringserve"
	ustls "github.com/uringserve/uringserve/tls"
)

// patience is how long a server may take to end.
const patience = 20 * time.Second

// starters are the servers by name.
var starters = []struct {
	name  string
	start func(*testing.T, http.Handler, *tls.Config) string
}{
	{"nethttp", startStandard},
	{"auto", func(t *testing.T, h http.Handler, c *tls.Config) string { return startOurs(t, "auto", h, c) }},
	{"net", func(t *testing.T, h http.Handler, c *tls.Config) string { return startOurs(t, "net", h, c) }},
}

// Server is one that runs until the end of its test.
type Server struct {
	Addr string // host:port
	URL  string // scheme and Addr
	CA   string // file that has the authority of the certificate, with TLS

	roots *x509.CertPool
}

// Each runs test for each server, in cleartext: HTTP/1.1, and HTTP/2 with
// prior knowledge. handler is called for each.
func Each(t *testing.T, handler func(*testing.T) http.Handler, test func(*testing.T, *Server)) {
	for _, s := range starters {
		t.Run(s.name, func(t *testing.T) {
			addr := s.start(t, handler(t), nil)
			test(t, &Server{Addr: addr, URL: "http://" + addr})
		})
	}
}

// EachTLS is Each with TLS, and a certificate for localhost.
func EachTLS(t *testing.T, handler func(*testing.T) http.Handler, test func(*testing.T, *Server)) {
	files, err := ustls.DevCert(t.TempDir())
	Check(t, err)
	cert, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	Check(t, err)
	pem, err := os.ReadFile(files.CA)
	Check(t, err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	for _, s := range starters {
		t.Run(s.name, func(t *testing.T) {
			addr := s.start(t, handler(t), &tls.Config{Certificates: []tls.Certificate{cert}})
			test(t, &Server{Addr: addr, URL: "https://" + addr, CA: files.CA, roots: roots})
		})
	}
}

// Client speaks HTTP/2 only, or HTTP/1.1 only.
func (s *Server) Client(t *testing.T, http2 bool) *http.Client {
	var p http.Protocols
	p.SetHTTP1(!http2)
	p.SetHTTP2(http2)
	p.SetUnencryptedHTTP2(http2)
	transport := &http.Transport{Protocols: &p, TLSClientConfig: &tls.Config{RootCAs: s.roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// Check ends the test if err is not nil.
func Check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Equal says so if two values differ.
func Equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, not %v", what, got, want)
	}
}

func startStandard(t *testing.T, h http.Handler, config *tls.Config) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	Check(t, err)
	s := &http.Server{Handler: h, TLSConfig: config, Protocols: new(http.Protocols)}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetHTTP2(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	serve := s.Serve
	if config != nil {
		serve = func(ln net.Listener) error { return s.ServeTLS(ln, "", "") }
	}
	go func() {
		if err := serve(ln); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { end(t, s.Shutdown) })
	return local(ln.Addr())
}

func startOurs(t *testing.T, engine string, h http.Handler, config *tls.Config) string {
	s := &uringserve.Server{Handler: h, Engine: engine, TLSConfig: config}
	listen := s.Listen
	if config != nil {
		listen = s.ListenTLS
	}
	addrs, err := listen("127.0.0.1:0")
	Check(t, err)
	Check(t, s.Start())
	t.Cleanup(func() { end(t, s.Shutdown) })
	return local(addrs[0])
}

// local is a's host:port, by the name that certificates have.
func local(a net.Addr) string {
	return strings.Replace(a.String(), "127.0.0.1", "localhost", 1)
}

// end shuts a server down, which fails if a connection or a handler is left.
func end(t *testing.T, shutdown func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
}
