package conn_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	cryptotls "crypto/tls"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/conn"
)

// withstandSecure is withstand with TLS.
func withstandSecure(t *testing.T, test func(*rig)) {
	t.Helper()
	cfg := conn.Config{Limits: conn.DefaultLimits(), Handler: app.HandlerFunc(func(req *app.Request, resp *app.Response) {
		if _, err := req.WriteTo(resp); err != nil {
			panic(app.ErrAbort)
		}
	})}
	cfg.Limits.HandshakeTimeout = 2 * time.Second
	cfg.Limits.LingerTimeout = 200 * time.Millisecond
	onEachSecure(t, cfg, func(r *rig) {
		r.fresh()
		before := heap()
		test(r)
		r.fresh()
		eventually(r.T, "the attackers are gone", func() bool { return r.srv.Active() == 0 })
		if after := heap(); after > before+16<<20 {
			r.Errorf("%d MiB of heap, were %d", after>>20, before>>20)
		}
		if n := r.srv.Stats().Panics; n != 0 {
			r.Errorf("%d panics", n)
		}
	})
}

// flooded writes piece until the server has had enough, or n times, and fails
// unless it had: the connection has to end.
func (r *rig) flooded(c net.Conn, n int, piece func() []byte) {
	r.Helper()
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, c) // to its end, its reset, or patience's
		ended <- err
	}()
	for range n {
		if _, err := c.Write(piece()); err != nil {
			break
		}
	}
	if err := <-ended; errors.Is(err, os.ErrDeadlineExceeded) {
		r.Error("the connection goes on")
	}
	c.Close()
}

// Bytes that are no TLS: an alert or the end. HTTP in cleartext, or what begins
// with a letter as it does, gets a word.
func TestScenario24Garbage(t *testing.T) {
	withstandSecure(t, func(r *rig) {
		rng := rand.New(rand.NewPCG(24, 24))
		for i := range 100 {
			c := r.dial()
			b := make([]byte, 1+rng.IntN(2000))
			for k := range b {
				b[k] = byte(rng.Uint32())
			}
			if i%2 == 0 && len(b) > 5 { // as if it were a handshake
				copy(b, []byte{recordHandshake, 3, 1, byte(len(b) >> 8), byte(len(b))})
			}
			c.Write(b) // may be reset meanwhile
			c.CloseWrite()
			got, _ := io.ReadAll(c) // to its end, or its reset
			plain := b[0] > ' ' && b[0] < 0x7f && bytes.HasPrefix(got, []byte("HTTP/1.1 400 "))
			if len(got) > 0 && got[0] != 21 && !plain {
				r.Errorf("%x was answered with %.40q", b[:min(20, len(b))], got)
			}
			c.Close()
		}
		c := r.dial()
		r.write(c, get)
		resp, body := r.response(bufio.NewReader(c), "GET")
		if resp.StatusCode != 400 || !strings.Contains(body, "https") {
			r.Errorf("cleartext: %s %q", resp.Status, body)
		}
		c.Close()
	})
}

// 10,000 of what is allowed now and then and moves nothing.
func TestScenario24Floods(t *testing.T) {
	const n = 10_000
	ccs := []byte{recordCCS, 3, 3, 0, 1, 1}
	for name, attack := range map[string]func(r *rig){
		"empty records for a hello": func(r *rig) {
			r.flooded(r.dial(), n, func() []byte { return []byte{recordHandshake, 3, 1, 0, 0} })
		},
		"change_cipher_spec for a hello": func(r *rig) { r.flooded(r.dial(), n, func() []byte { return ccs }) },
		"change_cipher_spec after the hello": func(r *rig) {
			c := r.dial()
			r.write(c, string(record(r)))
			r.flooded(c, n, func() []byte { return ccs })
		},
		"change_cipher_spec after the handshake": func(r *rig) { r.flooded(r.sealer(), n, func() []byte { return ccs }) },
		"empty data": func(r *rig) {
			s := r.sealer()
			r.flooded(s, n, func() []byte { return s.record(recordData, "") })
		},
		"KeyUpdate": func(r *rig) {
			s := r.sealer()
			r.flooded(s, n, func() []byte { return s.keyUpdate(0) })
		},
		"KeyUpdate that asks for ours": func(r *rig) {
			s := r.sealer()
			r.flooded(s, n, func() []byte { return s.keyUpdate(1) })
		},
		"warnings": func(r *rig) {
			s := r.sealer()
			r.flooded(s, n, func() []byte { return s.record(21, "\x01\x5a") }) // user_canceled
		},
	} {
		t.Run(name, func(t *testing.T) { withstandSecure(t, attack) })
	}
}

// A KeyUpdate before each of many bytes is allowed, and served.
func TestScenario24KeyUpdates(t *testing.T) {
	withstandSecure(t, func(r *rig) {
		const n = 2000
		s := r.sealer()
		in := s.record(recordData, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n")
		for range n {
			in = append(append(in, s.keyUpdate(0)...), s.record(recordData, "x")...)
		}
		go s.Write(in) // read below
		got := 0       // what comes is sealed: count it
		for b := make([]byte, 4096); got < n; {
			k, err := s.Read(b)
			if got += k; err != nil {
				r.Errorf("after %d bytes: %v", got, err)
				break
			}
		}
		s.Close()
	})
}

// A handshake and a request that end, or are reset, at every byte. What is whole
// is answered. (A renegotiation is asked for by the end-to-end tests: openssl
// can.)
func TestScenario24Aborts(t *testing.T) {
	withstandSecure(t, func(r *rig) {
		for _, version := range versions {
			for _, reset := range []bool{false, true} {
				var wg sync.WaitGroup
				const workers = 8
				for first := range workers {
					wg.Go(func() {
						for at := first; !r.cutAt(version, at, reset); at += workers {
						}
					})
				}
				wg.Wait()
			}
		}
	})
}

// cutAt has an exchange whose client sends at bytes and no more, and reports
// whether it came to an answer.
func (r *rig) cutAt(version uint16, at int, reset bool) bool {
	cfg := clientTLS(r, version)
	cfg.CurvePreferences = []cryptotls.CurveID{cryptotls.X25519} // a short hello
	raw, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.Error(err)
		return true
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(patience))
	c := cryptotls.Client(&cut{raw.(*net.TCPConn), at, reset}, cfg)
	io.WriteString(c, get) // fails if it is cut
	answer, _ := io.ReadAll(io.LimitReader(c, 12))
	return bytes.Equal(answer, []byte("HTTP/1.1 200"))
}

// A cut is a connection that ends, or is reset, after so many bytes.
type cut struct {
	*net.TCPConn
	left  int
	reset bool
}

var errCut = errors.New("cut")

func (c *cut) Write(b []byte) (int, error) {
	if len(b) <= c.left {
		c.left -= len(b)
		return c.TCPConn.Write(b)
	}
	c.TCPConn.Write(b[:c.left]) // the end comes anyway
	c.left = 0
	if c.reset {
		c.SetLinger(0)
		c.Close()
	} else {
		c.CloseWrite()
	}
	return 0, errCut
}
