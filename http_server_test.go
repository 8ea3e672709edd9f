package uringserve_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uringserve/uringserve"
)

// absent are the fields and methods of http.Server, and the fields of
// http.HTTP2Config, that have no counterpart or no effect here, and why.
var absent = map[string]string{
	"Server.TLSNextProto": "it hands a *tls.Conn to another server by ALPN; protocols are chosen by Protocols, and " +
		"others are refused in the handshake (RFC 7301 §3.2)",
	"HTTP2Config.StrictMaxConcurrentRequests":  "it is for clients only",
	"HTTP2Config.SendPingTimeout":              "clients that are gone are found by Limits.KeepAliveTimeout and MinResponseRate (Kestrel: KeepAlivePingDelay is off)",
	"HTTP2Config.PingTimeout":                  "there are no pings of ours whose answer could be late (Kestrel: KeepAlivePingDelay is off)",
	"HTTP2Config.WriteByteTimeout":             "Limits.MinResponseRate bounds how slowly a client may read (Kestrel: MinResponseDataRate)",
	"HTTP2Config.PermitProhibitedCipherSuites": "which suites there are is TLSConfig's; RFC 9113 §9.2.2 lets a server refuse the prohibited ones and does not ask it to",
	"HTTP2Config.CountError":                   "Server.Stats counts refusals by reason",
}

// Every exported field and method of http.Server is one of Server, of the same
// type, or has a reason in absent.
func TestFieldsAndMethodsOfHTTPServer(t *testing.T) {
	theirs, ours := reflect.TypeFor[http.Server](), reflect.TypeFor[uringserve.Server]()
	used := map[string]bool{}
	for _, f := range reflect.VisibleFields(theirs) {
		if !f.IsExported() {
			continue
		}
		mine, ok := ours.FieldByName(f.Name)
		used["Server."+f.Name] = !ok
		switch {
		case !ok && absent["Server."+f.Name] == "":
			t.Errorf("field %s is absent, without a reason", f.Name)
		case ok && mine.Type != f.Type:
			t.Errorf("field %s is a %v, not a %v", f.Name, mine.Type, f.Type)
		}
	}
	theirs, ours = reflect.TypeFor[*http.Server](), reflect.TypeFor[*uringserve.Server]()
	for i := range theirs.NumMethod() {
		m := theirs.Method(i)
		mine, ok := ours.MethodByName(m.Name)
		used["Server."+m.Name] = !ok
		switch {
		case !ok && absent["Server."+m.Name] == "":
			t.Errorf("method %s is absent, without a reason", m.Name)
		case ok && signature(mine.Type) != signature(m.Type):
			t.Errorf("method %s is %s, not %s", m.Name, signature(mine.Type), signature(m.Type))
		}
	}
	mapped := []string{"MaxConcurrentStreams", "MaxDecoderHeaderTableSize", "MaxEncoderHeaderTableSize",
		"MaxReadFrameSize", "MaxReceiveBufferPerConnection", "MaxReceiveBufferPerStream"}
	for _, name := range mapped {
		used["HTTP2Config."+name] = false
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[http.HTTP2Config]()) {
		name := "HTTP2Config." + f.Name
		if _, known := used[name]; known {
			continue
		}
		if used[name] = true; absent[name] == "" {
			t.Errorf("%s has no effect, without a reason", name)
		}
	}
	for name := range absent {
		if !used[name] {
			t.Errorf("%s is not absent, or is none of net/http's", name)
		}
	}
}

// signature is a method's type without its receiver.
func signature(m reflect.Type) string {
	var b strings.Builder
	for i := 1; i < m.NumIn(); i++ {
		fmt.Fprintf(&b, "%v,", m.In(i))
	}
	b.WriteString("->")
	for i := range m.NumOut() {
		fmt.Fprintf(&b, "%v,", m.Out(i))
	}
	return b.String()
}

func TestNetHTTPHandler(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		s := &uringserve.Server{Engine: engine, Loops: 1, Log: quiet,
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				io.WriteString(w, r.Method+" "+r.URL.Path+" "+string(body))
			})}
		a := start(t, s, "127.0.0.1:0")[0]
		resp, body := get(t, a, "/x?y=1")
		if resp.StatusCode != 200 || body != "GET /x " || resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%v %q", resp, body)
		}
	})
}

