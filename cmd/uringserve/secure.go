package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/uringserve/uringserve"
	"github.com/uringserve/uringserve/tls"
)

// A reloader reads certificates again: when their files change, and at SIGHUP.
// Without certificates SIGHUP does nothing.
type reloader struct {
	certs      *tls.Certificates // nil: none
	watcher    *tls.Watcher
	log        *slog.Logger
	hangups    chan os.Signal
	done, gone chan struct{}
}

// secure gives server the certificates of c.
func secure(server *uringserve.Server, c *config) (*reloader, error) {
	r := &reloader{log: server.Log, hangups: make(chan os.Signal, 1), done: make(chan struct{}), gone: make(chan struct{})}
	if len(c.certs) > 0 {
		o := tls.CertificateOptions{OnError: r.failed, OnReload: r.reloaded}
		for i := range c.certs {
			o.Files = append(o.Files, tls.CertificateFiles{Cert: c.certs[i], Key: c.keys[i]})
		}
		var err error
		if r.certs, err = tls.LoadCertificates(o); err != nil {
			return nil, err
		}
		server.TLS = &tls.Options{GetCertificate: r.certs.GetCertificate}
		r.watcher = tls.Watch(tls.WatchOptions{OnError: r.unwatched}, r.certs)
	}
	signal.Notify(r.hangups, syscall.SIGHUP)
	go r.run()
	return r, nil
}

// run is a goroutine, until stop.
func (r *reloader) run() {
	defer close(r.gone)
	for {
		select {
		case <-r.done:
			return
		case <-r.hangups:
			r.reload()
		}
	}
}

func (r *reloader) reload() {
	if r.certs == nil {
		r.log.Info("SIGHUP: there are no certificates to be read again")
		return
	}
	switch changed, err := r.certs.Reload(); {
	case err != nil:
		r.failed(err)
	case changed:
		r.reloaded()
	default:
		r.log.Info("SIGHUP: certificates have not changed")
	}
}

func (r *reloader) failed(err error) {
	r.log.Error("certificates cannot be used, the old ones stay", slog.String("error", err.Error()))
}

func (r *reloader) reloaded() { r.log.Info("certificates were read again") }

func (r *reloader) unwatched(err error) {
	r.log.Warn("certificates are looked at once a minute only", slog.String("error", err.Error()))
}

// stop ends the goroutines.
func (r *reloader) stop() {
	signal.Stop(r.hangups)
	close(r.done)
	<-r.gone
	if r.watcher != nil {
		r.watcher.Stop()
	}
}

// devCert makes certificates for localhost, and says what to do with them.
func devCert(args []string, stdout, stderr io.Writer) int {
	if len(args) != 1 || args[0] == "" || args[0][0] == '-' {
		return usageError(stderr, errors.New("dev-cert takes a directory: uringserve dev-cert DIR"))
	}
	files, err := tls.DevCert(args[0])
	if errors.Is(err, fs.ErrExist) {
		return failure(stderr, fmt.Errorf("dev-cert: %w; nothing is overwritten, name another directory", err))
	}
	if err != nil {
		return failure(stderr, fmt.Errorf("dev-cert: %w", err))
	}
	for _, f := range []struct{ path, about string }{
		{files.Cert, "the certificate for localhost, 127.0.0.1 and ::1"},
		{files.Key, "its key"},
		{files.CA, "the CA that signed it, for clients to trust"},
		{files.CAKey, "its key, to be kept away from others"},
	} {
		fmt.Fprintf(stdout, "wrote %s: %s\n", f.path, f.about)
	}
	fmt.Fprintf(stdout, "\nNow serve with it, and ask:\n"+
		"  uringserve --listen https://localhost:8443 --cert %s --key %s\n"+
		"  curl --cacert %s https://localhost:8443/\n",
		shellWord(files.Cert), shellWord(files.Key), shellWord(files.CA))
	return exitOK
}

// shellWord is path as a shell reads it back.
func shellWord(path string) string {
	for _, r := range filepath.ToSlash(path) {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '/', r == '.', r == '-', r == '_', r == ':':
		default:
			return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
		}
	}
	return path
}
