//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A finding is one of testssl.sh.
type finding struct{ ID, Severity, Finding string }

// excepted are findings that say nothing bad about the server.
var excepted = map[string]string{
	// They are of this machine's openssl, which cannot offer them. sslscan looks
	// for them with hellos of its own.
	"RC4": "RC4 ciphers not supported by local OpenSSL",
}

// testssl.sh finds nothing weak. Its checks of protocols and of vulnerabilities
// take half a minute, so they are made once, and not for each engine: TLS is
// above them. Classes of ciphers are left to sslscan, which is faster. Its checks
// of the certificate are left out: they would find that nobody trusts the CA of
// dev-cert, and that it does not revoke.
func TestE2ETLSTestssl(t *testing.T) {
	s := startSecure(t, devCert(t))
	file := filepath.Join(t.TempDir(), "found.json")
	run(t, "testssl", "--quiet", "--color", "0", "--warnings", "off", "--fast", "--jsonfile", file,
		"--protocols", "--vulnerable", strings.TrimPrefix(s.url, "https://"))
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var found []finding
	if err := json.Unmarshal(text, &found); err != nil {
		t.Fatal(err)
	}
	good := map[string]string{} // what it said, by check
	for _, f := range found {
		good[f.ID] = f.Finding
		switch why, ok := excepted[f.ID]; {
		case f.Severity == "OK" || f.Severity == "INFO":
		case ok && strings.HasPrefix(f.Finding, why):
		default:
			t.Errorf("%s: %s: %s", f.Severity, f.ID, f.Finding)
		}
	}
	// That it has looked at all.
	for id, want := range map[string]string{
		"SSLv2": "not offered", "SSLv3": "not offered", "TLS1": "not offered", "TLS1_1": "not offered",
		"TLS1_2": "offered", "TLS1_3": "offered with final", "ALPN_HTTP2": "h2",
		"heartbleed": "not vulnerable", "CCS": "not vulnerable", "ticketbleed": "not vulnerable", "ROBOT": "not vulnerable",
		"secure_renego": "supported", "secure_client_renego": "not vulnerable", "CRIME_TLS": "not vulnerable",
		"BREACH": "not vulnerable", "SWEET32": "not vulnerable", "LUCKY13": "not vulnerable", "BEAST": "not vulnerable",
	} {
		if !strings.HasPrefix(good[id], want) {
			t.Errorf("%s: %q, want %q", id, good[id], want)
		}
	}
}

// sslscan asks with all ciphers that there are, also those that openssl has no
// more.
func TestE2ETLSScan(t *testing.T) {
	cipher := regexp.MustCompile(`(?m)^(?:Preferred|Accepted) +(TLSv\S+) +\d+ bits +(\S+)`)
	strong := regexp.MustCompile(`^(TLS_|ECDHE-).*(GCM|CHACHA20)`)
	onSecureEngines(t, func(t *testing.T, s *server, _ string) {
		out := run(t, "sslscan", "--no-colour", "--show-client-cas", strings.TrimPrefix(s.url, "https://"))
		for _, want := range []string{
			`SSLv2 +disabled`, `SSLv3 +disabled`, `TLSv1\.0 +disabled`, `TLSv1\.1 +disabled`, `TLSv1\.2 +enabled`, `TLSv1\.3 +enabled`,
			`Server supports TLS Fallback SCSV`, `Session renegotiation not supported`,
			`TLSv1\.3 not vulnerable to heartbleed`, `TLSv1\.2 not vulnerable to heartbleed`,
		} {
			if !regexp.MustCompile(want).MatchString(out) {
				t.Errorf("it does not say %s", want)
			}
		}
		versions := map[string]int{}
		for _, m := range cipher.FindAllStringSubmatch(out, -1) {
			if versions[m[1]]++; !strong.MatchString(m[2]) {
				t.Errorf("%s: %s", m[1], m[2])
			}
		}
		if len(versions) != 2 || versions["TLSv1.2"] != 3 || versions["TLSv1.3"] != 3 || t.Failed() {
			t.Errorf("accepted: %v\n%s", versions, out)
		}
	})
}

// gnutls-cli trusts the certificate, speaks both versions, resumes its session,
// is refused with others, and asks for no more than it may: it is not led into a
// renegotiation.
func TestE2ETLSGnuTLS(t *testing.T) {
	const get = "GET /plaintext HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	onSecureEngines(t, func(t *testing.T, s *server, dir string) {
		gnutls := func(input string, args ...string) (string, error) {
			cmd := exec.Command("gnutls-cli", append([]string{"--x509cafile", dir + "/ca.pem", "--port", s.port(), "localhost"}, args...)...)
			cmd.Stdin = strings.NewReader(input)
			out, err := cmd.CombinedOutput()
			return string(out), err
		}
		for _, c := range []struct {
			args []string
			want []string
		}{
			{[]string{"--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2"}, []string{"(TLS1.2-X.509)", "HTTP/1.1 200 OK", "Hello, World!"}},
			{[]string{"--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.3"}, []string{"(TLS1.3-X.509)", "HTTP/1.1 200 OK", "Hello, World!"}},
			{[]string{"--alpn", "http/1.1", "--alpn", "h2"}, []string{"Application protocol: h2"}},
			{[]string{"--alpn", "http/1.1"}, []string{"Application protocol: http/1.1"}},
			{[]string{"--resume", "--waitresumption"}, []string{"*** This is a resumed session", "HTTP/1.1 200 OK"}},
		} {
			out, _ := gnutls(get, c.args...) // it fails if the server ends first
			for _, want := range append(c.want, "The certificate is trusted") {
				if !strings.Contains(out, want) {
					t.Errorf("%v: no %q in\n%s", c.args, want, out)
				}
			}
		}
		for _, priority := range []string{
			"NORMAL:-VERS-ALL:+VERS-TLS1.1:+VERS-TLS1.0:%COMPAT",
			"NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC:+AES-256-CBC",
			"NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+3DES-CBC:+ARCFOUR-128",
			"NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA:+DHE-RSA",
			"NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ANON-ECDH:+ANON-DH",
			"NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+NULL",
		} {
			out, err := gnutls(get, "--priority", priority)
			if err == nil || !strings.Contains(out, "alert") || strings.Contains(out, "200 OK") {
				t.Errorf("%s: %v\n%s", priority, err, out)
			}
		}
		run(t, "curl", "-sS", "--cacert", dir+"/ca.pem", s.url+"/plaintext")
	})
}