// Without a handler it is http.DefaultServeMux, as in net/http.
func TestDefaultServeMux(t *testing.T) {
	http.HandleFunc("/default-mux", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Pattern) })
	s := &uringserve.Server{Log: quiet}
	a := start(t, s, "127.0.0.1:0")[0]
	if _, body := get(t, a, "/default-mux"); body != "/default-mux" {
		t.Errorf("%q", body)
	}
	if resp, _ := get(t, a, "/other"); resp.StatusCode != 404 {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// states keeps what ConnState was told, by connection.
type states struct {
	mu   sync.Mutex
	seen map[net.Conn][]http.ConnState
	told chan http.ConnState
}

func (s *states) note(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	s.seen[c] = append(s.seen[c], state)
	s.mu.Unlock()
	s.told <- state
}

func (s *states) await(t *testing.T, want ...http.ConnState) {
	t.Helper()
	for _, w := range want {
		select {
		case got := <-s.told:
			if got != w {
				t.Fatalf("%v, want %v", got, w)
			}
		case <-time.After(patience):
			t.Fatalf("not told of %v", w)
		}
	}
}

// ConnState tells what net/http tells, of one net.Conn per connection.
func TestConnState(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		seen := &states{seen: map[net.Conn][]http.ConnState{}, told: make(chan http.ConnState, 64)}
		s := &uringserve.Server{Engine: engine, Loops: 1, Log: quiet, ConnState: seen.note,
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/hijack" {
					return
				}
				c, _, err := w.(http.Hijacker).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				c.Close()
			})}
		a := start(t, s, "127.0.0.1:0")[0]
		c := dial(t, a)
		seen.await(t, http.StateNew)
		ask(t, c, "/1")
		ask(t, c, "/2")
		c.Close()
		seen.await(t, http.StateActive, http.StateIdle, http.StateActive, http.StateIdle, http.StateClosed)
		c = dial(t, a)
		fmt.Fprint(c, "GET /hijack HTTP/1.1\r\nHost: h\r\n\r\n")
		if _, err := io.ReadAll(c); err != nil {
			t.Error(err)
		}
		seen.await(t, http.StateNew, http.StateActive, http.StateHijacked)
		dial(t, a).Close()
		seen.await(t, http.StateNew, http.StateClosed)
		if len(seen.seen) != 3 {
			t.Errorf("%d connections", len(seen.seen))
		}
		for c := range seen.seen {
			if c.LocalAddr().String() != a.String() {
				t.Errorf("the address is %v", c.LocalAddr())
			}
			if _, err := c.Read(make([]byte, 1)); err == nil {
				t.Error("the connection can be read from")
			}
		}
	})
}

// The contexts of requests come from the listener's, by way of the connection's.
func TestContexts(t *testing.T) {
	type key int
	onEngines(t, func(t *testing.T, engine string) {
		base, cancel := context.WithCancel(context.Background())
		defer cancel()
		begun, listeners := make(chan bool, 1), make(chan net.Addr, 4)
		s := &uringserve.Server{Engine: engine, Loops: 1, Log: quiet, Addr: "somewhere",
			BaseContext: func(ln net.Listener) context.Context {
				listeners <- ln.Addr()
				return context.WithValue(base, key(1), "base")
			},
			ConnContext: func(ctx context.Context, c net.Conn) context.Context {
				if _, ok := ctx.Value(http.ServerContextKey).(*http.Server); !ok {
					t.Error("no server in the context")
				}
				return context.WithValue(ctx, key(2), c.RemoteAddr().String())
			},
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ctx := r.Context()
				if r.URL.Path == "/wait" {
					begun <- true
					<-ctx.Done()
				}
				server := ctx.Value(http.ServerContextKey).(*http.Server)
				fmt.Fprint(w, ctx.Value(key(1)), " ", ctx.Value(key(2)) == r.RemoteAddr, " ",
					ctx.Value(http.LocalAddrContextKey), " ", server.Addr, " ", ctx.Err())
			})}
		a := start(t, s, "127.0.0.1:0")[0]
		want := "base true " + a.String() + " somewhere "
		if _, body := get(t, a, "/"); body != want+"<nil>" {
			t.Errorf("%q", body)
		}
		if got := <-listeners; got.String() != a.String() {
			t.Errorf("listener %v", got)
		}
		c := dial(t, a)
		fmt.Fprint(c, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n")
		<-begun
		cancel()
		if _, body := answer(t, c); body != want+"context canceled" {
			t.Errorf("%q", body)
		}
		if len(listeners) != 0 {
			t.Error("BaseContext was asked twice")
		}
	})
}

