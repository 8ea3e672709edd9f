package nethttp_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

func abortCases() []testCase {
	const area = "abort"
	return []testCase{
		{area: area, name: "at once", handler: func(w http.ResponseWriter, r *http.Request, n *notes) { panic(http.ErrAbortHandler) }},
		{area: area, name: "after a write", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			io.WriteString(w, "x")
			panic(http.ErrAbortHandler)
		}},
		{area: area, name: "after a flush", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			io.WriteString(w, "x")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}},
		{area: area, name: "within a declared length", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("Content-Length", "5")
			io.WriteString(w, "ab")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}},
		{area: area, name: "panic at once", handler: func(w http.ResponseWriter, r *http.Request, n *notes) { panic("boom") },
			differs: []seen{
				{id: "panic", ref: "response: closed", ours: "HTTP/1.1 500\nContent-Length: 0\nDate: *\n(close)\nbody \"\"", modes: onlyH1},
				{id: "panic", ref: "response: reset", ours: "HTTP/2.0 500\nContent-Length: 0\nDate: *\nbody \"\"", modes: onlyH2}}},
		{area: area, name: "panic after a flush", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.(http.Flusher).Flush()
			panic(errors.New("boom"))
		}},
	}
}

func maxBytesCases() []testCase {
	const area = "maxbytes"
	limited := func(limit int64) handler {
		return func(w http.ResponseWriter, r *http.Request, n *notes) {
			n.add("%s", readAll(http.MaxBytesReader(w, r.Body, limit)))
		}
	}
	return []testCase{
		{area: area, name: "below", req: request{body: "0123", length: true}, handler: limited(5)},
		{area: area, name: "at", req: request{body: "01234", length: true}, handler: limited(5)},
		{area: area, name: "above", req: request{body: "012345", length: true}, handler: limited(5),
			differs: []seen{{id: "unread", ref: "(close)\n", ours: "", modes: onlyH1}, {id: "unread", ref: "connection: closed", ours: "connection: kept", modes: onlyH1}}},
		{area: area, name: "above, chunked", req: request{body: "012345"}, handler: limited(5),
			differs: []seen{{id: "unread", ref: "(close)\n", ours: "", modes: onlyH1}, {id: "unread", ref: "connection: closed", ours: "connection: kept", modes: onlyH1}}},
		{area: area, name: "far above", modes: onlyH1, req: request{raw: "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000\r\n\r\n" + strings.Repeat("x", 1000)}, handler: limited(5)},
		{area: area, name: "MaxBytesHandler", req: request{body: "012345", length: true}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			http.MaxBytesHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, err := io.ReadAll(r.Body)
				n.add("%s", errorText(err))
				http.Error(w, "too large", 413)
			}), 5).ServeHTTP(w, r)
		}, differs: []seen{{id: "unread", ref: "(close)\n", ours: "", modes: onlyH1}, {id: "unread", ref: "connection: closed", ours: "connection: kept", modes: onlyH1}}},
	}
}

func writes(sizes ...int) handler {
	return func(w http.ResponseWriter, r *http.Request, n *notes) {
		for _, size := range sizes {
			io.WriteString(w, strings.Repeat("x", size))
		}
	}
}

