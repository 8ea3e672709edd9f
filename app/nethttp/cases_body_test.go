package nethttp_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

var onlyH1 = []mode{h1}
var onlyH2 = []mode{h2}

func bodyCases() []testCase {
	const area = "body"
	return []testCase{
		{area: area, name: "echo", req: request{body: "hello", length: true}, handler: echo},
		{area: area, name: "echo of unknown length", req: request{body: "hello"}, handler: echo},
		{area: area, name: "long, declared", req: request{body: strings.Repeat("0123456789", 50_000), length: true},
			handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
				n.add("%d %s", r.ContentLength, readAll(r.Body))
			}},
		{area: area, name: "long, chunked", req: request{body: strings.Repeat("0123456789", 50_000)},
			handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
				n.add("%d %s", r.ContentLength, readAll(r.Body))
			}},
		{area: area, name: "long response", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			for i := range 1000 {
				fmt.Fprintf(w, "%0100d", i)
			}
		}},
		{area: area, name: "long response at once", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			k, err := w.Write(bytes.Repeat([]byte("0123456789"), 50_000))
			n.add("%d %s", k, errorText(err))
		}},
		{area: area, name: "none", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			n.add("%v %d %s", r.Body == http.NoBody, r.ContentLength, readAll(r.Body))
		}, modes: onlyH1},
		{area: area, name: "empty read", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			n.add("%d %s", r.ContentLength, readAll(r.Body))
		}},
		{area: area, name: "declared empty", modes: onlyH1, req: request{raw: "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"},
			handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
				n.add("%v %d %s", r.Body == http.NoBody, r.ContentLength, readAll(r.Body))
			}},
		{area: area, name: "chunked empty", modes: onlyH1, req: request{raw: "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
			handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
				n.add("%d %v %s", r.ContentLength, r.TransferEncoding, readAll(r.Body))
			}},
		{area: area, name: "read after end", req: request{body: "x", length: true}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			n.add("%s", readAll(r.Body))
			_, err := r.Body.Read(make([]byte, 1))
			n.add("%s", errorText(err))
		}},
		{area: area, name: "read after close", modes: onlyH1, req: request{body: "x", length: true}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			n.add("close: %s", errorText(r.Body.Close()))
			_, err := r.Body.Read(make([]byte, 1))
			n.add("%s", errorText(err))
		}},
		{area: area, name: "read in small pieces", req: request{body: strings.Repeat("abc", 1000)}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			total, buf := 0, make([]byte, 7)
			for {
				k, err := r.Body.Read(buf)
				total += k
				if err != nil {
					n.add("%d, %s", total, errorText(err))
					return
				}
			}
		}},
		{area: area, name: "zero-length read", req: request{body: "abc", length: true}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			k, err := r.Body.Read(nil)
			n.add("%d %s %s", k, errorText(err), readAll(r.Body))
		}},
		{area: area, name: "form", req: request{body: "a=1&b=2", length: true, fields: [][2]string{{"Content-Type", "application/x-www-form-urlencoded"}}, target: "/?c=3"},
			handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
				n.add("%s %s %s %s", r.FormValue("a"), r.FormValue("b"), r.FormValue("c"), r.PostFormValue("c"))
			}},
		{area: area, name: "multipart", req: request{body: "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"n\"\r\n\r\ncontent\r\n--x--\r\n", length: true,
			fields: [][2]string{{"Content-Type", "multipart/form-data; boundary=x"}}},
			handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
				f, h, err := r.FormFile("f")
				if err != nil {
					n.add("%v", err)
					return
				}
				n.add("%s %d %s", h.Filename, h.Size, readAll(f))
			}},
		{area: area, name: "request streams", script: streamUp, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			buf := make([]byte, 5)
			for i := range 3 {
				k, err := io.ReadFull(r.Body, buf)
				n.add("%d: %q %s", i, buf[:k], errorText(err))
				n.go_ <- struct{}{}
			}
			n.add("%s", readAll(r.Body))
		}},
		{area: area, name: "response streams", script: streamDown, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			for range 3 {
				io.WriteString(w, "piece")
				w.(http.Flusher).Flush()
				n.wait()
			}
		}},
		{area: area, name: "unread small", req: request{body: "unread", length: true}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			io.WriteString(w, "ok")
		}},
		{area: area, name: "unread, long", modes: onlyH1, req: request{raw: "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000\r\n\r\n" + strings.Repeat("x", 1000)}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			io.WriteString(w, "ok")
		}},
		{area: area, name: "cut", modes: onlyH1, script: func(c *client, r *request) {
			c.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc")
			c.c.Close()
		}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) { n.add("%s", readAll(r.Body)) }},
		{area: area, name: "malformed chunk", modes: onlyH1, script: func(c *client, r *request) {
			c.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
			c.notes.wait()
			c.sendMore("zz\r\n")
			c.finished()
		}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			io.ReadFull(r.Body, make([]byte, 3))
			n.go_ <- struct{}{}
			b, err := io.ReadAll(r.Body)
			n.add("%q %v", b, err != nil)
		}},
	}
}

