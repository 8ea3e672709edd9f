package conn_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/conn"
)

// h2client is net/http's, speaking HTTP/2 by prior knowledge on one connection.
func (r *rig) h2client() *http.Client {
	var p http.Protocols
	p.SetUnencryptedHTTP2(true)
	tr := &http.Transport{Protocols: &p}
	r.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: patience}
}

// body reads a response, which must be a 200 over HTTP/2.
func (r *rig) body(resp *http.Response, err error) []byte {
	if err != nil {
		r.Error(err)
		return nil
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 || resp.ProtoMajor != 2 {
		r.Errorf("%s %s, %d bytes, %v", resp.Proto, resp.Status, len(b), err)
	}
	return b
}

// 200 requests at the same time on one connection, of which half block.
func TestE2EH2Concurrent(t *testing.T) {
	limits := conn.DefaultLimits()
	limits.H2.Streams = 250 // or the client opens more connections
	onEach(t, conn.Config{Limits: limits, Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		if r.Path[len(r.Path)-1]%2 == 0 {
			timer := time.NewTimer(5 * time.Millisecond) // blocks, on purpose
			<-timer.C
		}
		w.Write(r.Path)
	})}, func(r *rig) {
		client := r.h2client()
		r.body(client.Get("http://" + r.addr + "/first")) // the one connection is there
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				path := fmt.Sprintf("/%d", i)
				if got := r.body(client.Get("http://" + r.addr + path)); string(got) != path {
					r.Errorf("%s got %q", path, got)
				}
			})
		}
		wg.Wait()
		if st := r.srv.Stats(); st.Conns != 1 || st.H2Conns != 1 || st.Requests != 201 {
			r.Errorf("%d connections, %d of HTTP/2, %d requests", st.Conns, st.H2Conns, st.Requests)
		}
	})
}

// Bodies of all sizes both ways, each verified, many at once.
func TestE2EH2Echo(t *testing.T) {
	t.Parallel()
	onEach(t, conn.Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		if _, err := r.WriteTo(w); err != nil {
			panic(err)
		}
		w.Trailer.Add("X-Sum", string(r.Get("X-Want")))
	})}, func(r *rig) {
		client := r.h2client()
		var wg sync.WaitGroup
		for _, n := range []int{0, 1, 1000, 16 << 10, 16<<10 + 1, 100_000, 3_000_000, large} {
			for _, length := range []bool{true, false} {
				wg.Go(func() {
					body := make([]byte, n)
					fill(body, uint64(n))
					var reader io.Reader = bytes.NewReader(body)
					if !length {
						reader = io.MultiReader(reader)
					}
					req, _ := http.NewRequest("POST", "http://"+r.addr+"/", reader)
					req.Header.Set("X-Want", fmt.Sprint(n))
					resp, err := client.Do(req)
					if got := r.body(resp, err); !bytes.Equal(got, body) {
						r.Errorf("%d bytes: %d came back", n, len(got))
					}
					if err == nil && resp.Trailer.Get("X-Sum") != fmt.Sprint(n) {
						r.Errorf("%d bytes: trailers %v", n, resp.Trailer)
					}
				})
			}
		}
		wg.Wait()
	})
}

// A large body down and up, content verified.
func TestE2EH2Large(t *testing.T) {
	t.Parallel()
	content := noise(large, 20)
	send := parts(content)
	want := fmt.Sprintf("%x", sha256.Sum256(content))
	onEach(t, conn.Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		if r.Method == "GET" {
			send.Serve(r, w)
			return
		}
		sum := sha256.New()
		if _, err := io.Copy(sum, r); err != nil {
			panic(err)
		}
		fmt.Fprintf(w, "%x", sum.Sum(nil))
	})}, func(r *rig) {
		client := r.h2client()
		if got := r.body(client.Get("http://" + r.addr + "/")); !bytes.Equal(got, content) {
			r.Errorf("%d bytes came down, not the same", len(got))
		}
		if got := r.body(client.Post("http://"+r.addr+"/", "", bytes.NewReader(content))); string(got) != want {
			r.Errorf("up: %s, want %s", got, want)
		}
	})
}

