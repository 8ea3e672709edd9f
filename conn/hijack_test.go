package conn_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	cryptotls "crypto/tls"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/conn"
)

// A halfCloser is a client's connection: TCP, Unix or TLS.
type halfCloser interface {
	net.Conn
	CloseWrite() error
}

// A hijackRig is a server in one of the four ways to reach it.
type hijackRig struct {
	*rig
	open func() halfCloser
}

// onEachWay runs test on every engine, over TCP, a Unix socket and both versions
// of TLS.
func onEachWay(t *testing.T, h app.HandlerFunc, test func(*hijackRig)) {
	cfg := conn.Config{Handler: h}
	t.Run("tcp", func(t *testing.T) {
		onEach(t, cfg, func(r *rig) {
			test(&hijackRig{r, func() halfCloser { return r.dial() }})
		})
	})
	t.Run("unix", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("package net's Unix sockets have no temporary directory of ours there")
		}
		onEach(t, cfg, func(r *rig) {
			path := filepath.Join(t.TempDir(), r.eng.Name())
			if _, err := r.eng.Listen("unix", path); err != nil {
				t.Fatal(err)
			}
			test(&hijackRig{r, func() halfCloser {
				c, err := net.Dial("unix", path)
				if err != nil {
					r.Fatal(err)
				}
				r.Cleanup(func() { c.Close() })
				c.SetDeadline(time.Now().Add(patience))
				return c.(*net.UnixConn)
			}})
		})
	})
	for _, v := range versions {
		t.Run(strings.ReplaceAll(cryptotls.VersionName(v), " ", ""), func(t *testing.T) {
			onEachSecure(t, cfg, func(r *rig) {
				test(&hijackRig{r, func() halfCloser { return r.secure(v) }})
			})
		})
	}
}

// mustHijack is for handlers that have reason to expect it.
func mustHijack(t *testing.T, w *app.Response) (net.Conn, []byte) {
	t.Helper()
	nc, unread, err := w.Hijack()
	if err != nil {
		t.Errorf("Hijack: %v", err)
		panic(app.ErrAbort)
	}
	return nc, unread
}

// want reads exactly what is wanted.
func (r *hijackRig) want(c net.Conn, want string) {
	r.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c, got); err != nil || string(got) != want {
		r.Fatalf("%.200q, %v, want %.200q", got[:n], err, want)
	}
}

func (r *hijackRig) wantEnd(c net.Conn) {
	r.Helper()
	if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		r.Errorf("%d bytes, %v, want the end", n, err)
	}
}

const upgrade = "GET /up HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: y\r\n\r\n"

// The connection is of the type that it was accepted as, is counted no more, and
// carries megabytes both ways at once.
func TestHijackEcho(t *testing.T) {
	onEachWay(t, func(q *app.Request, w *app.Response) {
		nc, unread := mustHijack(t, w)
		defer nc.Close()
		fmt.Fprintf(nc, "%T %s\n", nc, unread)
		io.Copy(nc, nc)
	}, func(r *hijackRig) {
		for _, head := range []string{get, upgrade} {
			c := r.open()
			r.write(c, head)
			kind := fmt.Sprintf("%T", c)
			r.want(c, kind+" \n")
			eventually(r.T, "it is counted no more", func() bool { return r.srv.Active() == 0 && r.eng.Stats().Conns == 0 })
			data := make([]byte, 4<<20)
			fill(data, 5)
			var sent sync.WaitGroup
			sent.Go(func() {
				if _, err := c.Write(data); err != nil {
					r.Error(err)
				}
				c.CloseWrite()
			})
			got, err := io.ReadAll(c)
			sent.Wait()
			if err != nil || !bytes.Equal(got, data) {
				r.Fatalf("%d of %d bytes came back, %v", len(got), len(data), err)
			}
		}
		eventually(r.T, "the handlers have returned", func() bool { return r.srv.Stats().Hijackings == 0 })
		if s := r.srv.Stats(); s.Hijacked != 2 || s.Broken != 0 || s.Aborted != 0 {
			r.Errorf("%+v", s)
		}
	})
}

