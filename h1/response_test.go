package h1

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/uringserve/uringserve/app/field"
)

// lines makes Fields of "Name: value" lines.
func lines(in ...string) *field.Fields {
	var f field.Fields
	for _, l := range in {
		name, value, _ := strings.Cut(l, ": ")
		f.Add(name, value)
	}
	return &f
}

const testDate = "Sun, 06 Nov 1994 08:49:37 GMT"

func TestAppendHead(t *testing.T) {
	const (
		ok    = "HTTP/1.1 200 OK\r\n"
		cl5   = "Content-Length: 5\r\n"
		chunk = "Transfer-Encoding: chunked\r\n"
		bye   = "Connection: close\r\n"
		stay  = "Connection: keep-alive\r\n"
	)
	type m = ResponseMeta
	for _, c := range []struct {
		name    string
		meta    ResponseMeta // Status 0: 200; RequestMethod "": GET
		want    string       // without the empty line
		framing Framing
		length  int64
		keep    bool
	}{
		{"known length", m{Minor: 1, KeepAlive: true, Length: 5}, ok + cl5, FramingLength, 5, true},
		{"no body", m{Minor: 1, KeepAlive: true}, ok + "Content-Length: 0\r\n", FramingLength, 0, true},
		{"unknown length", m{Minor: 1, KeepAlive: true, Length: -1}, ok + chunk, FramingChunked, -1, true},
		{"trailers", m{Minor: 1, KeepAlive: true, Length: 5, Trailers: true}, ok + chunk, FramingChunked, -1, true},
		{"server closes", m{Minor: 1, Length: 5}, ok + cl5 + bye, FramingLength, 5, false},
		{"date", m{Minor: 1, KeepAlive: true, Length: 5, Date: []byte(testDate)},
			ok + "Date: " + testDate + "\r\n" + cl5, FramingLength, 5, true},
		{"own date", m{Minor: 1, KeepAlive: true, Length: 5, Date: []byte(testDate), Fields: lines("date: today")},
			ok + "date: today\r\n" + cl5, FramingLength, 5, true},
		{"fields in order", m{Minor: 1, KeepAlive: true, Length: 5, Fields: lines("B: 2", "a: ", "B: 1")},
			ok + "B: 2\r\na: \r\nB: 1\r\n" + cl5, FramingLength, 5, true},

		{"own length", m{Minor: 1, KeepAlive: true, Length: -1, Fields: lines("content-length: 5")}, ok + cl5, FramingLength, 5, true},
		{"own length differs", m{Minor: 1, KeepAlive: true, Length: 7, Fields: lines("content-length: 5")}, ok + cl5, FramingLength, 5, true},
		{"own length and trailers", m{Minor: 1, KeepAlive: true, Length: -1, Trailers: true, Fields: lines("Content-Length: 5")},
			ok + chunk, FramingChunked, 5, true},
		{"own coding", m{Minor: 1, KeepAlive: true, Length: 5, Fields: lines("Transfer-Encoding: chunked")}, ok + cl5, FramingLength, 5, true},
		{"own close", m{Minor: 1, KeepAlive: true, Length: 5, Fields: lines("connection: Close")}, ok + cl5 + bye, FramingLength, 5, false},
		{"own keep-alive", m{Minor: 1, Length: 5, Fields: lines("Connection: keep-alive")}, ok + cl5 + bye, FramingLength, 5, false},
		{"own connection option", m{Minor: 1, Length: 5, Fields: lines("Connection: Upgrade", "Upgrade: TLS/1.3")},
			ok + "Connection: Upgrade\r\nUpgrade: TLS/1.3\r\n" + cl5 + bye, FramingLength, 5, false},
		{"own connection option and close", m{Minor: 1, KeepAlive: true, Length: 5, Fields: lines("Connection: close, Upgrade")},
			ok + "Connection: close, Upgrade\r\n" + cl5, FramingLength, 5, false},
		{"own connection option beside close", m{Minor: 1, KeepAlive: true, Length: 5, Fields: lines("Connection: close", "Connection: Upgrade")},
			ok + "Connection: Upgrade\r\n" + cl5 + bye, FramingLength, 5, false},

		{"1.0", m{Length: 5}, ok + cl5 + bye, FramingLength, 5, false},
		{"1.0 keep-alive", m{KeepAlive: true, Length: 5}, ok + cl5 + stay, FramingLength, 5, true},
		{"1.0 unknown length", m{KeepAlive: true, Length: -1}, ok + bye, FramingClose, -1, false},
		{"1.0 trailers", m{KeepAlive: true, Length: 5, Trailers: true}, ok + cl5 + stay, FramingLength, 5, true},
		{"1.0 HEAD", m{KeepAlive: true, Length: -1, RequestMethod: "HEAD"}, ok + stay, FramingNone, -1, true},

		{"HEAD", m{Minor: 1, KeepAlive: true, Length: 5, RequestMethod: "HEAD"}, ok + cl5, FramingNone, 5, true},
		{"HEAD own length", m{Minor: 1, KeepAlive: true, RequestMethod: "HEAD", Fields: lines("Content-Length: 5")},
			ok + cl5, FramingNone, 5, true},
		{"HEAD nothing written", m{Minor: 1, KeepAlive: true, RequestMethod: "HEAD"}, ok, FramingNone, -1, true},
		{"HEAD unknown length", m{Minor: 1, KeepAlive: true, Length: -1, RequestMethod: "HEAD", Trailers: true}, ok, FramingNone, -1, true},
		{"204", m{Status: 204, Minor: 1, KeepAlive: true, Length: 5, Fields: lines("Content-Length: 5")},
			"HTTP/1.1 204 No Content\r\n", FramingNone, -1, true},
		{"205", m{Status: 205, Minor: 1, KeepAlive: true, Length: 5}, "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n", FramingNone, 0, true},
		{"304", m{Status: 304, Minor: 1, KeepAlive: true}, "HTTP/1.1 304 Not Modified\r\n", FramingNone, -1, true},
		{"304 own length", m{Status: 304, Minor: 1, KeepAlive: true, Fields: lines("Content-Length: 5")},
			"HTTP/1.1 304 Not Modified\r\n" + cl5, FramingNone, 5, true},
		{"304 trailers", m{Status: 304, Minor: 1, KeepAlive: true, Length: -1, Trailers: true},
			"HTTP/1.1 304 Not Modified\r\n", FramingNone, -1, true},
		{"101", m{Status: 101, Minor: 1, KeepAlive: true, Length: -1, Fields: lines("Upgrade: websocket", "Connection: upgrade")},
			"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n", FramingNone, -1, false},
		{"101 without Connection", m{Status: 101, Minor: 1, KeepAlive: true, Length: -1, Fields: lines("Upgrade: x", "Content-Length: 3")},
			"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n", FramingNone, -1, false},
		{"CONNECT accepted", m{Minor: 1, KeepAlive: true, Length: 0, RequestMethod: "CONNECT", Fields: lines("Content-Length: 3")},
			ok, FramingNone, -1, false},
		{"CONNECT refused", m{Status: 403, Minor: 1, KeepAlive: true, Length: 5, RequestMethod: "CONNECT"},
			"HTTP/1.1 403 Forbidden\r\n" + cl5, FramingLength, 5, true},
		{"status without phrase", m{Status: 299, Minor: 1, KeepAlive: true}, "HTTP/1.1 299 \r\nContent-Length: 0\r\n", FramingLength, 0, true},
		{"largest status", m{Status: 999, Minor: 1, KeepAlive: true}, "HTTP/1.1 999 \r\nContent-Length: 0\r\n", FramingLength, 0, true},
	} {
		meta := c.meta
		if meta.Status == 0 {
			meta.Status = 200
		}
		if meta.RequestMethod == "" {
			meta.RequestMethod = "GET"
		}
		out, framing, length, keep, err := AppendHead([]byte("before"), &meta)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got, want := string(out), "before"+c.want+"\r\n"; got != want {
			t.Errorf("%s: got\n%swant\n%s", c.name, got, want)
		}
		if framing != c.framing || length != c.length || keep != c.keep {
			t.Errorf("%s: framing %d, length %d, keep-alive %v", c.name, framing, length, keep)
		}
	}
}

