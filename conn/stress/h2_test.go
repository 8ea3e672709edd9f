package stress

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"
)

// An h2client is net/http's over HTTP/2, in cleartext by prior knowledge or over
// TLS, on connections of its own.
type h2client struct {
	*http.Client
	url string

	mu     sync.Mutex
	conns  []*net.TCPConn
	closed bool // what is connected now comes too late
}

// h2 is a new client, one time in two over TLS.
func (w *worker) h2() *h2client {
	c := &h2client{}
	tr := &http.Transport{DialContext: c.dial}
	if w.random.IntN(2) == 0 {
		c.url = "https://" + w.server.secureAddr
		tr.TLSClientConfig, tr.ForceAttemptHTTP2 = w.server.client.Clone(), true
	} else {
		c.url = "http://" + w.server.addr
		tr.Protocols = new(http.Protocols)
		tr.Protocols.SetUnencryptedHTTP2(true)
	}
	c.Client = &http.Client{Transport: tr, Timeout: patience}
	return c
}

func (c *h2client) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		conn.Close()
		return nil, net.ErrClosed
	}
	c.conns = append(c.conns, conn.(*net.TCPConn))
	return conn, nil
}

// close ends its connections: those that rest as they should be ended, then all.
func (c *h2client) close(linger bool) {
	c.CloseIdleConnections()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, conn := range c.conns {
		if !linger {
			conn.SetLinger(0)
		}
		conn.Close()
	}
}

// A request of one stream, and what must come back.
type streamed struct {
	method, path string
	body         []byte
	status       int
	want         []byte
}

// stream draws one.
func (w *worker) stream() streamed {
	body := make([]byte, w.random.IntN(100_000))
	p := pattern{seed: w.random.Uint64() >> 1}
	seed := p.seed
	p.fill(body)
	switch w.random.IntN(8) {
	case 0:
		return streamed{"GET", fmt.Sprintf("/content?n=%d&seed=%d", len(body), seed), nil, 200, body}
	case 1:
		return streamed{"POST", "/echo", body, 200, body}
	case 2:
		digest := sha256.Sum256(body)
		return streamed{"POST", "/sum", body, 200, []byte(hex.EncodeToString(digest[:]))}
	case 3:
		return streamed{"GET", fmt.Sprintf("/sleep?ms=%d", w.random.IntN(20)), nil, 200, []byte("slept")}
	case 4:
		return streamed{"POST", "/ignore", body, 200, []byte("ignored")}
	case 5:
		return streamed{"GET", "/panic", nil, 500, nil}
	case 6:
		return streamed{"GET", fmt.Sprintf("/spin?ms=%d", w.random.IntN(3)), nil, 200, []byte("spun")}
	default:
		i := fmt.Sprint(w.random.Uint64())
		return streamed{"GET", "/seq?i=" + i, nil, 200, []byte(i)}
	}
}

// have has an exchange.
func (c *h2client) have(ctx context.Context, s streamed) error {
	var body io.Reader
	if s.method == "POST" {
		body = io.MultiReader(bytes.NewReader(s.body)) // of no declared length
		if len(s.body)%2 == 0 {
			body = bytes.NewReader(s.body)
		}
	}
	req, err := http.NewRequestWithContext(ctx, s.method, c.url+s.path, body)
	if err != nil {
		return err
	}
	resp, err := c.Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%s, after %d bytes: %w", s.path, len(got), err)
	}
	if resp.ProtoMajor != 2 || resp.StatusCode != s.status || s.status == 200 && !bytes.Equal(got, s.want) {
		return fmt.Errorf("%s: %s %s, %.60q of %d bytes, want %.60q of %d", s.path, resp.Proto, resp.Status, got, len(got), s.want, len(s.want))
	}
	return nil
}

// all has n exchanges at the same time, and answers the errors of those that
// had one. A stream's context is made by ctx.
func (w *worker) all(c *h2client, n int, ctx func(*rand.Rand) context.Context) (errs []error) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range n {
		s, random := w.stream(), rand.New(rand.NewPCG(w.random.Uint64(), 5))
		wg.Go(func() {
			if err := c.have(ctx(random), s); err != nil {
				mu.Lock()
				errs = append(errs, err)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return errs
}

func background(*rand.Rand) context.Context { return context.Background() }

// streams has many exchanges at once on one connection.
func (w *worker) streams() error {
	c := w.h2()
	defer c.close(true)
	for range 1 + w.random.IntN(3) {
		if errs := w.all(c, 1+w.random.IntN(20), background); len(errs) > 0 {
			return errs[0]
		}
	}
	return nil
}

// streamsCancelled changes its mind about some; the others are served, on the
// same connection.
func (w *worker) streamsCancelled() error {
	c := w.h2()
	defer c.close(true)
	if err := c.have(context.Background(), streamed{"GET", "/seq?i=1", nil, 200, []byte("1")}); err != nil {
		return err
	}
	over := time.Duration(1 + w.random.IntN(10_000))
	cancelled := make(chan struct{})
	go func() {
		defer close(cancelled)
		w := &worker{server: w.server, random: rand.New(rand.NewPCG(uint64(over), 6))}
		w.all(c, 10, func(random *rand.Rand) context.Context {
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(time.Duration(random.IntN(10_000))*time.Microsecond, cancel)
			return ctx
		})
		ctx, cancel := context.WithTimeout(context.Background(), over*time.Microsecond)
		defer cancel()
		c.have(ctx, streamed{method: "GET", path: "/wait"}) // ends by its context
	}()
	errs := w.all(c, 10, background)
	<-cancelled
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(errs) == 0 && len(c.conns) != 1 {
		return fmt.Errorf("it took %d connections", len(c.conns))
	}
	if len(errs) > 0 {
		return errs[0]
	}
	return nil
}

// streamsAborted resets its connection in the middle of everything.
func (w *worker) streamsAborted() error {
	c := w.h2()
	timer := time.AfterFunc(time.Duration(w.random.IntN(10_000))*time.Microsecond, func() { c.close(false) })
	defer timer.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	w.all(c, 10, func(*rand.Rand) context.Context { return ctx })
	c.close(false)
	return nil
}