// What came behind the head is handed out, once and in order: pipelined bytes,
// a body of which nothing or a part was read, and what comes while it leaves.
func TestHijackUnread(t *testing.T) {
	onEachWay(t, func(q *app.Request, w *app.Response) {
		read := int(q.ContentLength)
		if string(q.Path) == "/part" {
			read /= 2
		} else if string(q.Path) == "/none" {
			read = 0
		}
		if _, err := io.ReadFull(q, make([]byte, read)); err != nil {
			t.Errorf("%s: %v", q.Path, err)
		}
		nc, unread := mustHijack(t, w)
		defer nc.Close()
		if _, err := q.Read(make([]byte, 1)); !errors.Is(err, app.ErrEnded) && !(read == int(q.ContentLength) && err == io.EOF) {
			t.Errorf("a read after it: %v", err)
		}
		all, err := io.ReadAll(io.MultiReader(bytes.NewReader(unread), nc))
		if err != nil {
			t.Errorf("%s: %v", q.Path, err)
		}
		nc.Write(all)
	}, func(r *hijackRig) {
		for _, body := range []int{0, 1, 1000, 20_000, 300_000} {
			for _, path := range []string{"/none", "/part", "/all"} {
				for _, cut := range []int{0, 1, body} {
					data := make([]byte, body+40_000)
					fill(data, uint64(body))
					c := r.open()
					head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", path, body)
					r.write(c, head+string(data[:cut]))
					var sent sync.WaitGroup
					sent.Go(func() {
						c.Write(data[cut:])
						c.CloseWrite()
					})
					got, err := io.ReadAll(c)
					sent.Wait()
					want := data
					switch path {
					case "/part":
						want = data[body/2:]
					case "/all":
						want = data[body:]
					}
					if err != nil || !bytes.Equal(got, want) {
						r.Fatalf("%s, %d bytes: %d came back, want %d, %v", path, body, len(got), len(want), err)
					}
					c.Close()
				}
			}
		}
	})
}

// Interim responses go before; what was not sent is forgotten; there is only one
// connection to have; and afterwards nothing can be written.
func TestHijackAndResponse(t *testing.T) {
	onEachWay(t, func(q *app.Request, w *app.Response) {
		switch string(q.Path) {
		case "/staged":
			w.SetStatus(404)
			w.WriteString("forgotten")
		case "/interim":
			w.WriteInformational(103, nil)
			w.WriteInformational(103, nil)
		}
		nc, _ := mustHijack(t, w)
		if _, _, err := w.Hijack(); !errors.Is(err, app.ErrEnded) {
			t.Errorf("twice: %v", err)
		}
		if err := w.WriteInformational(103, nil); err == nil {
			t.Error("an interim response afterwards")
		}
		if err := w.Flush(); err == nil {
			t.Error("a response afterwards")
		}
		io.WriteString(nc, "mine")
		nc.Close()
	}, func(r *hijackRig) {
		for path, want := range map[string]string{
			"/":        "mine",
			"/staged":  "mine",
			"/interim": strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 2) + "mine",
		} {
			c := r.open()
			r.write(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
			r.want(c, want)
			r.wantEnd(c)
		}
	})
}

