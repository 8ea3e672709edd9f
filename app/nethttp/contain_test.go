package nethttp_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// onEngines runs test on the best engine and on net's.
func onEngines(t *testing.T, test func(t *testing.T, s *target)) {
	for _, engine := range []string{"", "net"} {
		s := newOurs(t, engine, settings{})
		t.Run(s.name, func(t *testing.T) { test(t, s) })
	}
}

// A handler that does what it should not harms nobody but its own client: while
// it does, and afterwards, others are served.
func TestBadHandlersAreContained(t *testing.T) {
	post := "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n"
	for _, test := range []struct {
		name    string
		send    string
		handler handler
		ends    bool // the handler returns by itself
	}{
		{"panics", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", func(http.ResponseWriter, *http.Request, *notes) { panic("boom") }, true},
		{"never reads", post + "some", func(w http.ResponseWriter, r *http.Request, n *notes) { n.wait() }, false},
		{"reads for ever", post + "some", func(w http.ResponseWriter, r *http.Request, n *notes) {
			io.Copy(io.Discard, r.Body)
		}, false},
		{"reads after the end", post + strings.Repeat("x", 100), func(w http.ResponseWriter, r *http.Request, n *notes) {
			for range 1000 {
				r.Body.Read(make([]byte, 10))
			}
		}, true},
		{"writes to a client that does not read", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", func(w http.ResponseWriter, r *http.Request, n *notes) {
			for {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		}, false},
		{"writes more than declared", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", func(w http.ResponseWriter, r *http.Request, n *notes) {
			w.Header().Set("Content-Length", "3")
			w.Write(make([]byte, 1<<20))
		}, true},
		{"hijacks and leaks", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", func(w http.ResponseWriter, r *http.Request, n *notes) {
			if _, _, err := w.(http.Hijacker).Hijack(); err != nil {
				n.add("%v", err)
			}
		}, true},
		{"leaves a reader behind", post + "some", func(w http.ResponseWriter, r *http.Request, n *notes) {
			go io.Copy(io.Discard, r.Body)
			io.WriteString(w, "bye")
		}, true},
		{"waits for ever", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", func(w http.ResponseWriter, r *http.Request, n *notes) { <-r.Context().Done() }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			onEngines(t, func(t *testing.T, s *target) {
				n := newNotes()
				begun := make(chan struct{})
				s.h.set(func(w http.ResponseWriter, r *http.Request, n *notes) {
					close(begun)
					test.handler(w, r, n)
				}, n)
				bad := newClient(t, s, h1, n)
				bad.send(test.send)
				<-begun
				for range 20 {
					newClient(t, s, h1, n).mustBeServed(t)
				}
				if test.ends {
					bad.finished()
				}
				bad.c.Close()
				n.go_ <- struct{}{}
				bad.finished()
				if len(bad.saw) > 0 || n.text() != "" {
					t.Errorf("%v %s", bad.saw, n.text())
				}
				newClient(t, s, h1, n).mustBeServed(t)
			})
		})
	}
}

// mustBeServed asks for something else.
func (c *client) mustBeServed(t *testing.T) {
	t.Helper()
	c.fate()
	if c.saw[len(c.saw)-1] != "connection: kept" {
		t.Errorf("another client: %v", c.saw)
	}
	c.c.Close()
}

