package conn_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/conn"
)

// The attacks and faults that a server has to survive, on every engine with
// real sockets, with short time limits. Those that other tests here play on
// real sockets: 4 TestE2ESlowReaders, 13 TestE2EPipeline, 14 TestE2EHalfClose,
// 15 TestE2EReset, 16 TestE2EPanics. Those of descriptors and kernels (17 to
// 20) are with the engines and the command.

// impatient are limits that a test can wait for.
func impatient() conn.Limits {
	l := conn.DefaultLimits()
	l.HeaderTimeout = 400 * time.Millisecond
	l.LingerTimeout = 200 * time.Millisecond
	l.MinBodyRate = conn.Rate{BytesPerSecond: 1 << 20, Grace: 300 * time.Millisecond}
	l.MinResponseRate = conn.Rate{BytesPerSecond: 64 << 20, Grace: 300 * time.Millisecond}
	return l
}

// survive runs test on each engine and then proves that the server is well: a
// new client is served, and nothing is left of the others.
func survive(t *testing.T, cfg conn.Config, test func(*rig)) {
	if cfg.Handler == nil {
		cfg.Handler = hello.Handler
	}
	if cfg.Limits == (conn.Limits{}) {
		cfg.Limits = impatient()
	}
	onEach(t, cfg, func(r *rig) {
		test(r)
		c := r.dial()
		r.write(c, get)
		if resp, _ := r.response(bufio.NewReader(c), "GET"); resp.StatusCode != 200 {
			r.Errorf("a new client got %s", resp.Status)
		}
		c.Close()
		eventually(r.T, "all connections are gone", func() bool { return r.srv.Active() == 0 })
		if s := r.srv.Stats(); s.Panics != 0 {
			r.Errorf("%d panics", s.Panics)
		}
	})
}

// all reads until the server ends the connection.
func (r *rig) all(c net.Conn) string {
	r.Helper()
	b, err := io.ReadAll(c)
	if err != nil {
		r.Errorf("the connection ended with %v after %.80q", err, b)
	}
	return string(b)
}

// refused sends in, and more requests behind it, and demands the status, the
// end, and that nothing of what follows was served.
func (r *rig) refused(in string, statuses ...int) {
	r.Helper()
	c := r.dial()
	defer c.Close()
	r.write(c, in+get+get)
	out := r.all(c)
	for _, status := range statuses {
		if strings.HasPrefix(out, fmt.Sprintf("HTTP/1.1 %d ", status)) && strings.Count(out, "HTTP/1.1 ") == 1 {
			return
		}
	}
	r.Errorf("%.80q: got %.200q, want %v and the end", in, out, statuses)
}

// A header byte at a time, for ever.
func TestScenario01Slowloris(t *testing.T) {
	survive(t, conn.Config{}, func(r *rig) {
		c := r.dial()
		begin := time.Now()
		go func() {
			for _, b := range []byte("GET / HTTP/1.1\r\nX: " + strings.Repeat("a", 8000)) {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(5 * time.Millisecond) // that is the attack
			}
		}()
		if out, _ := io.ReadAll(c); !strings.HasPrefix(string(out), "HTTP/1.1 408 ") {
			r.Errorf("got %.80q", out)
		}
		if took := time.Since(begin); took > 3*time.Second {
			r.Errorf("it took %v", took)
		}
		c.Close()
	})
}

// A thousand clients that say nothing; others are served meanwhile.
func TestScenario02Silent(t *testing.T) {
	survive(t, conn.Config{}, func(r *rig) {
		var silent []net.Conn
		for range 1000 {
			silent = append(silent, r.dial())
		}
		c := r.dial()
		r.write(c, get)
		r.response(bufio.NewReader(c), "GET")
		c.Close()
		for _, c := range silent {
			if n, err := c.Read(make([]byte, 1)); err != io.EOF {
				r.Fatalf("a silent client got %d %v", n, err)
			}
			c.Close()
		}
	})
}

