package h1

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

// theirs is what net/http makes of one request at the start of b.
type theirs struct {
	req      *http.Request
	body     []byte
	consumed int
	err      error
}

func askNetHTTP(b []byte) (th theirs) {
	r := bytes.NewReader(b)
	br := bufio.NewReaderSize(r, 64<<10)
	if th.req, th.err = http.ReadRequest(br); th.err != nil {
		return th
	}
	th.body, th.err = io.ReadAll(th.req.Body)
	th.consumed = len(b) - r.Len() - br.Buffered()
	return th
}

// FuzzNetHTTP: a request that we take, net/http takes too, and sees the same
// in it: the method, the host, the content, and where it ends.
func FuzzNetHTTP(f *testing.F) {
	seedGolden(f, func(input []byte) { f.Add(input) })
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) > 16<<10 { // net/http bounds what chunks may waste
			return
		}
		checkAgainstNetHTTP(t, input)
	})
}

func checkAgainstNetHTTP(t *testing.T, input []byte) {
	lim := DefaultLimits()
	var h Head
	// Difference: net/http does not pass over empty lines (RFC 9112 §2.2).
	for bytes.HasPrefix(input, []byte("\r\n")) {
		input = input[2:]
	}
	n, _, err := ParseHead(input, 0, &lim, &h)
	if n == 0 || err != nil {
		return
	}
	content, end, done := decodeAll(&h, input[n:], &lim)
	if !done || theirsIsStricter(&h) {
		return
	}
	th := askNetHTTP(input)
	if th.err != nil {
		t.Fatalf("we take %q, net/http does not: %v", input, th.err)
	}
	if th.req.Method != h.Method || th.req.RequestURI != string(h.Target) {
		t.Fatalf("request line: %s %q, net/http %s %q", h.Method, h.Target, th.req.Method, th.req.RequestURI)
	}
	if h.Form != FormAuthority && !strings.EqualFold(th.req.Host, string(h.Host)) {
		t.Fatalf("host %q, net/http %q", h.Host, th.req.Host)
	}
	if !bytes.Equal(th.body, content) {
		t.Fatalf("content %q, net/http %q", content, th.body)
	}
	if th.consumed != n+end {
		t.Fatalf("%q: we took %d, net/http %d", input, n+end, th.consumed)
	}
	if th.req.URL.RawQuery != string(h.Query) && h.Form != FormAuthority {
		t.Fatalf("query %q, net/http %q", h.Query, th.req.URL.RawQuery)
	}
}

// theirsIsStricter names what net/http refuses and we take.
func theirsIsStricter(h *Head) bool {
	// A Trailer field that announces a field it has a dislike for. To us the
	// announcement means nothing: the trailers are judged.
	return h.Fields.Has("trailer")
}

func decodeAll(h *Head, b []byte, lim *Limits) (content []byte, end int, done bool) {
	var d Body
	d.Reset(h.Length, lim)
	for !d.Done() {
		data, n, err := d.Decode(b[end:])
		if err != nil || n == 0 {
			return nil, 0, false
		}
		content = append(content, data...)
		end += n
	}
	return content, end, true
}

// TestNetHTTPDifferences lists the requests that net/http takes and we do not:
// each is meant. If net/http becomes stricter, its line here fails and goes.
func TestNetHTTPDifferences(t *testing.T) {
	const chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, c := range []struct {
		why, input string
		want       Reason
	}{
		{"bare LF ends no line (RFC 9112 §2.2 lets it)", "GET / HTTP/1.1\nHost: a\n\n", BareLF},
		{"folded lines are not joined", "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", ObsFold},
		{"a fragment is no part of a target", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", BadTarget},
		{"nor are octets from 0x80", "GET /caf\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", BadTarget},
		{"the asterisk is OPTIONS' alone", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", MethodTargetMismatch},
		{"CONNECT has an authority", "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", MethodTargetMismatch},
		{"a port is a number", "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", BadTarget},
		{"of 16 bits", "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", BadHost},
		{"Host and target agree", "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", HostMismatch},
		{"targets have no user", "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", BadTarget},
		{"other schemes are not ours", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", BadTarget},
		{"Host is required (net/http's Server says so, ReadRequest not)", "GET / HTTP/1.1\r\n\r\n", MissingHost},
		{"equal lengths are two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", DuplicateContentLength},
		{"a length beside a coding", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", LengthAndTransferEncoding},
		{"1.0 has no codings", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", TransferEncodingOn10},
		{"long methods", strings.Repeat("M", 33) + " / HTTP/1.1\r\nHost: a\r\n\r\n", MethodTooLong},
		{"other major versions", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", BadVersion},
		{"expectations we cannot meet (Server: 417, too)", "GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n", UnknownExpectation},
		{"space after a chunk size", chunked + "1 \r\nx\r\n0\r\n\r\n", BadChunkSize},
		{"an empty chunk extension", chunked + "1;\r\nx\r\n0\r\n\r\n", BadChunkExt},
		{"a chunk extension that is no token", chunked + "1;@\r\nx\r\n0\r\n\r\n", BadChunkExt},
		{"fields that may not come after the body", chunked + "0\r\nHost: b\r\n\r\n", BadTrailer},
	} {
		if got := firstReason([]byte(c.input)); got != c.want {
			t.Errorf("%s: %q: reason %q, want %q", c.why, c.input, got, c.want)
		}
		if th := askNetHTTP([]byte(c.input)); th.err != nil {
			t.Errorf("%s: %q: no difference any more: %v", c.why, c.input, th.err)
		}
	}
}

// firstReason is why the first request in b is refused, 0 if it is not.
func firstReason(b []byte) Reason {
	lim := DefaultLimits()
	var h Head
	n, _, err := ParseHead(b, 0, &lim, &h)
	if err != nil {
		return err.Reason
	}
	var d Body
	d.Reset(h.Length, &lim)
	for b = b[n:]; len(b) > 0 && !d.Done(); b = b[n:] {
		if _, n, err = d.Decode(b); err != nil {
			return err.Reason
		}
	}
	return 0
}

// TestNetHTTPTables runs the requests of the golden files against net/http.
func TestNetHTTPTables(t *testing.T) {
	for _, c := range benchHeads {
		checkAgainstNetHTTP(t, []byte(c.head+strings.Repeat("x", 27)))
	}
}
