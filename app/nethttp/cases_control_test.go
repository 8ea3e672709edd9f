package nethttp_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

var past = time.Unix(1, 0)

func controllerCases() []testCase {
	const area = "controller"
	return []testCase{
		{area: area, name: "flush", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			n.add("%s", errorText(http.NewResponseController(w).Flush()))
		}},
		{area: area, name: "full duplex", script: streamUp, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			n.add("%s", errorText(http.NewResponseController(w).EnableFullDuplex()))
			buf := make([]byte, 5)
			for range 3 {
				k, _ := io.ReadFull(r.Body, buf)
				w.Write(buf[:k])
				n.go_ <- struct{}{}
			}
			n.add("%s", readAll(r.Body))
		}},
		{area: area, name: "read deadline over", script: func(c *client, r *request) {
			if c.mode.http2() {
				body, in := io.Pipe()
				defer in.Close()
				req := (&request{method: "POST"}).http2(c)
				req.Body, req.ContentLength = body, -1
				resp, err := c.h2.Do(req)
				if err == nil {
					c.say("%d", resp.StatusCode)
					resp.Body.Close()
				}
				return
			}
			c.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n")
			c.finished()
		}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			n.add("%s", errorText(http.NewResponseController(w).SetReadDeadline(past)))
			_, err := r.Body.Read(make([]byte, 5))
			n.add("%s", errorText(err))
			w.WriteHeader(408)
		}},
		{area: area, name: "read deadline while it waits", modes: onlyH1, script: func(c *client, r *request) {
			c.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab")
			c.finished()
		}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			n.add("%s", errorText(http.NewResponseController(w).SetReadDeadline(time.Now().Add(20*time.Millisecond))))
			n.add("%s", readAll(r.Body))
		}},
		{area: area, name: "read deadline far away", req: request{body: "abc"}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			n.add("%s", errorText(http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Hour))))
			n.add("%s", readAll(r.Body))
		}},
		{area: area, name: "write deadline over", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			n.add("%s", errorText(http.NewResponseController(w).SetWriteDeadline(past)))
			io.WriteString(w, "x")
			n.add("%v", http.NewResponseController(w).Flush() != nil)
		}},
		{area: area, name: "write deadline far away", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			n.add("%s", errorText(http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Hour))))
			io.WriteString(w, "x")
			n.add("%s", errorText(http.NewResponseController(w).Flush()))
		}},
		{area: area, name: "write deadline while it waits", modes: onlyH1, script: func(c *client, r *request) {
			c.send(r.wire())
			c.finished() // and reads nothing
		}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			http.NewResponseController(w).SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
			for {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					n.add("%s", errorText(err))
					return
				}
			}
		}},
		{area: area, name: "hijack over HTTP/2", modes: onlyH2, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			_, _, err := http.NewResponseController(w).Hijack()
			n.add("%s", errorText(err))
		}},
		{area: area, name: "of a wrapped writer", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			n.add("%s", errorText(http.NewResponseController(wrapped{w}).Flush()))
		}},
	}
}

type wrapped struct{ http.ResponseWriter }

func (w wrapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func interimCases() []testCase {
	const area = "interim"
	return []testCase{
		{area: area, name: "103", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("Link", "</a.css>; rel=preload")
			w.WriteHeader(103)
			io.WriteString(w, "x")
		}},
		{area: area, name: "two 103", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Add("Link", "</a.css>")
			w.WriteHeader(103)
			w.Header().Add("Link", "</b.css>")
			w.WriteHeader(103)
			w.Header().Del("Link")
			w.WriteHeader(201)
		}},
		{area: area, name: "102", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.WriteHeader(102)
			w.WriteHeader(404)
		}},
		{area: area, name: "199", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.WriteHeader(199)
		}},
		{area: area, name: "103 without length", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("Content-Length", "1")
			w.WriteHeader(103)
			io.WriteString(w, "x")
		}},
		{area: area, name: "103 after the head", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.WriteHeader(200)
			w.WriteHeader(103)
		}},
		{area: area, name: "103 to HTTP/1.0", modes: onlyH1, req: request{raw: "GET / HTTP/1.0\r\n\r\n"}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.WriteHeader(103)
			w.WriteHeader(204)
		}, differs: []seen{{id: "interim-1.0", ref: "HTTP/1.0 103\n", ours: ""}, {id: "version", ref: "HTTP/1.0 204", ours: "HTTP/1.1 204"}}},
	}
}

