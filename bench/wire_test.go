package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// serveWire serves /plaintext as bench's net/http does, and answers its
// address.
func serveWire(t *testing.T, w wire) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", wantType)
		_, _ = w.Write([]byte(wantBody)) // the client says what it got
	}), Protocols: new(http.Protocols)}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetHTTP2(true)
	s.Protocols.SetUnencryptedHTTP2(w.h2)
	c, err := makeCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		if w.tls {
			_ = s.ServeTLS(ln, c.cert, c.key) // until Close
			return
		}
		_ = s.Serve(ln)
	}()
	t.Cleanup(func() { s.Close(); <-served })
	return ln.Addr().String()
}

func wires() []wire { return []wire{{}, {h2: true}, {tls: true}, {tls: true, h2: true}} }

// TestVerifyWires: every wire finds a server that speaks it.
func TestVerifyWires(t *testing.T) {
	for _, w := range wires() {
		c, err := net.Dial("tcp", serveWire(t, w))
		if err != nil {
			t.Fatal(err)
		}
		if err := verify(w, c, "127.0.0.1", plaintext); err != nil {
			t.Errorf("%+v: %v", w, err)
		}
		c.Close()
	}
}

// TestVerifyOtherWire: a server that speaks something else is found out.
func TestVerifyOtherWire(t *testing.T) {
	addr := serveWire(t, wire{})
	for _, w := range wires()[1:] {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if err := verify(w, c, "127.0.0.1", plaintext); err == nil {
			t.Errorf("HTTP/1.1 in cleartext passed for %+v", w)
		}
		c.Close()
	}
}

// TestAttackWires: the open loop speaks what it is told to, over as many
// connections.
func TestAttackWires(t *testing.T) {
	for _, w := range wires() {
		got, err := attack(w, w.scheme()+"://"+serveWire(t, w)+plaintext, 4, 200, 200*time.Millisecond)
		if err != nil {
			t.Fatalf("%+v: %v", w, err)
		}
		if got.Failed > 0 || got.Requests < 30 {
			t.Errorf("%+v: %d requests, %d failed: %s", w, got.Requests, got.Failed, got.FirstError)
		}
	}
	if _, err := attack(wire{h2: true}, "http://"+serveWire(t, wire{})+plaintext, 4, 200, time.Millisecond); err == nil {
		t.Error("HTTP/1.1 passed for HTTP/2")
	}
}

// TestRotation: requests go over all connections in turn.
func TestRotation(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]int{}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen[req.RemoteAddr]++
	})}
	s.Protocols.SetUnencryptedHTTP2(true)
	served := make(chan struct{})
	go func() { defer close(served); _ = s.Serve(ln) }()
	url := "http://" + ln.Addr().String() + "/"
	r, err := newRotation(wire{h2: true}, url, 3)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: r}
	for range 6 {
		resp, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	s.Close()
	<-served
	mu.Lock()
	defer mu.Unlock()
	if len(seen) != 3 {
		t.Errorf("%d connections, want 3: %v", len(seen), seen)
	}
	for addr, n := range seen {
		if n != 3 {
			t.Errorf("%s: %d requests, want 1 to open it and 2 more", addr, n)
		}
	}
}

func TestMakeCertificate(t *testing.T) {
	c, err := makeCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tls.LoadX509KeyPair(c.cert, c.key); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(c.cert)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(b)
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	if _, err := leaf.Verify(x509.VerifyOptions{DNSName: "127.0.0.1", Roots: roots}); err != nil {
		t.Error(err)
	}
	if leaf.PublicKeyAlgorithm != x509.ECDSA {
		t.Errorf("the key is %v", leaf.PublicKeyAlgorithm)
	}
}

// TestHandshakes: full ones are full, resumed ones resumed, and a server that
// cannot resume is found out.
func TestHandshakes(t *testing.T) {
	addr := serveWire(t, wire{tls: true})
	for _, resumed := range []bool{false, true} {
		res := handshakes(addr, plaintext, 2, resumed, 100*time.Millisecond)
		if res.Handshakes == 0 || res.Failed > 0 || res.Seconds < 0.1 {
			t.Errorf("resumed %t: %+v", resumed, res)
		}
	}
	c, err := makeCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, SessionTicketsDisabled: true})
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	served := make(chan struct{})
	go func() { defer close(served); _ = s.Serve(ln) }()
	res := handshakes(ln.Addr().String(), plaintext, 1, true, 50*time.Millisecond)
	s.Close()
	<-served
	if res.Handshakes > 0 || res.Failed == 0 || !strings.Contains(res.FirstError, "resumed: false") {
		t.Errorf("without tickets: %+v", res)
	}
}

func TestHoldTLS(t *testing.T) {
	var out bytes.Buffer
	if err := holdMain(serveWire(t, wire{tls: true}), plaintext, 40, true, true, strings.NewReader(""), &out); err != nil {
		t.Fatal(err)
	}
	if out.String() != "held 40\n" {
		t.Errorf("said %q", out.String())
	}
}
