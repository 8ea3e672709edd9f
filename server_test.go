package uringserve_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uringserve/uringserve"
	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/conn"
	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/auto"
)

// patience bounds every wait; nothing normal comes near it.
const patience = 20 * time.Second

// onEngines runs test on each engine that this system and build have.
func onEngines(t *testing.T, test func(t *testing.T, engine string)) {
	for _, engine := range []string{"uring", "epoll", "net"} {
		t.Run(engine, func(t *testing.T) {
			e, _, err := auto.New(auto.Options{Engine: engine, Loops: 1})
			if errors.Is(err, errors.ErrUnsupported) {
				t.Skipf("the system denies it: %v", err)
			}
			if err != nil {
				t.Fatal(err)
			}
			e.Close(0)
			test(t, engine)
		})
	}
}

var quiet = slog.New(slog.DiscardHandler)

// hello answers with the path; /slow waits for release.
type hello struct {
	begun   chan struct{}
	release chan struct{}
}

func newHello() *hello {
	return &hello{begun: make(chan struct{}, 16), release: make(chan struct{})}
}

func (h *hello) Serve(req *app.Request, resp *app.Response) {
	path := string(req.Path)
	if path == "/slow" {
		h.begun <- struct{}{}
		<-h.release
	}
	resp.WriteString("hello, " + path)
}

// start starts a server at addr, and closes it with the test.
func start(t *testing.T, s *uringserve.Server, addr string) []net.Addr {
	t.Helper()
	addrs, err := s.Listen(addr)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return addrs
}

func get(t *testing.T, a net.Addr, path string) (*http.Response, string) {
	t.Helper()
	c := dial(t, a)
	defer c.Close()
	return ask(t, c, path)
}

func dial(t *testing.T, a net.Addr) net.Conn {
	t.Helper()
	c, err := net.DialTimeout(a.Network(), a.String(), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

func ask(t *testing.T, c net.Conn, path string) (*http.Response, string) {
	t.Helper()
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path)
	return answer(t, c)
}

func answer(t *testing.T, c net.Conn) (*http.Response, string) {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestServeAndShutdown(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		h := newHello()
		s := &uringserve.Server{App: h, Engine: engine, Loops: 2, Log: quiet}
		a := start(t, s, "127.0.0.1:0")[0]
		if info := s.Info(); info.Engine != engine || info.Loops != 2 || info.Reason == "" {
			t.Errorf("info %+v", info)
		}
		idle := dial(t, a)
		ask(t, idle, "/first")
		slow := dial(t, a)
		fmt.Fprint(slow, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
		<-h.begun
		hooked := make(chan struct{})
		s.RegisterOnShutdown(func() { close(hooked) })
		served, shut := make(chan error, 1), make(chan error, 1)
		go func() { served <- s.Wait() }()
		go func() { shut <- s.Shutdown(context.Background()) }()
		if err := <-served; !errors.Is(err, uringserve.ErrServerClosed) {
			t.Errorf("Wait: %v", err)
		}
		<-hooked
		if n, err := idle.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("an idle connection: %d %v", n, err)
		}
		idle.Close()
		close(h.release)
		if resp, body := answer(t, slow); body != "hello, /slow" || !resp.Close {
			t.Errorf("the running request got %q, close %v", body, resp.Close)
		}
		slow.Close()
		if err := <-shut; err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if c, err := net.Dial(a.Network(), a.String()); err == nil {
			c.Close()
			t.Error("the address still accepts")
		}
		if err := s.Start(); !errors.Is(err, uringserve.ErrServerClosed) {
			t.Errorf("Start after Shutdown: %v", err)
		}
	})
}

