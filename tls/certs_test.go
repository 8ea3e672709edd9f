package tls

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	cryptotls "crypto/tls"
)

// served is the name of the certificate that a client gets.
func served(t *testing.T, s *Certificates, name string) string {
	t.Helper()
	cert, err := s.GetCertificate(&cryptotls.ClientHelloInfo{ServerName: name})
	if err != nil {
		t.Fatal(err)
	}
	if cert == nil {
		return ""
	}
	return cert.Leaf.Subject.CommonName
}

func TestNames(t *testing.T) {
	dir, ca := t.TempDir(), sharedPKI(t)
	var o CertificateOptions
	for name, list := range map[string][]string{"1 default": {"default.example"}, "2 wild": {"*.wild.example"}, "3 deep": {"*.deep.wild.example"}, "4 both": {"exact.wild.example", "UPPER.example"}} {
		cert, key := writeCert(t, dir, name, ca.issue(t, newKey(t), time.Hour, list...))
		o.Files = append(o.Files, CertificateFiles{Cert: cert, Key: key})
	}
	// The order matters: the first is the default.
	for i, f := range o.Files {
		if strings.Contains(f.Cert, "1 default") {
			o.Files[0], o.Files[i] = f, o.Files[0]
		}
	}
	o.Files[0].Names = []string{"named.example", "*.named.example"} // instead of its own
	for _, strict := range []bool{false, true} {
		o.Strict = strict
		s, err := LoadCertificates(o)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{
			"":                       "-",
			"unknown.example":        "-",
			"default.example":        "-",
			"named.example":          "default.example",
			"a.named.example":        "default.example",
			"wild.example":           "-",
			"a.wild.example":         "*.wild.example",
			"A.Wild.Example.":        "*.wild.example",
			"a.b.wild.example":       "*.wild.example",
			"deep.wild.example":      "*.wild.example",
			"a.deep.wild.example":    "*.deep.wild.example",
			"exact.wild.example":     "exact.wild.example",
			"x.exact.wild.example":   "*.wild.example",
			"upper.example":          "exact.wild.example",
			".":                      "-",
			"wild.example.":          "-",
			"notwild.example":        "-",
			"*.wild.example":         "*.wild.example",
			strings.Repeat("a.", 99): "-",
		} {
			if want == "-" && !strict {
				want = "default.example"
			} else if want == "-" {
				want = ""
			}
			if got := served(t, s, name); got != want {
				t.Errorf("strict %v: %q gets %q, want %q", strict, name, got, want)
			}
		}
	}
}

