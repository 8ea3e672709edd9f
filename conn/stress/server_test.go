// Package stress runs a server and its clients in one process, mixed and
// seeded: cancelled, aborted, slow, pipelined and half-closed exchanges, over
// HTTP/1.1 and HTTP/2, in cleartext and over TLS, all content verified; at the end
// everything is back at its baseline.
//
//	go test ./conn/stress                            a few seconds per engine
//	go test ./conn/stress -stress 10m -timeout 30m   the long one
//	go test ./conn/stress -stress.seed 42            again as it was
package stress

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	cryptotls "crypto/tls"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/conn"
	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/auto"
	"github.com/uringserve/uringserve/tls"
)

// server is what is under test.
type server struct {
	engine     ring.Engine
	conns      *conn.Server
	addr       string
	secureAddr string            // with TLS
	client     *cryptotls.Config // of clients, for secureAddr
}

func startServer(t *testing.T, engine string) *server {
	t.Helper()
	e, _, err := auto.New(auto.Options{Engine: engine, Loops: 2})
	if err != nil {
		t.Fatal(err)
	}
	limits := conn.DefaultLimits()
	limits.LingerTimeout = 500 * time.Millisecond
	s, err := conn.New(conn.Config{Handler: app.HandlerFunc(serve), Limits: limits, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	secure, client := certified(t)
	s.SetEndpoint(1, conn.Endpoint{TLS: secure})
	var addrs [2]string
	for i := range addrs {
		ln, err := e.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addrs[i] = ln.Addr.String()
	}
	if err := e.Start(s.NewLoop); err != nil {
		t.Fatal(err)
	}
	return &server{e, s, addrs[0], addrs[1], client}
}

// certified makes a certificate, and who trusts it.
func certified(t *testing.T) (server, client *cryptotls.Config) {
	t.Helper()
	files, err := tls.DevCert(filepath.Join(t.TempDir(), "dev"))
	if err != nil {
		t.Fatal(err)
	}
	certs, err := tls.LoadCertificates(tls.CertificateOptions{Files: []tls.CertificateFiles{{Cert: files.Cert, Key: files.Key}}})
	if err != nil {
		t.Fatal(err)
	}
	roots, err := tls.LoadCAs(files.CA)
	if err != nil {
		t.Fatal(err)
	}
	if server, err = (&tls.Options{GetCertificate: certs.GetCertificate}).Config(); err != nil {
		t.Fatal(err)
	}
	return server, &cryptotls.Config{RootCAs: roots, ServerName: "localhost", ClientSessionCache: cryptotls.NewLRUClientSessionCache(0)}
}

// serve is the application: each path is a habit of a handler.
func serve(req *app.Request, resp *app.Response) {
	switch string(req.Path) {
	case "/seq":
		seq, _ := req.QueryValue("i")
		resp.Write(seq)
	case "/content":
		content(req, resp)
	case "/echo":
		echo(req, resp)
	case "/sum":
		sum(req, resp)
	case "/sleep":
		time.Sleep(time.Duration(number(req, "ms")) * time.Millisecond) // blocking is what is tested
		resp.WriteString("slept")
	case "/spin":
		for end := time.Now().Add(time.Duration(number(req, "ms")) * time.Millisecond); time.Now().Before(end); {
		}
		resp.WriteString("spun")
	case "/panic":
		panic("as asked")
	case "/ignore":
		resp.WriteString("ignored")
	case "/wait":
		<-req.Context().Done()
	default:
		resp.SetStatus(404)
	}
}

func number(req *app.Request, name string) int64 {
	v, _ := req.QueryValue(name)
	n, _ := strconv.ParseInt(string(v), 10, 64)
	return n
}

// content streams n bytes of the pattern that seed names, flushing now and
// then.
func content(req *app.Request, resp *app.Response) {
	n, p := number(req, "n"), pattern{seed: uint64(number(req, "seed"))}
	buf := make([]byte, 10_000)
	for n > 0 {
		part := buf[:min(int64(len(buf)), n)]
		p.fill(part)
		if _, err := resp.Write(part); err != nil {
			return
		}
		if p.at%7 == 0 && resp.Flush() != nil {
			return
		}
		n -= int64(len(part))
	}
}

func echo(req *app.Request, resp *app.Response) {
	buf := make([]byte, 8<<10)
	for {
		n, err := req.Read(buf)
		if n > 0 {
			if _, werr := resp.Write(buf[:n]); werr != nil || resp.Flush() != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func sum(req *app.Request, resp *app.Response) {
	h := sha256.New()
	if _, err := io.Copy(h, req); err != nil {
		return
	}
	resp.WriteString(hex.EncodeToString(h.Sum(nil)))
}

// pattern is content that depends on a seed and on the position, so that a
// byte from elsewhere shows.
type pattern struct{ seed, at uint64 }

func (p *pattern) fill(b []byte) {
	for i := range b {
		b[i] = p.next()
	}
}

func (p *pattern) next() byte {
	x := (p.at>>3 + p.seed*0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9
	c := byte(x >> (8 * (p.at & 7)))
	p.at++
	return c
}

// stop ends the server as the binary does.
func (s *server) stop(t *testing.T) {
	t.Helper()
	s.engine.StopAccept()
	s.conns.Drain()
	s.conns.AbortAll()
	if left := s.engine.Close(10 * time.Second); left != 0 {
		t.Errorf("%d handlers were left", left)
	}
}
