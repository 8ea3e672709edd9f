package conn_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/conn"
)

const get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

var hello = conn.Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
	w.WriteString("path=")
	w.Write(r.Path)
})}

func TestE2EKeepAlive(t *testing.T) {
	onEach(t, hello, func(r *rig) {
		c := r.dial()
		br := bufio.NewReader(c)
		for i := range 100 {
			r.write(c, fmt.Sprintf("GET /%d HTTP/1.1\r\nHost: x\r\n\r\n", i))
			if resp, body := r.response(br, "GET"); resp.StatusCode != 200 || body != fmt.Sprintf("path=/%d", i) {
				r.Fatalf("%d: %d %q", i, resp.StatusCode, body)
			}
		}
	})
}

// Scenario 12: each byte alone.
func TestE2EByteByByte(t *testing.T) {
	onEach(t, hello, func(r *rig) {
		c := r.dial()
		for i := range get {
			r.write(c, get[i:i+1])
		}
		if resp, _ := r.response(bufio.NewReader(c), "GET"); resp.StatusCode != 200 {
			r.Error(resp.Status)
		}
	})
}

// Scenario 13: 1,000 pipelined requests in one write; then half-close.
func TestE2EPipeline(t *testing.T) {
	var running, concurrent atomic.Int32
	onEach(t, conn.Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		if running.Add(1) != 1 {
			concurrent.Add(1)
		}
		w.Write(r.Path)
		running.Add(-1)
	})}, func(r *rig) {
		const n = 1000
		var in strings.Builder
		for i := range n {
			fmt.Fprintf(&in, "GET /%d HTTP/1.1\r\nHost: x\r\n\r\n", i)
		}
		c := r.dial()
		r.write(c, in.String())
		c.CloseWrite()
		br := bufio.NewReader(c)
		for i := range n {
			if _, body := r.response(br, "GET"); body != fmt.Sprintf("/%d", i) {
				r.Fatalf("response %d is %q", i, body)
			}
		}
		if _, err := br.ReadByte(); err != io.EOF {
			r.Errorf("after the last: %v, want EOF", err)
		}
		if concurrent.Load() != 0 {
			r.Error("handlers of one connection ran at once")
		}
	})
}

// Scenario 14: half-close, then a handler that blocks.
func TestE2EHalfClose(t *testing.T) {
	onEach(t, conn.Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		<-r.Context().Done()
		w.WriteString("late")
	})}, func(r *rig) {
		c := r.dial()
		r.write(c, get)
		c.CloseWrite()
		br := bufio.NewReader(c)
		if _, body := r.response(br, "GET"); body != "late" {
			r.Errorf("got %q", body)
		}
		if _, err := br.ReadByte(); err != io.EOF {
			r.Errorf("after it: %v, want EOF", err)
		}
	})
}

// Scenario 15: a reset cancels the handler's context within a second.
func TestE2EReset(t *testing.T) {
	started, ended := make(chan string, 8), make(chan time.Duration, 8)
	onEach(t, conn.Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		ctx := r.Context()
		started <- string(r.Path)
		switch string(r.Path) {
		case "/body":
			io.Copy(io.Discard, r)
		case "/response":
			for b := make([]byte, 64<<10); ; {
				if _, err := w.Write(b); err != nil {
					break
				}
			}
		}
		at := time.Now()
		<-ctx.Done()
		ended <- time.Since(at)
	})}, func(r *rig) {
		for _, head := range []string{
			get,
			"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc",
			"GET /response HTTP/1.1\r\nHost: x\r\n\r\n",
		} {
			c := r.dial()
			r.write(c, head)
			<-started
			c.SetLinger(0)
			c.Close()
			select {
			case <-ended:
			case <-time.After(time.Second):
				r.Errorf("%.20q: the context was not cancelled within a second", head)
				<-ended
			}
		}
		eventually(r.T, "all is closed", func() bool { return r.srv.Active() == 0 })
	})
}

// Scenario 16.
func TestE2EPanics(t *testing.T) {
	onEach(t, conn.Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		w.WriteString("begun")
		if string(r.Path) == "/late" {
			w.Flush()
		}
		panic("boom")
	})}, func(r *rig) {
		resp, err := r.client().Get("http://" + r.addr + "/")
		if err != nil || resp.StatusCode != 500 {
			r.Fatalf("%v %v", resp, err)
		}
		resp.Body.Close()
		resp, err = r.client().Get("http://" + r.addr + "/late")
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			resp.Body.Close()
		}
		if err == nil {
			r.Error("the client cannot see that the response is not whole")
		}
	})
}