// Two certificates for one name: the client gets one that it can verify.
func TestCertificateByKey(t *testing.T) {
	dir, ca := t.TempDir(), sharedPKI(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ec, ecKey := writeCert(t, dir, "ec", ca.issue(t, newKey(t), time.Hour, "localhost"))
	rs, rsKey := writeCert(t, dir, "rsa", ca.issue(t, rsaKey, time.Hour, "localhost"))
	s, err := LoadCertificates(CertificateOptions{Files: []CertificateFiles{{Cert: ec, Key: ecKey}, {Cert: rs, Key: rsKey}}})
	if err != nil {
		t.Fatal(err)
	}
	server := serverConfig(t, func(o *Options) { o.GetCertificate = s.GetCertificate })
	p := newHandshaker(t, HandshakerOptions{})
	for suite, isEC := range map[uint16]bool{
		cryptotls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: true,
		cryptotls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256:   false,
	} {
		r, c := mustDial(t, p, server, clientConfig(t, func(c *cryptotls.Config) {
			c.MaxVersion = cryptotls.VersionTLS12
			c.CipherSuites = []uint16{suite}
		}))
		r.close()
		if _, got := c.ConnectionState().PeerCertificates[0].PublicKey.(*ecdsa.PublicKey); got != isEC {
			t.Errorf("ECDSA %v, want %v", got, isEC)
		}
	}
}

// goodStaple is an OCSPResponse without its content; badStaple says tryLater.
var goodStaple, badStaple = []byte{0x30, 3, 0x0a, 1, 0}, []byte{0x30, 3, 0x0a, 1, 3}

func TestStaple(t *testing.T) {
	dir := t.TempDir()
	sharedPKI(t)
	cert, key := writeCert(t, dir, "a", shared.server)
	ocsp := filepath.Join(dir, "a.ocsp")
	writeFile(t, ocsp, goodStaple)
	o := CertificateOptions{Files: []CertificateFiles{{Cert: cert, Key: key, OCSP: ocsp}}}
	s, err := LoadCertificates(o)
	if err != nil {
		t.Fatal(err)
	}
	server := serverConfig(t, func(o *Options) { o.GetCertificate = s.GetCertificate })
	r, c := mustDial(t, newHandshaker(t, HandshakerOptions{}), server, clientConfig(t, nil))
	r.close()
	if got := c.ConnectionState().OCSPResponse; string(got) != string(goodStaple) {
		t.Errorf("stapled % x", got)
	}
	for _, bad := range [][]byte{badStaple, nil, []byte("text"), append(goodStaple[:5:5], 0)} {
		writeFile(t, ocsp, bad)
		var file *FileError
		if _, err := s.Reload(); !errors.As(err, &file) || file.Path != ocsp {
			t.Errorf("% x: %v", bad, err)
		}
	}
}

func TestBadFiles(t *testing.T) {
	dir := t.TempDir()
	sharedPKI(t)
	cert, key := writeCert(t, dir, "a", shared.server)
	_, otherKey := writeCert(t, dir, "b", shared.client)
	large := filepath.Join(dir, "large")
	writeFile(t, large, make([]byte, maxFile+1))
	text := filepath.Join(dir, "text")
	writeFile(t, text, []byte("no PEM"))
	for _, c := range []struct {
		name string
		o    CertificateOptions
	}{
		{"none", CertificateOptions{}},
		{"absent", CertificateOptions{Files: []CertificateFiles{{Cert: filepath.Join(dir, "absent"), Key: key}}}},
		{"key absent", CertificateOptions{Files: []CertificateFiles{{Cert: cert, Key: filepath.Join(dir, "absent")}}}},
		{"directory", CertificateOptions{Files: []CertificateFiles{{Cert: dir, Key: key}}}},
		{"another's key", CertificateOptions{Files: []CertificateFiles{{Cert: cert, Key: otherKey}}}},
		{"text", CertificateOptions{Files: []CertificateFiles{{Cert: text, Key: key}}}},
		{"large", CertificateOptions{Files: []CertificateFiles{{Cert: large, Key: key}}}},
		{"name *", CertificateOptions{Files: []CertificateFiles{{Cert: cert, Key: key, Names: []string{"*"}}}}},
		{"name *.", CertificateOptions{Files: []CertificateFiles{{Cert: cert, Key: key, Names: []string{"*."}}}}},
		{"name a.*", CertificateOptions{Files: []CertificateFiles{{Cert: cert, Key: key, Names: []string{"a.*"}}}}},
		{"empty name", CertificateOptions{Files: []CertificateFiles{{Cert: cert, Key: key, Names: []string{""}}}}},
	} {
		_, err := LoadCertificates(c.o)
		var file *FileError
		var option *OptionError
		if !errors.As(err, &file) && !errors.As(err, &option) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if b, err := readFile(large); err == nil {
		t.Errorf("%d bytes were read", len(b))
	}
	for _, n := range []int{maxFile - 1, maxFile} {
		writeFile(t, large, make([]byte, n))
		if b, err := readFile(large); err != nil || len(b) != n {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestTicketKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	one, two, three := strings.Repeat("01", 32), strings.Repeat("02", 32), strings.Repeat("03", 32)
	writeFile(t, path, []byte(one+"\n"))
	var told []error
	keys, err := LoadTicketKeys(path, func(err error) { told = append(told, err) })
	if err != nil {
		t.Fatal(err)
	}
	// Two servers, one file.
	use := func(o *Options) { o.Tickets = keys }
	servers := []*cryptotls.Config{serverConfig(t, use), serverConfig(t, use)}
	client := clientConfig(t, func(c *cryptotls.Config) { c.ClientSessionCache = cryptotls.NewLRUClientSessionCache(1) })
	p := newHandshaker(t, HandshakerOptions{})
	for i, c := range []struct {
		file    string
		resumed bool
	}{
		{one, false},
		{one, true}, // by the other server
		{"# newest first\n\n" + two + "\r\n" + one + "\n", true}, // rotated
		{three + "\n" + two, true},                               // the last ticket was under two
		{one, false},                                             // no key that was used
	} {
		writeFile(t, path, []byte(c.file))
		keys.refresh()
		r, conn := mustDial(t, p, servers[i%2], client)
		r.close()
		if got := conn.ConnectionState().DidResume; got != c.resumed {
			t.Errorf("connection %d resumed: %v", i, got)
		}
	}
	if len(told) != 0 {
		t.Error(told)
	}
	for _, bad := range []string{"", "# nothing\n", "01", one + "0\n", strings.Repeat("xy", 32), strings.Repeat(one+"\n", maxTicketKeys+1)} {
		writeFile(t, path, []byte(bad))
		var file *FileError
		if err := keys.Reload(); !errors.As(err, &file) {
			t.Errorf("%.20q: %v", bad, err)
		} else if strings.Contains(err.Error(), "xy") {
			t.Errorf("a key is quoted: %v", err)
		}
	}
	for range 2 {
		keys.refresh()
	}
	if len(told) != 1 {
		t.Errorf("told %v", told)
	}
	for _, n := range []int{1, maxTicketKeys - 1, maxTicketKeys} {
		if got, err := parseTicketKeys([]byte(strings.Repeat(one+"\n", n))); err != nil || len(got) != n {
			t.Errorf("%d keys: %v", n, err)
		}
	}
}

func TestOptions(t *testing.T) {
	get := func(*cryptotls.ClientHelloInfo) (*cryptotls.Certificate, error) { return nil, nil }
	for name, o := range map[string]Options{
		"GetCertificate": {},
		"MinVersion":     {GetCertificate: get, MinVersion: cryptotls.VersionTLS11},
		"ClientAuth":     {GetCertificate: get, ClientAuth: 3, ClientCAs: x509.NewCertPool()},
		"ClientCAs":      {GetCertificate: get, ClientAuth: ClientRequest},
		"Protocols":      {GetCertificate: get, Protocols: []string{""}},
	} {
		_, err := o.Config()
		var bad *OptionError
		if !errors.As(err, &bad) || bad.Option != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	for n, ok := range map[int]bool{0: false, 1: true, 255: true, 256: false} {
		o := Options{GetCertificate: get, Protocols: []string{strings.Repeat("p", n)}}
		if _, err := o.Config(); ok != (err == nil) {
			t.Errorf("a protocol of %d bytes: %v", n, err)
		}
	}
	cfg, err := (&Options{GetCertificate: get}).Config()
	if err != nil || cfg.MinVersion != cryptotls.VersionTLS12 || cfg.KeyLogWriter != nil || cfg.CurvePreferences != nil {
		t.Errorf("%+v, %v", cfg, err)
	}
}

func TestDevCert(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "certs")
	files, err := DevCert(dir)
	if err != nil {
		t.Fatal(err)
	}
	for path, secret := range map[string]bool{files.CA: false, files.CAKey: true, files.Cert: false, files.Key: true} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS != "windows" && secret && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
	}
	s, err := LoadCertificates(CertificateOptions{Files: []CertificateFiles{{Cert: files.Cert, Key: files.Key}}})
	if err != nil {
		t.Fatal(err)
	}
	pool, err := LoadCAs(files.CA)
	if err != nil {
		t.Fatal(err)
	}
	server := serverConfig(t, func(o *Options) { o.GetCertificate = s.GetCertificate })
	p := newHandshaker(t, HandshakerOptions{})
	for _, name := range []string{"localhost", "app.localhost", "127.0.0.1", "::1"} {
		r, _ := mustDial(t, p, server, clientConfig(t, func(c *cryptotls.Config) { c.RootCAs, c.ServerName = pool, name }))
		r.close()
	}
	// The CA's key is no danger to other names.
	pair, err := cryptotls.LoadX509KeyPair(files.CA, files.CAKey)
	if err != nil {
		t.Fatal(err)
	}
	ca := &pki{cert: pair.Leaf, key: pair.PrivateKey.(*ecdsa.PrivateKey)}
	forged := ca.issue(t, newKey(t), time.Hour, "example.com")
	if _, err := forged.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: "example.com"}); err == nil {
		t.Error("the CA can sign for example.com")
	}
	before, _ := os.ReadFile(files.Key)
	if _, err := DevCert(dir); !errors.Is(err, fs.ErrExist) {
		t.Errorf("again: %v", err)
	}
	if after, _ := os.ReadFile(files.Key); string(after) != string(before) {
		t.Error("a key was overwritten")
	}
	if _, err := LoadCAs(files.Key); err == nil {
		t.Error("a key was taken for a CA")
	}
}
