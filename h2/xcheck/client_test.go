package xcheck

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/uringserve/uringserve/app/field"
	"github.com/uringserve/uringserve/h2"
)

// An owner serves one connection from one goroutine: it echoes bodies with
// their trailers as they come, and answers GET /n with n bytes.
type owner struct {
	t    *testing.T
	conn net.Conn
	c    *h2.Conn
	out  []byte
	work map[uint32]*exchange
	last [h2.NumReasons]int
}

type exchange struct {
	body    []byte // to be sent
	ended   bool   // no more comes
	trailer field.Fields
	over    bool
}

func (o *owner) serve() error {
	defer o.conn.Close()
	b := make([]byte, 4096)
	for {
		o.write()
		if o.c.Err() != nil {
			return o.c.Err()
		}
		n, err := o.conn.Read(b)
		if err != nil {
			return err
		}
		for p := b[:n]; len(p) > 0; {
			p = p[o.c.Feed(time.Now().UnixNano(), p):]
			if ev, ok := o.c.Next(); ok {
				o.event(ev)
			}
		}
	}
}

func (o *owner) event(ev h2.Event) {
	o.last[ev.Reason]++
	x := o.work[ev.ID]
	switch ev.Kind {
	case h2.EventHead:
		o.head(ev)
	case h2.EventRefusal:
		o.out, _, _, _ = o.c.AppendResponse(o.out, ev.ID, &h2.ResponseMeta{Status: ev.Status, RequestMethod: "GET"})
		o.c.Release(ev.ID)
	case h2.EventData:
		x.body = append(x.body, ev.Data...)
		x.ended = ev.End
		o.c.Consumed(ev.ID, len(ev.Data))
		o.ready(ev.ID, x)
	case h2.EventTrailers:
		x.trailer = ev.Trailers.Clone()
		x.ended = true
		o.ready(ev.ID, x)
	case h2.EventReset:
		o.c.Release(ev.ID)
		delete(o.work, ev.ID)
	}
}

func (o *owner) head(ev h2.Event) {
	x := &exchange{ended: ev.End}
	n := 0
	fmt.Sscanf(string(ev.Head.Path), "/%d", &n)
	x.body = bytes.Repeat([]byte("x"), n)
	if ev.Head.Expect100 {
		o.out, _ = o.c.AppendInterim(o.out, ev.ID, 100, nil)
	}
	length := int64(-1)
	if ev.End {
		length = int64(n)
	}
	var f field.Fields
	f.Add("X-Target", string(ev.Head.Target))
	out, body, _, err := o.c.AppendResponse(o.out, ev.ID, &h2.ResponseMeta{Status: 200, Fields: &f, RequestMethod: ev.Head.Method, Length: length, Trailers: !ev.End})
	if err != nil {
		o.t.Error(err)
	}
	o.out = out
	if !body {
		o.c.Release(ev.ID)
		return
	}
	o.work[ev.ID] = x
	o.ready(ev.ID, x)
}

func (o *owner) ready(id uint32, x *exchange) {
	if err := o.c.Ready(id, len(x.body), x.ended && x.trailer.Len() == 0); err != nil {
		o.t.Error(err)
	}
	o.end(id, x)
}

// end sends trailers once the body has gone.
func (o *owner) end(id uint32, x *exchange) {
	if len(x.body) > 0 || !x.ended || x.trailer.Len() == 0 {
		return
	}
	out, err := o.c.AppendTrailers(o.out, id, &x.trailer)
	if err != nil {
		o.t.Error(err)
	}
	o.out = out
	o.release(id)
}

func (o *owner) release(id uint32) {
	o.c.Release(id)
	delete(o.work, id)
}

func (o *owner) write() {
	for id, n, ok := o.c.Pick(16 << 10); ok; id, n, ok = o.c.Pick(16 << 10) {
		x := o.work[id]
		end := x.ended && n == len(x.body) && x.trailer.Len() == 0
		o.out = o.c.AppendData(o.out, id, x.body[:n], end)
		x.body = x.body[n:]
		if end {
			o.release(id)
			continue
		}
		o.end(id, x)
	}
	o.out = o.c.AppendOutput(o.out)
	if _, err := o.conn.Write(o.out); err != nil {
		o.conn.Close()
	}
	o.out = o.out[:0]
}

// client is a Transport of theirs whose connections are served by us.
func client(t *testing.T, change func(*h2.Config)) *http.Client {
	cfg := h2.DefaultConfig()
	if change != nil {
		change(cfg)
		if err := cfg.Validate(); err != nil {
			t.Fatal(err)
		}
	}
	var served sync.WaitGroup
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				o := &owner{t: t, conn: conn, c: h2.NewConn(cfg, new(h2.Scratch)), work: map[uint32]*exchange{}}
				var failed *h2.ConnError
				if err := o.serve(); errors.As(err, &failed) {
					t.Error(err)
				}
			})
		}
	})
	tr := &http2.Transport{AllowHTTP: true, DialTLSContext: func(ctx context.Context, network, addr string, _ *tls.Config) (net.Conn, error) {
		return net.Dial("tcp", ln.Addr().String())
	}}
	t.Cleanup(func() { tr.CloseIdleConnections(); ln.Close(); served.Wait() })
	return &http.Client{Transport: tr, Timeout: time.Minute}
}

func TestTheirClient(t *testing.T) {
	for name, change := range map[string]func(*h2.Config){
		"defaults": nil,
		"small": func(c *h2.Config) {
			// Not fewer streams: their client learns of that too late for a
			// body that it cannot send again.
			c.Limits.StreamWindow, c.Limits.ConnWindow, c.Limits.TableBytes = 1000, 65535, 0
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := client(t, change)
			var all sync.WaitGroup
			for i := range 40 {
				all.Go(func() { get(t, c, i*i*997) })
				all.Go(func() { echo(t, c, i*i*499) })
			}
			all.Wait()
		})
	}
}

func get(t *testing.T, c *http.Client, n int) {
	resp, err := c.Get(fmt.Sprintf("http://example.com/%d?q=%d", n, n))
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || len(body) != n || resp.ContentLength != int64(n) || resp.Header.Get("X-Target") != fmt.Sprintf("/%d?q=%d", n, n) {
		t.Errorf("/%d: %d bytes, %v, %v", n, len(body), resp.Header, err)
	}
}

func echo(t *testing.T, c *http.Client, n int) {
	want := make([]byte, n)
	for i := range want {
		want[i] = byte(i * 7)
	}
	req, _ := http.NewRequest("POST", "http://example.com/", io.MultiReader(bytes.NewReader(want)))
	req.Header.Set("Expect", "100-continue")
	req.Trailer = http.Header{"X-Sum": {fmt.Sprint(n)}}
	resp, err := c.Do(req)
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil || !bytes.Equal(got, want) || resp.Trailer.Get("X-Sum") != fmt.Sprint(n) {
		t.Errorf("echo of %d: %d bytes, trailer %v, %v", n, len(got), resp.Trailer, err)
	}
}

// 431 and 414 come as answers, and the connection goes on.
func TestTheirClientIsRefused(t *testing.T) {
	c := client(t, nil)
	for _, r := range []struct {
		url    string
		header int
		want   int
	}{{"http://a/?" + string(bytes.Repeat([]byte("q"), 9000)), 0, 414}, {"http://a/0", 120, 431}, {"http://a/0", 0, 200}} {
		req, _ := http.NewRequest("GET", r.url, nil)
		for i := range r.header {
			req.Header.Set(fmt.Sprintf("X-%d", i), "y")
		}
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != r.want {
			t.Errorf("status %d, want %d", resp.StatusCode, r.want)
		}
	}
}
