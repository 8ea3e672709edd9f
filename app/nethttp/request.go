package nethttp

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/app/field"
)

// An exchange is all that a handler is given, in one piece of memory that is
// never used again: the handler may keep it.
type exchange struct {
	req    http.Request
	url    url.URL
	body   body
	out    response
	ctx    requestContext
	values [fewValues]string // of the header fields

	// Immutable:
	a    *adapter
	in   *app.Request  // not to be used once ended
	sink *app.Response // nor this
	conn *connection

	hijacked        atomic.Bool
	readBy, writeBy deadline

	mu     sync.Mutex
	waited context.Context // guarded by mu; what ctx stands for, once asked for
	ended  bool            // guarded by mu
}

// fewValues is how many header fields need no memory of their own.
const fewValues = 8

func (x *exchange) http2() bool { return x.req.ProtoMajor == 2 }

// newExchange gives the request as net/http has it; false: its target is no URL.
func newExchange(a *adapter, in *app.Request, resp *app.Response) (x *exchange, ok bool) {
	x = &exchange{a: a, in: in, sink: resp, conn: connectionOf(in)}
	x.ctx.x, x.body.x = x, x
	x.req = *x.req.WithContext(&x.ctx)
	r := &x.req
	r.Method = in.Method
	r.Proto, r.ProtoMajor, r.ProtoMinor = in.Proto, in.Major, in.Minor
	r.ContentLength = in.ContentLength
	r.RemoteAddr = x.conn.remote
	r.TLS = in.TLS()
	r.Body = http.NoBody
	if in.ContentLength != 0 {
		r.Body = &x.body
	}
	x.takeHead(in)
	x.out.begin(x, resp)
	return x, x.takeURL()
}

// takeHead copies target, host and fields, in one string.
func (x *exchange) takeHead(in *app.Request) {
	var names lookup
	var text strings.Builder
	text.Grow(len(in.Target) + len(in.Host) + names.fill(&in.Header))
	r := &x.req
	r.RequestURI = add(&text, in.Target)
	r.Host = add(&text, in.Host)

	n := in.Header.Len()
	values := x.values[:]
	if n > len(values) {
		values = make([]string, n)
	}
	r.Header = make(http.Header, n)
	for i := range n {
		line := in.Header.Line(i)
		name := ""
		if i < len(names) {
			name = names[i]
		}
		if name == "" {
			start := text.Len()
			var room [64]byte
			text.Write(canonical(room[:0], line.Name))
			name = text.String()[start:]
		}
		values[i] = add(&text, line.Value)
		if old := r.Header[name]; old != nil {
			r.Header[name] = append(old, values[i])
		} else {
			r.Header[name] = values[i : i+1 : i+1]
		}
	}
	x.readFields()
}

// add gives b as a part of text, which has room for it.
func add(text *strings.Builder, b []byte) string {
	start := text.Len()
	text.Write(b)
	return text.String()[start:]
}

// readFields does with the header what net/http does before handlers see it.
func (x *exchange) readFields() {
	r := &x.req
	h := r.Header
	delete(h, "Host")
	if x.http2() {
		if cookies := h["Cookie"]; len(cookies) > 1 {
			h["Cookie"] = []string{strings.Join(cookies, "; ")} // RFC 9113 §8.2.3
		}
		if hasToken(h["Expect"], "100-continue") {
			delete(h, "Expect")
		}
	} else {
		r.Close = closes(r)
		if r.ContentLength < 0 {
			r.TransferEncoding = []string{"chunked"}
			delete(h, "Transfer-Encoding")
		}
		if pragma := h["Pragma"]; len(pragma) > 0 && pragma[0] == "no-cache" {
			if _, ok := h["Cache-Control"]; !ok {
				h["Cache-Control"] = []string{"no-cache"} // RFC 9111 §5.4
			}
		}
	}
	if announced, ok := h["Trailer"]; ok && r.ContentLength != 0 && (x.http2() || r.ContentLength < 0) {
		delete(h, "Trailer")
		x.expectTrailers(announced)
	}
}

// expectTrailers makes Request.Trailer have the names that were announced.
func (x *exchange) expectTrailers(announced []string) {
	for _, list := range announced {
		for name := range strings.SplitSeq(list, ",") {
			name = http.CanonicalHeaderKey(strings.Trim(name, " \t"))
			if name == "" || !field.AllowedTrailer(name) {
				continue
			}
			if x.req.Trailer == nil {
				x.req.Trailer = make(http.Header)
			}
			x.req.Trailer[name] = nil
		}
	}
}

// closes is Request.Close: the client wants no further request (RFC 9112 §9.3).
func closes(r *http.Request) bool {
	values, ok := r.Header["Connection"]
	if r.ProtoMinor == 0 {
		return !ok || hasToken(values, "close") || !hasToken(values, "keep-alive")
	}
	return ok && hasToken(values, "close")
}

// hasToken reports whether one of the lists has token, in any case.
func hasToken(lists []string, token string) bool {
	for _, list := range lists {
		for member := range strings.SplitSeq(list, ",") {
			if strings.EqualFold(strings.Trim(member, " \t"), token) {
				return true
			}
		}
	}
	return false
}

// takeURL parses the target. Most need no parsing.
func (x *exchange) takeURL() bool {
	r := &x.req
	r.URL = &x.url
	if plain(r.RequestURI) {
		x.url.Path, x.url.RawQuery, _ = strings.Cut(r.RequestURI, "?")
		return true
	}
	target := r.RequestURI
	authority := r.Method == "CONNECT" && !strings.HasPrefix(target, "/")
	if authority {
		if x.http2() {
			x.url.Host = target
			return true
		}
		target = "http://" + target
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return false
	}
	x.url = *u
	if authority {
		x.url.Scheme = ""
	}
	return true
}

// plain reports whether target is a path, perhaps with a query, that stands for
// itself.
func plain(target string) bool {
	if len(target) == 0 || target[0] != '/' {
		return false
	}
	for i := range len(target) {
		c := target[i]
		if c == '?' {
			// url.URL has a query of no bytes as ForceQuery.
			return i < len(target)-1
		}
		if !verbatim[c] {
			return false
		}
	}
	return true
}

// verbatim are the octets of a path that url.URL neither decodes nor would
// encode.
var verbatim = func() (t [256]bool) {
	for c := range t {
		t[c] = '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' ||
			strings.IndexByte("-_.~$&+,/:;=@", byte(c)) >= 0
	}
	return t
}()
