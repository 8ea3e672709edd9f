package nethttp_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// show notes all that a handler can see of its request.
func show(w http.ResponseWriter, r *http.Request, n *notes) {
	u := r.URL
	n.add("%s %q %s %d %d", r.Method, r.RequestURI, r.Proto, r.ProtoMajor, r.ProtoMinor)
	n.add("url %q %q %q %q %q %v %q", u.Scheme, u.Opaque, u.Host, u.Path, u.RawPath, u.ForceQuery, u.RawQuery)
	n.add("host %q length %d coding %v close %v pattern %q", r.Host, r.ContentLength, r.TransferEncoding, r.Close, r.Pattern)
	n.add("remote %v tls %v form %v", strings.HasPrefix(r.RemoteAddr, "127.0.0.1:"), r.TLS != nil, r.Form)
	n.add("%s", headerText(r.Header))
	n.add("trailer %v %s", r.Trailer == nil, headerText(r.Trailer))
}

func requestCases() []testCase {
	const area = "request"
	var all []testCase
	for _, target := range []string{"/", "/a/b?c=d&e", "/a%2Fb", "/a%20b?x=%20", "/?", "/a?b?c", "//double", "///triple", "/a!b*(c)'d",
		"/a;b=c,d:e@f", "/%E2%82%AC", "/a?", "/a%3Fb", "/~user/$x&y+z", "/a/../b"} {
		all = append(all, testCase{area: area, name: "target " + target, modes: onlyH1, handler: show,
			req: request{raw: "GET " + target + " HTTP/1.1\r\nHost: example.com\r\n\r\n"}})
	}
	raw := func(name, text string, differs ...seen) {
		all = append(all, testCase{area: area, name: name, modes: onlyH1, handler: show, req: request{raw: text}, differs: differs})
	}
	raw("absolute form", "GET http://other.example/x?y HTTP/1.1\r\nHost: other.example\r\n\r\n")
	raw("bytes of a field", "GET / HTTP/1.1\r\nHost: h\r\nX-Bytes: \xc3\xa9 \t x\r\n\r\n")
	raw("names in any case", "GET / HTTP/1.1\r\nhost: h\r\nACCEPT: a\r\nx-cUSTOM-fIELD: b\r\nsec-websocket-key: c\r\netag: d\r\n\r\n")
	raw("values of a name", "GET / HTTP/1.1\r\nHost: h\r\nX: 1\r\nx: 2\r\nX: 3\r\nY: 4\r\n\r\n")
	raw("empty value", "GET / HTTP/1.1\r\nHost: h\r\nX:\r\nY:  \r\n\r\n")
	raw("two cookies", "GET / HTTP/1.1\r\nHost: h\r\nCookie: a=b\r\nCookie: c=d\r\n\r\n")
	raw("pragma", "GET / HTTP/1.1\r\nHost: h\r\nPragma: no-cache\r\n\r\n")
	raw("pragma and cache-control", "GET / HTTP/1.1\r\nHost: h\r\nPragma: no-cache\r\nCache-Control: max-age=0\r\n\r\n")
	raw("close", "GET / HTTP/1.1\r\nHost: h\r\nConnection: x, Close\r\n\r\n")
	raw("upgrade", "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	raw("own method", "BREW /pot HTTP/1.1\r\nHost: h\r\n\r\n")
	raw("many fields", "GET / HTTP/1.1\r\nHost: h\r\n"+fields(40)+"\r\n")
	raw("nine fields", "GET / HTTP/1.1\r\nHost: h\r\n"+fields(8)+"\r\n")
	raw("chunked", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n")
	raw("declared", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx")
	raw("host with port", "GET / HTTP/1.1\r\nHost: h:8080\r\n\r\n")
	raw("HTTP/1.0 without host", "GET / HTTP/1.0\r\n\r\n", seen{id: "version", ref: "HTTP/1.0 200", ours: "HTTP/1.1 200"})
	raw("a long name", "GET / HTTP/1.1\r\nHost: h\r\nx-"+strings.Repeat("long-", 30)+"name: 1\r\n\r\n")
	all = append(all,
		testCase{area: area, name: "over HTTP/2", modes: onlyH2, handler: show, req: request{target: "/a%2Fb?c=d", fields: [][2]string{{"X-One", "1"}, {"Accept", "a"}}}},
		testCase{area: area, name: "with a body over HTTP/2", modes: onlyH2, handler: show, req: request{body: "x", length: true}},
		testCase{area: area, name: "of unknown length over HTTP/2", modes: onlyH2, handler: show, req: request{body: "x"}},
		testCase{area: area, name: "cookies over HTTP/2", modes: onlyH2, handler: show, req: request{fields: [][2]string{{"Cookie", "a=b; c=d"}, {"Cookie", "e=f"}}}},
		testCase{area: area, name: "pragma over HTTP/2", modes: onlyH2, handler: show, req: request{fields: [][2]string{{"Pragma", "no-cache"}}}},
		testCase{area: area, name: "bad escape", modes: onlyH1, req: request{raw: "GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n"},
			differs: []seen{{id: "refusal", ref: "Content-Type: text/plain; charset=utf-8\n(close)\nbody \"400 Bad Request\"", ours: "Content-Length: 16\nContent-Type: text/plain; charset=utf-8\nDate: *\n(close)\nbody \"400 Bad Request\\n\""}}},
		testCase{area: area, name: "OPTIONS *", modes: onlyH1, req: request{raw: "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"}},
		testCase{area: area, name: "OPTIONS * for the handler", modes: onlyH1, settings: settings{DisableGeneralOptionsHandler: true}, handler: show,
			req: request{raw: "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"}},
		testCase{area: area, name: "CONNECT", modes: onlyH1, handler: show, script: func(c *client, r *request) {
			c.send("CONNECT host:443 HTTP/1.1\r\nHost: host:443\r\n\r\n")
			c.finished()
		}},
		testCase{area: area, name: "ServeMux", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			mux := http.NewServeMux()
			mux.HandleFunc("GET /items/{id}", func(w http.ResponseWriter, r *http.Request) {
				n.add("%s %s", r.Pattern, r.PathValue("id"))
			})
			mux.ServeHTTP(w, r)
		}, req: request{target: "/items/7"}},
		testCase{area: area, name: "kept after the handler", script: func(c *client, r *request) {
			c.do(r)
			c.notes.wait()
		}, req: request{target: "/kept?q", fields: [][2]string{{"X-Kept", "yes"}}}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			go func() {
				<-n.done
				show(w, r, n)
				n.go_ <- struct{}{}
			}()
		}},
		testCase{area: area, name: "clone", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			show(w, r.Clone(r.Context()), n)
		}},
		testCase{area: area, name: "methods of the writer", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			_, a := w.(http.Flusher)
			_, b := w.(http.Hijacker)
			_, c := w.(http.Pusher)
			_, d := w.(io.StringWriter)
			_, e := w.(http.CloseNotifier)
			_, f := w.(interface{ FlushError() error })
			n.add("%v %v %v %v %v %v", a, b, c, d, e, f)
		}},
	)
	return all
}

