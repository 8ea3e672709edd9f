package conn_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	cryptotls "crypto/tls"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/conn"
)

func TestTLSKeepAlive(t *testing.T) {
	onEachSecure(t, hello, func(r *rig) {
		for _, v := range versions {
			c := r.secure(v)
			br := bufio.NewReader(c)
			for i := range 100 {
				path := fmt.Sprintf("/%d", i)
				if got := r.ask(c, br, path); got != "path="+path {
					r.Fatalf("%q", got)
				}
			}
			if err := c.Close(); err != nil {
				r.Error(err)
			}
		}
		eventually(r.T, "all is closed", func() bool { return r.srv.Active() == 0 })
		if s := r.srv.Stats(); s.Secured != 2 || s.Truncated != 0 || s.BadRecords != 0 || s.Requests != 200 {
			r.Errorf("%+v", s)
		}
	})
}

// 1,000 pipelined requests in one write; then close_notify: all are answered,
// and ours comes at the end.
func TestTLSPipeline(t *testing.T) {
	onEachSecure(t, hello, func(r *rig) {
		for _, v := range versions {
			const n = 1000
			var in strings.Builder
			for i := range n {
				fmt.Fprintf(&in, "GET /%d HTTP/1.1\r\nHost: x\r\n\r\n", i)
			}
			c := r.secure(v)
			r.write(c, in.String())
			if err := c.CloseWrite(); err != nil {
				r.Fatal(err)
			}
			br := bufio.NewReader(c)
			for i := range n {
				if _, body := r.response(br, "GET"); body != fmt.Sprintf("path=/%d", i) {
					r.Fatalf("response %d is %q", i, body)
				}
			}
			if _, err := br.ReadByte(); err != io.EOF {
				r.Errorf("after the last: %v, want close_notify", err)
			}
		}
	})
}

// Bodies of all sizes both ways.
func TestTLSEcho(t *testing.T) {
	t.Parallel()
	onEachSecure(t, conn.Config{Handler: app.HandlerFunc(func(q *app.Request, w *app.Response) {
		if _, err := q.WriteTo(w); err != nil {
			panic(err)
		}
	})}, func(r *rig) {
		client := r.secureClient()
		for _, n := range []int{0, 1, 4096, 4097, 16 << 10, 16<<10 + 1, 64 << 10, 100_000, 3_000_000, large} {
			for _, chunked := range []bool{false, true} {
				body := make([]byte, n)
				fill(body, uint64(n))
				var reader io.Reader = bytes.NewReader(body)
				if chunked {
					reader = io.MultiReader(reader)
				}
				resp, err := client.Post("https://"+r.addr+"/", "", reader)
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

// A large response arrives whole at a client that reads in small pieces.
func TestTLSLargeResponse(t *testing.T) {
	t.Parallel()
	want := noise(large, 7)
	onEachSecure(t, conn.Config{Handler: parts(want)}, func(r *rig) {
		r.wantLarge(want)(r.secureClient().Get("https://" + r.addr + "/"))
	})
}

// Request and response at the same time, message by message: each flush goes at
// once.
func TestTLSFullDuplex(t *testing.T) {
	onEachSecure(t, conn.Config{Handler: app.HandlerFunc(func(q *app.Request, w *app.Response) {
		w.Flush()
		b := make([]byte, 100)
		for {
			n, err := q.Read(b)
			if err != nil {
				return
			}
			w.Write(b[:n])
			w.Flush()
		}
	})}, func(r *rig) {
		pr, pw := io.Pipe()
		req, _ := http.NewRequest("POST", "https://"+r.addr+"/", pr)
		resp, err := r.secureClient().Do(req)
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

// A response that ends with the connection ends with close_notify: it is whole.
func TestTLSCloseDelimited(t *testing.T) {
	onEachSecure(t, conn.Config{Handler: app.HandlerFunc(func(_ *app.Request, w *app.Response) {
		w.Write(bytes.Repeat([]byte("z"), 300_000))
		w.Flush()
	})}, func(r *rig) {
		for _, v := range versions {
			c := r.secure(v)
			r.write(c, "GET / HTTP/1.0\r\n\r\n")
			b, err := io.ReadAll(c)
			if err != nil || !bytes.HasSuffix(b, []byte("zzz")) || len(b) < 300_000 {
				r.Errorf("%d bytes, %v", len(b), err)
			}
		}
	})
}

// What a handler sees of the TLS.
func TestTLSRequestShowsIt(t *testing.T) {
	onEachSecure(t, conn.Config{Handler: app.HandlerFunc(func(q *app.Request, w *app.Response) {
		s := q.TLS()
		fmt.Fprintf(w, "%s %s %s %v", cryptotls.VersionName(s.Version), s.NegotiatedProtocol, s.ServerName, q.RemoteAddr() != nil)
	})}, func(r *rig) {
		for _, v := range versions {
			c := r.secure(v)
			want := cryptotls.VersionName(v) + " http/1.1 localhost true"
			if got := r.ask(c, bufio.NewReader(c), "/"); got != want {
				r.Errorf("%q, want %q", got, want)
			}
		}
	})
	onEach(t, conn.Config{Handler: app.HandlerFunc(func(q *app.Request, w *app.Response) {
		fmt.Fprint(w, q.TLS() == nil, q.RemoteAddr() != nil, q.TLS() == nil)
	})}, func(r *rig) {
		c := r.dial()
		if got := r.ask(c, bufio.NewReader(c), "/"); got != "true true true" {
			r.Errorf("in cleartext: %q", got)
		}
	})
}