const expecting = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"

// await100 sends the body when it has been asked for it.
func await100(c *client, _ *request) {
	c.send(expecting)
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.say("%s", closedText(err))
		return
	}
	c.say("%d", resp.StatusCode)
	if resp.StatusCode == 100 {
		c.sendMore("hello")
		c.response()
	} else {
		c.say("%s", headerText(resp.Header))
		c.say("%s", readAll(resp.Body))
	}
	c.fate()
}

func expectCases() []testCase {
	const area = "expect"
	return []testCase{
		{area: area, name: "read", modes: onlyH1, script: await100, handler: echo},
		{area: area, name: "refused", modes: onlyH1, script: await100, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.WriteHeader(403)
		}},
		{area: area, name: "refused with a body", modes: onlyH1, script: await100, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			http.Error(w, "no", 417)
		}},
		{area: area, name: "explicit 100", modes: onlyH1, script: await100, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.WriteHeader(100)
			n.add("%s", readAll(r.Body))
		}},
		{area: area, name: "head shows it", modes: onlyH1, script: await100, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			n.add("%v", r.Header["Expect"])
			echo(w, r, n)
		}},
		{area: area, name: "without a body", modes: onlyH1, req: request{fields: [][2]string{{"Expect", "100-continue"}}}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			io.WriteString(w, "ok")
		}},
		{area: area, name: "over HTTP/2", modes: onlyH2, req: request{body: "hello", fields: [][2]string{{"Expect", "100-continue"}}}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			n.add("%v", r.Header["Expect"])
			echo(w, r, n)
		}},
		{area: area, name: "unread over HTTP/2", modes: onlyH2, req: request{body: "hello", fields: [][2]string{{"Expect", "100-continue"}}}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.WriteHeader(403)
		}},
	}
}

