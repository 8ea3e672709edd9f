package tls

import (
	"bytes"
	"crypto/sha256"
	"encoding/asn1"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	cryptotls "crypto/tls"
)

// CertificateFiles are where one certificate is.
type CertificateFiles struct {
	// Cert has the certificate and its chain, Key its private key, in PEM. They
	// may be the same file.
	Cert, Key string

	// OCSP has the response to staple, in DER; optional.
	OCSP string

	// Names are those of clients that get this certificate: "a.example", or
	// "*.example" for all names that end in ".example". Default: the DNS names
	// in the certificate.
	Names []string
}

// CertificateOptions say which certificates there are.
type CertificateOptions struct {
	// Files are the certificates, at least one. If several match a client's
	// name equally, the first that the client supports is taken.
	Files []CertificateFiles

	// Strict refuses clients that ask for no name that we have, with the alert
	// unrecognized_name. Otherwise they get the first of Files.
	Strict bool

	// OnError is told when files cannot be used after they changed; the old
	// certificates stay. It is called once per content of the files. Optional.
	OnError func(error)

	// OnReload is called after new certificates have been taken. Optional.
	OnReload func()
}

// maxCertificates bounds CertificateOptions.Files.
const maxCertificates = 10_000

// Certificates are certificates from files that may change while they serve.
// Safe for concurrent use.
type Certificates struct {
	opt  CertificateOptions
	live atomic.Pointer[names]

	mu       sync.Mutex // one reload at a time
	current  fingerprint
	reported fingerprint // of the files that OnError was told of
}

// fingerprint is a digest of everything that was read.
type fingerprint [sha256.Size]byte

// LoadCertificates reads the files. *FileError or *OptionError if it cannot.
func LoadCertificates(o CertificateOptions) (*Certificates, error) {
	if n := len(o.Files); n < 1 || n > maxCertificates {
		return nil, &OptionError{"Files", fmt.Sprint(n, " certificates"), fmt.Sprintf("1 to %d", maxCertificates)}
	}
	s := &Certificates{opt: o}
	if _, err := s.Reload(); err != nil {
		return nil, err
	}
	return s, nil
}

// GetCertificate is for Options. It does not block.
func (s *Certificates) GetCertificate(hello *cryptotls.ClientHelloInfo) (*cryptotls.Certificate, error) {
	return s.live.Load().find(hello, s.opt.Strict), nil
}

// Reload reads the files again and, if they have changed and are good, takes
// them for all handshakes from now on. If one of them is bad, all the old ones
// stay. OnError and OnReload are not called.
func (s *Certificates) Reload() (changed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed, _, err = s.reload()
	return changed, err
}

// paths is Watched's.
func (s *Certificates) paths() (all []string) {
	for i := range s.opt.Files {
		f := &s.opt.Files[i]
		all = append(all, f.Cert, f.Key)
		if f.OCSP != "" {
			all = append(all, f.OCSP)
		}
	}
	return all
}

// refresh is Watched's, and Reload for changes that nobody asked about.
func (s *Certificates) refresh() {
	s.mu.Lock()
	changed, read, err := s.reload()
	report := err != nil && read != s.reported
	if err != nil {
		s.reported = read
	} else {
		s.reported = fingerprint{}
	}
	s.mu.Unlock()
	switch {
	case report && s.opt.OnError != nil:
		s.opt.OnError(err)
	case changed && s.opt.OnReload != nil:
		s.opt.OnReload()
	}
}

// reload answers the fingerprint of what was read, also with an error. s.mu is
// held.
func (s *Certificates) reload() (changed bool, read fingerprint, err error) {
	sum := sha256.New()
	next := &names{}
	for i := range s.opt.Files {
		f := &s.opt.Files[i]
		cert, digest, err := f.load()
		sum.Write(digest[:])
		if err != nil {
			fmt.Fprint(sum, err)
			sum.Sum(read[:0])
			return false, read, err
		}
		if err := next.add(cert, f); err != nil {
			sum.Sum(read[:0])
			return false, read, err
		}
	}
	sum.Sum(read[:0])
	if read == s.current {
		return false, read, nil
	}
	s.live.Store(next)
	s.current = read
	return true, read, nil
}

// load reads one certificate. The digest is of what was read so far.
func (f *CertificateFiles) load() (cert *cryptotls.Certificate, digest fingerprint, err error) {
	sum := sha256.New()
	defer func() { sum.Sum(digest[:0]) }()
	var contents [3][]byte
	for i, path := range [...]string{f.Cert, f.Key, f.OCSP} {
		if i == 2 && path == "" {
			continue
		}
		if contents[i], err = readFile(path); err != nil {
			return nil, digest, err
		}
		fmt.Fprintf(sum, "%d:", len(contents[i]))
		sum.Write(contents[i])
	}
	pair, err := f.keyPair(contents[0], contents[1])
	if err != nil {
		return nil, digest, err
	}
	if contents[2] != nil {
		if err := checkStaple(contents[2]); err != nil {
			return nil, digest, &FileError{f.OCSP, err}
		}
		pair.OCSPStaple = bytes.Clone(contents[2])
	}
	return &pair, digest, nil
}

// checkStaple looks whether b is an OCSPResponse (RFC 6960 §4.2.1) that says
// "successful". What it says about which certificate, and until when, is the
// client's to judge.
func checkStaple(b []byte) error {
	var response struct {
		Status asn1.Enumerated
		Bytes  asn1.RawValue `asn1:"explicit,tag:0,optional"`
	}
	rest, err := asn1.Unmarshal(b, &response)
	switch {
	case err != nil:
		return fmt.Errorf("not an OCSP response in DER: %w", err)
	case len(rest) > 0:
		return errors.New("bytes behind the OCSP response")
	case response.Status != 0:
		return fmt.Errorf("OCSP response with status %d, must be 0 (successful)", response.Status)
	}
	return nil
}
