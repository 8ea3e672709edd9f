package conn_test

import (
	"bufio"
	"bytes"
	"crypto/x509"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	cryptotls "crypto/tls"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/conn"
	"github.com/uringserve/uringserve/tls"
)

// fresh proves that a new client is served within a second.
func (r *rig) fresh() {
	r.Helper()
	begin := time.Now()
	c := r.secure(0)
	defer c.Close()
	r.ask(c, bufio.NewReader(c), "/")
	if took := time.Since(begin); took > time.Second && !instrumented {
		r.Errorf("a fresh client waited %v", took)
	}
}

// Silent clients, as many as may wait and 1,000 more: the oldest are dropped, and
// who speaks is served.
func TestTLSSilentHellos(t *testing.T) {
	const bound, more = 500, 1000
	cfg := hello
	cfg.Handshakes.Waiting = bound
	onEachSecure(t, cfg, func(r *rig) {
		for i := range bound + more {
			c := r.dial()
			if i%2 == 0 {
				r.write(c, "\x16\x03\x01\x02\x00\x01")
			}
		}
		r.reason(tls.Crowded, more)
		r.fresh() // the one that waits longest goes
		r.reason(tls.Crowded, more+1)
		if n := r.srv.Handshakes().Waiting; n > bound {
			r.Errorf("%d wait", n)
		}
	})
}

// Garbage of all kinds, cut off anywhere: everything is counted, nothing stays.
func TestTLSGarbage(t *testing.T) {
	limits := conn.DefaultLimits()
	limits.HandshakeTimeout = 500 * time.Millisecond
	limits.LingerTimeout = 100 * time.Millisecond
	cfg := hello
	cfg.Limits = limits
	onEachSecure(t, cfg, func(r *rig) {
		rng := rand.New(rand.NewPCG(5, 5))
		hello := record(r)
		for i := range 200 {
			c := r.dial()
			b := bytes.Clone(hello[:rng.IntN(len(hello)+1)])
			for range rng.IntN(4) {
				if len(b) > 0 {
					b[rng.IntN(len(b))] = byte(rng.Uint32())
				}
			}
			c.Write(b) // may be reset meanwhile
			switch i % 4 {
			case 0:
				c.CloseWrite()
			case 1:
				c.SetLinger(0)
				c.Close()
			case 2:
				c.Close()
			}
		}
		eventually(r.T, "all of them are gone", func() bool { return r.srv.Active() == 0 })
		r.fresh()
	})
}

// record is a ClientHello.
func record(r *rig) []byte {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	go cryptotls.Client(near, clientTLS(r, 0)).Handshake() // fails when the pipe closes
	b := make([]byte, 16<<10)
	n, err := far.Read(b)
	if err != nil {
		r.Fatal(err)
	}
	return b[:n]
}

// A client that resets in the middle of its handshake.
func TestTLSResetInHandshake(t *testing.T) {
	onEachSecure(t, hello, func(r *rig) {
		hello := record(r)
		for range 50 {
			c := r.dial()
			r.write(c, string(hello))
			if _, err := io.ReadFull(c, make([]byte, 100)); err != nil { // it has answered
				r.Fatal(err)
			}
			c.SetLinger(0)
			c.Close()
		}
		r.reason(tls.ClientGone, 50)
		eventually(r.T, "all of them are gone", func() bool { return r.srv.Active() == 0 })
		r.fresh()
	})
}

func TestTLSHandshakeTimeout(t *testing.T) {
	limits := conn.DefaultLimits()
	limits.HandshakeTimeout = 300 * time.Millisecond
	cfg := hello
	cfg.Limits = limits
	onEachSecure(t, cfg, func(r *rig) {
		hello := record(r)
		var wg sync.WaitGroup
		for _, first := range []string{"", string(hello[:50]), string(hello)} {
			wg.Go(func() {
				begin := time.Now()
				c := r.dial()
				r.write(c, first)
				io.Copy(io.Discard, c) // to its end, or its reset
				if took := time.Since(begin); took < limits.HandshakeTimeout || took > 3*time.Second {
					r.Errorf("%d bytes of hello: ended after %v", len(first), took)
				}
			})
		}
		wg.Wait()
		r.reason(tls.TooSlow, 3)
	})
}

// Cleartext on a TLS port is told so; TLS on a cleartext port is closed.
func TestTLSWrongPort(t *testing.T) {
	onEachSecure(t, hello, func(r *rig) {
		c := r.dial()
		r.write(c, get)
		resp, body := r.response(bufio.NewReader(c), "GET")
		if resp.StatusCode != 400 || !strings.Contains(body, "https") {
			r.Errorf("%s: %q", resp.Status, body)
		}
		r.reason(tls.PlainHTTP, 1)
	})
	onEach(t, hello, func(r *rig) {
		if err := cryptotls.Client(r.dial(), clientTLS(t, 0)).Handshake(); err == nil {
			r.Error("a handshake with cleartext succeeded")
		}
		if n := r.srv.Stats().Refusals[conn.RefusedTLS]; n != 1 {
			r.Errorf("counted %d times", n)
		}
	})
}

