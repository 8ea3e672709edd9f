package nethttp_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A request is what a case sends, whatever the protocol.
type request struct {
	method  string // "": GET, or POST if there is a body
	target  string // "": /
	fields  [][2]string
	body    string
	length  bool        // the body's length is declared
	trailer [][2]string // sent after the body, which is then chunked
	raw     string      // over HTTP/1.1, all of it
}

func (r *request) hasBody() bool { return r.body != "" || len(r.trailer) > 0 }

func (r *request) name() string {
	switch {
	case r.method != "":
		return r.method
	case r.hasBody():
		return "POST"
	}
	return "GET"
}

func (r *request) path() string {
	if r.target == "" {
		return "/"
	}
	return r.target
}

// wire is r as HTTP/1.1.
func (r *request) wire() string {
	if r.raw != "" {
		return r.raw
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: example.com\r\n", r.name(), r.path())
	for _, f := range r.fields {
		fmt.Fprintf(&b, "%s: %s\r\n", f[0], f[1])
	}
	switch {
	case !r.hasBody():
		b.WriteString("\r\n")
	case r.length:
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(r.body), r.body)
	default:
		for _, f := range r.trailer {
			fmt.Fprintf(&b, "Trailer: %s\r\n", f[0])
		}
		b.WriteString("Transfer-Encoding: chunked\r\n\r\n")
		if r.body != "" {
			fmt.Fprintf(&b, "%x\r\n%s\r\n", len(r.body), r.body)
		}
		b.WriteString("0\r\n")
		for _, f := range r.trailer {
			fmt.Fprintf(&b, "%s: %s\r\n", f[0], f[1])
		}
		b.WriteString("\r\n")
	}
	return b.String()
}

// A client runs the client's side of a case and keeps what it sees.
type client struct {
	t     *testing.T
	mode  mode
	addr  net.Addr
	notes *notes // the handler's
	board *switchboard
	saw   []string

	// HTTP/1.1:
	c    net.Conn
	in   *bufio.Reader
	last string // the method of the last request

	// HTTP/2:
	h2 *http.Client
}