func lengthCases() []testCase {
	const area = "length"
	all := []testCase{
		{area: area, name: "none written", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {}},
		{area: area, name: "one write", handler: writes(100)},
		{area: area, name: "three writes", handler: writes(1, 2, 3)},
		{area: area, name: "2048", handler: writes(2048)},
		{area: area, name: "over 2 KiB", modes: onlyH1, handler: writes(3000), differs: []seen{
			{id: "length", ref: "Content-Type", ours: "Content-Length: 3000\nContent-Type"}, {id: "length", ref: "(coding chunked)\n", ours: ""}}},
		{area: area, name: "over 16 KiB", handler: writes(16<<10, 1)},
		{area: area, name: "declared", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("Content-Length", "3")
			io.WriteString(w, "abc")
		}},
		{area: area, name: "too much", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("Content-Length", "3")
			k, err := io.WriteString(w, "abcd")
			n.add("%d %s", k, errorText(err))
			k, err = io.WriteString(w, "abc")
			n.add("%d %s", k, errorText(err))
		}, differs: []seen{
			{id: "too-much", ref: "Content-Type: text/plain; charset=utf-8\n", ours: "", modes: onlyH2},
			{id: "too-much", ref: `"abc"`, ours: `""`, modes: onlyH2},
			{id: "too-much", ref: "4 no error", ours: "0 http: wrote more than the declared Content-Length", modes: onlyH2},
			{id: "too-much", ref: "3 no error", ours: "0 http: wrote more than the declared Content-Length", modes: onlyH2}}},
		{area: area, name: "too little", modes: onlyH1, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("Content-Length", "3")
			io.WriteString(w, "ab")
		}},
		{area: area, name: "bad", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("Content-Length", "many")
			io.WriteString(w, "ab")
		}, differs: []seen{{id: "length", ref: "Content-Type", ours: "Content-Length: 2\nContent-Type", modes: onlyH1}, {id: "length", ref: "(coding chunked)\n", ours: "", modes: onlyH1}}},
		{area: area, name: "negative", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("Content-Length", "-1")
			io.WriteString(w, "ab")
		}, differs: []seen{{id: "length", ref: "Content-Type", ours: "Content-Length: 2\nContent-Type", modes: onlyH1}, {id: "length", ref: "(coding chunked)\n", ours: "", modes: onlyH1}}},
		{area: area, name: "HEAD", req: request{method: "HEAD"}, handler: writes(100)},
		{area: area, name: "HEAD, nothing written", req: request{method: "HEAD"}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {}},
		{area: area, name: "HEAD, declared", req: request{method: "HEAD"}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("Content-Length", "1000")
		}},
		{area: area, name: "HTTP/1.0", modes: onlyH1, req: request{raw: "GET / HTTP/1.0\r\n\r\n"}, handler: writes(10),
			differs: []seen{{id: "version", ref: "HTTP/1.0 200", ours: "HTTP/1.1 200"}}},
		{area: area, name: "HTTP/1.0, long", modes: onlyH1, req: request{raw: "GET / HTTP/1.0\r\n\r\n"}, handler: writes(20_000),
			differs: []seen{{id: "version", ref: "HTTP/1.0 200", ours: "HTTP/1.1 200"}}},
		{area: area, name: "coding chunked", modes: onlyH1, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("Transfer-Encoding", "chunked")
			io.WriteString(w, "ab")
		}},
		{area: area, name: "coding and length", modes: onlyH1, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("Transfer-Encoding", "chunked")
			w.Header().Set("Content-Length", "2")
			io.WriteString(w, "ab")
		}},
		{area: area, name: "coding identity", modes: onlyH1, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("Transfer-Encoding", "identity")
			io.WriteString(w, "ab")
		}, differs: []seen{{id: "transfer-encoding", ref: "Date: *\n(close)\n", ours: "Content-Length: 2\nDate: *\n"}, {id: "transfer-encoding", ref: "connection: closed", ours: "connection: kept"}}},
	}
	return all
}

func typeCases() []testCase {
	const area = "type"
	sniff := func(body string) handler {
		return func(w http.ResponseWriter, r *http.Request, n *notes) { io.WriteString(w, body) }
	}
	with := func(name, value string) handler {
		return func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set(name, value)
			io.WriteString(w, "<html>")
		}
	}
	return []testCase{
		{area: area, name: "html", handler: sniff("<html>x")},
		{area: area, name: "text", handler: sniff("x")},
		{area: area, name: "png", handler: sniff("\x89PNG\r\n\x1a\n")},
		{area: area, name: "binary", handler: sniff("\x00\x01\x02")},
		{area: area, name: "json", handler: sniff(`{"a":1}`)},
		{area: area, name: "of 512 bytes only", handler: sniff(strings.Repeat(" ", 511) + "<html>")},
		{area: area, name: "within 512 bytes", handler: sniff(strings.Repeat(" ", 500) + "<html>")},
		{area: area, name: "of two writes", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			io.WriteString(w, "<ht")
			io.WriteString(w, "ml>")
		}},
		{area: area, name: "of the first, flushed", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			io.WriteString(w, "<ht")
			w.(http.Flusher).Flush()
			io.WriteString(w, "ml>")
		}},
		{area: area, name: "short, then long", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			io.WriteString(w, "<ht")
			io.WriteString(w, "ml>"+strings.Repeat("x", 30_000))
		}},
		{area: area, name: "given", handler: with("Content-Type", "text/plain")},
		{area: area, name: "given empty", handler: with("Content-Type", "")},
		{area: area, name: "given nil", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header()["Content-Type"] = nil
			io.WriteString(w, "<html>")
		}},
		{area: area, name: "with Content-Encoding", handler: with("Content-Encoding", "gzip")},
		{area: area, name: "with empty Content-Encoding", handler: with("Content-Encoding", "")},
		{area: area, name: "of nothing", handler: sniff("")},
		{area: area, name: "of HEAD", req: request{method: "HEAD"}, handler: sniff("<html>")},
		{area: area, name: "of a 404", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.WriteHeader(404)
			io.WriteString(w, "<html>")
		}},
	}
}