func trailerCases() []testCase {
	const in, out = "request trailers", "response trailers"
	show := func(w http.ResponseWriter, r *http.Request, n *notes) {
		n.add("before: %s|%v", headerText(r.Trailer), r.Header["Trailer"])
		n.add("%s", readAll(r.Body))
		n.add("after: %s", headerText(r.Trailer))
	}
	return []testCase{
		{area: in, name: "one", req: request{body: "x", trailer: [][2]string{{"X-Sum", "1"}}}, handler: show},
		{area: in, name: "two", req: request{body: "x", trailer: [][2]string{{"X-Sum", "1"}, {"X-Time", "2"}}}, handler: show},
		{area: in, name: "of an empty body", req: request{trailer: [][2]string{{"X-Sum", "1"}}}, modes: onlyH1, handler: show},
		{area: in, name: "not announced", modes: onlyH1, req: request{raw: "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 1\r\n\r\n"}, handler: show},
		{area: in, name: "announced and absent", modes: onlyH1, req: request{raw: "POST / HTTP/1.1\r\nHost: h\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"}, handler: show},
		{area: in, name: "announced without chunks", modes: onlyH1, req: request{raw: "POST / HTTP/1.1\r\nHost: h\r\nTrailer: X-Sum\r\nContent-Length: 1\r\n\r\nx"}, handler: show},
		{area: in, name: "in lower case", modes: onlyH1, req: request{raw: "POST / HTTP/1.1\r\nHost: h\r\ntrailer: x-sum\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nx-sum: 1\r\nx-sum: 2\r\n\r\n"}, handler: show},
		{area: in, name: "unread", req: request{body: "x", trailer: [][2]string{{"X-Sum", "1"}}}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			n.add("%s", headerText(r.Trailer))
		}},

		{area: out, name: "announced", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("Trailer", "X-Sum, X-Time")
			io.WriteString(w, "x")
			w.Header().Set("X-Sum", "1")
			w.Header().Set("X-Time", "2")
		}},
		{area: out, name: "with prefix", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			io.WriteString(w, "x")
			w.(http.Flusher).Flush()
			w.Header().Set(http.TrailerPrefix+"X-Sum", "1")
		}},
		{area: out, name: "with prefix, short", modes: onlyH2, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			io.WriteString(w, "x")
			w.Header().Set(http.TrailerPrefix+"X-Sum", "1")
		}},
		{area: out, name: "with prefix before the head", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set(http.TrailerPrefix+"X-Sum", "1")
			io.WriteString(w, "x")
		}},
		{area: out, name: "after a flush", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("Trailer", "X-Sum")
			io.WriteString(w, "x")
			w.(http.Flusher).Flush()
			w.Header().Set("X-Sum", "1")
		}},
		{area: out, name: "announced and absent", modes: onlyH1, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("Trailer", "X-Sum")
			io.WriteString(w, "x")
		}},
		{area: out, name: "without a body", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("Trailer", "X-Sum")
			w.WriteHeader(200)
			w.Header().Set("X-Sum", "1")
		}},
		{area: out, name: "two values", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("Trailer", "X-Sum")
			io.WriteString(w, "x")
			w.Header().Add("X-Sum", "1")
			w.Header().Add("X-Sum", "2")
		}},
		{area: out, name: "with a declared length", modes: onlyH1, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("Trailer", "X-Sum")
			w.Header().Set("Content-Length", "1")
			io.WriteString(w, "x")
			w.Header().Set("X-Sum", "1")
		}},
		{area: out, name: "as gRPC", modes: onlyH2, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Add("Trailer", "Grpc-Status")
			w.Header().Add("Trailer", "Grpc-Message")
			w.WriteHeader(200)
			w.Write([]byte("\x00\x00\x00\x00\x01x"))
			w.(http.Flusher).Flush()
			w.Header().Set("Grpc-Status", "0")
			w.Header().Set(http.TrailerPrefix+"Grpc-Status-Details-Bin", "AA")
		}},
		{area: out, name: "forbidden name", modes: onlyH1, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			io.WriteString(w, "x")
			w.(http.Flusher).Flush()
			w.Header().Set(http.TrailerPrefix+"Content-Type", "text/evil")
		}, differs: []seen{{id: "trailer-names", ref: "trailers\nContent-Type: text/evil\n", ours: ""}}},
		{area: out, name: "HTTP/1.0", modes: onlyH1, req: request{raw: "GET / HTTP/1.0\r\n\r\n"}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("Trailer", "X-Sum")
			io.WriteString(w, "x")
			w.Header().Set("X-Sum", "1")
		}, differs: []seen{{id: "version", ref: "HTTP/1.0 200", ours: "HTTP/1.1 200"}, {id: "length", ref: "Content-Type", ours: "Content-Length: 1\nContent-Type"}}},
	}
}