// BaseContext is asked once for each listener, before there are connections, by
// the caller's goroutine, which may use the server; and given the caller's own
// listener.
func TestBaseContext(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		var asked []net.Listener
		var addrs []net.Addr
		s := &uringserve.Server{Engine: engine, Loops: 1, Log: quiet, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, r.Context().Value(http.LocalAddrContextKey) == nil, r.Context().Value(listenerKey{}))
		})}
		s.BaseContext = func(ln net.Listener) context.Context {
			asked, addrs = append(asked, ln), append(addrs, s.Addrs()...)
			return context.WithValue(context.Background(), listenerKey{}, len(asked))
		}
		bound, err := s.Listen("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		own, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		foreign := onlyListener{own}
		if err := s.Adopt(foreign); err != nil {
			t.Fatal(err)
		}
		if len(asked) != 2 || asked[0].Addr() != bound[0] || asked[1] != net.Listener(foreign) {
			t.Fatalf("asked for %v", asked)
		}
		if _, err := asked[0].Accept(); err == nil || asked[0].Close() != nil {
			t.Errorf("a stand-in accepts: %v", err)
		}
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		later, err := s.Listen("localhost:0")
		if err != nil {
			t.Fatal(err)
		}
		all := append([]net.Addr{bound[0], own.Addr()}, later...)
		if len(asked) != len(all) {
			t.Fatalf("asked for %v, want %v", asked, all)
		}
		for i, a := range all {
			for range 2 {
				if _, body := get(t, a, "/"); body != fmt.Sprintf("false %d", i+1) {
					t.Errorf("%s: %q", a, body)
				}
			}
			if asked[i].Addr().String() != a.String() {
				t.Errorf("listener %d is %v, want %v", i, asked[i].Addr(), a)
			}
		}
		if len(addrs) != 1+1+2*len(later)+2*len(later) {
			t.Errorf("the server had %v", addrs)
		}
	})
}

type listenerKey struct{}

// onlyListener is none of the system's.
type onlyListener struct{ net.Listener }

// A connection that comes before BaseContext has answered waits for it.
func TestBaseContextLate(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		var early net.Conn
		s := &uringserve.Server{Engine: engine, Loops: 1, Log: quiet, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, r.Context().Value(listenerKey{}))
		})}
		s.BaseContext = func(ln net.Listener) context.Context {
			if s.Info().Engine != "" && len(s.Addrs()) > 1 {
				early = dial(t, ln.Addr())
				fmt.Fprint(early, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
			}
			return context.WithValue(context.Background(), listenerKey{}, "it")
		}
		start(t, s, "127.0.0.1:0")
		if _, err := s.Listen("127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		if _, body := answer(t, early); body != "it" {
			t.Errorf("%q", body)
		}
	})
}

// ConnContext is called when a connection is accepted, whether it asks for
// something or not.
func TestConnContextAtAccept(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		came := make(chan string, 1)
		s := &uringserve.Server{Engine: engine, Loops: 1, Log: quiet,
			ConnContext: func(ctx context.Context, c net.Conn) context.Context {
				came <- c.RemoteAddr().String()
				return ctx
			}}
		c := dial(t, start(t, s, "127.0.0.1:0")[0])
		select {
		case who := <-came:
			if who != c.LocalAddr().String() {
				t.Errorf("%s, want %s", who, c.LocalAddr())
			}
		case <-time.After(patience):
			t.Error("it is not called")
		}
	})
}

// A BaseContext that gives nothing is a mistake of the caller's, who sees it.
func TestBaseContextNil(t *testing.T) {
	s := &uringserve.Server{Log: quiet, BaseContext: func(net.Listener) context.Context { return nil }}
	defer s.Close()
	defer func() {
		if v := recover(); v != "BaseContext returned a nil context" {
			t.Errorf("%v", v)
		}
	}()
	s.Listen("127.0.0.1:0")
	t.Error("it was taken")
}

// A handler can end the server that it finds in its context.
func TestShutdownByHandler(t *testing.T) {
	s := &uringserve.Server{Log: quiet}
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in := r.Context().Value(http.ServerContextKey).(*http.Server)
		go in.Shutdown(context.Background())
	})
	get(t, start(t, s, "127.0.0.1:0")[0], "/")
	if err := s.Wait(); !errors.Is(err, uringserve.ErrServerClosed) {
		t.Error(err)
	}
}

