package nethttp_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"sort"
	"strings"
	"time"
)

var overBoth = []mode{h1, h1s}

// hijack is for cases where it has to succeed.
func hijack(w http.ResponseWriter, n *notes) (net.Conn, *bufio.ReadWriter) {
	c, rw, err := w.(http.Hijacker).Hijack()
	if err != nil {
		n.add("hijack: %v", err)
		panic(http.ErrAbortHandler)
	}
	return c, rw
}

func hijackCases() []testCase {
	const area = "hijack"
	upgrade := "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
	raw := func(c *client, r *request) {
		c.send(upgrade + "early")
		b, err := io.ReadAll(c.in)
		c.say("%q %v", b, err == nil)
	}
	return []testCase{
		{area: area, name: "unread bytes", modes: onlyH1, script: raw, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			c, rw := hijack(w, n)
			defer c.Close()
			b := make([]byte, 5)
			k, err := io.ReadFull(rw, b)
			n.add("%q %s", b[:k], errorText(err))
			fmt.Fprint(rw, "HTTP/1.1 101 Switching Protocols\r\n\r\nbye")
			rw.Flush()
		}},
		{area: area, name: "kinds", modes: overBoth, script: raw, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			c, _ := hijack(w, n)
			_, tcp := c.(*net.TCPConn)
			_, secure := c.(*tls.Conn)
			n.add("%v %v", tcp, secure)
			c.Close()
		}},
		{area: area, name: "echo", modes: overBoth, script: func(c *client, r *request) {
			c.send(upgrade)
			c.response()
			c.sendMore("ping\n")
			line, err := c.in.ReadString('\n')
			c.say("%q %s", line, errorText(err))
		}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			c, rw := hijack(w, n)
			defer c.Close()
			fmt.Fprint(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
			line, err := rw.ReadString('\n')
			n.add("%q %s", line, errorText(err))
			fmt.Fprint(c, line)
		}},
		{area: area, name: "after WriteHeader 101", modes: onlyH1, script: func(c *client, r *request) {
			c.send(upgrade)
			c.response()
			b, err := io.ReadAll(c.in)
			c.say("%q %s", b, errorText(err))
		}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", "echo")
			w.WriteHeader(101)
			c, _ := hijack(w, n)
			fmt.Fprint(c, "raw")
			c.Close()
		}},
		{area: area, name: "twice", modes: onlyH1, script: raw, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			c, _ := hijack(w, n)
			_, _, err := w.(http.Hijacker).Hijack()
			n.add("%s", errorText(err))
			c.Close()
		}},
		{area: area, name: "CONNECT, flushed", modes: onlyH1, script: func(c *client, r *request) {
			c.send("CONNECT host:443 HTTP/1.1\r\nHost: host:443\r\n\r\n")
			b, err := io.ReadAll(c.in)
			head, rest, _ := strings.Cut(string(b), "\r\n\r\n")
			status, _, _ := strings.Cut(head, "\r\n")
			c.say("%q %q %s", status, rest, errorText(err))
		}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.WriteHeader(200)
			n.add("%s", errorText(http.NewResponseController(w).Flush()))
			c, _ := hijack(w, n)
			fmt.Fprint(c, "tunnel")
			c.Close()
		}},
		{area: area, name: "write after it", modes: onlyH1, script: raw, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			c, _ := hijack(w, n)
			_, err := w.Write([]byte("x"))
			n.add("%s", errorText(err))
			w.WriteHeader(404)
			c.Close()
		}},
		{area: area, name: "deadline", modes: overBoth, script: func(c *client, r *request) {
			c.send(upgrade)
			c.finished()
		}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			c, rw := hijack(w, n)
			defer c.Close()
			n.add("%s", errorText(c.SetReadDeadline(time.Now().Add(20*time.Millisecond))))
			_, err := rw.ReadByte()
			n.add("%s", errorText(err))
		}},
		{area: area, name: "used after the handler", modes: overBoth, script: func(c *client, r *request) {
			c.send(upgrade)
			c.finished()
			c.sendMore("ping\n")
			line, err := c.in.ReadString('\n')
			c.say("%q %s", line, errorText(err))
		}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			c, rw := hijack(w, n)
			go func() {
				defer c.Close()
				line, _ := rw.ReadString('\n')
				fmt.Fprint(c, line)
			}()
		}},
	}
}

// halfCloser is a client's connection, or a handler's: TCP or TLS.
type halfCloser interface{ CloseWrite() error }

// sayAll sends r, and no more, and says all that comes, as bytes.
func sayAll(c *client, r *request) {
	c.send(r.wire())
	if err := c.c.(halfCloser).CloseWrite(); err != nil {
		c.say("%v", err)
	}
	b, err := io.ReadAll(c.in)
	head, body, _ := strings.Cut(string(b), "\r\n\r\n")
	status, fields, _ := strings.Cut(head, "\r\n")
	lines := strings.Split(fields, "\r\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "Date: ") {
			lines[i] = "Date: *"
		}
	}
	sort.Strings(lines)
	c.say("%s\n%s\n%s %s", status, strings.Join(lines, "\n"), bodyText([]byte(body)), errorText(err))
}