func contextCases() []testCase {
	const area = "context"
	type key struct{}
	awaits := func(w http.ResponseWriter, r *http.Request, n *notes) {
		n.go_ <- struct{}{}
		select {
		case <-r.Context().Done():
			n.add("%v", r.Context().Err())
		case <-time.After(patience):
			n.add("not cancelled")
		}
	}
	return []testCase{
		{area: area, name: "cancelled when the client goes", script: leave, handler: awaits},
		{area: area, name: "of a derived context", script: leave, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), key{}, 1), time.Hour)
			defer cancel()
			awaits(w, r.WithContext(ctx), n)
		}},
		{area: area, name: "alive while the handler runs", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			n.add("%v %v", r.Context().Err(), context.Cause(r.Context()))
			_, ok := r.Context().Deadline()
			n.add("deadline %v", ok)
		}},
		{area: area, name: "over after the handler", script: func(c *client, r *request) {
			c.do(r)
			<-c.notes.go_
		}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			ctx := r.Context()
			go func() {
				select {
				case <-ctx.Done():
				case <-time.After(patience):
					n.add("not cancelled")
				}
				n.go_ <- struct{}{}
			}()
		}},
		{area: area, name: "asked for after the handler", script: func(c *client, r *request) {
			c.do(r)
			<-c.notes.go_
		}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			go func() {
				<-n.done
				select {
				case <-r.Context().Done():
					n.add("%v", r.Context().Err())
				case <-time.After(patience):
					n.add("not cancelled")
				}
				n.go_ <- struct{}{}
			}()
		}},
		{area: area, name: "values", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			_, server := r.Context().Value(http.ServerContextKey).(*http.Server)
			addr, local := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
			n.add("%v %v %s", server, local, addr.Network())
			n.add("%v", r.Context().Value(key{}))
		}},
		{area: area, name: "CloseNotify", script: leave, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			gone := w.(http.CloseNotifier).CloseNotify()
			n.go_ <- struct{}{}
			select {
			case v := <-gone:
				n.add("%v", v)
			case <-time.After(patience):
				n.add("not told")
			}
		}},
		{area: area, name: "cancelled while the body is read", script: func(c *client, r *request) {
			if c.mode.http2() {
				body, in := io.Pipe()
				defer in.Close()
				leaveWith(c, body)
				return
			}
			c.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab")
			c.notes.wait()
			c.c.Close()
			c.finished()
		}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			n.go_ <- struct{}{}
			_, err := io.ReadAll(r.Body)
			n.add("%v", err != nil)
			<-r.Context().Done()
			n.add("%v", r.Context().Err())
		}},
	}
}

// leave sends a request and goes when the handler runs.
func leave(c *client, _ *request) {
	if c.mode.http2() {
		leaveWith(c, nil)
		return
	}
	c.send((&request{}).wire())
	c.notes.wait()
	c.c.Close()
	c.finished()
}

func leaveWith(c *client, body io.ReadCloser) {
	req := (&request{}).http2(c)
	if body != nil {
		req.Method, req.Body, req.ContentLength = "POST", body, -1
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		c.notes.wait()
		cancel()
	}()
	_, err := c.h2.Do(req.WithContext(ctx))
	c.say("%v", err != nil)
	c.finished()
}

func tlsCases() []testCase {
	const area = "tls"
	both := []mode{h1s, h2s}
	return []testCase{
		{area: area, name: "state", modes: both, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			s := r.TLS
			n.add("%x %s %s %v %d", s.Version, s.NegotiatedProtocol, s.ServerName, s.HandshakeComplete, len(s.PeerCertificates))
		}},
		{area: area, name: "cleartext", handler: func(w http.ResponseWriter, r *http.Request, n *notes) { n.add("%v", r.TLS == nil) }},
		{area: area, name: "echo", modes: both, req: request{body: strings.Repeat("secret", 10_000)}, handler: echo},
		{area: area, name: "stream", modes: both, script: streamDown, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			for range 3 {
				io.WriteString(w, "piece")
				w.(http.Flusher).Flush()
				n.wait()
			}
		}},
		{area: area, name: "trailers", modes: both, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("Trailer", "X-Sum")
			io.WriteString(w, "x")
			w.Header().Set("X-Sum", "1")
		}},
		{area: area, name: "scheme", modes: both, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			n.add("%q %q %q", r.URL.Scheme, r.URL.Host, r.Proto)
		}},
		{area: area, name: "gone", modes: both, script: leave, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			n.go_ <- struct{}{}
			<-r.Context().Done()
			n.add("%v", r.Context().Err())
		}},
	}
}
