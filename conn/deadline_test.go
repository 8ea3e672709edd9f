package conn_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/conn"
)

// soon is a deadline that a test waits for.
const soon = 20 * time.Millisecond

// isLate reports whether err is that of a deadline, as package net has it.
func isLate(err error) bool {
	var timeout net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) && errors.As(err, &timeout) && timeout.Timeout()
}

// An upload is a request whose body comes when the test says so.
type upload struct {
	send func(string)
	end  func() // the client is done with it
}

// uploads are ways to begin one, by protocol. The body has 5 bytes.
func (r *rig) uploads() map[string]func() upload {
	return map[string]func() upload{
		"h1": func() upload {
			c := r.dial()
			r.write(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
			return upload{func(s string) { r.write(c, s) }, func() { c.Close() }}
		},
		"h2": func() upload {
			pr, pw := io.Pipe()
			client := r.h2client()
			over := make(chan struct{})
			go func() {
				defer close(over)
				if resp, err := client.Post("http://"+r.addr+"/", "", pr); err == nil {
					io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
			}()
			return upload{func(s string) { io.WriteString(pw, s) }, func() {
				pw.CloseWithError(io.ErrUnexpectedEOF)
				<-over
			}}
		},
	}
}

func TestReadDeadline(t *testing.T) {
	far := func() time.Time { return time.Now().Add(time.Hour) }
	near := func() time.Time { return time.Now().Add(soon) }
	tests := []struct {
		name  string
		sets  []func() time.Time // one after the other
		send  string             // before the handler reads
		after string             // when soon, and more, is over
		late  bool
		want  string
	}{
		{"waiting", []func() time.Time{near}, "", "", true, ""},
		{"past", []func() time.Time{func() time.Time { return time.Unix(1, 0) }}, "", "", true, ""},
		{"within the body", []func() time.Time{near}, "ab", "", true, "ab"},
		{"moved closer", []func() time.Time{far, near}, "", "", true, ""},
		{"in time", []func() time.Time{far}, "abcde", "", false, "abcde"},
		{"moved away", []func() time.Time{near, far}, "ab", "cde", false, "abcde"},
		{"cleared", []func() time.Time{near, func() time.Time { return time.Time{} }}, "", "abcde", false, "abcde"},
	}
	type result struct {
		got string
		err error
	}
	results := make(chan result, 1)
	begin := make(chan []func() time.Time, 1)
	set := make(chan struct{}, 1)
	onEach(t, conn.Config{Handler: app.HandlerFunc(func(q *app.Request, w *app.Response) {
		for _, by := range <-begin {
			if err := q.SetReadDeadline(by()); err != nil {
				t.Error(err)
			}
		}
		set <- struct{}{}
		got := make([]byte, 5)
		n, err := io.ReadFull(q, got)
		results <- result{string(got[:n]), err}
	})}, func(r *rig) {
		for proto, open := range r.uploads() {
			for _, tt := range tests {
				u := open()
				if tt.send != "" {
					u.send(tt.send)
				}
				begin <- tt.sets
				<-set
				if tt.after != "" {
					time.Sleep(3 * soon) // past what the deadline was
					u.send(tt.after)
				}
				got := <-results
				if got.got != tt.want || tt.late != isLate(got.err) || !tt.late && got.err != nil {
					r.Errorf("%s, %s: %q, %v", proto, tt.name, got.got, got.err)
				}
				var fault *app.BodyError
				if tt.late && (!errors.As(got.err, &fault) || fault.Fault != app.BodyDeadline) {
					r.Errorf("%s, %s: %v is no BodyDeadline", proto, tt.name, got.err)
				}
				u.end()
			}
		}
		eventually(r.T, "all handlers have returned", func() bool { return r.srv.Stats().Handling == 0 })
	})
}

// A client that does not read: writing ends at the deadline, from then on
// nothing can be written, and the client sees that the response is not whole.
func TestWriteDeadline(t *testing.T) {
	type result struct {
		first, then error
		took        time.Duration
	}
	results := make(chan result, 1)
	onEach(t, conn.Config{Handler: app.HandlerFunc(func(q *app.Request, w *app.Response) {
		began := time.Now()
		by := began.Add(soon)
		if string(q.Path) == "/past" {
			by = time.Unix(1, 0)
		}
		w.SetWriteDeadline(began.Add(time.Hour))
		w.SetWriteDeadline(by)
		var err error
		for p := make([]byte, 64<<10); err == nil; {
			_, err = w.Write(p)
		}
		results <- result{err, w.Flush(), time.Since(began)}
	})}, func(r *rig) {
		for _, path := range []string{"/wait", "/past"} {
			for _, proto := range []string{"h1", "h2"} {
				var body io.Reader
				if proto == "h1" {
					c := r.dial()
					r.write(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
					body = c
				} else {
					pr, pw := io.Pipe()
					client := r.h2client()
					go func() {
						resp, err := client.Get("http://" + r.addr + path)
						if err == nil {
							_, err = io.Copy(pw, resp.Body)
							resp.Body.Close()
						}
						pw.CloseWithError(fmt.Errorf("%w: %v", io.ErrUnexpectedEOF, err))
					}()
					body = pr
				}
				got := <-results
				if !isLate(got.first) || !isLate(got.then) || got.took > patience ||
					path == "/wait" && got.took < soon {
					r.Errorf("%s%s: %v, then %v, after %v", proto, path, got.first, got.then, got.took)
				}
				if _, err := io.Copy(io.Discard, body); err == nil {
					r.Errorf("%s%s: the client takes the response for a whole one", proto, path)
				}
			}
		}
	})
}

// A deadline that is cleared or that is not met changes nothing; those of
// exchanges that have ended are forgotten, also where the next exchange has
// their place.
func TestDeadlinesEndWithTheirExchange(t *testing.T) {
	onEach(t, conn.Config{Handler: app.HandlerFunc(func(q *app.Request, w *app.Response) {
		if string(q.Path) == "/set" {
			q.SetReadDeadline(time.Now().Add(soon))
			w.SetWriteDeadline(time.Now().Add(soon))
			return
		}
		io.Copy(io.Discard, q)
		time.Sleep(2 * soon) // blocks, on purpose
		w.WriteString("whole")
		if err := w.Flush(); err != nil {
			t.Error(err)
		}
	})}, func(r *rig) {
		for proto, client := range map[string]*http.Client{"h1": r.client(), "h2": r.h2client()} {
			for range 3 {
				for _, path := range []string{"/set", "/slow"} {
					resp, err := client.Get("http://" + r.addr + path)
					if err != nil {
						r.Fatalf("%s%s: %v", proto, path, err)
					}
					b, err := io.ReadAll(resp.Body)
					resp.Body.Close()
					if err != nil || path == "/slow" && string(b) != "whole" {
						r.Errorf("%s%s: %q, %v", proto, path, b, err)
					}
				}
			}
		}
	})
}

func TestDeadlineAfterTheEnd(t *testing.T) {
	kept := make(chan [2]error, 1)
	onEach(t, conn.Config{Handler: app.HandlerFunc(func(q *app.Request, w *app.Response) {
		ended := q.Context().Done()
		go func() {
			<-ended
			kept <- [2]error{q.SetReadDeadline(time.Now()), w.SetWriteDeadline(time.Now())}
		}()
	})}, func(r *rig) {
		resp, err := r.client().Get("http://" + r.addr + "/")
		if err != nil {
			r.Fatal(err)
		}
		resp.Body.Close()
		for _, err := range <-kept {
			if !errors.Is(err, app.ErrEnded) {
				r.Errorf("%v, want ErrEnded", err)
			}
		}
	})
}
