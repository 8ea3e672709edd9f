//go:build e2e

package e2e

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	cryptotls "crypto/tls"
)

// devCert has the binary make certificates.
func devCert(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "dev")
	out := run(t, binary, "dev-cert", dir)
	for _, want := range []string{"--listen https://localhost", dir + "/localhost.pem", "curl --cacert " + dir + "/ca.pem"} {
		if !strings.Contains(out, want) {
			t.Errorf("dev-cert does not say %q:\n%s", want, out)
		}
	}
	return dir
}

// startSecure runs the binary with certificates of dir; s.url is https.
func startSecure(t *testing.T, dir string, args ...string) *server {
	t.Helper()
	return startCommand(t, exec.Command(binary, append([]string{"--listen", "https://127.0.0.1:0",
		"--cert", filepath.Join(dir, "localhost.pem"), "--key", filepath.Join(dir, "localhost-key.pem")}, args...)...))
}

// onSecureEngines is onEngines with TLS.
func onSecureEngines(t *testing.T, test func(t *testing.T, s *server, dir string)) {
	dir := devCert(t)
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) { test(t, startSecure(t, dir, "--engine", engine), dir) })
	}
}

// seen is what /request tells.
type seen struct {
	Protocol string
	TLS      *struct {
		Version, Cipher, ALPN string
		Name                  string `json:"server_name"`
	}
}

func TestE2ETLSCurl(t *testing.T) {
	onSecureEngines(t, func(t *testing.T, s *server, dir string) {
		port := s.url[strings.LastIndex(s.url, ":"):]
		for _, c := range []struct {
			args                    []string
			version, alpn, protocol string
		}{
			{[]string{"--http1.1", "--tls-max", "1.2"}, "TLS 1.2", "http/1.1", "HTTP/1.1"},
			{[]string{"--http1.1", "--tlsv1.3"}, "TLS 1.3", "http/1.1", "HTTP/1.1"},
			{[]string{"--http1.0"}, "TLS 1.3", "http/1.0", "HTTP/1.0"},
			{[]string{"--no-alpn"}, "TLS 1.3", "", "HTTP/1.1"},
			{[]string{"--http2"}, "TLS 1.3", "h2", "HTTP/2.0"},
		} {
			args := append([]string{"-sS", "--max-time", "20", "--cacert", dir + "/ca.pem", "https://localhost" + port + "/request"}, c.args...)
			var got seen
			if err := json.Unmarshal([]byte(run(t, "curl", args...)), &got); err != nil {
				t.Fatal(err)
			}
			if got.TLS == nil || got.TLS.Version != c.version || got.TLS.ALPN != c.alpn || got.TLS.Name != "localhost" ||
				got.TLS.Cipher == "" || got.Protocol != c.protocol {
				t.Errorf("%v: %+v %+v", c.args, got, got.TLS)
			}
		}
		out := run(t, "curl", "-sS", "http://localhost"+port+"/")
		if !strings.Contains(out, "https") {
			t.Errorf("cleartext was told %q", out)
		}
	})
}

// openssl asks for a renegotiation, which is refused, and the next client served.
func TestE2ETLSOpenSSL(t *testing.T) {
	onSecureEngines(t, func(t *testing.T, s *server, dir string) {
		address := strings.TrimPrefix(s.url, "https://")
		for _, version := range []string{"-tls1_2", "-tls1_3"} {
			cmd := exec.Command("openssl", "s_client", "-connect", address, "-servername", "localhost", version,
				"-CAfile", dir+"/ca.pem", "-verify_return_error", "-quiet", "-no_ign_eof")
			cmd.Stdin = strings.NewReader("GET /plaintext HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			// It ends at once with its input: the handshake has to succeed.
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", version, err, out)
			}
		}
		cmd := exec.Command("sh", "-c", "(printf 'GET /delay?ms=300 HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'; sleep 1; echo R; sleep 1) | "+
			"openssl s_client -connect "+address+" -tls1_2 -CAfile "+dir+"/ca.pem")
		out, err := cmd.CombinedOutput() // openssl needs the time: it takes R from a line that is read alone
		if err == nil || !strings.Contains(string(out), "RENEGOTIATING") || !strings.Contains(string(out), "alert") {
			t.Errorf("a renegotiation was not refused: %v\n%s", err, out)
		}
		if out, err := exec.Command("openssl", "s_client", "-connect", address, "-tls1_1").CombinedOutput(); err == nil {
			t.Errorf("TLS 1.1 was taken:\n%s", out)
		}
		run(t, "curl", "-sS", "--cacert", dir+"/ca.pem", s.url+"/plaintext")
	})
}

