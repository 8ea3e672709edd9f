package conn

import (
	"io"
	"strings"
	"testing"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/ring"
)

// Scenarios 5 to 9: refused, and what follows is not parsed.
func TestBadRequests(t *testing.T) {
	served := 0
	h := app.HandlerFunc(func(r *app.Request, w *app.Response) { io.ReadAll(r); served++ })
	const post = "POST / HTTP/1.1\r\nHost: x\r\n"
	for _, test := range []struct{ in, status string }{
		{post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
		{post + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd", "400"},
		{post + "Content-Length: +5\r\n\r\nabcde", "400"},
		{post + "Content-Length: -1\r\n\r\n", "400"},
		{post + "Content-Length: 5 5\r\n\r\n", "400"},
		{post + "Content-Length: 18446744073709551616\r\n\r\n", "400"},
		{post + "Transfer-Encoding: xchunked\r\n\r\n", ""},
		{post + "Transfer-Encoding: chunked, identity\r\n\r\n", ""},
		{post + "Transfer-Encoding: \x0bchunked\r\n\r\n", "400"},
		{post + "Transfer-Encoding:\r\n chunked\r\n\r\n", "400"},
		{post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "400"},
		{post + "Transfer-Encoding: chunked\r\n\r\n00000000000000001\r\nx\r\n0\r\n\r\n", "400"},
		{post + "Transfer-Encoding: chunked\r\n\r\n0x5\r\nabcde\r\n0\r\n\r\n", "400"},
		{post + "Transfer-Encoding: chunked\r\n\r\n5\nabcde\r\n0\r\n\r\n", "400"},
		{post + "Transfer-Encoding: chunked\r\n\r\n5;" + strings.Repeat("a", 65536) + "\r\nabcde\r\n0\r\n\r\n", "400"},
		{post + "Transfer-Encoding: chunked\r\n\r\n5\r\nabcdeX\r\n0\r\n\r\n", "400"},
		{post + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("A: b\r\n", 10000) + "\r\n", "431"},
		{"GET / HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n", "400"},
		{"GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", "400"},
		{"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", "400"},
		{"GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n", "400"},
		{"GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n", "400"},
		{"GET / HTTP/1.1\r\nHost: x\r\nA\r\n\r\n", "400"},
		{"GET / HTTP/1.1\r\n\r\n", "400"},
		{"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", "400"},
		{"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400"},
		{"GET http://y/ HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
		{"GET / HTTP/2.0\r\nHost: x\r\n\r\n", "505"},
		{"GET * HTTP/1.1\r\nHost: x\r\n\r\n", "405"},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: milk\r\n\r\n", "417"},
	} {
		for _, split := range []int{len(test.in), 1} {
			f, srv := newFakeLoop(t, Config{Handler: h})
			c := f.open()
			served = 0
			in := test.in + get
			if split == len(test.in) {
				split = len(in)
			}
			for i := 0; i < len(in); i += split {
				c.write(in[i:min(i+split, len(in))])
			}
			f.idle()
			got := c.take()
			if !strings.HasPrefix(got, "HTTP/1.1 "+test.status) || strings.HasPrefix(got, "HTTP/1.1 2") ||
				!strings.Contains(got, "Connection: close") {
				t.Errorf("%.80q by %d: got %.200q, want %s", test.in, split, got, test.status)
			}
			if strings.Count(got, "HTTP/1.1") != 1 || served > 1 {
				t.Errorf("%.80q: what follows was parsed: %q", test.in, got)
			}
			c.wantEnd("malformed")
			var counted uint64
			for _, n := range srv.Stats().Rejections {
				counted += n
			}
			if counted != 1 {
				t.Errorf("%.80q: counted %d times", test.in, counted)
			}
		}
	}
}

// Scenario 12: every prefix of a good request, then FIN, then RST.
func TestPrefixThenEnd(t *testing.T) {
	const good = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
	for n := 1; n < len(good); n++ {
		for _, reset := range []bool{false, true} {
			f, c := serve(t, func(r *app.Request, w *app.Response) {
				if _, err := io.ReadAll(r); err == nil {
					t.Error("a body that was cut looks whole")
				}
			})
			c.write(good[:n])
			if reset {
				c.break_(ring.ErrReset)
			} else {
				c.end()
			}
			f.idle()
			if got := c.take(); got != "" && !strings.HasPrefix(got, "HTTP/1.1 400") {
				t.Errorf("%d bytes then end: %q", n, got)
			}
			if !c.done {
				t.Errorf("%d bytes then end: the connection is open", n)
			}
		}
	}
}
