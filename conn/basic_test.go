package conn

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/uringserve/uringserve/app"
)

func TestKeepAlive(t *testing.T) {
	f, c := serve(t, hello)
	for i := range 3 {
		c.write(fmt.Sprintf("GET /%d HTTP/1.1\r\nHost: x\r\n\r\n", i))
		c.want("a GET is answered", "200 OK\r\n", "Content-Length: 7\r\n",
			"Date: Sat, 21 Nov 2026 07:00:00 GMT\r\n", fmt.Sprintf("\r\n\r\npath=/%d", i))
	}
	c.wantOpen("HTTP/1.1 keeps alive")
	if f.inline != 3 || f.leases != 0 {
		t.Errorf("%d requests inline, %d leases out; want 3 and 0", f.inline, f.leases)
	}
}

func TestByteByByte(t *testing.T) {
	f, c := serve(t, hello)
	for i := range len(get) - 1 {
		c.write(get[i : i+1])
		if f.leases != 0 {
			t.Fatalf("after %d bytes a partial head pins a buffer", i+1)
		}
	}
	c.wantNothing("the head is not complete")
	c.write("\n")
	c.want("now it is", "200 OK")
}

func TestPipelineCoalesced(t *testing.T) {
	const n = 1000
	_, c := serve(t, hello)
	var in strings.Builder
	for i := range n {
		fmt.Fprintf(&in, "GET /%d HTTP/1.1\r\nHost: x\r\n\r\n", i)
	}
	c.recv(in.String())
	c.end()
	got := c.take()
	at := 0
	for i := range n {
		p := strings.Index(got[at:], fmt.Sprintf("path=/%d", i))
		if p < 0 {
			t.Fatalf("response %d is missing or out of order", i)
		}
		at += p
	}
	if strings.Count(got, "HTTP/1.1 200") != n {
		t.Fatalf("got %d responses", strings.Count(got, "HTTP/1.1 200"))
	}
	if c.sends > n/16 {
		t.Errorf("%d sends for %d pipelined requests", c.sends, n)
	}
	if !c.done {
		t.Error("after the last response to a half-closed client the connection is open")
	}
}

func TestEcho(t *testing.T) {
	for _, whole := range []bool{true, false} {
		for _, chunked := range []bool{true, false} {
			t.Run(fmt.Sprintf("whole=%v,chunked=%v", whole, chunked), func(t *testing.T) {
				f, c := serve(t, func(r *app.Request, w *app.Response) {
					b, err := io.ReadAll(r)
					if err != nil {
						w.SetStatus(500)
					}
					w.Write(b)
				})
				head, body := "POST /e HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n", "hello world"
				if chunked {
					head = "POST /e HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
					body = "6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n"
				}
				if whole {
					c.write(head + body + get)
				} else {
					c.write(head)
					for _, b := range []byte(body) {
						c.write(string(b))
					}
					c.write(get)
				}
				f.idle()
				got := c.want("the body comes back", "200 OK", "\r\n\r\nhello world")
				if strings.Count(got, "HTTP/1.1 200") != 2 {
					t.Errorf("got %q, want two responses", got)
				}
				if whole != (f.blocked == 0) {
					t.Errorf("%d requests went to goroutines", f.blocked)
				}
			})
		}
	}
}

func TestStreaming(t *testing.T) {
	next := make(chan string)
	f, c := serve(t, func(r *app.Request, w *app.Response) {
		for s := range next {
			w.WriteString(s)
			if w.Flush() != nil {
				return
			}
		}
	})
	c.recv(get)
	go func() { next <- "one"; next <- "two"; next <- "three"; close(next) }()
	f.turn()
	f.idle()
	c.want("chunks", "200 OK", "Transfer-Encoding: chunked", "3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n",
		"Date: Sat, 21 Nov 2026")
	c.wantOpen("chunked keeps alive")
	c.recv(get)
	f.turn()
	c.want("the closed channel ends at once", "200 OK", "Content-Length: 0")
}