func TestE2ETLSWrk(t *testing.T) {
	requests := regexp.MustCompile(`(\d+) requests in`)
	onSecureEngines(t, func(t *testing.T, s *server, _ string) {
		out := run(t, "wrk", "-t1", "-c64", "-d2s", s.url+"/plaintext")
		if m := requests.FindStringSubmatch(out); m == nil || len(m[1]) < 4 ||
			strings.Contains(out, "Non-2xx") || strings.Contains(out, "Socket errors") {
			t.Errorf("wrk:\n%s", out)
		}
	})
}

// Certificates change while the server serves: by SIGHUP, and by themselves.
func TestE2ETLSReload(t *testing.T) {
	dir, next := devCert(t), devCert(t)
	s := startSecure(t, dir)
	issuer := func() string {
		c, err := cryptotls.Dial("tcp", strings.TrimPrefix(s.url, "https://"), &cryptotls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return fmt.Sprint(c.ConnectionState().PeerCertificates[0].SerialNumber)
	}
	before := issuer()
	for _, name := range []string{"localhost.pem", "localhost-key.pem"} {
		b, err := os.ReadFile(filepath.Join(next, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.signal(syscall.SIGHUP)
	for end := time.Now().Add(patience); issuer() == before; time.Sleep(10 * time.Millisecond) { // the signal is handled some time
		if time.Now().After(end) {
			t.Fatalf("the old certificate stays:\n%s", s.logged())
		}
	}
	after := issuer()
	if err := os.WriteFile(filepath.Join(dir, "localhost.pem"), []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); !strings.Contains(s.logged(), "cannot be used"); time.Sleep(10 * time.Millisecond) { // files are watched
		if time.Now().After(end) {
			t.Fatalf("a bad file was not reported:\n%s", s.logged())
		}
	}
	if issuer() != after {
		t.Error("a bad file has replaced the certificate")
	}
	s.signal(syscall.SIGTERM)
	if code := s.wait(); code != 0 {
		t.Errorf("exit %d", code)
	}
}

// Go's client, over both versions of HTTP.
func TestE2ETLSGoClient(t *testing.T) {
	onSecureEngines(t, func(t *testing.T, s *server, dir string) {
		pem, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		for _, h2 := range []bool{false, true} {
			client := &http.Client{Timeout: patience, Transport: &http.Transport{
				TLSClientConfig: &cryptotls.Config{RootCAs: roots}, ForceAttemptHTTP2: h2,
			}}
			resp, err := client.Get(s.url + "/bytes?n=1000000")
			if err != nil {
				t.Fatal(err)
			}
			var n int64
			b := make([]byte, 8192)
			for {
				m, err := resp.Body.Read(b)
				n += int64(m)
				if err != nil {
					break
				}
			}
			resp.Body.Close()
			if n != 1_000_000 || (resp.ProtoMajor == 2) != h2 {
				t.Errorf("%s: %d bytes", resp.Proto, n)
			}
			client.CloseIdleConnections()
		}
	})
}

// What cannot be used is said in one line.
func TestE2ETLSRefusals(t *testing.T) {
	dir := devCert(t)
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--listen", "https://localhost:0"}, 2, "dev-cert"},
		{[]string{"--listen", "https://localhost:0", "--cert", dir + "/none.pem", "--key", dir + "/localhost-key.pem"}, 1, "none.pem"},
		{[]string{"--listen", "https://localhost:0", "--cert", dir + "/localhost.pem", "--key", dir + "/ca-key.pem"}, 1, "localhost.pem"},
		{[]string{"dev-cert", dir}, 1, "nothing is overwritten"},
	} {
		out, code := refused(t, c.args...)
		if code != c.code || !strings.Contains(out, c.says) || strings.Count(strings.TrimSpace(out), "\n") != 0 {
			t.Errorf("%v: exit %d, printed %q", c.args, code, out)
		}
	}
}
