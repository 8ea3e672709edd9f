package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/uringserve/uringserve"
	"github.com/uringserve/uringserve/conn"
)

// serve runs the server until a signal.
func serve(args []string, stdout, stderr io.Writer) int {
	c, err := parseServe(args)
	if err != nil {
		return usageError(stderr, err)
	}
	if c.help {
		return help(nil, stdout, stderr)
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	defer signal.Stop(signals)

	server := newServer(c, stderr)
	reload, err := secure(server, c)
	if err != nil {
		return abandon(server, stderr, err)
	}
	defer reload.stop()
	urls, err := listen(server, c.listen)
	if err != nil {
		return abandon(server, stderr, err)
	}
	raiseProcs(server.Info())
	if err := server.Start(); err != nil {
		return abandon(server, stderr, err)
	}
	info := server.Info()
	for _, u := range urls {
		fmt.Fprintf(stderr, "uringserve: listening url=%s engine=%s loops=%d reason=%q\n", u, info.Engine, info.Loops, info.Reason)
	}
	return untilSignal(server, c, signals, stderr)
}

func newServer(c *config, stderr io.Writer) *uringserve.Server {
	limits := conn.DefaultLimits()
	limits.MaxBodyBytes = c.maxBody
	api := newAPI(c.testEndpoints)
	server := &uringserve.Server{
		App:           api,
		Engine:        c.engine,
		Loops:         c.loops,
		TakeoverOff:   c.takeoverOff,
		Protocols:     httpProtocols(c.protocols),
		Limits:        limits,
		Log:           slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: c.logLevel})),
		ShutdownDelay: c.shutdownDelay,
	}
	api.info = server.Info
	return server
}

// httpProtocols is p as the server's field has it; 0: all.
func httpProtocols(p conn.Protocols) *http.Protocols {
	if p == 0 {
		return nil
	}
	all := new(http.Protocols)
	all.SetHTTP1(p&conn.HTTP1 != 0)
	all.SetHTTP2(p&conn.HTTP2 != 0)
	all.SetUnencryptedHTTP2(p&conn.HTTP2 != 0)
	return all
}

// listen binds all addresses, and gives their URLs, ports resolved.
func listen(server *uringserve.Server, endpoints []endpoint) (urls []string, err error) {
	for _, e := range endpoints {
		bind, scheme := server.Listen, "http"
		if e.tls {
			bind, scheme = server.ListenTLS, "https"
		}
		addrs, err := bind(e.addr)
		if err != nil {
			var bad *uringserve.ConfigError
			if errors.As(err, &bad) && bad.Field != "Addr" {
				return nil, bad.Err
			}
			return nil, fmt.Errorf("--listen %s: %w", e.url, err)
		}
		for _, a := range addrs {
			urls = append(urls, urlOf(scheme, a))
		}
	}
	return urls, nil
}

func urlOf(scheme string, a net.Addr) string {
	if a.Network() == "unix" {
		return "unix:" + a.String()
	}
	return scheme + "://" + a.String()
}

// abandon ends a server that could not be started.
func abandon(server *uringserve.Server, stderr io.Writer, err error) int {
	_ = server.Close() // it never fails
	return failure(stderr, err)
}

// raiseProcs lets Go run a goroutine beside all loops. The process is ours, so
// it may; a library must not.
func raiseProcs(info uringserve.Info) {
	if info.Engine == "net" || os.Getenv("GOMAXPROCS") != "" {
		return
	}
	if want := info.Loops + 1; runtime.GOMAXPROCS(0) < want {
		runtime.GOMAXPROCS(want)
	}
}

// sameSignal is how long a signal that comes again is taken for the same one:
// timeout(1) sends its signal to the program and to the group that it is in, and
// a terminal to the program and to a parent that may pass it on.
const sameSignal = 200 * time.Millisecond

// isSecond reports whether s, so long after the first signal, is another one.
func isSecond(s, first os.Signal, after time.Duration) bool {
	return s != first || after >= sameSignal
}

// untilSignal waits for the end: a signal begins the shutdown, a second one
// cuts it short.
func untilSignal(server *uringserve.Server, c *config, signals <-chan os.Signal, stderr io.Writer) int {
	failed := make(chan error, 1)
	go func() { failed <- server.Wait() }()
	var first os.Signal
	select {
	case err := <-failed:
		return abandon(server, stderr, err)
	case first = <-signals:
		fmt.Fprintf(stderr, "uringserve: shutting down signal=%q delay=%v timeout=%v\n", first, c.shutdownDelay, c.shutdownTimeout)
	}
	begin := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), c.shutdownDelay+c.shutdownTimeout)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- server.Shutdown(ctx) }()
	for {
		select {
		case err := <-done:
			if err != nil {
				return exitFailure // it has been logged
			}
			fmt.Fprintln(stderr, "uringserve: all clients were served")
			return exitOK
		case s := <-signals:
			if isSecond(s, first, time.Since(begin)) {
				fmt.Fprintf(stderr, "uringserve: ending at once signal=%q\n", s)
				return exitFailure
			}
		}
	}
}
