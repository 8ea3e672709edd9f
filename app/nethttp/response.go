package nethttp

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/h1"
)

// sniffBytes is how much of a body http.DetectContentType looks at.
const sniffBytes = 512

// A response is a ResponseWriter, but for what depends on the protocol.
//
//	open ──WriteHeader──▶ headed ──handler returns──▶ over
//	  │                     │                          ▲
//	  └───────Hijack────────┴──▶ hijacked ─────────────┘
type response struct {
	x      *exchange
	header http.Header // the handler's; nil: it has not asked for it

	mu       sync.Mutex
	responds // guarded by mu
}

type responds struct {
	resp     *app.Response // nil: over
	state    responseState
	bodyless bool // the status has no body
	sniffs   bool // the Content-Type depends on the body
	chunked  bool // the handler has set Transfer-Encoding
	length   int64
	written  int64
	trailers []string // announced, in canonical form
}

type responseState uint8

const (
	// responseOpen: there is no status yet.
	responseOpen responseState = iota
	// responseHeaded: status and header are those of responds.resp.
	responseHeaded
	// responseHijacked: the connection is the handler's.
	responseHijacked
	// responseOver: the handler has returned.
	responseOver
)

func (w *response) begin(x *exchange, resp *app.Response) {
	w.x, w.resp, w.length = x, resp, -1
}

// Header is the header that WriteHeader or the first Write sends.
func (w *response) Header() http.Header {
	if w.header == nil {
		w.header = make(http.Header)
	}
	return w.header
}

// WriteHeader sends an interim response, or sets the status for good.
func (w *response) WriteHeader(code int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state == responseOver {
		return
	}
	if w.state != responseOpen {
		if w.state == responseHijacked {
			w.misused("response.WriteHeader on hijacked connection")
		} else {
			w.misused("superfluous response.WriteHeader call")
		}
		return
	}
	if code < 100 || code > 999 {
		panic(fmt.Sprintf("invalid WriteHeader code %v", code))
	}
	if code < 200 && code != http.StatusSwitchingProtocols {
		var fields app.Fields
		appendFields(&fields, w.header, isFraming)
		_ = w.resp.WriteInformational(code, &fields) // what follows fails, too
		return
	}
	w.head(code)
}

// misused logs a call that has no effect, as net/http does over HTTP/1.1.
func (w *response) misused(what string) {
	if !w.x.http2() {
		w.x.a.logf("http: %s from %s", what, caller())
	}
}

// head fixes status and header. w.mu is held, as in all that follows.
func (w *response) head(code int) {
	w.state = responseHeaded
	w.resp.SetStatus(code)
	w.bodyless = code < 200 || code == http.StatusNoContent || code == http.StatusNotModified
	if len(w.header) == 0 {
		w.sniffs = !w.bodyless
		w.endKeepAlive()
		return
	}
	h := w.header
	w.readLength(h)
	coding := first(h["Transfer-Encoding"])
	w.chunked = coding != "" && coding != "identity" && !w.bodyless
	_, typed := h["Content-Type"]
	w.sniffs = !w.bodyless && !typed && coding == "" && first(h["Content-Encoding"]) == ""
	if w.chunked && w.length >= 0 {
		w.x.a.logf("http: WriteHeader called with both Transfer-Encoding of %q and a Content-Length of %d", coding, w.length)
	}
	drop := isCoding
	switch {
	case code == http.StatusNotModified && !w.x.http2():
		drop = isRepresentation
	case w.bodyless || w.chunked:
		drop = isFraming
	}
	appendFields(&w.resp.Header, h, drop)
	w.announceTrailers(h["Trailer"])
	w.endKeepAlive()
}

// endKeepAlive has the connection end with this response, if there are to be no
// others.
func (w *response) endKeepAlive() {
	if keep := w.x.a.opt.KeepAlives; keep != nil && !keep() && !w.x.http2() {
		w.resp.Set("Connection", "close")
	}
}

