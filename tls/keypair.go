package tls

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	cryptotls "crypto/tls"
)

// keyPair is f's certificate and its key, of which these are the contents. An
// error is a *FileError that names the one at fault.
func (f *CertificateFiles) keyPair(cert, key []byte) (pair cryptotls.Certificate, err error) {
	if err := checkChain(cert); err != nil {
		return pair, &FileError{f.Cert, err}
	}
	if isEncrypted(key) {
		return pair, &FileError{f.Key, errors.New("the key is encrypted; write it without a password: openssl pkey -in … -out …")}
	}
	pair, err = cryptotls.X509KeyPair(cert, key)
	switch {
	case err == nil:
	case strings.Contains(err.Error(), "does not match"):
		err = &FileError{f.Key, fmt.Errorf("the key is not that of the certificate in %s", f.Cert)}
	default:
		err = &FileError{f.Key, withoutPrefix{err}}
	}
	return pair, err
}

// checkChain looks whether b has a certificate, and nothing but good ones.
func checkChain(b []byte) error {
	found := 0
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return fmt.Errorf("certificate %d: %w", found+1, err)
		}
		found++
	}
	if found == 0 {
		return errors.New("no certificate in PEM (BEGIN CERTIFICATE)")
	}
	return nil
}

// isEncrypted reports whether b's key takes a password (RFC 5958 §3, or RFC 1421
// §4.6.1.1 as OpenSSL once wrote it).
func isEncrypted(b []byte) bool {
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			return false
		}
		if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return true
		}
	}
}

// withoutPrefix is an error of crypto/tls in one of ours, which says "tls:" itself.
type withoutPrefix struct{ error }

func (e withoutPrefix) Error() string { return strings.TrimPrefix(e.error.Error(), "tls: ") }

func (e withoutPrefix) Unwrap() error { return e.error }