// Bodies of all sizes both ways, through net/http's client.
func TestE2EEcho(t *testing.T) {
	t.Parallel()
	onEach(t, conn.Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		if _, err := r.WriteTo(w); err != nil {
			panic(err)
		}
		w.Trailer.Add("X-Sum", string(r.Get("X-Want")))
	})}, func(r *rig) {
		client := r.client()
		for _, n := range []int{0, 1, 1000, 4096, 16 << 10, 16<<10 + 1, 100_000, 3_000_000} {
			for _, chunked := range []bool{false, true} {
				body := make([]byte, n)
				fill(body, uint64(n))
				var reader io.Reader = bytes.NewReader(body)
				if chunked {
					reader = io.MultiReader(reader)
				}
				req, _ := http.NewRequest("POST", "http://"+r.addr+"/", reader)
				resp, err := client.Do(req)
				if err != nil {
					r.Fatalf("%d: %v", n, err)
				}
				got, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || !bytes.Equal(got, body) {
					r.Fatalf("%d bytes, chunked %v: %d came back, %v", n, chunked, len(got), err)
				}
			}
		}
	})
}

// fill makes b noise that the seed tells.
func fill(b []byte, seed uint64) {
	var key [32]byte
	binary.NativeEndian.PutUint64(key[:], seed)
	rand.NewChaCha8(key).Read(b) // which never fails
}

// Request and response at the same time, message by message.
func TestE2EFullDuplex(t *testing.T) {
	onEach(t, conn.Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		w.Flush()
		b := make([]byte, 100)
		for {
			n, err := r.Read(b)
			if err != nil {
				return
			}
			w.Write(b[:n])
			w.Flush()
		}
	})}, func(r *rig) {
		pr, pw := io.Pipe()
		req, _ := http.NewRequest("POST", "http://"+r.addr+"/", pr)
		resp, err := r.client().Do(req)
		if err != nil {
			r.Fatal(err)
		}
		defer resp.Body.Close()
		b := make([]byte, 100)
		for i := range 50 {
			want := fmt.Sprintf("message %d", i)
			io.WriteString(pw, want)
			if _, err := io.ReadFull(resp.Body, b[:len(want)]); err != nil || string(b[:len(want)]) != want {
				r.Fatalf("%d: %q, %v", i, b, err)
			}
		}
		pw.Close()
		if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) != 0 {
			r.Errorf("%q, %v", rest, err)
		}
	})
}

// Scenario 11, by a real client.
func TestE2ETooLarge(t *testing.T) {
	limits := conn.DefaultLimits()
	limits.MaxBodyBytes = 1 << 20
	onEach(t, conn.Config{Limits: limits, Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		if _, err := io.Copy(io.Discard, r); err != nil {
			w.SetStatus(500)
		}
	})}, func(r *rig) {
		for _, test := range []struct {
			n       int
			expect  bool
			chunked bool
			status  int
		}{
			{1 << 20, false, false, 200}, {1 << 20, true, false, 200}, {1 << 20, false, true, 200},
			{1<<20 + 1, false, false, 413}, {1<<20 + 1, true, false, 413}, {1<<20 + 1, false, true, 413},
			{40 << 20, true, false, 413}, {40 << 20, false, true, 413}, {40 << 20, false, false, 413},
		} {
			var body io.Reader = bytes.NewReader(make([]byte, test.n))
			if test.chunked {
				body = io.MultiReader(body)
			}
			req, _ := http.NewRequest("POST", "http://"+r.addr+"/", body)
			if test.expect {
				req.Header.Set("Expect", "100-continue")
			}
			resp, err := r.client().Do(req)
			if err != nil {
				r.Errorf("%v: %v", test, err)
				continue
			}
			resp.Body.Close()
			if resp.StatusCode != test.status {
				r.Errorf("%v: %s", test, resp.Status)
			}
		}
	})
}

