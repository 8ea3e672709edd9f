package conn

import (
	"crypto/x509"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	cryptotls "crypto/tls"

	"github.com/uringserve/uringserve/tls"
)

// A secureClient is a client of crypto/tls at the other end of a fakeConn. It
// runs on a goroutine; the test's, which is the loop, carries the bytes.
type secureClient struct {
	*cryptotls.Conn
	f *fakeLoop
	c *fakeConn

	mu       sync.Mutex
	changed  sync.Cond
	up, down []byte // ciphertext on its way to the server, to the client
	fin      bool   // the client has ended
	ended    bool   // the server has
	hold     bool   // nothing is carried to the server
	got      []byte // plaintext
	err      error  // of the client's reading
}

var secrets struct {
	sync.Once
	roots *x509.CertPool
	certs *tls.Certificates
	err   error
}

// secureEndpoint is TLS with a certificate for localhost.
func secureEndpoint(tb testing.TB, protocols Protocols) Endpoint {
	tb.Helper()
	secrets.Do(func() {
		var dir string
		if dir, secrets.err = os.MkdirTemp("", "conn-secrets"); secrets.err != nil {
			return
		}
		defer os.RemoveAll(dir)
		var files tls.DevFiles
		if files, secrets.err = tls.DevCert(dir); secrets.err != nil {
			return
		}
		if secrets.roots, secrets.err = tls.LoadCAs(files.CA); secrets.err != nil {
			return
		}
		secrets.certs, secrets.err = tls.LoadCertificates(tls.CertificateOptions{
			Files: []tls.CertificateFiles{{Cert: files.Cert, Key: files.Key}}})
	})
	if secrets.err != nil {
		tb.Fatal(secrets.err)
	}
	cfg, err := (&tls.Options{GetCertificate: secrets.certs.GetCertificate, Protocols: protocols.ALPN()}).Config()
	if err != nil {
		tb.Fatal(err)
	}
	return Endpoint{Protocols: protocols, TLS: cfg}
}

// fakeListener is what fakeConn.Listener answers.
const fakeListener = 3

// newSecureLoop is newFakeLoop for connections with TLS.
func newSecureLoop(t *testing.T, cfg Config) (*fakeLoop, *Server) {
	t.Helper()
	f, srv := newFakeLoop(t, cfg)
	srv.SetEndpoint(fakeListener, secureEndpoint(t, HTTP1))
	t.Cleanup(func() { // before f.end, which is the last
		for _, c := range f.conns {
			c.break_(io.ErrClosedPipe)
		}
		f.until("all handshakes are over", func() bool {
			h := srv.Handshakes()
			return h.Waiting == 0 && h.Ready == 0 && h.Computing == 0
		})
		if l := f.h.(*loop); l.tls.leased != 0 {
			t.Errorf("%d plaintext buffers were not released", l.tls.leased)
		}
	})
	return f, srv
}

// connect opens a connection and lets a client loose on it.
func (f *fakeLoop) connect(change func(*cryptotls.Config)) *secureClient {
	k := &secureClient{f: f, c: f.open()}
	k.changed.L = &k.mu
	cfg := &cryptotls.Config{RootCAs: secrets.roots, ServerName: "localhost", NextProtos: []string{"http/1.1"}}
	if change != nil {
		change(cfg)
	}
	k.Conn = cryptotls.Client((*clientPipe)(k), cfg)
	return k
}

// shake has the client shake hands, and read from then on.
func (k *secureClient) shake() *secureClient {
	k.f.t.Helper()
	done := make(chan error, 1)
	go func() {
		err := k.Handshake()
		done <- err
		k.f.poke()
		if err == nil {
			k.readAll()
		}
	}()
	k.until("the handshake", func() bool { return len(done) == 1 })
	if err := <-done; err != nil {
		k.f.t.Fatalf("client's handshake: %v", err)
	}
	k.until("the server has seen it", func() bool { return k.c.h.(*secure).state != secureHandshaking })
	return k
}

