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
	cert := fs.String("cert", "", "file of the certificate; empty: no TLS")
	key := fs.String("key", "", "file of its key")
	h2c := fs.Bool("h2c", false, "HTTP/2 in cleartext, too")
	engine := fs.String("engine", "auto", "engine of ours")
	off := fs.Bool("takeover-off", false, "ours without takeover")
	if err := fs.Parse(args[1:]); err != nil {
		return err
	}
	switch args[0] {
	case "nethttp":
		return serveNetHTTP(*addr, *dir, certificate{*cert, *key}, *h2c)
	case "fasthttp":
		return serveFastHTTP(*addr, certificate{*cert, *key})
	case "gws":
		return serveGWS(*addr)
	case "coder":
		return serveCoder(*addr)
	case wsFloor:
		return serveFloor(*addr)
	case "ours-blocking":
		return serveBlocking(*addr, *dir, *engine, *off)
	case "grpc-transport":
		return serveGRPC(*addr)
	}
	if h := handlers[args[0]]; h != nil {
		return serveHandler(*addr, *engine, *off, h())
	}
	return usageError(fmt.Sprintf("bench peer: no %q", args[0]))
}

// serveNetHTTP serves /plaintext, and the slow handlers for comparison. Over
// TLS, HTTP/2 comes by itself.
func serveNetHTTP(addr, dir string, files certificate, h2c bool) error {
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
	s := &http.Server{Addr: addr, Handler: h}
	if files.cert != "" {
		return s.ListenAndServeTLS(files.cert, files.key)
	}
	if h2c {
		s.Protocols = new(http.Protocols)
		s.Protocols.SetHTTP1(true)
		s.Protocols.SetUnencryptedHTTP2(true)
	}
	return s.ListenAndServe()
}

func serveFastHTTP(addr string, files certificate) error {
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
	if files.cert != "" {
		return s.ServeTLS(ln, files.cert, files.key)
	}
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
