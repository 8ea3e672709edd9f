package nethttp_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
)

var (
	everyMode = []mode{h1, h2, h1s, h2s}
	overH2    = []mode{h2, h2s}
)

// hello is what net/http tells besides when HTTP/2 begins.
var hello = seen{id: "states", ref: "new active idle", ours: "new", modes: overH2}

// stateCases are about ConnState: what a connection's states are, in order.
func stateCases() []testCase {
	nothing := func(http.ResponseWriter, *http.Request, *notes) {}
	states := func(name string, modes []mode, script func(*client, *request), h handler, differs ...seen) testCase {
		return testCase{area: "states", name: name, modes: modes, settings: settings{States: true}, handler: h, differs: differs,
			script: func(c *client, r *request) {
				script(c, r)
				if c.mode.http2() {
					c.h2.CloseIdleConnections()
				} else {
					c.c.Close()
				}
				c.say("%s", c.board.states())
			}}
	}
	return []testCase{
		states("one request", everyMode, (*client).do, nothing, hello),
		states("one with a body", everyMode, func(c *client, r *request) {
			c.do(&request{body: strings.Repeat("x", 100_000)})
		}, echo, hello),
		states("one that is streamed", everyMode, (*client).do, func(w http.ResponseWriter, r *http.Request, n *notes) {
			for range 10 {
				io.WriteString(w, "piece")
				w.(http.Flusher).Flush()
			}
		}, hello),
		states("three in a row", everyMode, func(c *client, r *request) {
			c.do(r)
			for range 2 {
				if c.mode.http2() {
					resp, err := c.h2.Do((&request{target: "/-fate"}).http2(c))
					if err == nil {
						resp.Body.Close()
					}
				} else {
					c.fate()
				}
			}
		}, nothing, hello),
		states("pipelined", overBoth, func(c *client, r *request) {
			c.send(r.wire() + "GET /-fate HTTP/1.1\r\nHost: h\r\n\r\n")
			c.response()
			c.response()
		}, nothing),
		states("the last one", overBoth, func(c *client, r *request) {
			c.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
			c.response()
		}, nothing, seen{id: "states", ref: "active closed", ours: "active idle closed"}),
		states("hijacked", overBoth, func(c *client, r *request) {
			c.send(r.wire())
			io.ReadAll(c.in)
		}, func(w http.ResponseWriter, r *http.Request, n *notes) {
			c, _ := hijack(w, n)
			fmt.Fprint(c, "bye")
			c.Close()
		}),
		states("hijacked after a flush", overBoth, func(c *client, r *request) {
			c.send(r.wire())
			io.ReadAll(c.in)
		}, func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.(http.Flusher).Flush()
			c, _ := hijack(w, n)
			c.Close()
		}),
		states("none", overBoth, func(c *client, r *request) {
			if c.mode.secure() {
				c.sendMore("") // the handshake
			}
		}, nil),
		states("cut", onlyH1, func(c *client, r *request) {
			c.send("GET / HT")
			c.c.(halfCloser).CloseWrite()
			io.ReadAll(c.in)
		}, nil),
		states("malformed", onlyH1, func(c *client, r *request) {
			c.send("nonsense that is longer than what begins HTTP/2\r\n\r\n")
			io.ReadAll(c.in)
		}, nil, seen{id: "states", ref: "new active closed", ours: "new closed"}),
		states("a panic", onlyH1, func(c *client, r *request) {
			c.send(r.wire())
			io.ReadAll(c.in)
		}, func(http.ResponseWriter, *http.Request, *notes) { panic(http.ErrAbortHandler) },
			seen{id: "states", ref: "active closed", ours: "active idle closed"}),
	}
}

// headLimitCases are about the length of heads.
func headLimitCases() []testCase {
	const area = "limits"
	ok := func(w http.ResponseWriter, r *http.Request, n *notes) { n.add("%d", len(r.RequestURI)) }
	of := func(target string, line, fields int) request {
		text := "GET " + target + strings.Repeat("x", line-len("GET "+target+" HTTP/1.1")) + " HTTP/1.1\r\n"
		head := "Host: h\r\nX: \r\n"
		return request{raw: text + head[:len(head)-2] + strings.Repeat("x", fields-len(head)) + "\r\n\r\n"}
	}
	get := func(line, fields int) request { return of("/", line, fields) }
	fate := func(line, fields int) request { return of("/-fate?", line, fields) } // not the case's handler's
	long := strings.Repeat("x", 20_000)
	refused := func(status string) []seen {
		return []seen{{id: "head-limits", ref: "431", ours: status}}
	}
	return []testCase{
		{area: area, name: "a line within MaxHeaderBytes", modes: onlyH1, handler: ok, settings: settings{MaxHeaderBytes: 64 << 10}, req: get(60_000, 100)},
		{area: area, name: "fields within MaxHeaderBytes", modes: onlyH1, handler: ok, settings: settings{MaxHeaderBytes: 64 << 10}, req: get(100, 60_000)},
		{area: area, name: "a target within MaxHeaderBytes", modes: onlyH2, handler: ok, settings: settings{MaxHeaderBytes: 64 << 10}, req: request{target: "/" + long}},
		{area: area, name: "a field within MaxHeaderBytes", modes: onlyH2, handler: ok, settings: settings{MaxHeaderBytes: 64 << 10}, req: request{fields: [][2]string{{"X", long}}}},
		{area: area, name: "both within MaxHeaderBytes together", modes: onlyH1, handler: ok, settings: settings{MaxHeaderBytes: 1000}, req: get(500, 500)},
		{area: area, name: "each within MaxHeaderBytes", modes: onlyH1, handler: ok, settings: settings{MaxHeaderBytes: 1000}, req: get(1000, 1000)},
		{area: area, name: "a line beyond MaxHeaderBytes", modes: onlyH1, settings: settings{MaxHeaderBytes: 1000}, script: status, req: get(6000, 100), differs: refused("414")},
		{area: area, name: "fields beyond MaxHeaderBytes", modes: onlyH1, settings: settings{MaxHeaderBytes: 1000}, script: status, req: get(100, 6000)},
		{area: area, name: "a long line", modes: onlyH1, script: status, req: fate(8<<10+1, 100), differs: []seen{{id: "head-limits", ref: "200", ours: "414"}}},
		{area: area, name: "long fields", modes: onlyH1, script: status, req: fate(100, 32<<10+1), differs: []seen{{id: "head-limits", ref: "200", ours: "431"}}},
	}
}

// status sends r and says the status of the response alone.
func status(c *client, r *request) {
	c.send(r.wire())
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.say("%s", closedText(err))
		return
	}
	c.say("%d", resp.StatusCode)
}