func TestShutdownRunsOut(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		h := newHello()
		defer close(h.release)
		s := &uringserve.Server{App: h, Engine: engine, Log: quiet}
		c := dial(t, start(t, s, "127.0.0.1:0")[0])
		fmt.Fprint(c, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
		<-h.begun
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		var failed *uringserve.ShutdownError
		if err := s.Shutdown(ctx); !errors.As(err, &failed) || !errors.Is(err, context.Canceled) ||
			failed.Reset != 1 || failed.Handlers != 1 {
			t.Errorf("Shutdown: %v", err)
		}
		if n, err := c.Read(make([]byte, 1)); err == nil || err == io.EOF {
			t.Errorf("the connection was not reset: %d %v", n, err)
		}
	})
}

// While the delay lasts, clients are still accepted, and asked to close.
func TestShutdownDelay(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		s := &uringserve.Server{App: newHello(), Engine: engine, Log: quiet, ShutdownDelay: patience}
		a := start(t, s, "127.0.0.1:0")[0]
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		shut := make(chan error, 1)
		go func() { shut <- s.Shutdown(ctx) }()
		<-served(s)
		for {
			resp, _ := get(t, a, "/")
			if resp.Close {
				break
			}
		}
		cancel()
		if err := <-shut; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("Shutdown: %v", err)
		}
	})
}

func served(s *uringserve.Server) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		_ = s.Wait() // only that it returns
		close(done)
	}()
	return done
}

func TestLocalhostIsBothLoopbacks(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		s := &uringserve.Server{App: newHello(), Engine: engine, Log: quiet}
		addrs := start(t, s, "localhost:0")
		want := 2
		if six, err := net.Listen("tcp", "[::1]:0"); err == nil {
			six.Close()
		} else {
			want = 1 // a host without IPv6
		}
		if len(addrs) != want || len(s.Addrs()) != want {
			t.Fatalf("%v", addrs)
		}
		for _, a := range addrs {
			if !a.(*net.TCPAddr).IP.IsLoopback() || a.(*net.TCPAddr).Port != addrs[0].(*net.TCPAddr).Port {
				t.Errorf("bound %v", addrs)
			}
			if _, body := get(t, a, "/x"); body != "hello, /x" {
				t.Errorf("%v: %q", a, body)
			}
		}
	})
}

func TestUnixSocket(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		s := &uringserve.Server{App: newHello(), Engine: engine, Log: quiet}
		a := start(t, s, "unix:"+filepath.Join(t.TempDir(), "s"))[0]
		if _, body := get(t, a, "/x"); body != "hello, /x" {
			t.Errorf("%q", body)
		}
	})
}

func TestServeAdoptsAListener(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := &uringserve.Server{App: newHello(), Engine: engine, Log: quiet}
		done := make(chan error, 1)
		go func() { done <- s.Serve(ln) }()
		if _, body := get(t, ln.Addr(), "/x"); body != "hello, /x" {
			t.Errorf("%q", body)
		}
		s.Close()
		if err := <-done; !errors.Is(err, uringserve.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
	})
}

// strange is a listener that no engine but net can accept from.
type strange struct{ net.Listener }

func (l strange) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return struct{ net.Conn }{c}, err
}

func TestServeAForeignListener(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := &uringserve.Server{App: newHello(), Engine: engine, Log: quiet}
		own := start(t, s, "127.0.0.1:0")[0]
		if err := s.Adopt(strange{ln}); err != nil {
			t.Fatal(err)
		}
		for _, a := range []net.Addr{own, ln.Addr()} {
			if _, body := get(t, a, "/x"); body != "hello, /x" {
				t.Errorf("%v: %q", a, body)
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
}

func TestTwoServersInOneProcess(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		var wg sync.WaitGroup
		for i := range 2 {
			s := &uringserve.Server{App: newHello(), Engine: engine, Loops: 1, Log: quiet}
			a := start(t, s, "127.0.0.1:0")[0]
			wg.Go(func() {
				for range 20 {
					c, err := net.Dial(a.Network(), a.String())
					if err != nil {
						t.Error(err)
						return
					}
					fmt.Fprintf(c, "GET /%d HTTP/1.0\r\n\r\n", i)
					b, _ := io.ReadAll(c)
					c.Close()
					if !strings.HasSuffix(string(b), fmt.Sprintf("hello, /%d", i)) {
						t.Errorf("%q", b)
						return
					}
				}
			})
		}
		wg.Wait()
	})
}