// What a goroutine does with the writer and the body of a request that is over
// does not reach the next one of the connection.
func TestUseAfterTheHandler(t *testing.T) {
	onEngines(t, func(t *testing.T, s *target) {
		n := newNotes()
		over, stop, stopped := make(chan struct{}), make(chan struct{}), make(chan struct{})
		s.h.set(func(w http.ResponseWriter, r *http.Request, _ *notes) {
			io.Copy(io.Discard, r.Body)
			go func() {
				defer close(stopped)
				<-over
				for {
					select {
					case <-stop:
						return
					default:
					}
					io.WriteString(w, "stray")
					w.Header().Set("X-Stray", "1")
					w.WriteHeader(500)
					w.(http.Flusher).Flush()
					r.Body.Read(make([]byte, 3))
					http.NewResponseController(w).SetWriteDeadline(past)
					http.NewResponseController(w).SetReadDeadline(past)
				}
			}()
		}, n)
		c := newClient(t, s, h1, n)
		c.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
		if !c.response() {
			t.Fatal(c.saw)
		}
		close(over)
		s.h.set(func(w http.ResponseWriter, r *http.Request, _ *notes) {
			b, err := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %v", b, err)
		}, nil)
		for range 200 {
			io.WriteString(c.c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello")
			resp, err := http.ReadResponse(c.in, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != 200 || resp.Header.Get("X-Stray") != "" || string(body) != "hello <nil>" {
				t.Fatalf("%v %q %v", resp, body, err)
			}
		}
		close(stop)
		<-stopped
	})
}

// A reader that the handler has left behind is woken, and what the handler
// answered arrives.
func TestReaderLeftBehind(t *testing.T) {
	onEngines(t, func(t *testing.T, s *target) {
		for _, m := range []mode{h1, h2} {
			n := newNotes()
			left := make(chan error, 1)
			s.h.set(func(w http.ResponseWriter, r *http.Request, n *notes) {
				reads := make(chan struct{})
				go func() {
					close(reads)
					_, err := io.Copy(io.Discard, r.Body)
					left <- err
				}()
				<-reads
				io.WriteString(w, "done")
			}, n)
			c := newClient(t, s, m, n)
			if m.http2() {
				body, in := io.Pipe()
				req := (&request{method: "POST"}).http2(c)
				req.Body, req.ContentLength = body, -1
				c.roundTrip(req)
				in.Close()
			} else {
				c.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nsome")
				c.response()
			}
			if text := strings.Join(c.saw, "\n"); !strings.Contains(text, "200") || !strings.Contains(text, `"done"`) {
				t.Errorf("%s: %s", m, text)
			}
			select {
			case err := <-left:
				if err == nil {
					t.Errorf("%s: the reader saw the end", m)
				}
			case <-time.After(patience):
				t.Errorf("%s: the reader is stuck", m)
			}
		}
	})
}

// A panic is logged as net/http does.
func TestPanicIsLogged(t *testing.T) {
	onEngines(t, func(t *testing.T, s *target) {
		lines := make(chan string, 8)
		n := newNotes()
		n.logged = lines
		s.h.set(func(http.ResponseWriter, *http.Request, *notes) { panic("boom") }, n)
		c := newClient(t, s, h1, n)
		c.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		c.response()
		want := "http: panic serving " + c.c.LocalAddr().String() + ": boom\n"
		select {
		case text := <-lines:
			if !strings.HasPrefix(text, want) || !strings.Contains(text, "TestPanicIsLogged") {
				t.Errorf("logged %q", text)
			}
		case <-time.After(patience):
			t.Error("nothing is logged")
		}
	})
}

// The connection that a handler has is the kernel's own.
func TestHijackedIsReal(t *testing.T) {
	onEngines(t, func(t *testing.T, s *target) {
		n := newNotes()
		s.h.set(func(w http.ResponseWriter, r *http.Request, n *notes) {
			c, rw, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			tcp, ok := c.(*net.TCPConn)
			if !ok {
				t.Errorf("a %T", c)
				return
			}
			if tcp.SetNoDelay(true) != nil || tcp.RemoteAddr().String() != r.RemoteAddr {
				t.Errorf("%v %v", tcp.RemoteAddr(), r.RemoteAddr)
			}
			if rw.Reader.Buffered() < 4 {
				t.Errorf("%d bytes are buffered", rw.Reader.Buffered())
			}
			b, err := io.ReadAll(rw)
			n.add("%d %v %v", len(b), err, bytes.HasPrefix(b, []byte("more")))
		}, n)
		c := newClient(t, s, h1, n)
		c.send("GET / HTTP/1.1\r\nHost: h\r\n\r\nmore")
		c.sendMore(strings.Repeat("x", 100_000))
		c.c.(*net.TCPConn).CloseWrite()
		c.finished()
		if got := n.text(); got != "100004 <nil> true" {
			t.Error(got)
		}
	})
}