// Of a response that has begun all that was written goes before what the caller
// sends, in order, and the body is left without its end. A response that cannot
// be sent is in the way.
func TestHijackAfterFlush(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 20_000)
	onEachWay(t, func(q *app.Request, w *app.Response) {
		switch string(q.Path) {
		case "/bad":
			w.Set("Bad Name", "x")
			if err := w.Flush(); err == nil {
				t.Error("the head has gone")
			}
			if _, _, err := w.Hijack(); !errors.Is(err, app.ErrCommitted) {
				t.Errorf("a response that is none: %v", err)
			}
			return
		case "/declared":
			w.Set("Content-Length", "10")
		}
		w.WriteString("flushed")
		w.Flush()
		w.WriteString("not")
		if string(q.Path) == "/long" {
			w.WriteString(long)
		}
		nc, _ := mustHijack(t, w)
		if err := w.Flush(); err == nil {
			t.Error("a response afterwards")
		}
		io.WriteString(nc, "mine"+long)
		nc.Close()
	}, func(r *hijackRig) {
		for path, want := range map[string]string{
			"/":         "7\r\nflushed\r\n3\r\nnot\r\n",
			"/declared": "flushednot",
			"/long":     "7\r\nflushed\r\n",
		} {
			c := r.open()
			r.write(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
			all, err := io.ReadAll(c)
			_, body, _ := strings.Cut(string(all), "\r\n\r\n")
			if !strings.HasPrefix(body, want) || !strings.HasSuffix(body, "mine"+long) || err != nil {
				r.Errorf("%s: %.60q … %.20q, %v", path, body, body[max(0, len(body)-20):], err)
			}
			body = strings.TrimSuffix(body, "mine"+long)
			if path == "/long" {
				got := chunked(body + "0\r\n\r\n")
				if got != "flushednot"+long {
					r.Errorf("%d bytes of body: %.40q", len(got), got)
				}
			} else if body != want {
				r.Errorf("%s: %q, want %q", path, body, want)
			}
		}
		c := r.open()
		r.write(c, "GET /bad HTTP/1.1\r\nHost: x\r\n\r\n")
		if resp, _ := r.response(bufio.NewReader(c), "GET"); resp.StatusCode != 500 {
			r.Errorf("status %d", resp.StatusCode)
		}
	})
}

// chunked decodes text.
func chunked(text string) string {
	b, err := io.ReadAll(httputil.NewChunkedReader(strings.NewReader(text)))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// What was not read of a chunked body is handed out so that it can be decoded,
// wherever the client's bytes were cut; then comes what is behind it.
func TestHijackUnreadChunks(t *testing.T) {
	body := strings.Repeat("0123456789", 3_000)
	wire := fmt.Sprintf("5\r\n01234\r\n%x;x=y\r\n%s\r\n0\r\nX-Sum: 1\r\n\r\n", len(body)-5, body[5:])
	onEachWay(t, func(q *app.Request, w *app.Response) {
		read, _ := strconv.Atoi(string(q.Path[1:]))
		if _, err := io.ReadFull(q, make([]byte, read)); err != nil {
			t.Errorf("%s: %v", q.Path, err)
		}
		nc, unread := mustHijack(t, w)
		defer nc.Close()
		all := bufio.NewReader(io.MultiReader(bytes.NewReader(unread), nc))
		rest, err := io.ReadAll(httputil.NewChunkedReader(all))
		if err != nil || string(rest) != body[read:] {
			t.Errorf("%s: %d bytes, %v, from %.40q", q.Path, len(rest), err, unread)
		}
		behind, err := io.ReadAll(all)
		if err != nil || string(behind) != "X-Sum: 1\r\n\r\nbehind" {
			t.Errorf("%s: behind it %q, %v", q.Path, behind, err)
		}
		io.WriteString(nc, "ok")
	}, func(r *hijackRig) {
		for _, read := range []int{0, 3, 7, 20_000} {
			for _, cut := range []int{0, 1, 4, 14, 20, 1_000, len(wire) - 16, len(wire) - 5, len(wire)} {
				c := r.open()
				head := fmt.Sprintf("POST /%d HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", read)
				r.write(c, head+wire[:cut])
				r.write(c, wire[cut:]+"behind")
				c.CloseWrite()
				r.want(c, "ok")
			}
		}
	})
}

// Deadlines are the caller's, and none of the server's is left.
func TestHijackDeadlines(t *testing.T) {
	onEachWay(t, func(q *app.Request, w *app.Response) {
		q.SetReadDeadline(time.Now().Add(time.Hour))
		nc, _ := mustHijack(t, w)
		defer nc.Close()
		nc.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		_, err := nc.Read(make([]byte, 1))
		var timeout net.Error
		if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("reading: %v", err)
		}
		nc.SetReadDeadline(time.Time{})
		io.WriteString(nc, "go")
		b := make([]byte, 5)
		if _, err := io.ReadFull(nc, b); err != nil {
			t.Errorf("reading again: %v", err)
		}
		nc.Write(b)
		nc.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
		for err = nil; err == nil; {
			_, err = nc.Write(make([]byte, 1<<20))
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("writing: %v", err)
		}
		if tc, ok := nc.(*cryptotls.Conn); ok {
			tc.NetConn().Close() // or it would wait for close_notify to be taken
		}
	}, func(r *hijackRig) {
		c := r.open()
		r.write(c, get)
		r.want(c, "go")
		r.write(c, "later")
		r.want(c, "later")
		eventually(r.T, "the handler has returned", func() bool { return r.srv.Stats().Handling == 0 })
	})
}