// hijackedCases hijack in the middle of a response.
func hijackedCases() []testCase {
	const area = "hijack"
	after := func(name string, respond func(w http.ResponseWriter), differs ...seen) testCase {
		return testCase{area: area, name: name, modes: overBoth, script: sayAll, differs: differs,
			handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
				respond(w)
				c, rw := hijack(w, n)
				defer c.Close()
				fmt.Fprint(c, "first ")
				fmt.Fprint(rw, "second")
				rw.Flush()
				n.add("%s", readAll(rw)) // or the kernel resets it
			}}
	}
	flush := func(w http.ResponseWriter) { w.(http.Flusher).Flush() }
	return []testCase{
		after("after Flush", flush),
		after("after Write and Flush", func(w http.ResponseWriter) {
			w.WriteHeader(201)
			io.WriteString(w, "written ")
			flush(w)
		}),
		after("after two", func(w http.ResponseWriter) {
			io.WriteString(w, "a")
			flush(w)
			io.WriteString(w, "b")
			flush(w)
		}),
		after("after Flush with a declared length", func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "written ")
			flush(w)
		}),
		after("after much", func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "1000000")
			for range 100 {
				io.WriteString(w, strings.Repeat("0123456789", 500))
			}
			flush(w)
		}),
		after("after WriteHeader", func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/x")
			w.WriteHeader(404)
		}),
		after("after Write", func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "8")
			w.Header().Set("Content-Type", "text/x")
			io.WriteString(w, "written ")
		}, seen{id: "hijack-written", ref: `"first second"`, ours: `"written first second"`}),
		after("after 103", func(w http.ResponseWriter) { w.WriteHeader(103) }),
	}
}

// takenCases are about what is handed out with the connection.
func takenCases() []testCase {
	const area = "hijack"
	unread := func(name string, read int, text string, differs ...seen) testCase {
		return testCase{area: area, name: name, modes: overBoth, req: request{raw: text}, script: sayAll, differs: differs,
			handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
				b := make([]byte, read)
				k, err := io.ReadFull(r.Body, b)
				n.add("read %q %s", b[:k], errorText(err))
				c, rw := hijack(w, n)
				defer c.Close()
				b, err = io.ReadAll(rw)
				n.add("%q %s", b, errorText(err))
			}}
	}
	const sized = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\nhello world"
	const coded = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
	const two = coded + "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n"
	return []testCase{
		unread("with a body unread", 0, sized+"GET"),
		unread("with a body read in part", 3, sized+"GET"),
		unread("with a body read", 11, sized+"GET"),
		unread("with a body that is not whole", 3, sized[:len(sized)-2]),
		unread("with a chunk unread", 0, coded+"5\r\nhello\r\n0\r\n\r\nGET"),
		unread("with a chunk that is not whole", 0, coded+"5\r\nhel"),
		unread("with a trailer unread", 0, coded+"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\nGET"),
		unread("with an empty chunked body unread", 0, coded+"0\r\n\r\nGET"),
		unread("with chunks read", 11, two+"GET"),
		unread("with chunks unread", 0, two+"GET",
			seen{id: "hijack-chunks", ref: `5\r\nhello\r\n6;x=y\r\n world\r\n`, ours: `b\r\nhello world\r\n`}),
		unread("with a chunk read in part", 3, two+"GET",
			seen{id: "hijack-chunks", ref: `"lo\r\n6;x=y\r\n world\r\n`, ours: `"8\r\nlo world\r\n`}),
		{area: area, name: "CloseWrite", modes: overBoth, script: func(c *client, r *request) {
			c.send(r.wire())
			b, err := io.ReadAll(c.in)
			c.say("%q %s", b, errorText(err))
			c.sendMore("still")
			if err := c.c.(halfCloser).CloseWrite(); err != nil {
				c.say("%v", err)
			}
			c.finished()
		}, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			c, rw := hijack(w, n)
			defer c.Close()
			fmt.Fprint(c, "bye")
			n.add("%s", errorText(c.(halfCloser).CloseWrite())) // with TLS, close_notify
			n.add("%s", readAll(rw))
		}},
		{area: area, name: "NetConn", modes: []mode{h1s}, script: sayAll, handler: func(w http.ResponseWriter, r *http.Request, n *notes) {
			c, rw := hijack(w, n)
			n.add("%s", readAll(rw)) // or the kernel resets it
			below := c.(*tls.Conn).NetConn()
			_, tcp := below.(*net.TCPConn)
			n.add("tcp %v", tcp)
			for {
				wrapped, ok := below.(interface{ NetConn() net.Conn })
				if !ok {
					break
				}
				below = wrapped.NetConn()
			}
			n.add("%v %v", below.(*net.TCPConn).SetNoDelay(true), below.RemoteAddr().String() == r.RemoteAddr)
			n.add("%s", errorText(c.(*tls.Conn).NetConn().SetDeadline(past)))
			_, err := c.Write([]byte("x"))
			n.add("%s", errorText(err))
			n.add("%s", errorText(c.(*tls.Conn).NetConn().Close()))
			n.add("%s", errorText(below.Close()))
		}, differs: []seen{{id: "hijack-netconn", ref: "tcp true", ours: "tcp false"}}},
	}
}
