package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/uringserve/uringserve"
	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/app/ws"
)

// The bounds of parameters.
const (
	maxN     = 1 << 40
	maxMilli = 60_000
)

// chunkBytes is how much is copied at a time.
const chunkBytes = 16 << 10

// api is the small service that the program brings along.
type api struct {
	version string
	info    func() uringserve.Info // of the server that it runs in
	routes  map[string]route
	chunk   []byte // what /bytes repeats
	buffers sync.Pool
	echoes  ws.Upgrader
}

// A route is an endpoint. Methods that only read have no body.
type route struct {
	method string // GET also stands for HEAD
	serve  func(*app.Request, *app.Response)
}

func newAPI(testEndpoints bool) *api {
	a := &api{version: version(), info: func() uringserve.Info { return uringserve.Info{} }}
	a.chunk = bytes.Repeat([]byte("the quick brown fox jumps over the lazy dog, once more and again\n"), chunkBytes/64)[:chunkBytes]
	a.buffers.New = func() any { b := make([]byte, chunkBytes); return &b }
	a.echoes.Handler = ws.HandlerFunc(echoMessage)
	a.echoes.Compression = true
	a.routes = map[string]route{
		"/":          {"GET", a.page},
		"/plaintext": {"GET", plaintext},
		"/json":      {"GET", hello},
		"/echo":      {"POST", a.echo},
		"/upload":    {"POST", a.upload},
		"/bytes":     {"GET", a.bytes},
		"/delay":     {"GET", delay},
		"/request":   {"GET", request},
		"/sse":       {"GET", events},
	}
	if testEndpoints {
		a.routes["/spin"] = route{"GET", spin}
	}
	return a
}

// Serve is app.Handler's.
func (a *api) Serve(req *app.Request, resp *app.Response) {
	r, ok := a.routes[string(req.Path)]
	switch {
	case string(req.Path) == "/ws": // whatever the method: over HTTP/2 it is CONNECT
		a.echoes.Serve(req, resp)
	case !ok:
		fail(resp, 404, "nothing is here; / lists what there is")
	case req.Method != r.method && !(req.Method == "HEAD" && r.method == "GET") && string(req.Path) != "/request":
		if r.method == "GET" {
			resp.Set("Allow", "GET, HEAD")
		} else {
			resp.Set("Allow", r.method)
		}
		fail(resp, 405, "the method here is "+r.method)
	default:
		r.serve(req, resp)
	}
}

// fail answers with a line of text.
func fail(resp *app.Response, status int, text string) {
	resp.SetStatus(status)
	resp.Set("Content-Type", "text/plain; charset=utf-8")
	resp.WriteString(text + "\n")
}

func plaintext(_ *app.Request, resp *app.Response) {
	resp.Set("Content-Type", "text/plain")
	resp.WriteString("Hello, World!")
}

func hello(_ *app.Request, resp *app.Response) {
	resp.Set("Content-Type", "application/json")
	resp.WriteString(`{"message":"Hello, World!"}`)
}

// echo sends the body back as it arrives. What fails on the way, the server
// tells the client as far as it still can.
func (a *api) echo(req *app.Request, resp *app.Response) {
	kind := "application/octet-stream"
	if t := req.Get("Content-Type"); len(t) > 0 {
		kind = string(t)
	}
	resp.Set("Content-Type", kind)
	left := req.ContentLength
	if left >= 0 {
		resp.Set("Content-Length", strconv.FormatInt(left, 10))
	}
	buf := a.buffers.Get().(*[]byte)
	defer a.buffers.Put(buf)
	for left != 0 {
		n, err := req.Read(*buf)
		if n > 0 {
			if _, werr := resp.Write((*buf)[:n]); werr != nil {
				return
			}
		}
		if err != nil {
			failBody(resp, err)
			return
		}
		if left > 0 {
			left -= int64(n)
		}
		if left != 0 { // the last bytes go when the handler returns
			if resp.Flush() != nil {
				return
			}
		}
	}
}

// failBody answers a body that cannot be read, if nothing was answered yet.
func failBody(resp *app.Response, err error) {
	var bad *app.BodyError
	if errors.As(err, &bad) && !resp.Committed() {
		resp.Fail(bad.Status())
	}
}

// upload counts and sums up the body.
func (a *api) upload(req *app.Request, resp *app.Response) {
	buf := a.buffers.Get().(*[]byte)
	defer a.buffers.Put(buf)
	sum := sha256.New()
	total := int64(0)
	for {
		n, err := req.Read(*buf)
		sum.Write((*buf)[:n])
		total += int64(n)
		if err == io.EOF {
			break
		}
		if err != nil {
			failBody(resp, err)
			return
		}
	}
	resp.Set("Content-Type", "application/json")
	fmt.Fprintf(resp, `{"bytes":%d,"sha256":"%s"}`, total, hex.EncodeToString(sum.Sum(nil)))
}

