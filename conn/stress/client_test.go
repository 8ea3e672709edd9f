package stress

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	cryptotls "crypto/tls"
)

// patience bounds every exchange; one that meets it has stalled.
const patience = 30 * time.Second

// worker is one client after another, on connections of its own.
type worker struct {
	server *server
	random *rand.Rand
	number int
	counts []tally
}

// tally is how often an exchange was had and how long that took in all.
type tally struct{ count, nanoseconds atomic.Int64 }

func (t *tally) add(d time.Duration) {
	t.count.Add(1)
	t.nanoseconds.Add(int64(d))
}

// op is one kind of exchange.
type op struct {
	name string
	run  func(*worker) error
}

var ops = [...]op{
	{"keep-alive", (*worker).keepAlive},
	{"pipelined", (*worker).pipelined},
	{"download", (*worker).download},
	{"upload", (*worker).upload},
	{"echo", (*worker).echo},
	{"cancelled", (*worker).cancelled},
	{"aborted", (*worker).aborted},
	{"trickled", (*worker).trickled},
	{"read slowly", (*worker).readSlowly},
	{"sleeping handler", (*worker).sleeping},
	{"spinning handler", (*worker).spinning},
	{"panicking handler", (*worker).panicking},
	{"half-closed", (*worker).halfClosed},
	{"body left unread", (*worker).unread},
	{"waiting for the client to go", (*worker).waiting},
	{"malformed", (*worker).malformed},
	{"HTTP/2", (*worker).streams},
	{"HTTP/2, cancelled", (*worker).streamsCancelled},
	{"HTTP/2, aborted", (*worker).streamsAborted},
}

// work runs exchanges until stop, and returns the first that went wrong.
func (w *worker) work(stop <-chan struct{}) error {
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		i, began := w.random.IntN(len(ops)), time.Now()
		if *exchange != "" && ops[i].name != *exchange {
			continue
		}
		if err := ops[i].run(w); err != nil {
			return fmt.Errorf("worker %d, %s: %w", w.number, ops[i].name, err)
		}
		w.counts[i].add(time.Since(began))
	}
}

// peer is a client's connection.
type peer struct {
	net.Conn // tcp, or TLS on it
	tcp      *net.TCPConn
	in       *bufio.Reader
}

// dial connects, one time in three over TLS.
func (w *worker) dial() (*peer, error) {
	addr, secure := w.server.addr, w.random.IntN(3) == 0
	if secure {
		addr = w.server.secureAddr
	}
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, err
	}
	p := &peer{Conn: c, tcp: c.(*net.TCPConn)}
	if secure {
		cfg := w.server.client.Clone()
		cfg.NextProtos = []string{"http/1.1"}
		cfg.MaxVersion = [...]uint16{cryptotls.VersionTLS12, cryptotls.VersionTLS13}[w.random.IntN(2)]
		p.Conn = cryptotls.Client(c, cfg)
	}
	p.SetDeadline(time.Now().Add(patience))
	p.in = bufio.NewReader(p.Conn)
	return p, nil
}

// CloseWrite ends the sending, of either.
func (p *peer) CloseWrite() error {
	return p.Conn.(interface{ CloseWrite() error }).CloseWrite()
}

// with dials, runs f and closes.
func (w *worker) with(f func(*peer) error) error {
	p, err := w.dial()
	if err != nil {
		return err
	}
	defer p.Close()
	return f(p)
}

// response reads a response whose body must be want.
func (p *peer) response(want string) (*http.Response, error) {
	resp, err := http.ReadResponse(p.in, nil)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != 200 || string(body) != want {
		return nil, fmt.Errorf("%s %.60q, want %.60q", resp.Status, body, want)
	}
	return resp, nil
}

func get(target string) string { return "GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n" }

func (w *worker) keepAlive() error {
	return w.with(func(p *peer) error {
		for range 1 + w.random.IntN(20) {
			i := fmt.Sprint(w.random.Uint64())
			io.WriteString(p, get("/seq?i="+i))
			if _, err := p.response(i); err != nil {
				return err
			}
		}
		return nil
	})
}