// A body below the minimum rate.
func TestScenario03SlowBody(t *testing.T) {
	reader := app.HandlerFunc(func(req *app.Request, resp *app.Response) {
		n, err := req.WriteTo(io.Discard)
		if err != nil {
			return
		}
		fmt.Fprint(resp, n)
	})
	survive(t, conn.Config{Handler: reader}, func(r *rig) {
		c := r.dial()
		r.write(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
		go func() {
			for range 2000 {
				if _, err := c.Write([]byte{'a'}); err != nil {
					return
				}
				time.Sleep(10 * time.Millisecond) // that is the attack
			}
		}()
		if out, _ := io.ReadAll(c); !strings.HasPrefix(string(out), "HTTP/1.1 408 ") {
			r.Errorf("got %.80q", out)
		}
		c.Close()
	})
}

func TestScenario05ContentLength(t *testing.T) {
	survive(t, conn.Config{}, func(r *rig) {
		for _, length := range []string{"+5", "-1", " 5 5", "5, 5", "5,6", "0x5", "5a", "", "18446744073709551616", "1_0"} {
			r.refused("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: "+length+"\r\n\r\nhello", 400)
		}
		r.refused("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400)
		r.refused("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400)
		r.refused("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400)
	})
}

func TestScenario06TransferEncoding(t *testing.T) {
	survive(t, conn.Config{}, func(r *rig) {
		for _, coding := range []string{"xchunked", "chunked, identity", "\x0bchunked", "chunked, chunked",
			"identity", "chunked\r\n\tx", "gzip, chunked", "", "chunked;a=b"} {
			r.refused("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "+coding+"\r\n\r\n0\r\n\r\n", 400, 501)
		}
		r.refused("POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400)
		r.refused("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400)
	})
}

func TestScenario07Chunks(t *testing.T) {
	reader := app.HandlerFunc(func(req *app.Request, resp *app.Response) { req.WriteTo(io.Discard) })
	survive(t, conn.Config{Handler: reader}, func(r *rig) {
		for _, body := range []string{
			"12345678901234567\r\nx", "0x5\r\nhello\r\n0\r\n\r\n", "5\nhello\r\n0\r\n\r\n", "5\r\nhello0\r\n\r\n",
			"-5\r\nhello\r\n", "5;" + strings.Repeat("a", 64<<10) + "\r\nhello\r\n0\r\n\r\n", "\r\n\r\n", "5 \r\nhello\r\n",
		} {
			r.refused("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"+body, 400)
		}
		trailers := strings.Repeat("A: b\r\n", 10_000)
		r.refused("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"+trailers+"\r\n", 431)
	})
}

func TestScenario08Octets(t *testing.T) {
	survive(t, conn.Config{}, func(r *rig) {
		for _, line := range []string{
			"A: b\x00c", "A: b\rc", "A: b\x01c", "A\x00: b", "A b: c", "A : b", ": b", "A", "A: b\r\n c", " A: b", "A\x7f: b", "\xc3\xa9: b",
		} {
			r.refused("GET / HTTP/1.1\r\nHost: x\r\n"+line+"\r\n\r\n", 400)
		}
		for _, head := range []string{
			"GET / HTTP/1.1\nHost: x\n\n", "GET / HTTP/1.1\r\nHost: x\n\r\n", "GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
			"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1 \r\nHost: x\r\n\r\n", "GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
			"G\x00T / HTTP/1.1\r\nHost: x\r\n\r\n", "GET /\r\nHost: x\r\n\r\n", "GET / http/1.1\r\nHost: x\r\n\r\n",
		} {
			r.refused(head, 400)
		}
		r.refused("GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505)
	})
}

func TestScenario09Host(t *testing.T) {
	survive(t, conn.Config{}, func(r *rig) {
		for _, head := range []string{
			"GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
			"GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "GET / HTTP/1.1\r\nHost: x:y\r\n\r\n",
			"GET / HTTP/1.1\r\nHost: u@x\r\n\r\n", "GET / HTTP/1.1\r\nHost: x/\r\n\r\n", "GET http://y/ HTTP/1.1\r\nHost: x\r\n\r\n",
		} {
			r.refused(head, 400)
		}
	})
}

func TestScenario10Sizes(t *testing.T) {
	survive(t, conn.Config{}, func(r *rig) {
		r.refused("GET /"+strings.Repeat("a", 8<<10)+" HTTP/1.1\r\nHost: x\r\n\r\n", 414)
		r.refused("GET / HTTP/1.1\r\nHost: x\r\nA: "+strings.Repeat("a", 32<<10)+"\r\n\r\n", 431)
		r.refused("GET / HTTP/1.1\r\nHost: x\r\n"+strings.Repeat("A: b\r\n", 100)+"\r\n", 431)
		// Megabytes of fields: the answer arrives while the client still sends.
		c := r.dial()
		defer c.Close()
		go io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n"+strings.Repeat("A: b\r\n", 1_000_000))
		if resp, _ := r.response(bufio.NewReader(c), "GET"); resp.StatusCode != 431 {
			r.Error(resp.Status)
		}
	})
}

// A declared body over the limit: 413, and 100 (Continue) is not sent.
func TestScenario11BodyTooLarge(t *testing.T) {
	survive(t, conn.Config{}, func(r *rig) {
		head := "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 30000001\r\n"
		r.refused(head+"\r\n", 413)
		r.refused(head+"Expect: 100-continue\r\n\r\n", 413)
	})
}

// Every prefix of a good request, then FIN, then RST.
func TestScenario12Prefixes(t *testing.T) {
	const request = "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
	survive(t, conn.Config{}, func(r *rig) {
		var wg sync.WaitGroup
		for i := range request {
			wg.Go(func() {
				c := r.dial()
				r.write(c, request[:i])
				c.CloseWrite()
				resp, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err == nil && resp.StatusCode != 400 && resp.StatusCode != 200 {
					r.Errorf("%q, then FIN: %s", request[:i], resp.Status)
				}
				c.Close()
			})
			wg.Go(func() {
				c := r.dial()
				r.write(c, request[:i])
				c.SetLinger(0)
				c.Close()
			})
		}
		wg.Wait()
	})
}

// A client that resets in the middle of everything at once.
func TestScenario15Resets(t *testing.T) {
	streams := app.HandlerFunc(func(req *app.Request, resp *app.Response) {
		part := bytes.Repeat([]byte("x"), 10_000)
		for range 100 {
			if _, err := resp.Write(part); err != nil {
				return
			}
		}
	})
	survive(t, conn.Config{Handler: streams}, func(r *rig) {
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				c := r.dial()
				r.write(c, get)
				io.CopyN(io.Discard, c, int64(i*i))
				c.SetLinger(0)
				c.Close()
			})
		}
		wg.Wait()
	})
}