func echo(w http.ResponseWriter, r *http.Request, n *notes) {
	b, err := io.ReadAll(r.Body)
	n.add("%s", errorText(err))
	w.Write(b)
}

// streamUp sends a body in pieces, each when the handler has read the one before.
func streamUp(c *client, _ *request) {
	pieces := []string{"first", "secnd", "third"}
	if c.mode.http2() {
		body, in := io.Pipe()
		go func() {
			for _, p := range pieces {
				io.WriteString(in, p)
				c.notes.wait()
			}
			in.Close()
		}()
		req := (&request{method: "POST"}).http2(c)
		req.Body, req.ContentLength = body, -1
		c.roundTrip(req)
		return
	}
	c.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
	for _, p := range pieces {
		c.sendMore(fmt.Sprintf("%x\r\n%s\r\n", len(p), p))
		c.notes.wait()
	}
	c.sendMore("0\r\n\r\n")
	c.response()
	c.fate()
}

// streamDown lets the handler go on when it has seen a piece.
func streamDown(c *client, _ *request) {
	var body io.Reader
	if c.mode.http2() {
		resp, err := c.h2.Do((&request{}).http2(c))
		if err != nil {
			c.say("%v", err)
			return
		}
		defer resp.Body.Close()
		c.say("%d\n%s", resp.StatusCode, headerText(resp.Header))
		body = resp.Body
	} else {
		c.send((&request{}).wire())
		resp, err := http.ReadResponse(c.in, nil)
		if err != nil {
			c.say("%v", err)
			return
		}
		c.say("%d\n%s", resp.StatusCode, headerText(resp.Header))
		body = resp.Body
	}
	buf := make([]byte, 5)
	for range 3 {
		k, err := io.ReadFull(body, buf)
		c.say("%q %s", buf[:k], errorText(err))
		c.notes.go_ <- struct{}{}
	}
	c.say("%s", readAll(body))
	c.fate()
}

func flushCases() []testCase {
	const area = "flush"
	return []testCase{
		{area: area, name: "head alone", handler: func(w http.ResponseWriter, r *http.Request, n *notes) { w.(http.Flusher).Flush() }},
		{area: area, name: "then body", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.(http.Flusher).Flush()
			io.WriteString(w, "<html>body")
		}},
		{area: area, name: "between writes", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			io.WriteString(w, "a")
			w.(http.Flusher).Flush()
			io.WriteString(w, "b")
			w.(http.Flusher).Flush()
		}},
		{area: area, name: "with a declared length", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("Content-Length", "4")
			io.WriteString(w, "ab")
			w.(http.Flusher).Flush()
			io.WriteString(w, "cd")
		}},
		{area: area, name: "of a 204", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.WriteHeader(204)
			w.(http.Flusher).Flush()
		}},
		{area: area, name: "of HEAD", req: request{method: "HEAD"}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			io.WriteString(w, "abc")
			w.(http.Flusher).Flush()
		}},
		{area: area, name: "header set after it", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.(http.Flusher).Flush()
			w.Header().Set("X-Late", "1")
			io.WriteString(w, "x")
		}},
		{area: area, name: "HTTP/1.0", modes: onlyH1, req: request{raw: "GET / HTTP/1.0\r\n\r\n"}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			io.WriteString(w, "a")
			w.(http.Flusher).Flush()
			io.WriteString(w, "b")
		}, differs: []seen{{id: "version", ref: "HTTP/1.0 200", ours: "HTTP/1.1 200"}}},
	}
}

func readFromCases() []testCase {
	const area = "readfrom"
	all := []testCase{
		{area: area, name: "is there", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			_, ok := w.(io.ReaderFrom)
			n.add("%v", ok)
		}},
		{area: area, name: "after a write", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			io.WriteString(w, "begin ")
			k, err := io.Copy(w, struct{ io.Reader }{strings.NewReader("copied")})
			n.add("%d %s", k, errorText(err))
		}},
		{area: area, name: "of an error", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			k, err := io.Copy(w, io.MultiReader(strings.NewReader("some"), errReader{io.ErrUnexpectedEOF}))
			n.add("%d %s", k, errorText(err))
		}},
		{area: area, name: "with a declared length", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("Content-Length", "6")
			k, err := io.Copy(w, struct{ io.Reader }{strings.NewReader("copied")})
			n.add("%d %s", k, errorText(err))
		}},
		{area: area, name: "after 204", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.WriteHeader(204)
			_, err := io.Copy(w, struct{ io.Reader }{strings.NewReader("copied")})
			n.add("%s", errorText(err))
		}},
		{area: area, name: "ServeContent with a range", req: request{fields: [][2]string{{"Range", "bytes=2-5"}}}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			http.ServeContent(w, r, "x.txt", time.Unix(1e9, 0), strings.NewReader("0123456789"))
		}},
		{area: area, name: "ServeContent long", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			http.ServeContent(w, r, "x.bin", time.Unix(1e9, 0), strings.NewReader(strings.Repeat("0123456789", 20_000)))
		}},
	}
	return all
}

type errReader struct{ error }

func (e errReader) Read([]byte) (int, error) { return 0, e.error }
