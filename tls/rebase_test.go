package tls

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	cryptotls "crypto/tls"
)

// fedPair is an established Conn and its client, over a socket that the loop's
// half, carry, is read from by the test.
func fedPair(t *testing.T, version uint16) (c *Conn, client *cryptotls.Conn, carry net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	far, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if carry, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close(); carry.Close() })
	p, err := NewHandshaker(HandshakerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files, err := DevCert(dir)
	if err != nil {
		t.Fatal(err)
	}
	certs, err := LoadCertificates(CertificateOptions{Files: []CertificateFiles{{Cert: files.Cert, Key: files.Key}}})
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := (&Options{GetCertificate: certs.GetCertificate}).Config()
	if err != nil {
		t.Fatal(err)
	}
	roots, err := LoadCAs(files.CA)
	if err != nil {
		t.Fatal(err)
	}
	client = cryptotls.Client(far, &cryptotls.Config{RootCAs: roots, ServerName: "localhost",
		MinVersion: version, MaxVersion: version})
	shaken := make(chan error, 1)
	go func() { shaken <- client.Handshake() }()
	notified := make(chan struct{}, 1)
	c = p.Accept(cfg, Peer{}, func() {
		select {
		case notified <- struct{}{}:
		default:
		}
	})
	b := make([]byte, 4<<10)
	for c.Poll() == Handshaking {
		if err := carry.SetReadDeadline(time.Now().Add(5 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		n, err := carry.Read(b)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
		if err := c.Feed(b[:n]); err != nil {
			t.Fatal(err)
		}
		select {
		case <-notified:
		case <-time.After(time.Millisecond):
		}
		carry.Write(c.AppendOutput(nil))
	}
	carry.Write(c.AppendOutput(nil))
	carry.SetReadDeadline(time.Time{})
	if err := <-shaken; err != nil || c.Poll() != Established {
		t.Fatalf("%v, %v", err, c.Err())
	}
	return c, client, carry
}

// What was fed and not read comes first, cut anywhere, then what the socket
// has; and the other way all goes to the socket.
func TestRebase(t *testing.T) {
	for _, version := range []uint16{cryptotls.VersionTLS12, cryptotls.VersionTLS13} {
		for _, fed := range []int{0, 1, 5, 6, 40, 700, 20_000} {
			c, client, carry := fedPair(t, version)
			data := bytes.Repeat([]byte("0123456789abcdef"), 4_000)
			if _, err := client.Write(data); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, fed)
			if _, err := io.ReadFull(carry, b); err != nil {
				t.Fatal(err)
			}
			if err := c.Feed(b); err != nil {
				t.Fatal(err)
			}
			read := make([]byte, 100)
			n, err := c.Read(read) // some of it was decrypted already
			if err != nil && !errors.Is(err, ErrWouldBlock) {
				t.Fatal(err)
			}
			carry.Write(c.AppendOutput(nil))
			tc := c.Rebase(carry)
			for i := range b {
				b[i] = 0xdb // it was lent
			}
			c.Release()
			got := make([]byte, len(data)-n)
			if _, err := io.ReadFull(tc, got); err != nil || !bytes.Equal(append(read[:n:n], got...), data) {
				t.Fatalf("%d fed: %d bytes differ, %v", fed, len(got), err)
			}
			if tc.RemoteAddr().String() != carry.RemoteAddr().String() || tc.LocalAddr().String() != carry.LocalAddr().String() {
				t.Errorf("its ends are %v and %v", tc.LocalAddr(), tc.RemoteAddr())
			}
			if below, ok := tc.NetConn().(interface{ NetConn() net.Conn }); !ok || below.NetConn() != carry {
				t.Errorf("below it is %T", tc.NetConn())
			}
			tc.SetReadDeadline(time.Unix(1, 0))
			if _, err := tc.Read(got); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("a deadline: %v", err)
			}
			tc.SetDeadline(time.Time{})
			go func() {
				tc.Write(data)
				tc.Close()
			}()
			if back, err := io.ReadAll(client); err != nil || !bytes.Equal(back, data) {
				t.Errorf("%d fed: %d bytes came back, %v", fed, len(back), err)
			}
			if _, err := carry.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Close has not closed the socket: %v", err)
			}
		}
	}
}