// Clients that do not read hold a bounded amount.
func TestTLSSlowReaders(t *testing.T) {
	t.Parallel()
	const conns, total = 10, 64 << 20
	var wrote atomic.Int64
	limits := conn.DefaultLimits()
	limits.MinResponseRate = conn.Rate{BytesPerSecond: 1 << 20, Grace: time.Second}
	onEachSecure(t, conn.Config{Limits: limits, Handler: app.HandlerFunc(func(_ *app.Request, w *app.Response) {
		b := make([]byte, 32<<10)
		for n := 0; n < total; n += len(b) {
			if _, err := w.Write(b); err != nil {
				return
			}
			wrote.Add(int64(len(b)))
		}
	})}, func(r *rig) {
		wrote.Store(0)
		for range conns {
			r.write(r.secure(0), get)
		}
		eventually(r.T, "the minimum rate has ended them", func() bool {
			return r.srv.Stats().Timeouts[conn.TimeoutResponseRate] == conns && r.srv.Active() == 0
		})
		const socketBuffers = 8 << 20 // what the kernel takes, at most
		if n := wrote.Load(); n > conns*socketBuffers {
			r.Errorf("%d MiB were written for %d clients that do not read", n>>20, conns)
		}
	})
}

// Drain with handshakes under way, silent clients among them: whoever speaks is
// answered. Nobody here is cut off because the machine is slow: the lull is long.
func TestTLSDrain(t *testing.T) {
	cfg := hello
	cfg.Limits = conn.DefaultLimits()
	cfg.Limits.DrainLull = patience
	onEachSecure(t, cfg, func(r *rig) {
		const n = 40
		var cs, silent []*net.TCPConn
		for range n {
			cs = append(cs, r.dial())
			silent = append(silent, r.dial())
		}
		eventually(r.T, "they are accepted", func() bool { return r.srv.Stats().Conns == 2*n })
		var wg sync.WaitGroup
		for i, raw := range cs {
			wg.Go(func() {
				c := cryptotls.Client(raw, clientTLS(r, versions[i%2]))
				defer c.Close()
				if err := askLast(c); err != nil {
					r.Error(err)
				}
			})
		}
		r.eng.StopAccept()
		r.srv.Drain()
		wg.Wait()
		for _, c := range silent {
			c.Close()
		}
		r.drained()
		r.reason(tls.ClientGone, n)
	})
}

// Drain waits for clients that say nothing for the lull, not for
// HandshakeTimeout.
func TestTLSDrainSilent(t *testing.T) {
	onEachSecure(t, hello, func(r *rig) {
		const n = 40
		for range n {
			r.dial()
		}
		eventually(r.T, "they are accepted", func() bool { return r.srv.Stats().Conns == n })
		begin := time.Now()
		r.eng.StopAccept()
		r.srv.Drain()
		r.drained()
		if took := time.Since(begin); took > 5*time.Second {
			r.Errorf("drained after %v, HandshakeTimeout is %v", took, conn.DefaultLimits().HandshakeTimeout)
		}
		r.reason(tls.Stopped, n)
	})
}

// Certificates that are read again under load: no handshake and no request
// fails, though certificate and key change one after the other.
func TestTLSReloadUnderLoad(t *testing.T) {
	roots := x509.NewCertPool()
	var pairs [2][2][]byte
	for i := range pairs {
		files, err := tls.DevCert(filepath.Join(t.TempDir(), "dev"))
		if err != nil {
			t.Fatal(err)
		}
		roots.AppendCertsFromPEM(readFile(t, files.CA))
		pairs[i] = [2][]byte{readFile(t, files.Cert), readFile(t, files.Key)}
	}
	dir := t.TempDir()
	live := [2]string{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	write := func(i, part int) {
		if err := os.WriteFile(live[part], pairs[i][part], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(0, 0)
	write(0, 1)
	certs, err := tls.LoadCertificates(tls.CertificateOptions{Files: []tls.CertificateFiles{{Cert: live[0], Key: live[1]}}})
	if err != nil {
		t.Fatal(err)
	}
	server, err := (&tls.Options{GetCertificate: certs.GetCertificate, Protocols: conn.HTTP1.ALPN()}).Config()
	if err != nil {
		t.Fatal(err)
	}
	i := 0 // which pair is live
	onEachSecure(t, hello, func(r *rig) {
		r.srv.SetEndpoint(0, conn.Endpoint{Protocols: conn.HTTP1, TLS: server})
		var done atomic.Bool
		var wg sync.WaitGroup
		var served atomic.Int64
		reloads := 0
		for _, v := range append(versions, versions...) {
			wg.Go(func() {
				cfg := clientTLS(r, v)
				cfg.RootCAs = roots
				for !done.Load() {
					if err := askOnce(r.addr, cfg); err != nil {
						r.Error(err)
					}
					served.Add(1)
				}
			})
		}
		for served.Load() < 100 || reloads < 100 {
			i = 1 - i
			write(i, 0)
			if _, err := certs.Reload(); err == nil {
				r.Error("a certificate with another's key was taken")
			}
			write(i, 1)
			if changed, err := certs.Reload(); err != nil || !changed {
				r.Errorf("reload %d: %v, %v", reloads, changed, err)
			}
			reloads++
		}
		done.Store(true)
		wg.Wait()
	})
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// askOnce has a connection with three requests.
func askOnce(addr string, cfg *cryptotls.Config) error {
	c, err := cryptotls.Dial("tcp", addr, cfg)
	if err != nil {
		return err
	}
	defer c.Close()
	br := bufio.NewReader(c)
	for range 3 {
		fmt.Fprint(c, get)
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		if err != nil || resp.StatusCode != 200 {
			return fmt.Errorf("%s, %v", resp.Status, err)
		}
	}
	return nil
}