func fields(count int) string {
	var b strings.Builder
	for i := range count {
		fmt.Fprintf(&b, "X-%d: value-%d\r\n", i, i)
	}
	return b.String()
}

func misuseCases() []testCase {
	const area = "misuse"
	return []testCase{
		{area: area, name: "body read after the handler", req: request{body: "x", length: true}, modes: onlyH1, script: func(c *client, r *request) {
			c.do(r)
			<-c.notes.go_
		}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			go func() {
				<-n.done
				for {
					_, err := r.Body.Read(make([]byte, 0, 1))
					if err != nil {
						n.add("%s", errorText(err))
						break
					}
				}
				n.go_ <- struct{}{}
			}()
		}},
		{area: area, name: "write after the client left", script: leave, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			n.go_ <- struct{}{}
			<-r.Context().Done()
			until := time.Now().Add(patience)
			for time.Now().Before(until) {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					n.add("failed")
					return
				}
			}
		}},
		{area: area, name: "response before the body is read", modes: onlyH1, req: request{body: "hello", length: true}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			io.WriteString(w, "first")
			w.(http.Flusher).Flush()
			n.add("%s", readAll(r.Body))
		}, differs: []seen{{id: "full-duplex", ref: "\"\", http: invalid Read on closed Body", ours: "\"hello\", no error"}}},
		{area: area, name: "ReadTimeout", modes: onlyH1, settings: settings{ReadTimeout: 100 * time.Millisecond}, script: func(c *client, r *request) {
			c.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab")
			c.finished()
		}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) { n.add("%s", readAll(r.Body)) }},
		{area: area, name: "WriteTimeout", modes: onlyH1, settings: settings{WriteTimeout: 50 * time.Millisecond}, script: func(c *client, r *request) {
			c.send(r.wire())
			c.finished()
		}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			for {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					n.add("%s", errorText(err))
					return
				}
			}
		}},
		{area: area, name: "TimeoutHandler", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				<-r.Context().Done()
			}), 10*time.Millisecond, "too slow").ServeHTTP(w, r)
		}},
		{area: area, name: "StripPrefix", req: request{target: "/a/b"}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			http.StripPrefix("/a", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { n.add("%s", r.URL.Path) })).ServeHTTP(w, r)
		}},
	}
}
