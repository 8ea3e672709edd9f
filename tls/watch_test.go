package tls

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Certificates change while many handshakes run: none fails, and each client
// gets the old one or the new one.
func TestReloadUnderLoad(t *testing.T) {
	dir, ca := t.TempDir(), sharedPKI(t)
	cert, key := writeCert(t, dir, "a", ca.issue(t, newKey(t), time.Hour, "localhost"))
	s, err := LoadCertificates(CertificateOptions{Files: []CertificateFiles{{Cert: cert, Key: key}}})
	if err != nil {
		t.Fatal(err)
	}
	server := serverConfig(t, func(o *Options) { o.GetCertificate = s.GetCertificate })
	p := newHandshaker(t, HandshakerOptions{})
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	var handshakes atomic.Int64
	for range 4 {
		clients.Go(func() {
			for ctx.Err() == nil {
				r, _, err := dial(t, p, server, clientConfig(t, nil))
				if err != nil {
					t.Error(err)
				}
				handshakes.Add(1)
				r.close()
			}
		})
	}
	for i := range 20 {
		writeCert(t, dir, "a", ca.issue(t, newKey(t), time.Hour, "localhost"))
		if changed, err := s.Reload(); err != nil || !changed {
			t.Errorf("reload %d: %v, %v", i, changed, err)
		}
		writeFile(t, key, []byte("bad"))
		if changed, err := s.Reload(); err == nil || changed {
			t.Errorf("bad reload %d: %v, %v", i, changed, err)
		}
		for done := handshakes.Load(); handshakes.Load() < done+4 && !t.Failed(); {
			runtime.Gosched()
		}
	}
	stop()
	clients.Wait()
	t.Logf("%d handshakes", handshakes.Load())
}

// events are what a Certificates tells.
type events struct {
	reloads chan struct{}
	errs    chan error
}

func newEvents(o *CertificateOptions) *events {
	e := &events{make(chan struct{}, 100), make(chan error, 100)}
	o.OnReload = func() { e.reloads <- struct{}{} }
	o.OnError = func(err error) { e.errs <- err }
	return e
}

// wait waits for a reload.
func (e *events) wait(t *testing.T) {
	t.Helper()
	select {
	case <-e.reloads:
	case err := <-e.errs:
		t.Fatal(err)
	case <-time.After(20 * time.Second):
		t.Fatal("no reload")
	}
}

// The ways in which files change, seen by events and by polling.
func TestWatch(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links need a privilege there")
	}
	for _, polling := range []bool{false, true} {
		t.Run(map[bool]string{false: "events", true: "polling"}[polling], func(t *testing.T) {
			ca := sharedPKI(t)
			issue := func(dir, name string) {
				if err := os.MkdirAll(dir, 0o700); err != nil {
					t.Fatal(err)
				}
				writeCert(t, dir, "tls", ca.issue(t, newKey(t), time.Hour, name))
			}
			dir := t.TempDir()
			link := func(target, name string) {
				t.Helper()
				temp := filepath.Join(dir, "temp")
				if err := errors.Join(os.Symlink(target, temp), os.Rename(temp, filepath.Join(dir, name))); err != nil {
					t.Fatal(err)
				}
			}
			// As Kubernetes mounts a secret.
			issue(filepath.Join(dir, "..2026_01"), "one.example")
			link("..2026_01", "..data")
			link(filepath.Join("..data", "tls.pem"), "tls.pem")
			link(filepath.Join("..data", "tls-key.pem"), "tls-key.pem")
			o := CertificateOptions{Files: []CertificateFiles{{Cert: filepath.Join(dir, "tls.pem"), Key: filepath.Join(dir, "tls-key.pem")}}}
			e := newEvents(&o)
			s, err := LoadCertificates(o)
			if err != nil {
				t.Fatal(err)
			}
			wo := WatchOptions{Quiet: 20 * time.Millisecond, Poll: time.Hour, OnError: func(err error) { t.Error(err) }}
			if polling {
				wo.Poll, wo.PollOnly = 20*time.Millisecond, true
			}
			w := Watch(wo, s)
			defer w.Stop()

			issue(filepath.Join(dir, "..2026_02"), "two.example")
			link("..2026_02", "..data")
			e.wait(t)
			if got := served(t, s, ""); got != "two.example" {
				t.Errorf("after ..data was swapped: %q", got)
			}

			// A bad one: told once, the old one stays.
			bad := filepath.Join(dir, "..2026_03")
			issue(bad, "bad.example")
			writeFile(t, filepath.Join(bad, "tls-key.pem"), []byte("bad"))
			link("..2026_03", "..data")
			var file *FileError
			if err := <-e.errs; !errors.As(err, &file) {
				t.Errorf("%v", err)
			}
			if got := served(t, s, ""); got != "two.example" {
				t.Errorf("after a bad one: %q", got)
			}

			// Replaced by renaming, and in place.
			other := t.TempDir()
			issue(other, "four.example")
			for _, name := range []string{"tls.pem", "tls-key.pem"} {
				if err := os.Rename(filepath.Join(other, name), filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
			for served(t, s, "") != "four.example" {
				e.waitAny(t) // the one may have been read before the other
			}
			writeCert(t, dir, "tls", ca.issue(t, newKey(t), time.Hour, "five.example"))
			for served(t, s, "") != "five.example" {
				e.waitAny(t)
			}
		})
	}
}

// waitAny waits for a reload or an error.
func (e *events) waitAny(t *testing.T) {
	t.Helper()
	select {
	case <-e.reloads:
	case <-e.errs:
	case <-time.After(20 * time.Second):
		t.Fatal("no reload")
	}
}

// The same bad files are told of once, though they are looked at again.
func TestBadFileToldOnce(t *testing.T) {
	dir := t.TempDir()
	sharedPKI(t)
	cert, key := writeCert(t, dir, "a", shared.server)
	o := CertificateOptions{Files: []CertificateFiles{{Cert: cert, Key: key}}}
	e := newEvents(&o)
	s, err := LoadCertificates(o)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		key           string
		errs, reloads int
	}{{"bad", 1, 0}, {"bad", 1, 0}, {"worse", 2, 0}, {"", 2, 0}, {"worse", 3, 0}} {
		if c.key == "" {
			writeCert(t, dir, "a", shared.server) // the old one again: no change
		} else {
			writeFile(t, key, []byte(c.key))
		}
		s.refresh()
		if len(e.errs) != c.errs || len(e.reloads) != c.reloads {
			t.Errorf("step %d: %d errors, %d reloads", i, len(e.errs), len(e.reloads))
		}
	}
}

// Watching that fails is told, and polling goes on.
func TestWatchFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	ca := sharedPKI(t)
	cert, key := writeCert(t, dir, "a", ca.issue(t, newKey(t), time.Hour, "one.example"))
	o := CertificateOptions{Files: []CertificateFiles{{Cert: cert, Key: key}}}
	e := newEvents(&o)
	s, err := LoadCertificates(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	var told []error
	w := Watch(WatchOptions{Quiet: time.Millisecond, Poll: 10 * time.Millisecond, OnError: func(err error) { told = append(told, err) }}, s)
	defer w.Stop()
	if len(told) != 1 || !errors.Is(told[0], fs.ErrNotExist) {
		t.Errorf("%v", told)
	}
	if err := <-e.errs; !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	writeCert(t, dir, "a", ca.issue(t, newKey(t), time.Hour, "two.example"))
	for served(t, s, "") != "two.example" {
		e.waitAny(t)
	}
}