func dateCases() []testCase {
	const area = "date"
	return []testCase{
		{area: area, name: "there", handler: writes(1)},
		{area: area, name: "of a flushed response", handler: func(w http.ResponseWriter, r *http.Request, n *notes) { w.(http.Flusher).Flush() }},
		{area: area, name: "of a 304", handler: func(w http.ResponseWriter, r *http.Request, n *notes) { w.WriteHeader(304) }},
		{area: area, name: "the handler's", handler: func(w http.ResponseWriter, r *http.Request, n *notes) { w.Header().Set("Date", "today") }},
		{area: area, name: "the handler's, in time", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("Date", "Thu, 01 Jan 1970 00:00:00 GMT")
			w.(http.Flusher).Flush()
		}},
		{area: area, name: "nil", modes: onlyH1, handler: func(w http.ResponseWriter, r *http.Request, n *notes) { w.Header()["Date"] = nil },
			differs: []seen{{id: "date", ref: "Content-Length: 0", ours: "Content-Length: 0\nDate: *"}}},
	}
}

func statusCases() []testCase {
	const area = "status"
	all := []testCase{
		{area: area, name: "twice", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.WriteHeader(201)
			w.WriteHeader(202)
		}},
		{area: area, name: "after a write", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			io.WriteString(w, "x")
			w.WriteHeader(404)
		}},
		{area: area, name: "invalid", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			for _, code := range []int{0, 99, 1000, -1} {
				func() {
					defer func() { n.add("%v", recover()) }()
					w.WriteHeader(code)
				}()
			}
		}},
		{area: area, name: "204 with a body", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.WriteHeader(204)
			_, err := io.WriteString(w, "x")
			n.add("%s", errorText(err))
		}},
		{area: area, name: "304 with fields", modes: onlyH1, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("Content-Type", "text/plain")
			w.Header().Set("Content-Length", "10")
			w.Header().Set("Etag", `"x"`)
			w.WriteHeader(304)
		}},
		{area: area, name: "204 with a length", modes: onlyH1, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("Content-Length", "10")
			w.WriteHeader(204)
		}},
		{area: area, name: "205 with a body", modes: onlyH1, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("Content-Type", "text/plain")
			w.WriteHeader(205)
			io.WriteString(w, "x")
		}, differs: []seen{{id: "reset-content", ref: "Content-Length: 1", ours: "Content-Length: 0"}, {id: "reset-content", ref: `body "x"`, ours: `body ""`}}},
		{area: area, name: "redirect", handler: func(w http.ResponseWriter, r *http.Request, n *notes) { http.Redirect(w, r, "/elsewhere", 302) }},
		{area: area, name: "error", handler: func(w http.ResponseWriter, r *http.Request, n *notes) { http.Error(w, "bad", 500) }},
		{area: area, name: "not found", handler: func(w http.ResponseWriter, r *http.Request, n *notes) { http.NotFound(w, r) }},
	}
	for _, code := range []int{200, 206, 299, 404, 418, 451, 503, 599, 777, 999} {
		all = append(all, testCase{area: area, name: fmt.Sprint(code), handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.WriteHeader(code)
			io.WriteString(w, "x")
		}})
	}
	return all
}

