package nethttp_test

import (
	"encoding/json"
	"expvar"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/http/pprof"
	"sort"
	"strings"
	"time"
)

// serviceCases are what else of net/http a service has in use.
func serviceCases() []testCase {
	const area = "service"
	serve := func(h http.Handler) handler {
		return func(w http.ResponseWriter, r *http.Request, n *notes) { h.ServeHTTP(w, r) }
	}
	in := func(h http.HandlerFunc) http.Handler { return h }
	return []testCase{
		{area: area, name: "Pusher", modes: overH2, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			n.add("%s", errorText(w.(http.Pusher).Push("/a.css", nil))) // the client has switched it off
		}},
		{area: area, name: "TimeoutHandler in time", req: request{body: "in"}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			http.TimeoutHandler(in(func(w http.ResponseWriter, r *http.Request) {
				_, flusher := w.(http.Flusher)
				n.add("%v %s", flusher, readAll(r.Body))
				w.Header().Set("X-In", "time")
				w.WriteHeader(202)
				io.WriteString(w, "done")
			}), time.Hour, "too slow").ServeHTTP(w, r)
		}},
		{area: area, name: "TimeoutHandler while it writes", handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			http.TimeoutHandler(in(func(w http.ResponseWriter, r *http.Request) {
				io.WriteString(w, "forgotten")
				<-r.Context().Done()
				n.go_ <- struct{}{}
			}), 10*time.Millisecond, "too slow").ServeHTTP(w, r)
			n.wait()
		}},
		{area: area, name: "MaxBytesHandler", req: request{body: "0123456789", length: true}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			http.MaxBytesHandler(in(func(w http.ResponseWriter, r *http.Request) { n.add("%s", readAll(r.Body)) }), 10).ServeHTTP(w, r)
		}},
		{area: area, name: "MaxBytesHandler, too much", modes: onlyH2, req: request{body: "0123456789x"}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			http.MaxBytesHandler(in(func(w http.ResponseWriter, r *http.Request) {
				_, err := io.ReadAll(r.Body)
				n.add("%s", errorText(err))
				w.WriteHeader(413)
			}), 10).ServeHTTP(w, r)
		}},
		{area: area, name: "StripPrefix of another", req: request{target: "/b/c"}, handler: serve(http.StripPrefix("/a", http.NotFoundHandler()))},
		{area: area, name: "RedirectHandler", req: request{target: "/a/b"}, handler: serve(http.RedirectHandler("../c", 308))},
		{area: area, name: "AllowQuerySemicolons", req: request{target: "/?a=1;b=2"}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			n.add("%v %v", r.ParseForm() != nil, r.Form)
			http.AllowQuerySemicolons(in(func(w http.ResponseWriter, r *http.Request) { n.add("%s", r.URL.Query()) })).ServeHTTP(w, r)
		}},
		{area: area, name: "CrossOriginProtection", req: request{method: "POST", body: "x", length: true, fields: [][2]string{{"Sec-Fetch-Site", "cross-site"}}},
			handler: serve(http.NewCrossOriginProtection().Handler(http.NotFoundHandler()))},
		{area: area, name: "SetCookie", req: request{fields: [][2]string{{"Cookie", "a=b; c=d"}}}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			for _, c := range r.Cookies() {
				n.add("%s", c)
			}
			http.SetCookie(w, &http.Cookie{Name: "a", Value: "1", Path: "/", HttpOnly: true})
			http.SetCookie(w, &http.Cookie{Name: "b", Value: "2", MaxAge: 60, SameSite: http.SameSiteLaxMode})
		}},
		{area: area, name: "expvar", script: kindOf, handler: serve(expvar.Handler())},
		{area: area, name: "pprof", req: request{target: "/debug/pprof/"}, script: kindOf, handler: serve(http.HandlerFunc(pprof.Index))},
		{area: area, name: "pprof goroutine", req: request{target: "/debug/pprof/goroutine?debug=1"}, script: kindOf, handler: serve(http.HandlerFunc(pprof.Index))},
		{area: area, name: "pprof heap", req: request{target: "/debug/pprof/heap"}, script: kindOf, handler: serve(http.HandlerFunc(pprof.Index))},
		{area: area, name: "pprof cmdline", handler: serve(http.HandlerFunc(pprof.Cmdline))},
		{area: area, name: "pprof symbol", req: request{method: "POST", body: "0x1", length: true}, handler: serve(http.HandlerFunc(pprof.Symbol))},
		{area: area, name: "pprof beyond WriteTimeout", req: request{target: "/debug/pprof/trace?seconds=0.5"}, settings: settings{WriteTimeout: 400 * time.Millisecond},
			script: kindOf, handler: serve(http.HandlerFunc(pprof.Trace))}, // which asks http.ServerContextKey
	}
}