// readAll reads until there is an end.
func (k *secureClient) readAll() {
	b := make([]byte, 4096)
	for {
		n, err := k.Read(b)
		k.mu.Lock()
		k.got = append(k.got, b[:n]...)
		k.err = err
		k.mu.Unlock()
		k.f.poke()
		if err != nil {
			return
		}
	}
}

// carry moves what is on its way.
func (k *secureClient) carry() {
	k.mu.Lock()
	up := k.up
	if k.hold {
		up = nil
	} else {
		k.up = nil
	}
	if len(k.c.got) > 0 {
		k.down = append(k.down, k.c.got...)
		k.c.got = nil
		k.changed.Broadcast()
	}
	if (k.c.fin || k.c.closed) && k.c.sending == 0 && !k.ended {
		k.ended = true
		k.changed.Broadcast()
	}
	fin := k.fin && len(k.up) == 0
	k.mu.Unlock()
	if len(up) > 0 {
		k.c.recv(string(up))
	}
	if fin && !k.c.broken {
		k.fin = false
		k.c.end()
	}
}

func (k *secureClient) until(what string, ok func() bool) {
	k.f.t.Helper()
	k.f.until(what, func() bool {
		k.carry()
		k.f.turn()
		k.carry()
		return ok()
	})
}

// say writes, and waits until the server has it.
func (k *secureClient) say(s string) {
	k.f.t.Helper()
	done := make(chan error, 1)
	go func() {
		_, err := io.WriteString(k.Conn, s)
		done <- err
		k.f.poke()
	}()
	k.until("the client has written", func() bool { return len(done) == 1 })
	if err := <-done; err != nil {
		k.f.t.Fatalf("client's write: %v", err)
	}
	k.carry()
	k.f.turn()
}

// hear waits for so many bytes, or the end, and takes them.
func (k *secureClient) hear(n int) string {
	k.f.t.Helper()
	k.until("the client has read", func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		return len(k.got) >= n || k.err != nil
	})
	k.mu.Lock()
	defer k.mu.Unlock()
	s := string(k.got)
	k.got = nil
	return s
}

// want is fakeConn.want.
func (k *secureClient) want(why, status string, parts ...string) {
	k.f.t.Helper()
	got := k.hear(1)
	for i := 0; !strings.Contains(got, "\r\n\r\n") && i < 10; i++ {
		got += k.hear(1)
	}
	if !strings.HasPrefix(got, "HTTP/1.1 "+status) {
		k.f.t.Fatalf("%s: got %.200q, want status %s", why, got, status)
	}
	for _, p := range parts {
		if !strings.Contains(got, p) {
			k.f.t.Fatalf("%s: got %.400q, want %q in it", why, got, p)
		}
	}
}

// wantClosed waits for the end of what the server sends: with close_notify.
func (k *secureClient) wantClosed(why string) {
	k.f.t.Helper()
	k.until(why, func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.err != nil
	})
	if k.err != io.EOF {
		k.f.t.Errorf("%s: the client's reading ended with %v, want close_notify", why, k.err)
	}
}

// clientPipe is the client's net.Conn.
type clientPipe secureClient

func (p *clientPipe) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.down) == 0 && !p.ended {
		p.changed.Wait()
	}
	if len(p.down) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.down)
	p.down = p.down[n:]
	return n, nil
}

func (p *clientPipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	p.up = append(p.up, b...)
	p.mu.Unlock()
	p.f.poke()
	return len(b), nil
}

func (p *clientPipe) Close() error {
	p.mu.Lock()
	p.fin = true
	p.mu.Unlock()
	p.f.poke()
	return nil
}

func (p *clientPipe) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (p *clientPipe) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (p *clientPipe) SetDeadline(time.Time) error      { return nil }
func (p *clientPipe) SetReadDeadline(time.Time) error  { return nil }
func (p *clientPipe) SetWriteDeadline(time.Time) error { return nil }

// leave has the goroutine of a client end.
func (k *secureClient) leave() {
	k.mu.Lock()
	k.ended = true
	k.changed.Broadcast()
	k.mu.Unlock()
}