func TestResponseFaults(t *testing.T) {
	long := strings.Repeat("x y", 100)
	head := func(status int, f *field.Fields) ([]byte, error) {
		out, _, _, _, err := AppendHead([]byte("before"), &ResponseMeta{Status: status, Fields: f, Minor: 1})
		return out, err
	}
	informational := func(status int, f *field.Fields) ([]byte, error) {
		return AppendInformational([]byte("before"), status, f)
	}
	last := func(_ int, f *field.Fields) ([]byte, error) { return AppendLastChunk([]byte("before"), f) }
	for _, c := range []struct {
		name   string
		append func(int, *field.Fields) ([]byte, error)
		status int
		fields *field.Fields
		want   ResponseError
	}{
		{"status 0", head, 0, nil, ResponseError{FaultStatus, 0, ""}},
		{"status 100", head, 100, nil, ResponseError{FaultStatus, 100, ""}},
		{"status 199", head, 199, nil, ResponseError{FaultStatus, 199, ""}},
		{"status 1000", head, 1000, nil, ResponseError{FaultStatus, 1000, ""}},
		{"status -200", head, -200, nil, ResponseError{FaultStatus, -200, ""}},
		{"empty name", head, 200, lines(": x"), ResponseError{FaultName, 200, ""}},
		{"name with CRLF", head, 200, lines("A: b", "X\r\nY: z"), ResponseError{FaultName, 200, "X\r\nY"}},
		{"name with colon", head, 200, lines("X:Y: z"), ResponseError{FaultName, 200, "X:Y"}},
		{"long name", head, 200, lines(long + ": z"), ResponseError{FaultName, 200, long[:64]}},
		{"value with CRLF", head, 200, lines("X: a\r\nSet-Cookie: b"), ResponseError{FaultValue, 200, "X"}},
		{"value with LF", head, 200, lines("X: a\nb"), ResponseError{FaultValue, 200, "X"}},
		{"value with CR", head, 200, lines("X: a\rb"), ResponseError{FaultValue, 200, "X"}},
		{"value with NUL", head, 200, lines("X: a\x00"), ResponseError{FaultValue, 200, "X"}},
		{"value with NUL in a field left out", head, 200, lines("Transfer-Encoding: \x00"), ResponseError{FaultValue, 200, "Transfer-Encoding"}},
		{"bad length", head, 200, lines("Content-Length: +5"), ResponseError{FaultLength, 200, "Content-Length"}},
		{"two lengths", head, 200, lines("Content-Length: 5", "Content-Length: 5"), ResponseError{FaultLength, 200, "Content-Length"}},
		{"informational 99", informational, 99, nil, ResponseError{FaultStatus, 99, ""}},
		{"informational 101", informational, 101, nil, ResponseError{FaultStatus, 101, ""}},
		{"informational 200", informational, 200, nil, ResponseError{FaultStatus, 200, ""}},
		{"informational name", informational, 103, lines("A: b", "X Y: b"), ResponseError{FaultName, 103, "X Y"}},
		{"informational value", informational, 103, lines("A: b", "X: \n"), ResponseError{FaultValue, 103, "X"}},
		{"trailer name", last, 0, lines("A: b", "X Y: b"), ResponseError{FaultName, 0, "X Y"}},
		{"trailer value", last, 0, lines("A: b", "X: \r"), ResponseError{FaultValue, 0, "X"}},
		{"trailer not allowed", last, 0, lines("A: b", "content-LENGTH: 1"), ResponseError{FaultTrailer, 0, "content-LENGTH"}},
	} {
		out, err := c.append(c.status, c.fields)
		var got *ResponseError
		if !errors.As(err, &got) || *got != c.want {
			t.Errorf("%s: error %+v, want %+v", c.name, err, c.want)
		}
		if string(out) != "before" {
			t.Errorf("%s: out is %q", c.name, out)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("%s: the message breaks lines: %s", c.name, err)
		}
	}
}