// serviceRequestCases are what a service asks of its request.
func serviceRequestCases() []testCase {
	const area = "service"
	routed := func(name, pattern string, req request) testCase {
		return testCase{area: area, name: name, req: req, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			mux := http.NewServeMux()
			mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
				n.add("%q %q %q %q", r.Pattern, r.PathValue("id"), r.PathValue("rest"), r.URL.Path)
			})
			mux.ServeHTTP(w, r)
		}}
	}
	return []testCase{
		routed("mux of a host", "GET example.com/{id}/{rest...}", request{target: "/7/a/b%2Fc"}),
		routed("mux of the root", "/{$}", request{}),
		routed("mux of another method", "POST /items", request{target: "/items"}),
		routed("mux redirects", "/items/", request{target: "/items?x"}),
		routed("mux of HEAD", "GET /items/{id}", request{method: "HEAD", target: "/items/1"}),
		routed("mux of nothing", "/items", request{target: "/other"}),
		{area: area, name: "RemoteAddr", modes: overBoth, script: func(c *client, r *request) {
			c.send(r.wire())
			resp, err := http.ReadResponse(c.in, nil)
			if err != nil {
				c.say("%v", err)
				return
			}
			b, _ := io.ReadAll(resp.Body)
			c.say("%v %v", string(b) == c.c.LocalAddr().String(), resp.Header.Get("X-Local") == c.addr.String())
		}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("X-Local", r.Context().Value(http.LocalAddrContextKey).(net.Addr).String())
			io.WriteString(w, r.RemoteAddr)
		}},
		{area: area, name: "what clients set", modes: everyMode, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			n.add("%v %v %v %v %v %v", r.GetBody == nil, r.Cancel == nil, r.Response == nil, r.Form == nil, r.PostForm == nil, r.MultipartForm == nil)
			n.add("%q %q", r.UserAgent(), r.Referer())
		}},
		{area: area, name: "BasicAuth", req: request{fields: [][2]string{{"Authorization", "Basic dXNlcjpwYXNz"}}}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			user, pass, ok := r.BasicAuth()
			n.add("%s %s %v", user, pass, ok)
		}},
		{area: area, name: "MultipartReader", req: request{body: "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n2\r\n--x--\r\n",
			fields: [][2]string{{"Content-Type", "multipart/form-data; boundary=x"}}}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			m, err := r.MultipartReader()
			if err != nil {
				n.add("%v", err)
				return
			}
			for p, err := m.NextPart(); err == nil; p, err = m.NextPart() {
				n.add("%s %s", p.FormName(), readAll(p))
			}
		}},
		{area: area, name: "DumpRequest", req: request{body: "hello", length: true, fields: [][2]string{{"X-One", "1"}}}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			b, err := httputil.DumpRequest(r, true)
			n.add("%s\n%s", sortedLines(string(b)), errorText(err))
			n.add("%s", readAll(r.Body)) // it is still there
		}},
		{area: area, name: "DumpRequest, chunked", modes: onlyH1, req: request{body: "hello"}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			b, err := httputil.DumpRequest(r, true)
			n.add("%q %s", b, errorText(err))
		}},
		{area: area, name: "Write", req: request{body: "hello", length: true}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			var b strings.Builder
			n.add("%s", errorText(r.Write(&b)))
			n.add("%s", sortedLines(b.String()))
		}},
	}
}

func sortedLines(text string) string {
	lines := strings.Split(text, "\r\n")
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// kindOf says what does not change from run to run of what r gets.
func kindOf(c *client, r *request) {
	var resp *http.Response
	var err error
	if c.mode.http2() {
		resp, err = c.h2.Do(r.http2(c))
	} else {
		c.send(r.wire())
		resp, err = http.ReadResponse(c.in, nil)
	}
	if err != nil {
		c.say("%v", err)
		return
	}
	defer resp.Body.Close()
	resp.Header.Del("Content-Length")
	b, err := io.ReadAll(resp.Body)
	var any map[string]any
	c.say("%d %s %v %s json %v", resp.StatusCode, headerText(resp.Header), len(b) > 100, errorText(err), json.Unmarshal(b, &any) == nil)
}
