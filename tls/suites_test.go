package tls

import (
	"crypto/rand"
	"crypto/rsa"
	"slices"
	"strings"
	"testing"
	"time"

	cryptotls "crypto/tls"
)

// Of all suites of TLS 1.2 that crypto/tls knows, those of authenticated
// encryption with forward secrecy are taken: no RC4, 3DES, CBC or RSA key
// transport, whatever the certificate.
func TestSuites(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ca, dir := sharedPKI(t), t.TempDir()
	ec, ecKey := writeCert(t, dir, "ec", ca.issue(t, newKey(t), time.Hour, "localhost"))
	rs, rsKey := writeCert(t, dir, "rsa", ca.issue(t, rsaKey, time.Hour, "localhost"))
	s, err := LoadCertificates(CertificateOptions{Files: []CertificateFiles{{Cert: ec, Key: ecKey}, {Cert: rs, Key: rsKey}}})
	if err != nil {
		t.Fatal(err)
	}
	server := serverConfig(t, func(o *Options) { o.GetCertificate = s.GetCertificate })
	p := newHandshaker(t, HandshakerOptions{})
	taken := 0
	for _, suite := range slices.Concat(cryptotls.CipherSuites(), cryptotls.InsecureCipherSuites()) {
		if !slices.Contains(suite.SupportedVersions, cryptotls.VersionTLS12) {
			continue
		}
		client := clientConfig(t, func(c *cryptotls.Config) {
			c.MaxVersion = cryptotls.VersionTLS12
			c.CipherSuites = []uint16{suite.ID}
		})
		good := strings.HasPrefix(suite.Name, "TLS_ECDHE_") &&
			(strings.Contains(suite.Name, "_GCM_") || strings.Contains(suite.Name, "_CHACHA20_"))
		r, c, err := dial(t, p, server, client)
		r.close()
		if (err == nil) != good {
			t.Errorf("%s: %v", suite.Name, err)
		}
		if err == nil && c.ConnectionState().CipherSuite != suite.ID {
			t.Errorf("%s: %s", suite.Name, cryptotls.CipherSuiteName(c.ConnectionState().CipherSuite))
		}
		if err == nil {
			taken++
		}
	}
	if taken != len(suites12) {
		t.Errorf("%d suites are taken, want %d", taken, len(suites12))
	}
}