func newClient(t *testing.T, s *target, m mode, n *notes) *client {
	t.Helper()
	c := &client{t: t, mode: m, addr: s.addrs[0], notes: n, board: s.h}
	if m.secure() {
		c.addr = s.addrs[1]
	}
	if m.http2() {
		c.h2 = newH2(t, m)
		return c
	}
	conn, err := net.DialTimeout("tcp", c.addr.String(), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	c.c = conn
	if m.secure() {
		c.c = tls.Client(conn, &tls.Config{RootCAs: certs.roots, ServerName: "localhost", NextProtos: []string{"http/1.1"}})
	}
	c.in = bufio.NewReader(c.c)
	return c
}

func newH2(t *testing.T, m mode) *http.Client {
	var p http.Protocols
	p.SetUnencryptedHTTP2(m == h2)
	p.SetHTTP2(m == h2s)
	tr := &http.Transport{Protocols: &p, DisableCompression: true, ExpectContinueTimeout: patience,
		TLSClientConfig: &tls.Config{RootCAs: certs.roots, ServerName: "localhost"}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func (c *client) say(format string, args ...any) {
	c.saw = append(c.saw, fmt.Sprintf(format, args...))
}

// finished waits until the handler has returned.
func (c *client) finished() {
	select {
	case <-c.notes.done:
	case <-time.After(patience):
		c.say("the handler did not return")
	}
}

// send sends bytes.
func (c *client) send(text string) {
	if c.last, _, _ = strings.Cut(text, " "); c.last == "" {
		c.last = "GET"
	}
	c.sendMore(text)
}

func (c *client) sendMore(text string) {
	if _, err := io.WriteString(c.c, text); err != nil {
		c.say("send: %s", errorText(err))
	}
}

// response reads a response, with the interim ones before it. It reports whether
// there was one.
func (c *client) response() bool {
	for {
		resp, err := http.ReadResponse(c.in, &http.Request{Method: c.last})
		if err != nil {
			c.say("response: %s", closedText(err))
			return false
		}
		c.say("%s %d", resp.Proto, resp.StatusCode)
		if h := headerText(resp.Header); h != "" {
			c.say("%s", h)
		}
		if resp.StatusCode < 200 && resp.StatusCode != 101 {
			continue
		}
		if resp.Close {
			c.say("(close)")
		}
		for _, coding := range resp.TransferEncoding {
			c.say("(coding %s)", coding)
		}
		if resp.StatusCode == 101 {
			return true
		}
		return c.sayBody(resp) == nil && !resp.Close
	}
}

// sayBody reads the body and the trailers.
func (c *client) sayBody(resp *http.Response) error {
	body, err := io.ReadAll(resp.Body)
	c.say("body %s", bodyText(body))
	if err != nil {
		c.say("which is cut: %s", cutText(err))
	}
	if len(resp.Trailer) > 0 {
		c.say("trailers\n%s", headerText(resp.Trailer))
	}
	return err
}

// fate finds out what has become of the connection.
func (c *client) fate() {
	if c.mode.http2() {
		return
	}
	c.last = "GET"
	_, _ = io.WriteString(c.c, "GET /-fate HTTP/1.1\r\nHost: h\r\n\r\n") // it may be closed
	resp, err := http.ReadResponse(c.in, nil)
	switch {
	case err == nil && resp.Header.Get("X-Fate") == "kept":
		c.say("connection: kept")
	case err == nil:
		c.say("connection: answers %d", resp.StatusCode)
	default:
		c.say("connection: %s", closedText(err))
	}
}

// do sends r and says what comes.
func (c *client) do(r *request) {
	if c.mode.http2() {
		c.roundTrip(r.http2(c))
		return
	}
	c.send(r.wire())
	c.response()
	c.fate()
}

// http2 is r for net/http's client.
func (r *request) http2(c *client) *http.Request {
	scheme := "http://"
	if c.mode.secure() {
		scheme = "https://"
	}
	var body io.Reader
	if r.hasBody() {
		body = strings.NewReader(r.body)
		if !r.length {
			body = struct{ io.Reader }{body}
		}
	}
	path := r.path()
	if path == "*" {
		path = "/"
	}
	req, err := http.NewRequest(r.name(), scheme+c.addr.String()+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	if r.path() == "*" {
		req.URL.Path, req.URL.Opaque = "", "*"
	}
	req.Host = "example.com"
	req.Header.Set("User-Agent", "")
	for _, f := range r.fields {
		if http.CanonicalHeaderKey(f[0]) == "Connection" {
			continue // RFC 9113 §8.2.2
		}
		req.Header.Add(f[0], f[1])
	}
	for _, f := range r.trailer {
		if req.Trailer == nil {
			req.Trailer = http.Header{}
		}
		req.Trailer.Add(f[0], f[1])
	}
	return req
}

// roundTrip says what comes of req.
func (c *client) roundTrip(req *http.Request) {
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		c.say("%d\n%s", code, headerText(http.Header(h)))
		return nil
	}}
	resp, err := c.h2.Do(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	if err != nil {
		c.say("response: %s", closedText(err))
		return
	}
	defer resp.Body.Close()
	c.say("%s %d\n%s", resp.Proto, resp.StatusCode, headerText(resp.Header))
	_ = c.sayBody(resp) // it was said
}

// errorText is err by its kind, as handlers tell errors.
func errorText(err error) string {
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return "no error"
	case errors.As(err, &tooLarge):
		return fmt.Sprintf("MaxBytesError %d", tooLarge.Limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "deadline exceeded"
	case errors.Is(err, context.Canceled):
		return "canceled"
	}
	for _, known := range []error{http.ErrBodyReadAfterClose, http.ErrContentLength, http.ErrBodyNotAllowed,
		http.ErrHijacked, http.ErrNotSupported, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return "another error"
}

// closedText is how a connection or stream has ended: by an end, or by a reset,
// which depends on who was faster.
func closedText(err error) string {
	if errors.Is(err, os.ErrDeadlineExceeded) || os.IsTimeout(err) {
		return "hangs"
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) {
		return "closed"
	}
	if strings.Contains(err.Error(), "stream error") || strings.Contains(err.Error(), "http2: ") {
		return "reset"
	}
	return err.Error()
}

// cutText is how a body was cut.
func cutText(err error) string {
	if os.IsTimeout(err) {
		return "hangs"
	}
	return "cut"
}