// pipelined sends many requests in pieces cut anywhere.
func (w *worker) pipelined() error {
	return w.with(func(p *peer) error {
		var all strings.Builder
		var want []string
		for range 1 + w.random.IntN(60) {
			i := fmt.Sprint(w.random.Uint64())
			all.WriteString(get("/seq?i=" + i))
			want = append(want, i)
		}
		go w.pieces(rand.New(rand.NewPCG(w.random.Uint64(), 1)), p, []byte(all.String()))
		for _, i := range want {
			if _, err := p.response(i); err != nil {
				return err
			}
		}
		return nil
	})
}

// pieces writes b cut at random.
func (w *worker) pieces(random *rand.Rand, to io.Writer, b []byte) {
	for len(b) > 0 {
		n := 1 + random.IntN(len(b))
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
		b = b[n:]
	}
}

func (w *worker) download() error {
	return w.with(func(p *peer) error { return w.read(p, w.random.Int64N(500_000), 1, func() {}) })
}

// read asks for n bytes of content and verifies them, at least so many at a
// time; pause is called in between.
func (w *worker) read(p *peer, n int64, least int, pause func()) error {
	want := pattern{seed: w.random.Uint64() >> 1}
	io.WriteString(p, get(fmt.Sprintf("/content?n=%d&seed=%d", n, want.seed)))
	resp, err := http.ReadResponse(p.in, nil)
	if err != nil {
		return err
	}
	buf := make([]byte, least+w.random.IntN(20_000))
	for {
		k, err := resp.Body.Read(buf)
		for i := range buf[:k] {
			if at, c := want.at, want.next(); buf[i] != c {
				return fmt.Errorf("byte %d of %d is %x, want %x", at, n, buf[i], c)
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("after %d of %d bytes: %w", want.at, n, err)
		}
		pause()
	}
	if int64(want.at) != n {
		return fmt.Errorf("%d bytes, want %d", want.at, n)
	}
	return nil
}

// body makes a request body and frames it with a length or in chunks.
func (w *worker) body() (content, framed []byte) {
	content = make([]byte, w.random.IntN(300_000))
	p := pattern{seed: w.random.Uint64()}
	p.fill(content)
	if w.random.IntN(2) == 0 {
		return content, fmt.Appendf(nil, "Content-Length: %d\r\n\r\n%s", len(content), content)
	}
	framed = []byte("Transfer-Encoding: chunked\r\n\r\n")
	for rest := content; len(rest) > 0; {
		n := 1 + w.random.IntN(len(rest))
		framed = fmt.Appendf(framed, "%x\r\n%s\r\n", n, rest[:n])
		rest = rest[n:]
	}
	return content, append(framed, "0\r\n\r\n"...)
}

func (w *worker) upload() error {
	return w.with(func(p *peer) error {
		for range 1 + w.random.IntN(3) {
			content, framed := w.body()
			head := []byte("POST /sum HTTP/1.1\r\nHost: h\r\n")
			go w.pieces(rand.New(rand.NewPCG(w.random.Uint64(), 2)), p, append(head, framed...))
			digest := sha256.Sum256(content)
			if _, err := p.response(hex.EncodeToString(digest[:])); err != nil {
				return err
			}
		}
		return nil
	})
}

// echo sends and receives at the same time.
func (w *worker) echo() error {
	return w.with(func(p *peer) error {
		content, framed := w.body()
		head := []byte("POST /echo HTTP/1.1\r\nHost: h\r\n")
		go w.pieces(rand.New(rand.NewPCG(w.random.Uint64(), 3)), p, append(head, framed...))
		_, err := p.response(string(content))
		return err
	})
}

// cancelled goes away, by FIN, in the middle of a response.
func (w *worker) cancelled() error {
	return w.with(func(p *peer) error {
		io.WriteString(p, get("/content?n=100000000"))
		_, err := io.CopyN(io.Discard, p, w.random.Int64N(200_000))
		return err
	})
}

// aborted resets the connection in the middle of a request or a response.
func (w *worker) aborted() error {
	return w.with(func(p *peer) error {
		_, framed := w.body()
		request := append([]byte("POST /echo HTTP/1.1\r\nHost: h\r\n"), framed...)
		p.tcp.SetLinger(0)
		p.SetDeadline(time.Now().Add(time.Duration(1+w.random.IntN(10)) * time.Millisecond))
		p.Write(request[:w.random.IntN(len(request))])
		if w.random.IntN(2) == 0 {
			io.CopyN(io.Discard, p, w.random.Int64N(10_000))
		}
		return nil
	})
}

// trickled sends a request a few bytes at a time.
func (w *worker) trickled() error {
	return w.with(func(p *peer) error {
		i := fmt.Sprint(w.random.Uint64())
		for b := []byte(get("/seq?i=" + i)); len(b) > 0; {
			n := min(len(b), 1+w.random.IntN(5))
			if _, err := p.Write(b[:n]); err != nil {
				return err
			}
			b = b[n:]
			time.Sleep(time.Millisecond) // a slow client
		}
		_, err := p.response(i)
		return err
	})
}

func (w *worker) readSlowly() error {
	return w.with(func(p *peer) error {
		p.tcp.SetReadBuffer(128 << 10)
		return w.read(p, 1_000_000, 2000, func() { time.Sleep(time.Duration(w.random.IntN(3)) * time.Millisecond) }) // a slow client
	})
}

func (w *worker) sleeping() error {
	return w.with(func(p *peer) error {
		io.WriteString(p, get(fmt.Sprintf("/sleep?ms=%d", w.random.IntN(20))))
		_, err := p.response("slept")
		return err
	})
}

func (w *worker) spinning() error {
	return w.with(func(p *peer) error {
		io.WriteString(p, get(fmt.Sprintf("/spin?ms=%d", w.random.IntN(4))))
		_, err := p.response("spun")
		return err
	})
}

func (w *worker) panicking() error {
	return w.with(func(p *peer) error {
		io.WriteString(p, get("/panic"))
		resp, err := http.ReadResponse(p.in, nil)
		if err == nil && resp.StatusCode != 500 {
			return errors.New(resp.Status)
		}
		return err
	})
}

// halfClosed ends its sending right after its requests; all are answered.
func (w *worker) halfClosed() error {
	return w.with(func(p *peer) error {
		i := fmt.Sprint(w.random.Uint64())
		io.WriteString(p, strings.Repeat(get("/seq?i="+i), 5)+get("/sleep?ms=5"))
		p.CloseWrite()
		for range 5 {
			if _, err := p.response(i); err != nil {
				return err
			}
		}
		if _, err := p.response("slept"); err != nil {
			return err
		}
		if n, err := p.in.Read(make([]byte, 1)); err != io.EOF {
			return fmt.Errorf("after the last response: %d, %v", n, err)
		}
		return nil
	})
}

// unread sends bodies to a handler that does not look at them. The next
// request, if the connection goes on, is a request and not a body.
func (w *worker) unread() error {
	return w.with(func(p *peer) error {
		_, framed := w.body()
		request := append([]byte("POST /ignore HTTP/1.1\r\nHost: h\r\n"), framed...)
		i := fmt.Sprint(w.random.Uint64())
		request = append(request, get("/seq?i="+i)...)
		go w.pieces(rand.New(rand.NewPCG(w.random.Uint64(), 4)), p, request)
		resp, err := p.response("ignored")
		if err != nil || resp.Close {
			return err
		}
		_, err = p.response(i)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || isReset(err) {
			return nil // too much of it was left
		}
		return err
	})
}

func isReset(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && !op.Timeout()
}

// waiting leaves a handler that waits for just that.
func (w *worker) waiting() error {
	return w.with(func(p *peer) error {
		io.WriteString(p, get("/wait"))
		if w.random.IntN(2) == 0 {
			p.tcp.SetLinger(0)
		}
		time.Sleep(time.Duration(w.random.IntN(5)) * time.Millisecond) // the handler runs, or not yet
		return nil
	})
}

// malformed gets a 400 and the end, and what follows is not served.
func (w *worker) malformed() error {
	return w.with(func(p *peer) error {
		bad := [...]string{
			"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
			"GET / HTTP/1.1\nHost: h\n\n", "GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n",
			"GET / HTTP/1.1\r\nHost : h\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
		}
		io.WriteString(p, bad[w.random.IntN(len(bad))]+get("/seq?i=1"))
		all, err := io.ReadAll(p.in)
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(all, []byte("HTTP/1.1 400 ")) || bytes.Count(all, []byte("HTTP/1.1 ")) != 1 {
			return fmt.Errorf("got %.200q", all)
		}
		return nil
	})
}
