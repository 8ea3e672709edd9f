package tls

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// DevFiles are the paths of what DevCert wrote.
type DevFiles struct {
	CA, CAKey, Cert, Key string
}

// How long a development certificate is good for. Browsers take no leaf of more
// than 398 days.
const (
	devCALife   = 10 * 365 * 24 * time.Hour
	devLeafLife = 397 * 24 * time.Hour
)

// DevCert makes a certificate for localhost, 127.0.0.1 and ::1, and the CA that
// signed it, to be trusted on developers' machines: ca.pem, ca-key.pem,
// localhost.pem (with its chain), localhost-key.pem. dir is made if need be. Keys
// have mode 0600. Files that exist are never overwritten: the error is an
// fs.ErrExist then. The CA can sign for localhost only, so that its key, should
// it leak, is of no use for other names.
func DevCert(dir string) (files DevFiles, err error) {
	files = DevFiles{
		CA: filepath.Join(dir, "ca.pem"), CAKey: filepath.Join(dir, "ca-key.pem"),
		Cert: filepath.Join(dir, "localhost.pem"), Key: filepath.Join(dir, "localhost-key.pem"),
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return files, &FileError{dir, unpath(err)}
	}
	now := time.Now()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return files, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return files, err
	}
	ca := devCA(now)
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		return files, err
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, devLeaf(now), ca, key.Public(), caKey)
	if err != nil {
		return files, err
	}
	// Keys first: a certificate is there only if its key is.
	if err := writeKey(files.CAKey, caKey); err != nil {
		return files, err
	}
	if err := writeKey(files.Key, key); err != nil {
		return files, err
	}
	if err := writePEM(files.CA, 0o644, "CERTIFICATE", caDER); err != nil {
		return files, err
	}
	return files, writePEM(files.Cert, 0o644, "CERTIFICATE", leafDER, caDER)
}

func devCA(now time.Time) *x509.Certificate {
	loopback := []*net.IPNet{
		{IP: net.IPv4(127, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)},
		{IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)},
	}
	return &x509.Certificate{
		SerialNumber:                serial(),
		Subject:                     pkix.Name{CommonName: "uringserve development CA", Organization: []string{"uringserve"}},
		NotBefore:                   now.Add(-time.Hour),
		NotAfter:                    now.Add(devCALife),
		KeyUsage:                    x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid:       true,
		IsCA:                        true,
		MaxPathLenZero:              true,
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         []string{"localhost"},
		PermittedIPRanges:           loopback,
	}
}

func devLeaf(now time.Time) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{CommonName: "localhost"},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(devLeafLife),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{"localhost", "*.localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
}

// serial is a random serial number of 127 bits, positive (RFC 5280 §4.1.2.2).
func serial() *big.Int {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[0] &= 0x7f
	b[15] |= 1
	return new(big.Int).SetBytes(b[:])
}

func writeKey(path string, key crypto.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return writePEM(path, 0o600, "PRIVATE KEY", der)
}

// writePEM makes the file, which must not exist.
func writePEM(path string, mode os.FileMode, kind string, blocks ...[]byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return &FileError{path, unpath(err)}
	}
	for _, b := range blocks {
		if err == nil {
			err = pem.Encode(f, &pem.Block{Type: kind, Bytes: b})
		}
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return &FileError{path, unpath(err)}
	}
	return nil
}
