package tls

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// LoadCAs reads certificates, in PEM, to verify clients with.
func LoadCAs(path string) (*x509.CertPool, error) {
	pem, err := readFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, &FileError{path, fmt.Errorf("no certificate in PEM found")}
	}
	return pool, nil
}

// maxFile is the largest file that is read, in bytes.
const maxFile = 1 << 20

// FileError says which file is at fault.
type FileError struct {
	Path string
	Err  error
}

func (e *FileError) Error() string { return fmt.Sprintf("tls: %s: %v", e.Path, e.Err) }

func (e *FileError) Unwrap() error { return e.Err }

// readFile reads at most maxFile bytes; more is a *FileError, as is any other
// failure.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &FileError{path, unpath(err)}
	}
	defer f.Close()
	b, err := readAtMost(f, maxFile)
	if err != nil {
		return nil, &FileError{path, unpath(err)}
	}
	return b, nil
}

// readAtMost reads all of r, which must not be longer than limit bytes.
func readAtMost(r io.Reader, limit int) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err == nil && len(b) > limit {
		err = fmt.Errorf("larger than %d bytes", limit)
	}
	return b, err
}

// unpath takes the path out of an error whose path is told already.
func unpath(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
