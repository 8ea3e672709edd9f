package uringserve_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"

	cryptotls "crypto/tls"

	"github.com/uringserve/uringserve"
	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/tls"
)

// devCert makes a certificate for localhost, and a client that trusts it.
func devCert(t *testing.T) (tls.DevFiles, *http.Client) {
	t.Helper()
	files, err := tls.DevCert(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	roots, err := tls.LoadCAs(files.CA)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{TLSClientConfig: &cryptotls.Config{RootCAs: roots}}
	t.Cleanup(tr.CloseIdleConnections)
	return files, &http.Client{Transport: tr, Timeout: patience}
}

func fetch(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%s %v", resp.Status, err)
	}
	return string(b)
}

// The ways to a certificate, each by the calls of net/http.
func TestServeTLS(t *testing.T) {
	files, client := devCert(t)
	pair, err := cryptotls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		t.Fatal(err)
	}
	certs, err := tls.LoadCertificates(tls.CertificateOptions{Files: []tls.CertificateFiles{{Cert: files.Cert, Key: files.Key}}})
	if err != nil {
		t.Fatal(err)
	}
	onEngines(t, func(t *testing.T, engine string) {
		for name, test := range map[string]struct {
			server    *uringserve.Server
			cert, key string
		}{
			"files":             {&uringserve.Server{}, files.Cert, files.Key},
			"TLSConfig":         {&uringserve.Server{TLSConfig: &cryptotls.Config{Certificates: []cryptotls.Certificate{pair}}}, "", ""},
			"TLSConfig + files": {&uringserve.Server{TLSConfig: &cryptotls.Config{}}, files.Cert, files.Key},
			"TLS":               {&uringserve.Server{TLS: &tls.Options{GetCertificate: certs.GetCertificate}}, "", ""},
		} {
			t.Run(name, func(t *testing.T) {
				s := test.server
				s.App, s.Engine, s.Loops, s.Log, s.Protocols = newHello(), engine, 1, quiet, new(http.Protocols)
				s.Protocols.SetHTTP1(true)
				ln, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				ended := make(chan error, 1)
				go func() { ended <- s.ServeTLS(ln, test.cert, test.key) }()
				if got := fetch(t, client, "https://"+ln.Addr().String()+"/x"); got != "hello, /x" {
					t.Errorf("%q", got)
				}
				client.CloseIdleConnections()
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				if err := s.Shutdown(ctx); err != nil {
					t.Errorf("Shutdown: %v", err)
				}
				if err := <-ended; !errors.Is(err, uringserve.ErrServerClosed) {
					t.Errorf("ServeTLS: %v", err)
				}
				if st := s.Stats(); st.Conn.Secured != 1 || st.Handshakes.Succeeded != 1 {
					t.Errorf("%+v", st)
				}
			})
		}
	})
}

// Listeners are numbered in the order in which the server got them, whichever
// engine accepts; each is treated in its own way.
func TestListenersAreCounted(t *testing.T) {
	files, client := devCert(t)
	certs, err := tls.LoadCertificates(tls.CertificateOptions{Files: []tls.CertificateFiles{{Cert: files.Cert, Key: files.Key}}})
	if err != nil {
		t.Fatal(err)
	}
	onEngines(t, func(t *testing.T, engine string) {
		s := &uringserve.Server{
			Engine: engine, Loops: 1, Log: quiet,
			TLS: &tls.Options{GetCertificate: certs.GetCertificate},
			App: app.HandlerFunc(func(r *app.Request, w *app.Response) { fmt.Fprint(w, r.Listener, r.TLS() != nil) }),
		}
		var urls []string
		foreign := func(adopt func(net.Listener) error, scheme string) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			if err := adopt(strange{ln}); err != nil {
				t.Fatal(err)
			}
			urls = append(urls, scheme+"://"+ln.Addr().String())
		}
		own := func(listen func(string) ([]net.Addr, error), scheme string) {
			addrs, err := listen("127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			urls = append(urls, scheme+"://"+addrs[0].String())
		}
		own(s.Listen, "http")
		foreign(s.Adopt, "http")
		foreign(s.AdoptTLS, "https")
		own(s.ListenTLS, "https")
		if _, err := s.Listen(s.Addrs()[0].String()); err == nil {
			t.Fatal("an address was bound twice")
		}
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		own(s.Listen, "http")
		foreign(s.AdoptTLS, "https")
		own(s.ListenTLS, "https")
		for i, url := range urls {
			want := fmt.Sprint(i, url[:5] == "https")
			if got := fetch(t, client, url); got != want {
				t.Errorf("listener %d, %s: %q, want %q", i, url, got, want)
			}
		}
	})
}

func TestTLSConfigErrors(t *testing.T) {
	files, _ := devCert(t)
	missing := filepath.Join(t.TempDir(), "missing.pem")
	var file *tls.FileError
	for name, c := range map[string]struct {
		server    *uringserve.Server
		cert, key string
		field     string
		cause     error
	}{
		"nothing":      {&uringserve.Server{}, "", "", "TLS", uringserve.ErrNoCertificate},
		"empty config": {&uringserve.Server{TLSConfig: &cryptotls.Config{}}, "", "", "TLSConfig", uringserve.ErrNoCertificate},
		"two configs":  {&uringserve.Server{TLSConfig: &cryptotls.Config{}, TLS: &tls.Options{}}, "", "", "TLS", uringserve.ErrTwoConfigs},
		"no file":      {&uringserve.Server{}, missing, files.Key, "TLS", nil},
		"another key":  {&uringserve.Server{}, files.Cert, files.CAKey, "TLS", nil},
		"old version":  {&uringserve.Server{TLS: &tls.Options{MinVersion: cryptotls.VersionTLS10}}, files.Cert, files.Key, "TLS", nil},
		"bounds":       {&uringserve.Server{Handshakes: tls.HandshakerOptions{Waiting: -1}}, files.Cert, files.Key, "Handshakes", nil},
	} {
		t.Run(name, func(t *testing.T) {
			c.server.Addr, c.server.App, c.server.Engine = "127.0.0.1:0", newHello(), "net"
			defer c.server.Close()
			err := c.server.ListenAndServeTLS(c.cert, c.key)
			var bad *uringserve.ConfigError
			if !errors.As(err, &bad) || bad.Field != c.field || c.cause != nil && !errors.Is(err, c.cause) {
				t.Errorf("%v", err)
			}
			if c.cert == missing && !errors.As(err, &file) {
				t.Errorf("not a FileError: %v", err)
			}
			if bytes.ContainsRune([]byte(fmt.Sprint(err)), '\n') {
				t.Errorf("more than one line: %v", err)
			}
		})
	}
	err := uringserve.ListenAndServeTLS("nowhere", files.Cert, files.Key, http.NotFoundHandler())
	if !errors.Is(err, uringserve.ErrBadAddress) {
		t.Errorf("ListenAndServeTLS: %v", err)
	}
}