func TestPortInUse(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		first := &uringserve.Server{App: newHello(), Engine: engine, Log: quiet}
		a := start(t, first, "127.0.0.1:0")[0]
		second := &uringserve.Server{Addr: a.String(), App: newHello(), Engine: engine, Log: quiet}
		defer second.Close()
		if err := second.ListenAndServe(); err == nil || !strings.Contains(err.Error(), "in use") {
			t.Errorf("%v", err)
		}
	})
}

func TestConfigErrors(t *testing.T) {
	h := newHello()
	few := conn.DefaultLimits()
	few.MaxRequestBuffer = -2
	for name, c := range map[string]struct {
		server *uringserve.Server
		field  string
		cause  error
	}{
		"two handlers": {&uringserve.Server{Addr: "127.0.0.1:0", App: h, Handler: http.NotFoundHandler()}, "Handler", uringserve.ErrTwoHandlers},
		"protocols":    {&uringserve.Server{Addr: "127.0.0.1:0", App: h, Protocols: new(http.Protocols)}, "Protocols", uringserve.ErrNoProtocol},
		"address":      {&uringserve.Server{Addr: "nowhere", App: h}, "Addr", uringserve.ErrBadAddress},
		"unix address": {&uringserve.Server{Addr: "unix:", App: h}, "Addr", uringserve.ErrBadAddress},
		"engine":       {&uringserve.Server{Addr: "127.0.0.1:0", App: h, Engine: "steam"}, "Engine", nil},
		"limits":       {&uringserve.Server{Addr: "127.0.0.1:0", App: h, Limits: few}, "Limits", nil},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.server.ListenAndServe()
			var bad *uringserve.ConfigError
			if !errors.As(err, &bad) || bad.Field != c.field || c.cause != nil && !errors.Is(err, c.cause) {
				t.Errorf("%v", err)
			}
			if strings.Contains(fmt.Sprint(err), "\n") {
				t.Errorf("more than one line: %v", err)
			}
			c.server.Close()
		})
	}
	var limit *conn.LimitError
	if err := (&uringserve.Server{App: h, Limits: few, Addr: "127.0.0.1:0"}).ListenAndServe(); !errors.As(err, &limit) {
		t.Errorf("limits: %v", err)
	}
	for _, name := range []string{"uring", "epoll"} {
		if e, _, err := auto.New(auto.Options{Engine: name, Loops: 1}); err == nil {
			e.Close(0)
			continue // it runs here
		}
		var unavailable *ring.UnavailableError
		if err := (&uringserve.Server{App: h, Engine: name, Addr: "127.0.0.1:0"}).ListenAndServe(); !errors.As(err, &unavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := uringserve.ListenAndServe("nowhere", http.NotFoundHandler()); !errors.Is(err, uringserve.ErrBadAddress) {
		t.Errorf("ListenAndServe: %v", err)
	}
	s := &uringserve.Server{App: h, Engine: "net"}
	if err := s.Start(); !errors.Is(err, uringserve.ErrNoAddress) {
		t.Errorf("Start without an address: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// What a handler sees of its request stays while it runs, also when Close did
// not wait for it.
func TestViewsOutliveClose(t *testing.T) {
	begun, release, seen := make(chan bool), make(chan bool), make(chan string)
	h := app.HandlerFunc(func(req *app.Request, _ *app.Response) {
		begun <- true
		<-release
		seen <- string(req.Path)
	})
	s := &uringserve.Server{App: h, Log: quiet}
	c := dial(t, start(t, s, "127.0.0.1:0")[0])
	fmt.Fprint(c, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
	<-begun
	s.Close()
	close(release)
	if got := <-seen; got != "/slow" {
		t.Errorf("got %q", got)
	}
}