// A FIN, sent before or while it leaves, is the caller's to see; and ours ends
// one direction only.
func TestHijackHalfClose(t *testing.T) {
	onEachWay(t, func(q *app.Request, w *app.Response) {
		if string(q.Path) == "/wait" {
			<-q.Context().Done() // the client has ended
		}
		nc, unread := mustHijack(t, w)
		defer nc.Close()
		rest, err := io.ReadAll(nc)
		if err != nil {
			t.Errorf("%s: %v", q.Path, err)
		}
		fmt.Fprintf(nc, "%s%s", unread, rest)
		if err := nc.(halfCloser).CloseWrite(); err != nil {
			t.Error(err)
		}
	}, func(r *hijackRig) {
		for _, path := range []string{"/wait", "/now"} {
			behind := ""
			if path == "/now" {
				behind = "behind"
			}
			c := r.open()
			r.write(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"+behind)
			c.CloseWrite()
			r.want(c, behind)
			r.wantEnd(c)
		}
	})
}

// A handler that panics, exits, or returns leaves the connection to whoever has
// it.
func TestHijackOutlivesHandler(t *testing.T) {
	conns := make(chan net.Conn, 1)
	onEachWay(t, func(q *app.Request, w *app.Response) {
		ctx := q.Context()
		nc, _ := mustHijack(t, w)
		if err := ctx.Err(); err != nil {
			t.Errorf("the context has ended before the handler: %v", err)
		}
		conns <- nc
		switch string(q.Path) {
		case "/panic":
			panic("after Hijack")
		case "/abort":
			panic(app.ErrAbort)
		case "/exit":
			runtime.Goexit()
		}
	}, func(r *hijackRig) {
		for _, path := range []string{"/return", "/panic", "/abort", "/exit"} {
			c := r.open()
			r.write(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
			nc := <-conns
			eventually(r.T, "the handler has ended", func() bool { return r.srv.Stats().Handling == 0 })
			r.write(c, "still")
			r.want(nc, "still")
			io.WriteString(nc, "here")
			r.want(c, "here")
			nc.Close()
			r.wantEnd(c)
		}
		if s := r.srv.Stats(); s.Panics != 1 || s.Aborted != 0 || s.Hijackings != 0 {
			r.Errorf("%+v", s)
		}
	})
}

// The server drains and ends beside connections that have left; its Wait does
// not wait for them.
func TestHijackOutlivesServer(t *testing.T) {
	ended := make(chan struct{}, 1)
	onEachWay(t, func(q *app.Request, w *app.Response) {
		nc, _ := mustHijack(t, w)
		defer func() { ended <- struct{}{} }()
		defer nc.Close()
		io.Copy(nc, nc)
	}, func(r *hijackRig) {
		r.outlived = true
		c := r.open()
		r.write(c, upgrade+"a")
		// "a" may be handed out as unread: what counts is what follows.
		eventually(r.T, "it has left", func() bool { return r.srv.Stats().Hijacked == 1 })
		r.srv.Drain()
		if err := r.srv.Wait(t.Context()); err != nil {
			r.Fatal(err)
		}
		r.srv.AbortAll()
		r.eng.StopAccept()
		if left := r.eng.Close(0); left != 1 {
			r.Errorf("%d handlers are left", left)
		}
		if n := r.srv.Stats().Hijackings; n != 1 {
			r.Errorf("%d of them have hijacked", n)
		}
		got := make([]byte, 64)
		r.write(c, "bcd")
		for text := ""; !strings.HasSuffix(text, "bcd"); {
			n, err := c.Read(got)
			if err != nil {
				r.Fatal(err)
			}
			text += string(got[:n])
		}
		c.Close()
		<-ended
	})
}

// Handlers that keep connections for long are on goroutines: none but perhaps
// the first holds a thread, and the server serves on.
func TestHijackManyLeaked(t *testing.T) {
	const n = 1000
	onEachWay(t, func(q *app.Request, w *app.Response) {
		if string(q.Path) == "/plain" {
			w.WriteString("ok")
			return
		}
		nc, _ := mustHijack(t, w)
		io.WriteString(nc, "!")
		io.Copy(io.Discard, nc) // and is not closed: the runtime's to find
		if string(q.Path) == "/up" {
			nc.Close()
		}
	}, func(r *hijackRig) {
		many := n
		if testing.Short() || strings.Contains(r.Name(), "TLS") {
			many = n / 10 // handshakes cost
		}
		var clients []halfCloser
		for i := range many {
			c := r.open()
			if i%2 == 0 {
				r.write(c, upgrade)
			} else {
				r.write(c, "GET /keeps/it HTTP/1.1\r\nHost: x\r\n\r\n")
			}
			r.want(c, "!")
			clients = append(clients, c)
		}
		// Those of net are goroutines.
		if st := r.eng.Stats(); st.LeftBehind > 4 && r.eng.Name() != "net" {
			r.Errorf("%d threads are left behind", st.LeftBehind)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = r.srv.Wait(ctx) // a handler may write before its connection is counted off
		if s := r.srv.Stats(); s.Hijacked != uint64(many) || s.Hijackings != int64(many) || s.Active != 0 {
			r.Errorf("%d hijacked, %d still, %d active", s.Hijacked, s.Hijackings, s.Active)
		}
		c := r.open()
		r.write(c, "GET /plain HTTP/1.1\r\nHost: x\r\n\r\n")
		if _, body := r.response(bufio.NewReader(c), "GET"); body != "ok" {
			r.Errorf("%q", body)
		}
		for _, c := range clients {
			c.Close()
		}
		eventually(r.T, "the handlers have returned", func() bool { return r.srv.Stats().Hijackings == 0 })
	})
}

// Any goroutine of the handler's may ask, as long as the handler runs.
func TestHijackFromElsewhere(t *testing.T) {
	onEachWay(t, func(q *app.Request, w *app.Response) {
		var asked sync.WaitGroup
		var got [4]net.Conn
		for i := range got {
			asked.Go(func() {
				nc, _, err := w.Hijack()
				if err != nil && !errors.Is(err, app.ErrEnded) {
					t.Errorf("%v", err)
				}
				got[i] = nc
			})
		}
		asked.Wait()
		conns := 0
		for _, nc := range got {
			if nc != nil {
				conns++
				io.WriteString(nc, "mine")
				nc.Close()
			}
		}
		if conns != 1 {
			t.Errorf("%d got the connection", conns)
		}
	}, func(r *hijackRig) {
		for range 20 {
			c := r.open()
			r.write(c, get)
			r.want(c, "mine")
			r.wantEnd(c)
		}
	})
}

// A client that goes while its connection is asked for.
func TestHijackGone(t *testing.T) {
	onEachWay(t, func(q *app.Request, w *app.Response) {
		if string(q.Path) == "/late" {
			<-q.Context().Done()
		}
		nc, _, err := w.Hijack()
		if err != nil {
			if !errors.Is(err, app.ErrGone) {
				t.Errorf("%v", err)
			}
			return
		}
		io.Copy(io.Discard, nc) // it ends
		nc.Close()
	}, func(r *hijackRig) {
		for i := range 40 {
			c := r.open()
			r.write(c, [...]string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET /late HTTP/1.1\r\nHost: x\r\n\r\n"}[i%2])
			reset(c)
		}
		eventually(r.T, "all is over", func() bool {
			return r.srv.Active() == 0 && r.srv.Stats().Handling == 0 && r.srv.Stats().Hijackings == 0
		})
	})
}

// reset closes a client's connection, with a RST where there is one.
func reset(c net.Conn) {
	if tc, ok := c.(*cryptotls.Conn); ok {
		c = tc.NetConn()
	}
	if tc, ok := c.(*net.TCPConn); ok {
		tc.SetLinger(0)
	}
	c.Close()
}