func TestAppendInformational(t *testing.T) {
	for _, c := range []struct {
		status int
		fields *field.Fields
		want   string
	}{
		{100, nil, "HTTP/1.1 100 Continue\r\n\r\n"},
		{103, lines("Link: </a>; rel=preload", "Content-Length: 4", "Connection: close", "Transfer-Encoding: chunked"),
			"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"},
		{199, lines(), "HTTP/1.1 199 \r\n\r\n"},
	} {
		if out, err := AppendInformational(nil, c.status, c.fields); err != nil || string(out) != c.want {
			t.Errorf("%d: %q, %v", c.status, out, err)
		}
	}
}

func TestAppendChunks(t *testing.T) {
	out := AppendChunk(nil, []byte("hello"))
	out = AppendChunk(out, nil)
	out = AppendChunk(out, bytes.Repeat([]byte("x"), 31))
	out, err := AppendLastChunk(out, lines("A: b", "Empty: "))
	if want := "5\r\nhello\r\n1f\r\n" + strings.Repeat("x", 31) + "\r\n0\r\nA: b\r\nEmpty: \r\n\r\n"; err != nil || string(out) != want {
		t.Errorf("got %q, %v", out, err)
	}
	if out, err := AppendLastChunk(nil, nil); err != nil || string(out) != "0\r\n\r\n" {
		t.Errorf("got %q, %v", out, err)
	}
}

// net/http must read what we write as we mean it.
func TestAppendErrorReadBack(t *testing.T) {
	for r := Reason(1); int(r) < NumReasons; r++ {
		out := AppendError(nil, r.Status(), []byte(testDate))
		resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(out)), nil)
		if err != nil {
			t.Fatalf("%d: %v\n%s", r.Status(), err, out)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || int64(len(body)) != resp.ContentLength || !resp.Close ||
			resp.StatusCode != r.Status() || resp.Header.Get("Date") != testDate ||
			!strings.HasPrefix(string(body), resp.Status) {
			t.Errorf("%d: %v, close %v, %q\n%s", r.Status(), err, resp.Close, body, out)
		}
		if _, has := resp.Header["Allow"]; has != (r.Status() == 405) {
			t.Errorf("%d: Allow: %v", r.Status(), has)
		}
	}
}

func TestHandsOver(t *testing.T) {
	for _, c := range []struct {
		method string
		status int
		want   bool
	}{{"GET", 101, true}, {"GET", 200, false}, {"CONNECT", 200, true}, {"CONNECT", 299, true}, {"CONNECT", 407, false}} {
		if got := HandsOver(c.method, c.status); got != c.want {
			t.Errorf("%s %d: %v", c.method, c.status, got)
		}
	}
}