// readLength takes the declared length. One that is none is dropped, also from
// the handler's header.
func (w *response) readLength(h http.Header) {
	text := first(h["Content-Length"])
	if text == "" {
		return
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		if !w.x.http2() {
			w.x.a.logf("http: invalid Content-Length of %q", text)
		}
		delete(h, "Content-Length")
		return
	}
	w.length = n
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// Write writes to the body, after the head if that is not fixed yet.
func (w *response) Write(p []byte) (int, error) { return write(w, p) }

// WriteString is Write of a string.
func (w *response) WriteString(s string) (int, error) { return write(w, s) }

func write[T []byte | string](w *response, p T) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.mayWrite(); err != nil {
		if err == http.ErrHijacked && len(p) > 0 {
			w.misused("response.Write on hijacked connection")
		}
		return 0, err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if w.bodyless {
		return 0, http.ErrBodyNotAllowed
	}
	w.written += int64(len(p)) // also of what is refused, as in net/http
	if w.length >= 0 && w.written > w.length {
		return 0, http.ErrContentLength
	}
	n := 0
	if w.sniffs {
		n = min(len(p), sniffBytes-len(w.resp.Staged()))
		if _, err := stage(w.resp, p[:n]); err != nil {
			return 0, writeError(err)
		}
		if len(w.resp.Staged()) >= sniffBytes {
			w.sniff()
		}
		if n == len(p) {
			return n, nil
		}
	}
	m, err := stage(w.resp, p[n:])
	return n + m, writeError(err)
}

func stage[T []byte | string](r *app.Response, p T) (int, error) {
	if s, ok := any(p).(string); ok {
		return r.WriteString(s)
	}
	return r.Write([]byte(p))
}

// mayWrite makes the head that of a body, or says why there can be none.
func (w *response) mayWrite() error {
	switch w.state {
	case responseOpen:
		w.head(http.StatusOK)
	case responseHijacked:
		return http.ErrHijacked
	case responseOver:
		return app.ErrEnded
	}
	return nil
}

// sniff sets the Content-Type by what there is of the body.
func (w *response) sniff() {
	w.sniffs = false
	if data := w.resp.Staged(); len(data) > 0 {
		w.resp.Add("Content-Type", http.DetectContentType(data[:min(len(data), sniffBytes)]))
	}
}

// Flush is http.Flusher's.
func (w *response) Flush() { _ = w.FlushError() }

// FlushError sends what there is, the head if nothing else.
func (w *response) FlushError() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.mayWrite(); err != nil {
		return err
	}
	if w.sniffs {
		w.sniff()
	}
	if w.opensTunnel() {
		return nil // Hijack sends the head, and there is nothing else
	}
	if w.x.writeBy.over() {
		return os.ErrDeadlineExceeded
	}
	return writeError(w.resp.Flush())
}

// opensTunnel reports whether the response ends HTTP on its connection: who has
// flushed the head of such a one goes on to hijack.
func (w *response) opensTunnel() bool {
	return !w.x.http2() && !w.resp.Committed() && h1.HandsOver(w.x.req.Method, w.resp.Status())
}

// end completes the response if the handler has returned, and takes it away. It
// gives the response, or nil if there is none.
func (w *response) end(returned bool) *app.Response {
	w.mu.Lock()
	defer w.mu.Unlock()
	resp, hijacked := w.resp, w.state == responseHijacked
	if returned && !hijacked {
		if w.state == responseOpen {
			w.head(http.StatusOK)
		}
		w.complete()
	}
	w.resp, w.state = nil, responseOver
	if !returned || hijacked {
		return nil
	}
	return resp
}

// complete is all that is left to be said when the handler has returned.
func (w *response) complete() {
	if w.sniffs {
		w.sniff()
	}
	if w.header != nil {
		w.addTrailers()
	}
	if w.chunked && !w.x.http2() {
		_ = w.resp.Flush() // so that no length is said
	}
}

// announceTrailers takes note of the trailers that the handler will set.
func (w *response) announceTrailers(lists []string) {
	for _, list := range lists {
		for name := range strings.SplitSeq(list, ",") {
			if name = strings.Trim(name, " \t"); name != "" {
				w.trailers = append(w.trailers, http.CanonicalHeaderKey(name))
			}
		}
	}
}

// addTrailers takes the trailers from the header. Over HTTP/1.1 there is no place
// for them if the length was declared.
func (w *response) addTrailers() {
	if w.length >= 0 && !w.chunked && !w.x.http2() || w.bodyless && !w.x.http2() {
		return
	}
	for _, name := range w.trailers {
		addTrailer(&w.resp.Trailer, name, w.header[name])
	}
	var prefixed []string
	for key := range w.header {
		if strings.HasPrefix(key, http.TrailerPrefix) {
			prefixed = append(prefixed, key)
		}
	}
	slices.Sort(prefixed)
	for _, key := range prefixed {
		addTrailer(&w.resp.Trailer, key[len(http.TrailerPrefix):], w.header[key])
	}
	if len(w.trailers) > 0 && w.resp.Trailer.Len() == 0 && !w.x.http2() {
		w.chunked = true // as announced, though none came
	}
}
