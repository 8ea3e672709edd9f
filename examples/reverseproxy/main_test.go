package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/uringserve/uringserve/examples/internal/exampletest"
)

// backend is what the proxy is in front of. It is net/http's, so that what is
// tested is the proxy's server alone.
type backend struct {
	ended chan error // how handlers of /events ended
}

// TestProxy runs each test through a proxy of its own.
func TestProxy(t *testing.T) {
	b := &backend{ended: make(chan error, 1)}
	server := httptest.NewServer(b.handler())
	t.Cleanup(server.Close)
	target, err := url.Parse(server.URL)
	exampletest.Check(t, err)
	newHandler := func(t *testing.T) http.Handler {
		transport := &http.Transport{}
		t.Cleanup(transport.CloseIdleConnections)
		return handler(target, transport)
	}
	test := func(t *testing.T, s *exampletest.Server) {
		for _, http2 := range []bool{false, true} {
			c := s.Client(t, http2)
			t.Run(fmt.Sprintf("http2=%v", http2), func(t *testing.T) {
				t.Run("headers", func(t *testing.T) { testHeaders(t, c, s.URL) })
				t.Run("stream", func(t *testing.T) { b.testStream(t, c, s.URL) })
				t.Run("upload", func(t *testing.T) { testUpload(t, c, s.URL) })
				t.Run("trailers", func(t *testing.T) { testTrailers(t, c, s.URL) })
				t.Run("early hints", func(t *testing.T) { testEarlyHints(t, c, s.URL) })
				t.Run("broken", func(t *testing.T) { testBroken(t, c, s.URL) })
			})
		}
		t.Run("websocket", func(t *testing.T) { testWebSocket(t, s.Client(t, false), s.URL) })
	}
	t.Run("cleartext", func(t *testing.T) { exampletest.Each(t, newHandler, test) })
	t.Run("tls", func(t *testing.T) { exampletest.EachTLS(t, newHandler, test) })
}

func (b *backend) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/headers", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, r.Header["X-Forwarded-For"], r.Header["X-Forwarded-Proto"], r.Header["Te"], r.URL.RawQuery)
	})
	mux.HandleFunc("/events", b.events)
	mux.HandleFunc("/upload", func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n, err)
	})
	mux.HandleFunc("/trailers", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "Announced")
		fmt.Fprint(w, "body")
		w.Header().Set("Announced", "one")
		w.Header().Set(http.TrailerPrefix+"Unannounced", "two")
	})
	mux.HandleFunc("/hints", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		fmt.Fprint(w, "body")
	})
	mux.HandleFunc("/broken", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "beginning")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/websocket", echo)
	return mux
}

// events answers a line when one comes, until the client has gone.
func (b *backend) events(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	_ = control.EnableFullDuplex()
	lines := bufio.NewScanner(r.Body)
	for lines.Scan() {
		fmt.Fprintln(w, strings.ToUpper(lines.Text()))
		_ = control.Flush()
	}
	<-r.Context().Done()
	b.ended <- r.Context().Err()
}

func echo(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer c.CloseNow()
	for {
		kind, message, err := c.Read(r.Context())
		if err != nil || c.Write(r.Context(), kind, message) != nil {
			return
		}
	}
}

func testHeaders(t *testing.T, c *http.Client, url string) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/headers?a=%20b", nil)
	exampletest.Check(t, err)
	req.Header.Set("X-Forwarded-For", "192.0.2.1") // must not be believed
	req.Header.Set("Te", "trailers")
	resp, err := c.Do(req)
	exampletest.Check(t, err)
	scheme, _, _ := strings.Cut(url, ":")
	exampletest.Equal(t, "what came", readAll(t, resp), "[127.0.0.1] ["+scheme+"] [trailers] a=%20b\n")
}

// testStream sends a line when the one before was answered, then leaves.
func (b *backend) testStream(t *testing.T, c *http.Client, url string) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	body, lines := io.Pipe()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/events", body)
	exampletest.Check(t, err)
	go func() { _, _ = io.WriteString(lines, "one\n") }()
	resp, err := c.Do(req)
	exampletest.Check(t, err)
	defer resp.Body.Close()
	answers := bufio.NewReader(resp.Body)
	for _, want := range []string{"ONE\n", "TWO\n"} {
		got, err := answers.ReadString('\n')
		exampletest.Check(t, err)
		exampletest.Equal(t, "answer", got, want)
		_, err = io.WriteString(lines, "two\n")
		exampletest.Check(t, err)
	}
	cancel()
	_ = lines.CloseWithError(context.Canceled)
	if err := <-b.ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the backend's context: %v", err)
	}
}

func testUpload(t *testing.T, c *http.Client, url string) {
	const size = 5 << 20
	body := io.MultiReader(bytes.NewReader(make([]byte, size))) // of unknown length
	resp, err := c.Post(url+"/upload", "application/octet-stream", body)
	exampletest.Check(t, err)
	exampletest.Equal(t, "what came", readAll(t, resp), fmt.Sprint(size, error(nil)))
}

func testTrailers(t *testing.T, c *http.Client, url string) {
	resp, err := c.Get(url + "/trailers")
	exampletest.Check(t, err)
	exampletest.Equal(t, "body", readAll(t, resp), "body")
	exampletest.Equal(t, "announced", resp.Trailer.Get("Announced"), "one")
	exampletest.Equal(t, "unannounced", resp.Trailer.Get("Unannounced"), "two")
}

func testEarlyHints(t *testing.T, c *http.Client, url string) {
	var hint string
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(status int, h textproto.MIMEHeader) error {
			hint = fmt.Sprint(status, " ", h.Get("Link"))
			return nil
		},
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/hints", nil)
	exampletest.Check(t, err)
	resp, err := c.Do(req)
	exampletest.Check(t, err)
	exampletest.Equal(t, "body", readAll(t, resp), "body")
	exampletest.Equal(t, "hint", hint, "103 </style.css>; rel=preload")
}

// testBroken: a response that breaks off does not look complete.
func testBroken(t *testing.T, c *http.Client, url string) {
	resp, err := c.Get(url + "/broken")
	exampletest.Check(t, err)
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("%q, and no error", body)
	}
}

func testWebSocket(t *testing.T, c *http.Client, url string) {
	ws, _, err := websocket.Dial(t.Context(), url+"/websocket", &websocket.DialOptions{HTTPClient: c})
	exampletest.Check(t, err)
	defer ws.CloseNow()
	for _, word := range []string{"one", "two", strings.Repeat("three", 5000)} {
		exampletest.Check(t, ws.Write(t.Context(), websocket.MessageText, []byte(word)))
		_, got, err := ws.Read(t.Context())
		exampletest.Check(t, err)
		exampletest.Equal(t, "message", string(got), word)
	}
	exampletest.Check(t, ws.Close(websocket.StatusNormalClosure, ""))
}

func readAll(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	exampletest.Check(t, err)
	return string(body)
}

// TestNoBackend: 502, over both.
func TestNoBackend(t *testing.T) {
	gone := httptest.NewServer(nil)
	target, err := url.Parse(gone.URL)
	exampletest.Check(t, err)
	gone.Close()
	newHandler := func(*testing.T) http.Handler { return handler(target, &http.Transport{}) }
	exampletest.Each(t, newHandler, func(t *testing.T, s *exampletest.Server) {
		for _, http2 := range []bool{false, true} {
			resp, err := s.Client(t, http2).Get(s.URL)
			exampletest.Check(t, err)
			exampletest.Check(t, resp.Body.Close())
			exampletest.Equal(t, "status", resp.StatusCode, http.StatusBadGateway)
		}
	})
}
