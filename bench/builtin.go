package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/valyala/fasthttp"
)

// peerMain is bench peer: the servers that are written in Go.
func peerMain(args []string) error {
	if len(args) == 0 {
		return usageError("bench peer: which one?")
	}
	fs := flag.NewFlagSet("bench peer", flag.ContinueOnError)
	addr := fs.String("addr", "127.0.0.1:8080", "address to listen on")
	dir := fs.String("dir", "", "directory for files that handlers write")
	engine := fs.String("engine", "auto", "engine of ours")
	off := fs.Bool("takeover-off", false, "ours without takeover")
	if err := fs.Parse(args[1:]); err != nil {
		return err
	}
	switch args[0] {
	case "nethttp":
		return serveNetHTTP(*addr, *dir)
	case "fasthttp":
		return serveFastHTTP(*addr)
	case "ours-blocking":
		return serveBlocking(*addr, *dir, *engine, *off)
	}
	return usageError(fmt.Sprintf("bench peer: no %q", args[0]))
}

// serveNetHTTP serves /plaintext, and the slow handlers for comparison.
func serveNetHTTP(addr, dir string) error {
	slow := &slow{dir: dir}
	h := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		ms := ""
		if req.URL.RawQuery != "" {
			ms = req.URL.Query().Get("ms")
		}
		body, ok := slow.serve(req.URL.Path, ms)
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", wantType)
		w.Header().Set("Server", "net/http")
		_, _ = io.WriteString(w, body) // the client is gone: nothing to do
	})
	return (&http.Server{Addr: addr, Handler: h}).ListenAndServe()
}

func serveFastHTTP(addr string) error {
	ln, err := net.Listen("tcp4", addr)
	if err != nil {
		return err
	}
	s := &fasthttp.Server{Name: "fasthttp", Handler: func(ctx *fasthttp.RequestCtx) {
		if string(ctx.Path()) != plaintext {
			ctx.SetStatusCode(http.StatusNotFound)
			return
		}
		ctx.SetContentType(wantType)
		ctx.SetBodyString(wantBody)
	}}
	return s.Serve(ln)
}

func goVersion() string { return strings.Replace(runtime.Version(), "go", "Go ", 1) }

// moduleVersion is the version of a dependency of this executable.
func moduleVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "version unknown"
	}
	for _, m := range info.Deps {
		if m.Path == path {
			return m.Version
		}
	}
	return "version unknown"
}