// A client that cancels: its handler is told, the connection goes on.
func TestE2EH2Cancel(t *testing.T) {
	ended := make(chan error, 1)
	started := make(chan struct{}, 1)
	onEach(t, conn.Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		switch string(r.Path) {
		case "/wait":
			ctx := r.Context()
			started <- struct{}{}
			<-ctx.Done()
			ended <- context.Cause(ctx)
		case "/stream":
			for b := make([]byte, 10_000); ; {
				if _, err := w.Write(b); err != nil {
					ended <- err
					return
				}
			}
		}
	})}, func(r *rig) {
		client := r.h2client()
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			<-started
			cancel()
		}()
		req, _ := http.NewRequestWithContext(ctx, "GET", "http://"+r.addr+"/wait", nil)
		if _, err := client.Do(req); !errors.Is(err, context.Canceled) {
			r.Error(err)
		}
		if err := <-ended; !errors.Is(err, app.ErrGone) {
			r.Error(err)
		}
		ctx, cancel = context.WithCancel(context.Background())
		req, _ = http.NewRequestWithContext(ctx, "GET", "http://"+r.addr+"/stream", nil)
		resp, err := client.Do(req)
		if err != nil {
			r.Fatal(err)
		}
		io.CopyN(io.Discard, resp.Body, 1_000_000)
		cancel()
		resp.Body.Close()
		if err := <-ended; !errors.Is(err, app.ErrGone) {
			r.Error(err)
		}
		r.body(client.Get("http://" + r.addr + "/"))
		if st := r.srv.Stats(); st.H2Conns != 1 {
			r.Errorf("%d connections", st.H2Conns)
		}
	})
}

// Scenario 16, by a real client.
func TestE2EH2Panics(t *testing.T) {
	onEach(t, conn.Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		w.WriteString("begun")
		if string(r.Path) == "/late" {
			w.Flush()
		}
		panic("boom")
	})}, func(r *rig) {
		client := r.h2client()
		resp, err := client.Get("http://" + r.addr + "/")
		if err != nil || resp.StatusCode != 500 {
			r.Fatalf("%v %v", resp, err)
		}
		resp.Body.Close()
		resp, err = client.Get("http://" + r.addr + "/late")
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			resp.Body.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "INTERNAL_ERROR") {
			r.Errorf("the client sees %v", err)
		}
	})
}

// Drain under load: GOAWAY in two steps loses no request. Clients go to another
// server, or find none; what was accepted is answered.
func TestE2EH2Drain(t *testing.T) {
	onEach(t, conn.Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		timer := time.NewTimer(time.Millisecond) // blocks, on purpose
		<-timer.C
		w.WriteString("served")
	})}, func(r *rig) {
		var served, refused atomic.Int64
		begun := make(chan struct{})
		var once sync.Once
		var wg sync.WaitGroup
		for range 4 {
			client := r.h2client()
			for range 8 {
				wg.Go(func() {
					for {
						resp, err := client.Get("http://" + r.addr + "/")
						if err != nil {
							if !strings.Contains(err.Error(), "connection refused") {
								r.Errorf("lost: %v", err)
							}
							refused.Add(1)
							return
						}
						r.body(resp, nil)
						if served.Add(1) > 200 {
							once.Do(func() { close(begun) })
						}
					}
				})
			}
		}
		<-begun
		r.eng.StopAccept()
		r.srv.Drain()
		wg.Wait()
		r.drained()
		if st := r.srv.Stats(); st.Aborted != 0 || st.Requests != uint64(served.Load()) {
			r.Errorf("%d aborted; %d requests, %d answers came", st.Aborted, st.Requests, served.Load())
		}
	})
}