// bytes sends n bytes.
func (a *api) bytes(req *app.Request, resp *app.Response) {
	n, ok := number(req, resp, "n", -1, maxN)
	if !ok {
		return
	}
	resp.Set("Content-Type", "application/octet-stream")
	resp.Set("Content-Length", strconv.FormatInt(n, 10))
	if req.Method == "HEAD" {
		return
	}
	for n > 0 {
		m, err := resp.Write(a.chunk[:min(n, chunkBytes)])
		if err != nil {
			return
		}
		n -= int64(m)
	}
}

// delay blocks, on purpose, and without looking whether anybody waits.
func delay(req *app.Request, resp *app.Response) {
	ms, ok := number(req, resp, "ms", -1, maxMilli)
	if !ok {
		return
	}
	time.Sleep(time.Duration(ms) * time.Millisecond)
	resp.Set("Content-Type", "text/plain")
	resp.WriteString("ok")
}

// spin computes, on purpose.
func spin(req *app.Request, resp *app.Response) {
	ms, ok := number(req, resp, "ms", -1, maxMilli)
	if !ok {
		return
	}
	for end := time.Now().Add(time.Duration(ms) * time.Millisecond); time.Now().Before(end); {
	}
	resp.Set("Content-Type", "text/plain")
	resp.WriteString("ok")
}

// request shows the request as it was understood.
func request(req *app.Request, resp *app.Response) {
	seen := struct {
		Method   string      `json:"method"`
		Target   string      `json:"target"`
		Protocol string      `json:"protocol"`
		Headers  [][2]string `json:"headers"`
		Remote   string      `json:"remote"`
		TLS      *secured    `json:"tls"`
	}{Method: req.Method, Target: string(req.Target), Protocol: req.Proto, Headers: [][2]string{}, TLS: securedBy(req.TLS())}
	for name, value := range req.Header.All() {
		seen.Headers = append(seen.Headers, [2]string{string(name), string(value)})
	}
	if remote := req.RemoteAddr(); remote != nil {
		seen.Remote = remote.String()
	}
	resp.Set("Content-Type", "application/json")
	e := json.NewEncoder(resp)
	e.SetEscapeHTML(false)
	_ = e.Encode(seen) // a client that has gone needs no answer
}

// secured is what /request tells of TLS.
type secured struct {
	Version string `json:"version"`
	Cipher  string `json:"cipher"`
	ALPN    string `json:"alpn"`
	Name    string `json:"server_name"`
}

// securedBy is nil for a request in cleartext.
func securedBy(s *tls.ConnectionState) *secured {
	if s == nil {
		return nil
	}
	return &secured{tls.VersionName(s.Version), tls.CipherSuiteName(s.CipherSuite), s.NegotiatedProtocol, s.ServerName}
}

// events sends n server-sent events, ms apart.
func events(req *app.Request, resp *app.Response) {
	n, ok := number(req, resp, "n", 10, maxN)
	if !ok {
		return
	}
	ms, ok := number(req, resp, "ms", 1000, maxMilli)
	if !ok {
		return
	}
	resp.Set("Content-Type", "text/event-stream")
	resp.Set("Cache-Control", "no-cache")
	if req.Method == "HEAD" {
		return
	}
	ticker := time.NewTicker(max(time.Duration(ms)*time.Millisecond, 1))
	defer ticker.Stop()
	for i := int64(1); i <= n; i++ {
		fmt.Fprintf(resp, "id: %d\ndata: event %d of %d\n\n", i, i, n)
		if resp.Flush() != nil {
			return
		}
		if i == n || ms == 0 {
			continue
		}
		select {
		case <-ticker.C:
		case <-req.Context().Done():
			return
		}
	}
}

// echoMessage sends a message back. Who waits for it finds out by itself that the
// connection has ended.
func echoMessage(c *ws.Conn, kind ws.Kind, p []byte) { _ = c.Write(kind, p) }

// number is a parameter in its range; unset stands for a missing one, -1: it
// must be there. If it is wrong, that is answered.
func number(req *app.Request, resp *app.Response, name string, unset, utmost int64) (int64, bool) {
	v, there := req.QueryValue(name)
	if !there && unset >= 0 {
		return unset, true
	}
	n, err := strconv.ParseUint(string(v), 10, 63)
	if err != nil || int64(n) > utmost {
		fail(resp, 400, fmt.Sprintf("%s must be a number from 0 to %d", name, utmost))
		return 0, false
	}
	return int64(n), true
}