func headerCases() []testCase {
	const area = "header"
	set := func(pairs ...string) handler {
		return func(w http.ResponseWriter, r *http.Request, n *notes) {
			for i := 0; i < len(pairs); i += 2 {
				w.Header().Add(pairs[i], pairs[i+1])
			}
		}
	}
	return []testCase{
		{area: area, name: "many", handler: set("A", "1", "B", "2", "C", "3", "D", "4", "E", "5")},
		{area: area, name: "values", handler: set("A", "1", "A", "2", "Set-Cookie", "a=b", "Set-Cookie", "c=d")},
		{area: area, name: "empty value", handler: set("A", "")},
		{area: area, name: "spaces", handler: set("A", "  x  "), differs: []seen{{id: "field-space", ref: "A:   x  ", ours: "A: x", modes: onlyH2}}},
		{area: area, name: "line ends", modes: onlyH1, handler: set("A", "x\r\nB: y")},
		{area: area, name: "bad name", handler: set("A B", "x", "C", "y")},
		{area: area, name: "control characters", modes: onlyH1, handler: set("A", "x\x01y", "B", "z"),
			differs: []seen{{id: "field-value", ref: "response: malformed MIME header line: \"A: x\\x01y\"", ours: "HTTP/1.1 200\nB: z\nContent-Length: 0\nDate: *\nbody \"\""},
				{id: "field-value", ref: "malformed HTTP status code \"z\"", ours: "kept"}}},
		{area: area, name: "not canonical", modes: onlyH1, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header()["x-lower"] = []string{"1"}
		}},
		{area: area, name: "no values", handler: func(w http.ResponseWriter, r *http.Request, n *notes) { w.Header()["X"] = nil }},
		{area: area, name: "set after the write", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			io.WriteString(w, "x")
			w.Header().Set("X-Late", "1")
		}},
		{area: area, name: "changed after WriteHeader", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("X", "1")
			w.WriteHeader(200)
			w.Header().Set("X", "2")
		}},
		{area: area, name: "beyond ASCII", handler: set("A", "\xc3\xa9")},
		{area: area, name: "cookie", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			http.SetCookie(w, &http.Cookie{Name: "a", Value: "b", Path: "/", HttpOnly: true})
		}},
	}
}

func keepAliveCases() []testCase {
	const area = "keep-alive"
	ten := []seen{{id: "version", ref: "HTTP/1.0 200", ours: "HTTP/1.1 200"}}
	return []testCase{
		{area: area, name: "by default", modes: onlyH1, handler: writes(1)},
		{area: area, name: "the client closes", modes: onlyH1, req: request{fields: [][2]string{{"Connection", "close"}}}, handler: writes(1)},
		{area: area, name: "the handler closes", modes: onlyH1, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("Connection", "close")
			io.WriteString(w, "x")
		}},
		{area: area, name: "the handler closes HTTP/2", modes: onlyH2, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("Connection", "close")
			io.WriteString(w, "x")
		}, differs: []seen{{id: "connection-close-h2"}}},
		{area: area, name: "HTTP/1.0", modes: onlyH1, req: request{raw: "GET / HTTP/1.0\r\n\r\n"}, handler: writes(1), differs: ten},
		{area: area, name: "HTTP/1.0 keep-alive", modes: onlyH1, req: request{raw: "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"}, handler: writes(1), differs: ten},
		{area: area, name: "HTTP/1.0 keep-alive, no length", modes: onlyH1, req: request{raw: "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"}, handler: writes(20_000), differs: ten},
		{area: area, name: "pipelined", modes: onlyH1, script: func(c *client, r *request) {
			c.send((&request{target: "/one"}).wire() + "GET /-fate HTTP/1.1\r\nHost: h\r\n\r\n")
			c.response()
			c.response()
			c.fate()
		}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) { io.WriteString(w, r.URL.Path) }},
		{area: area, name: "switched off", modes: onlyH1, settings: settings{KeepAlivesOff: true}, handler: writes(1)},
		{area: area, name: "switched off, with fields", modes: onlyH1, settings: settings{KeepAlivesOff: true}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("X", "1")
			w.WriteHeader(204)
		}},
	}
}
