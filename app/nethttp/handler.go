package nethttp

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"time"

	"github.com/uringserve/uringserve/app"
)

// Options are what http.Server says about handlers. The zero value is as that of
// http.Server.
type Options struct {
	// ErrorLog gets what net/http logs about misuse of a ResponseWriter; nil: the
	// log package's standard logger. Panics are the server's to log.
	ErrorLog *log.Logger

	// DisableGeneralOptionsHandler has the handler see "OPTIONS *".
	DisableGeneralOptionsHandler bool

	// ReadTimeout bounds the reading of a body, WriteTimeout the writing of a
	// response, each from the end of the request's head on; 0 or less: not.
	ReadTimeout, WriteTimeout time.Duration

	// MaxBodyBytes is the server's limit on bodies, for the text of
	// http.MaxBytesError.
	MaxBodyBytes int64

	// KeepAlives reports whether HTTP/1.1 connections may go on after their
	// response; nil: they may.
	KeepAlives func() bool
}

// Handler makes h an app.Handler. A handler that is an app.Optioned, too, is
// asked for its options; requests of gRPC have no limit on the length and speed
// of their bodies, as they are streams, unless it says otherwise.
func Handler(h http.Handler, o Options) app.Optioned {
	if h == nil {
		panic("nethttp: nil handler")
	}
	return &adapter{h: h, opt: o}
}

type adapter struct {
	h   http.Handler
	opt Options
}

// Options is app.Optioned's.
func (a *adapter) Options(req *app.Request) (o app.Options) {
	if req.ContentLength == 0 {
		return o
	}
	if kind := req.Get("Content-Type"); bytes.HasPrefix(kind, grpc) {
		o.MaxBodyBytes, o.NoMinBodyRate, o.NoMinResponseRate = -1, true, true
	}
	return o
}

var grpc = []byte("application/grpc")

// Serve is app.Handler's.
func (a *adapter) Serve(in *app.Request, resp *app.Response) {
	x, ok := newExchange(a, in, resp)
	if !ok {
		badTarget(resp)
		return
	}
	x.conn.begin()
	x.setTimeouts()
	returned := false
	defer func() {
		x.end(returned)
		x.conn.end()
		if !returned {
			x.pass(recover())
		}
	}()
	if in.Method == "OPTIONS" && x.req.RequestURI == "*" && !a.opt.DisableGeneralOptionsHandler {
		x.answerOptions()
	} else {
		a.h.ServeHTTP(x.writer(), &x.req)
	}
	returned = true
}

// writer is the ResponseWriter, with the methods that the protocol has.
func (x *exchange) writer() http.ResponseWriter {
	if x.http2() {
		return writer2{&x.out}
	}
	return writer1{&x.out}
}

// pass has the server see a panic as its own kind.
func (x *exchange) pass(v any) {
	switch v {
	case nil: // runtime.Goexit
	case http.ErrAbortHandler:
		panic(app.ErrAbort)
	default:
		panic(&Panic{x.conn.remote, v})
	}
}

// end takes everything back from the handler. If it has returned, the response
// is complete.
func (x *exchange) end(returned bool) {
	resp := x.out.end(returned)
	if x.in.ContentLength != 0 {
		x.body.end(resp)
	}
	x.mu.Lock()
	x.ended = true
	x.mu.Unlock()
	if x.req.MultipartForm != nil {
		_ = x.req.MultipartForm.RemoveAll() // as net/http
	}
}

// setTimeouts sets the deadlines that hold for all requests.
func (x *exchange) setTimeouts() {
	if d := x.a.opt.ReadTimeout; d > 0 && x.in.ContentLength != 0 {
		_ = x.in.SetReadDeadline(time.Now().Add(d)) // the exchange has just begun
	}
	if d := x.a.opt.WriteTimeout; d > 0 {
		_ = x.sink.SetWriteDeadline(time.Now().Add(d))
	}
}

// answerOptions answers "OPTIONS *" as net/http does.
func (x *exchange) answerOptions() {
	x.out.Header().Set("Content-Length", "0")
	if x.in.ContentLength != 0 {
		const most = 4 << 10
		_, _ = io.CopyN(io.Discard, x.req.Body, most) // the client hears no more of it
	}
}

// badTarget answers a target that is no URL, as net/http does.
func badTarget(resp *app.Response) {
	resp.SetStatus(http.StatusBadRequest)
	resp.Set("Content-Type", "text/plain; charset=utf-8")
	resp.Set("Connection", "close")
	_, _ = resp.WriteString("400 Bad Request") // it is only staged
}

func (a *adapter) logf(format string, args ...any) {
	if a.opt.ErrorLog != nil {
		a.opt.ErrorLog.Printf(format, args...)
		return
	}
	log.Printf(format, args...)
}