// Scenario 4: clients that do not read hold a bounded amount.
func TestE2ESlowReaders(t *testing.T) {
	t.Parallel()
	const conns, total = 20, 64 << 20
	var wrote atomic.Int64
	limits := conn.DefaultLimits()
	limits.MinResponseRate = conn.Rate{BytesPerSecond: 1 << 20, Grace: time.Second}
	onEach(t, conn.Config{Limits: limits, Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
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
			c := r.dial()
			c.SetReadBuffer(4096)
			r.write(c, get)
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

// A large response arrives whole at a client that reads in small pieces.
func TestE2ELargeResponse(t *testing.T) {
	t.Parallel()
	want := noise(large, 7)
	onEach(t, conn.Config{Handler: parts(want)}, func(r *rig) {
		r.wantLarge(want)(r.client().Get("http://" + r.addr + "/"))
	})
}

// noise is n bytes that the seed tells.
func noise(n int, seed uint64) []byte {
	b := make([]byte, n)
	fill(b, seed)
	return b
}

// parts answers with content, written in parts from a buffer that changes.
func parts(content []byte) app.Handler {
	return app.HandlerFunc(func(_ *app.Request, w *app.Response) {
		part := make([]byte, 50_000)
		for rest := content; len(rest) > 0; {
			n := copy(part, rest)
			if _, err := w.Write(part[:n]); err != nil {
				panic(err)
			}
			rest = rest[n:]
		}
	})
}

// wantLarge reads a response in small pieces and compares.
func (r *rig) wantLarge(want []byte) func(*http.Response, error) {
	return func(resp *http.Response, err error) {
		r.Helper()
		if err != nil {
			r.Fatal(err)
		}
		defer resp.Body.Close()
		sum := sha256.New()
		n, err := io.CopyBuffer(struct{ io.Writer }{sum}, struct{ io.Reader }{resp.Body}, make([]byte, 1000))
		if err != nil || n != int64(len(want)) || [32]byte(sum.Sum(nil)) != sha256.Sum256(want) {
			r.Errorf("%d bytes, %v", n, err)
		}
	}
}

// Scenarios 5 to 10: refused, and the client sees the answer though it goes on
// sending.
func TestE2EBadRequests(t *testing.T) {
	onEach(t, hello, func(r *rig) {
		for in, status := range map[string]int{
			"GET / HTTP/1.1\r\n\r\n":                              400,
			"GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n":          400,
			"GET /" + strings.Repeat("a", 9000):                   414,
			get[:len(get)-2] + "A: " + strings.Repeat("a", 40000): 431,
		} {
			c := r.dial()
			r.write(c, in+strings.Repeat(get, 100))
			resp, _ := r.response(bufio.NewReader(c), "GET")
			if resp.StatusCode != status || !resp.Close {
				r.Errorf("%.30q: %s", in, resp.Status)
			}
		}
	})
}

// Many clients at once, each with bodies of its own: no byte goes astray.
func TestE2ENoCrossTalk(t *testing.T) {
	t.Parallel()
	onEach(t, conn.Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		b, err := io.ReadAll(r)
		if err != nil {
			panic(err)
		}
		if len(b)%7 == 0 {
			timer := time.NewTimer(2 * time.Millisecond) // blocks, on purpose
			<-timer.C
		}
		if len(b)%3 == 0 {
			w.Write(b[:len(b)/2])
			w.Flush()
			b = b[len(b)/2:]
		}
		w.Write(b)
	})}, func(r *rig) {
		var wg sync.WaitGroup
		for id := range 16 {
			wg.Go(func() {
				client := r.client()
				rng := rand.New(rand.NewPCG(uint64(id), 1))
				for range 60 {
					body := bytes.Repeat([]byte{byte('a' + id)}, rng.IntN(30_000))
					resp, err := client.Post("http://"+r.addr+"/", "", bytes.NewReader(body))
					if err != nil {
						r.Error(err)
						return
					}
					got, err := io.ReadAll(resp.Body)
					resp.Body.Close()
					if err != nil || !bytes.Equal(got, body) {
						r.Errorf("client %d: %d bytes, want %d, %v", id, len(got), len(body), err)
						return
					}
				}
			})
		}
		wg.Wait()
	})
}

// A keep-alive GET allocates nothing, engine and kernel included.
func TestE2ENoAllocations(t *testing.T) {
	if instrumented {
		t.Skip("the race detector and the asserts allocate")
	}
	onEach(t, conn.Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		w.Set("Content-Type", "text/plain")
		w.WriteString("Hello, World!")
	})}, func(r *rig) {
		c := r.dial()
		in, out := []byte(get), make([]byte, 4096)
		request := func() {
			if _, err := c.Write(in); err != nil {
				r.Fatal(err)
			}
			if _, err := c.Read(out); err != nil {
				r.Fatal(err)
			}
		}
		for range 100 {
			request()
		}
		const requests = 5000
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range requests {
			request()
		}
		runtime.ReadMemStats(&after)
		// The runtime's own threads and timers are counted, too.
		if n := after.Mallocs - before.Mallocs; n > requests/50 {
			r.Errorf("%d allocations in %d requests", n, requests)
		}
	})
}
