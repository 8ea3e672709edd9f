//go:build e2e

package e2e

import (
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	cryptotls "crypto/tls"
)

// A pair is a certificate and its key, by file name.
type pair map[string][]byte

// newPair has the binary make one, and adds its CA to roots.
func newPair(t *testing.T, roots *x509.CertPool) pair {
	t.Helper()
	dir := devCert(t)
	p := pair{}
	for _, name := range []string{"localhost.pem", "localhost-key.pem", "ca.pem"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		p[name] = b
	}
	roots.AppendCertsFromPEM(p["ca.pem"])
	delete(p, "ca.pem")
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// byRename replaces one file after the other. Between them hup is called: the
// certificate is then another key's.
func byRename(t *testing.T, dir string, p pair, hup func()) {
	for _, name := range []string{"localhost.pem", "localhost-key.pem"} {
		must(t, os.WriteFile(filepath.Join(dir, "new"), p[name], 0o600))
		must(t, os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, name)))
		hup()
	}
}

// byLink replaces the directory that ..data leads to, as Kubernetes does.
func byLink(t *testing.T, dir string, p pair, hup func()) {
	version, err := os.MkdirTemp(dir, "..version")
	must(t, err)
	for name, b := range p {
		must(t, os.WriteFile(filepath.Join(version, name), b, 0o600))
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			must(t, os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)))
		}
	}
	data, tmp := filepath.Join(dir, "..data"), filepath.Join(dir, "..data_tmp")
	old, _ := os.Readlink(data)
	must(t, os.Symlink(filepath.Base(version), tmp))
	must(t, os.Rename(tmp, data))
	if old != "" {
		must(t, os.RemoveAll(filepath.Join(dir, old)))
	}
	hup()
}

// load are clients at full speed, each with connection after connection of
// either version of HTTP; what fails is an error of t.
type load struct {
	t      *testing.T
	url    string
	roots  *x509.CertPool
	stop   atomic.Bool
	wg     sync.WaitGroup
	served atomic.Int64
}

func (l *load) start(clients int) {
	for i := range clients {
		l.wg.Go(func() {
			for !l.stop.Load() {
				if err := l.visit(i%2 == 0); err != nil {
					l.t.Errorf("client %d, after %d requests: %v", i, l.served.Load(), err)
					return
				}
			}
		})
	}
}

// visit has a new connection with five requests.
func (l *load) visit(h2 bool) error {
	tr := &http.Transport{TLSClientConfig: &cryptotls.Config{RootCAs: l.roots}, ForceAttemptHTTP2: h2}
	defer tr.CloseIdleConnections()
	client := &http.Client{Transport: tr, Timeout: patience}
	for range 5 {
		resp, err := client.Get(l.url + "/bytes?n=20000")
		if err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err != nil || n != 20_000 || resp.StatusCode != 200 || (resp.ProtoMajor == 2) != h2 {
			return fmt.Errorf("%s %s, %d bytes, %v", resp.Proto, resp.Status, n, err)
		}
		l.served.Add(1)
	}
	return nil
}

// serial is the number of the certificate that a new client gets.
func serial(t *testing.T, s *server) string {
	t.Helper()
	c, err := cryptotls.Dial("tcp", strings.TrimPrefix(s.url, "https://"), &cryptotls.Config{InsecureSkipVerify: true})
	must(t, err)
	defer c.Close()
	return fmt.Sprint(c.ConnectionState().PeerCertificates[0].SerialNumber)
}

// Certificates change six times under load, by SIGHUP and by themselves: no
// handshake and no request fails.
func TestE2ETLSReloadUnderLoad(t *testing.T) {
	const swaps = 6
	roots := x509.NewCertPool()
	pairs := [2]pair{newPair(t, roots), newPair(t, roots)}
	for name, swap := range map[string]func(*testing.T, string, pair, func()){"rename": byRename, "link": byLink} {
		for _, engine := range engines {
			t.Run(name+", "+engine, func(t *testing.T) {
				dir := t.TempDir()
				swap(t, dir, pairs[0], func() {})
				s := startSecure(t, dir, "--engine", engine)
				l := &load{t: t, url: s.url, roots: roots}
				l.start(4)
				steady := exec.Command("h2load", "-D", "4", "-c", "4", "-m", "10", s.url+"/plaintext") // on connections that stay
				told := make(chan string, 1)
				go func() {
					out, err := steady.CombinedOutput()
					told <- fmt.Sprintf("%s%v", out, err)
				}()
				for i := range swaps {
					before := serial(t, s)
					hup := func() {}
					if i%2 == 0 {
						hup = func() { s.signal(syscall.SIGHUP) }
					}
					swap(t, dir, pairs[1-i%2], hup)
					for end := time.Now().Add(patience); serial(t, s) == before; time.Sleep(5 * time.Millisecond) { // it is seen some time
						if time.Now().After(end) {
							t.Fatalf("swap %d: the old certificate stays:\n%s", i, s.logged())
						}
					}
				}
				if out := <-told; !strings.Contains(out, " 0 failed, 0 errored, 0 timeout") || !strings.HasSuffix(out, "<nil>") {
					t.Errorf("h2load: %s", out)
				}
				l.stop.Store(true)
				l.wg.Wait()
				t.Logf("%d requests on short connections", l.served.Load())
				if l.served.Load() < 100 || strings.Count(s.logged(), "read again") != swaps {
					t.Errorf("%d requests; log:\n%s", l.served.Load(), s.logged())
				}
				s.signal(syscall.SIGTERM)
				if code := s.wait(); code != 0 {
					t.Errorf("exit %d:\n%s", code, s.logged())
				}
			})
		}
	}
}
