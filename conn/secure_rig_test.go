package conn_test

import (
	"bufio"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"

	cryptotls "crypto/tls"

	"github.com/uringserve/uringserve/conn"
	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/tls"
)

// pki is a CA and a certificate for localhost, made once.
var pki struct {
	sync.Once
	files tls.DevFiles
	roots *x509.CertPool
	certs *tls.Certificates
	err   error
}

func loadPKI(tb testing.TB) {
	tb.Helper()
	pki.Do(func() {
		var dir string
		if dir, pki.err = os.MkdirTemp("", "conn-pki"); pki.err != nil {
			return
		}
		defer os.RemoveAll(dir)
		if pki.files, pki.err = tls.DevCert(dir); pki.err != nil {
			return
		}
		if pki.roots, pki.err = tls.LoadCAs(pki.files.CA); pki.err != nil {
			return
		}
		pki.certs, pki.err = tls.LoadCertificates(tls.CertificateOptions{
			Files: []tls.CertificateFiles{{Cert: pki.files.Cert, Key: pki.files.Key}}})
	})
	if pki.err != nil {
		tb.Fatal(pki.err)
	}
}

// serverTLS is the shared certificate's configuration, for HTTP/1.1.
func serverTLS(tb testing.TB) *cryptotls.Config {
	tb.Helper()
	loadPKI(tb)
	cfg, err := (&tls.Options{GetCertificate: pki.certs.GetCertificate, Protocols: conn.HTTP1.ALPN()}).Config()
	if err != nil {
		tb.Fatal(err)
	}
	return cfg
}

func clientTLS(tb testing.TB, version uint16) *cryptotls.Config {
	tb.Helper()
	loadPKI(tb)
	return &cryptotls.Config{RootCAs: pki.roots, ServerName: "localhost", MinVersion: version, MaxVersion: version,
		NextProtos: []string{"http/1.1"}}
}

// versions are those that tests run with.
var versions = []uint16{cryptotls.VersionTLS12, cryptotls.VersionTLS13}

// onEachSecure runs test on every engine that is available here, its listener
// with TLS.
func onEachSecure(t *testing.T, cfg conn.Config, test func(*rig)) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			eng, err := e.make()
			if errors.Is(err, errors.ErrUnsupported) {
				t.Skipf("the engine is not available here: %v", err)
			}
			if err != nil {
				t.Fatal(err)
			}
			test(startSecure(t, eng, cfg, serverTLS(t)))
		})
	}
}

func startSecure(t *testing.T, eng ring.Engine, cfg conn.Config, server *cryptotls.Config) *rig {
	t.Helper()
	srv, err := conn.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	srv.SetEndpoint(0, conn.Endpoint{Protocols: conn.HTTP1, TLS: server})
	ln, err := eng.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := eng.Start(srv.NewLoop); err != nil {
		t.Fatal(err)
	}
	r := &rig{T: t, srv: srv, eng: eng, addr: ln.Addr.String()}
	t.Cleanup(r.stop)
	t.Cleanup(r.noHandshakes)
	return r
}

// noHandshakes fails if the pool holds anything once the engine is closed;
// goroutines end soon after.
func (r *rig) noHandshakes() {
	r.eng.StopAccept()
	r.eng.Close(patience)
	eventually(r.T, "all handshakes are over", func() bool {
		h := r.srv.Handshakes()
		return h.Waiting == 0 && h.Ready == 0 && h.Computing == 0 && h.Input == 0
	})
	s, h := r.srv.Stats(), r.srv.Handshakes()
	failed := uint64(0)
	for _, n := range s.Handshakes {
		failed += n
	}
	if s.Secured+failed != s.Conns {
		r.Errorf("of %d connections %d were secured and %d failed: %v; %+v", s.Conns, s.Secured, failed, s.Handshakes, h)
	}
}

// secure shakes hands on a new connection.
func (r *rig) secure(version uint16) *cryptotls.Conn {
	r.Helper()
	c := cryptotls.Client(r.dial(), clientTLS(r, version))
	if err := c.Handshake(); err != nil {
		r.Fatalf("handshake: %v", err)
	}
	return c
}

// secureClient is net/http's.
func (r *rig) secureClient() *http.Client {
	tr := &http.Transport{TLSClientConfig: clientTLS(r, 0), ExpectContinueTimeout: patience}
	r.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: patience}
}

// ask sends a GET and wants 200.
func (r *rig) ask(c net.Conn, br *bufio.Reader, path string) string {
	r.Helper()
	r.write(c, fmt.Sprintf("GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path))
	resp, body := r.response(br, "GET")
	if resp.StatusCode != 200 {
		r.Fatalf("%s: %s", path, resp.Status)
	}
	return body
}

// reason waits until so many handshakes have failed for r.
func (r *rig) reason(reason tls.Reason, n uint64) {
	r.Helper()
	eventually(r.T, fmt.Sprintf("%d handshakes have failed: %s", n, reason), func() bool {
		return r.srv.Stats().Handshakes[reason] == n
	})
}
