package nethttp_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/app/nethttp"
)

// A stream is the server's half of an exchange that ends nowhere.
type stream struct {
	info app.ConnInfo
	ctx  context.Context
}

func newStream(conns *nethttp.Connections) *stream {
	s := &stream{ctx: context.Background()}
	s.info.Remote, s.info.Local = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}, &net.TCPAddr{Port: 2}
	s.info.Context = conns.Open(&s.info)
	return s
}

func (s *stream) ReadBody([]byte) (int, error)              { return 0, io.EOF }
func (s *stream) RequestTrailers() *app.Fields              { return nil }
func (s *stream) Context() context.Context                  { return s.ctx }
func (s *stream) ContextErr() error                         { return s.ctx.Err() }
func (s *stream) SetReadLimit(int64) error                  { return nil }
func (s *stream) Conn() *app.ConnInfo                       { return &s.info }
func (s *stream) SetReadDeadline(time.Time) error           { return nil }
func (s *stream) SetWriteDeadline(time.Time) error          { return nil }
func (s *stream) WriteInformational(int, *app.Fields) error { return nil }
func (s *stream) WriteBody(r *app.Response, flush bool) error {
	r.ClearStaged()
	r.Commit()
	return nil
}

var plain = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	io.WriteString(w, "Hello, World!")
})

// heads are requests as clients send them.
var heads = map[string][][2]string{
	"wrk":  {{"Host", "127.0.0.1:8080"}},
	"curl": {{"Host", "127.0.0.1:8080"}, {"User-Agent", "curl/8.5.0"}, {"Accept", "*/*"}},
	"browser": {{"Host", "example.com"}, {"User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"},
		{"Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}, {"Accept-Language", "en-US,en;q=0.5"},
		{"Accept-Encoding", "gzip, deflate, br, zstd"}, {"Connection", "keep-alive"}, {"Cookie", "session=0123456789abcdef"},
		{"Upgrade-Insecure-Requests", "1"}, {"Sec-Fetch-Dest", "document"}, {"Sec-Fetch-Mode", "navigate"},
		{"Sec-Fetch-Site", "none"}, {"Priority", "u=0, i"}},
}

// serving gives a function that serves one request.
func serving(h http.Handler, head [][2]string) func() {
	s := newStream(&nethttp.Connections{})
	a := nethttp.Handler(h, nethttp.Options{})
	var req app.Request
	var resp app.Response
	return func() {
		req.Reset(s)
		resp.Reset(s)
		req.Method, req.Proto, req.Major, req.Minor = "GET", "HTTP/1.1", 1, 1
		req.Target, req.Path, req.Host = benchPath, benchPath, benchHost
		for _, f := range head {
			req.Header.Add(f[0], f[1])
		}
		a.Serve(&req, &resp)
	}
}

var benchPath, benchHost = []byte("/plaintext"), []byte("127.0.0.1:8080")

// BenchmarkAdapter is what net/http's types cost, without the server.
func BenchmarkAdapter(b *testing.B) {
	for _, name := range []string{"wrk", "curl", "browser"} {
		b.Run(name, func(b *testing.B) {
			serve := serving(plain, heads[name])
			b.ReportAllocs()
			for b.Loop() {
				serve()
			}
		})
	}
}

// A request costs so many allocations: itself, its text, the two parts of its
// header's map; the header of the response with two parts, and its value; more
// than eight fields have a larger map, and values of their own.
func TestAllocations(t *testing.T) {
	for name, most := range map[string]float64{"wrk": 7, "curl": 7, "browser": 11} {
		if got := testing.AllocsPerRun(100, serving(plain, heads[name])); got > most {
			t.Errorf("%s: %v allocations, want %v", name, got, most)
		}
	}
}