// ErrorLog gets panics, and what else there is to log.
func TestErrorLog(t *testing.T) {
	var buf lockedBuffer
	s := &uringserve.Server{ErrorLog: log.New(&buf, "prefix: ", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/panic" {
			panic("boom")
		}
		w.WriteHeader(200)
		w.WriteHeader(201)
	})}
	a := start(t, s, "127.0.0.1:0")[0]
	get(t, a, "/twice")
	if text := buf.String(); !strings.Contains(text, "prefix: http: superfluous response.WriteHeader call from "+
		"github.com/uringserve/uringserve_test.TestErrorLog.func1 (http_server_test.go:") {
		t.Errorf("%q", text)
	}
	get(t, a, "/panic")
	for until := time.Now().Add(patience); !strings.Contains(buf.String(), "prefix: http: panic serving 127.0.0.1:"); {
		if time.Now().After(until) {
			t.Fatalf("%q", buf.String())
		}
		time.Sleep(time.Millisecond) // the line is written by a goroutine
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// MaxHeaderBytes bounds the line and the fields: at it is well, one more is not.
func TestMaxHeaderBytes(t *testing.T) {
	const limit = 200
	s := &uringserve.Server{Log: quiet, MaxHeaderBytes: limit, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	a := start(t, s, "127.0.0.1:0")[0]
	for _, test := range []struct{ size, status int }{{limit - 1, 200}, {limit, 200}, {limit + 1, 431}} {
		fields := "Host: h\r\nX: "
		fields += strings.Repeat("x", test.size-len(fields)-2) + "\r\n"
		c := dial(t, a)
		fmt.Fprintf(c, "GET / HTTP/1.1\r\n%s\r\n", fields)
		if resp, _ := answer(t, c); resp.StatusCode != test.status {
			t.Errorf("%d bytes: %d", test.size, resp.StatusCode)
		}
		c.Close()
	}
}

// The time-outs of http.Server hold.
func TestTimeouts(t *testing.T) {
	const short = 50 * time.Millisecond
	h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for name, test := range map[string]struct {
		server *uringserve.Server
		send   string
	}{
		"IdleTimeout":                 {&uringserve.Server{IdleTimeout: short}, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"},
		"ReadTimeout for IdleTimeout": {&uringserve.Server{ReadTimeout: short}, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"},
		"ReadHeaderTimeout":           {&uringserve.Server{ReadHeaderTimeout: short}, "GET / HTTP/1.1\r\n"},
		"ReadTimeout for the head":    {&uringserve.Server{ReadTimeout: short}, "GET / HTTP/1.1\r\n"},
		"IdleTimeout before ReadTimeout": {&uringserve.Server{ReadTimeout: time.Hour, IdleTimeout: short},
			"GET / HTTP/1.1\r\nHost: h\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			test.server.Handler, test.server.Log = h, quiet
			c := dial(t, start(t, test.server, "127.0.0.1:0")[0])
			fmt.Fprint(c, test.send)
			if _, err := io.ReadAll(c); err != nil { // until it is closed
				t.Error(err)
			}
		})
	}
}

// Protocols are those of listeners with TLS and without.
func TestHTTPProtocols(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) })
	for name, test := range map[string]struct {
		set  func(*http.Protocols)
		want string // of a client that speaks HTTP/2 alone
	}{
		"all":   {nil, "HTTP/2.0"},
		"h2c":   {func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) }, "HTTP/2.0"},
		"no h2": {func(p *http.Protocols) { p.SetHTTP1(true); p.SetHTTP2(true) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := &uringserve.Server{Log: quiet, Handler: h}
			if test.set != nil {
				s.Protocols = new(http.Protocols)
				test.set(s.Protocols)
			}
			a := start(t, s, "127.0.0.1:0")[0]
			var p http.Protocols
			p.SetUnencryptedHTTP2(true)
			tr := &http.Transport{Protocols: &p}
			defer tr.CloseIdleConnections()
			resp, err := (&http.Client{Transport: tr, Timeout: patience}).Get("http://" + a.String())
			if err != nil {
				if test.want != "" {
					t.Error(err)
				}
				return
			}
			defer resp.Body.Close()
			if resp.Proto != test.want {
				t.Errorf("%s, want %q", resp.Proto, test.want)
			}
		})
	}
}
