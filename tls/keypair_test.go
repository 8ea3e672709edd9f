package tls

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// The file at fault is named, and what to do.
func TestKeyPairErrors(t *testing.T) {
	dir := t.TempDir()
	sharedPKI(t)
	cert, key := writeCert(t, dir, "a", shared.server)
	_, other := writeCert(t, dir, "b", shared.client)
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		writeFile(t, path, []byte(content))
		return path
	}
	empty := file("empty", "")
	garbled := file("garbled", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	encrypted := file("encrypted", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
	traditional := file("traditional", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n")
	for _, c := range []struct{ cert, key, fault, says string }{
		{empty, key, empty, "BEGIN CERTIFICATE"},
		{key, key, key, "BEGIN CERTIFICATE"},
		{garbled, key, garbled, "certificate 1: "},
		{cert, empty, empty, ""},
		{cert, cert, cert, "found a certificate rather than a key"},
		{cert, encrypted, encrypted, "openssl pkey"},
		{cert, traditional, traditional, "openssl pkey"},
		{cert, other, other, "not that of the certificate in " + cert},
	} {
		_, err := LoadCertificates(CertificateOptions{Files: []CertificateFiles{{Cert: c.cert, Key: c.key}}})
		var at *FileError
		if !errors.As(err, &at) || at.Path != c.fault || !strings.Contains(err.Error(), c.says) || strings.Count(err.Error(), "tls:") != 1 {
			t.Errorf("%s, %s: %v", filepath.Base(c.cert), filepath.Base(c.key), err)
		}
	}
}
