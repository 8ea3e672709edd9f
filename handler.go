package uringserve

import (
	"context"
	"log"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/uringserve/uringserve/app/nethttp"
	"github.com/uringserve/uringserve/conn"
)

// config is what connections are made from.
func (s *Server) config() conn.Config {
	limits := s.limits()
	cfg := conn.Config{Handler: s.App, FlushAtOnce: s.TakeoverOff, Limits: limits, Handshakes: s.Handshakes, Log: s.log()}
	if s.App == nil {
		h := s.Handler
		if h == nil {
			h = http.DefaultServeMux
		}
		cfg.Handler = nethttp.Handler(h, nethttp.Options{
			ErrorLog:                     s.ErrorLog,
			DisableGeneralOptionsHandler: s.DisableGeneralOptionsHandler,
			ReadTimeout:                  s.ReadTimeout,
			WriteTimeout:                 s.WriteTimeout,
			MaxBodyBytes:                 limits.MaxBodyBytes,
			KeepAlives:                   func() bool { return !s.once.Load() },
		})
	} else if s.BaseContext == nil && s.ConnContext == nil && s.ConnState == nil {
		return cfg
	}
	s.standIn = s.newStandIn()
	conns := &nethttp.Connections{Server: s.standIn, Context: s.ConnContext, State: s.ConnState}
	if s.BaseContext != nil {
		conns.Base = s.bases.context
	}
	cfg.ConnContext = conns.Open
	if s.ConnState != nil || s.ConnContext != nil {
		cfg.ConnClosed = conns.Closed // so that Open comes with the accept
	}
	return cfg
}

// newStandIn is what handlers find under http.ServerContextKey. Its fields are
// ours; its Shutdown is ours.
func (s *Server) newStandIn() *http.Server {
	in := &http.Server{
		Addr: s.Addr, Handler: s.Handler, TLSConfig: s.TLSConfig,
		DisableGeneralOptionsHandler: s.DisableGeneralOptionsHandler,
		ReadTimeout:                  s.ReadTimeout, ReadHeaderTimeout: s.ReadHeaderTimeout,
		WriteTimeout: s.WriteTimeout, IdleTimeout: s.IdleTimeout, MaxHeaderBytes: s.MaxHeaderBytes,
		ConnState: s.ConnState, ErrorLog: s.ErrorLog, BaseContext: s.BaseContext, ConnContext: s.ConnContext,
		HTTP2: s.HTTP2, Protocols: s.Protocols,
	}
	in.RegisterOnShutdown(func() {
		_ = s.Shutdown(context.Background()) // the caller's context does not get here
	})
	return in
}

// limits are Limits, with what http.Server's fields say instead.
func (s *Server) limits() conn.Limits {
	l := s.Limits
	if l == (conn.Limits{}) {
		l = conn.DefaultLimits()
	}
	override(&l.HeaderTimeout, s.ReadTimeout)
	override(&l.HeaderTimeout, s.ReadHeaderTimeout)
	override(&l.KeepAliveTimeout, s.ReadTimeout)
	override(&l.KeepAliveTimeout, s.IdleTimeout)
	if n := s.MaxHeaderBytes; n > 0 {
		l.H1.LineBytes, l.H1.HeadBytes = max(n, 64), n
		l.H2.TargetBytes, l.H2.FieldBytes, l.H2.BlockBytes = max(n, 64), n, max(2*n, l.H2.BlockBytes)
	}
	if h := s.HTTP2; h != nil {
		overrideIn(&l.H2.Streams, h.MaxConcurrentStreams, 1, 1<<20)
		overrideIn(&l.H2.TableBytes, h.MaxDecoderHeaderTableSize, 1, 4<<20-1)
		overrideIn(&l.H2.SendTableBytes, h.MaxEncoderHeaderTableSize, 1, 4<<20-1)
		overrideIn(&l.H2.FrameBytes, h.MaxReadFrameSize, 16<<10, 1<<24-1)
		overrideIn(&l.H2.ConnWindow, h.MaxReceiveBufferPerConnection, 64<<10, 4<<20-1)
		overrideIn(&l.H2.StreamWindow, h.MaxReceiveBufferPerStream, 1, 4<<20-1)
	}
	return l
}

// override replaces a time limit: net/http's 0 says nothing, and a negative one
// is no limit.
func override(limit *time.Duration, d time.Duration) {
	switch {
	case d > 0:
		*limit = d
	case d < 0:
		*limit = conn.Off
	}
}

// overrideIn replaces a limit by a value in range, as http.HTTP2Config says.
func overrideIn(limit *int, n, least, utmost int) {
	if least <= n && n <= utmost {
		*limit = n
	}
}

// protocols are those of listeners with TLS, or without.
func (s *Server) protocols(tls bool) (p conn.Protocols) {
	if s.Protocols == nil {
		return conn.HTTP1 | conn.HTTP2
	}
	if s.Protocols.HTTP1() {
		p |= conn.HTTP1
	}
	if tls && s.Protocols.HTTP2() || !tls && s.Protocols.UnencryptedHTTP2() {
		p |= conn.HTTP2
	}
	return p
}

func (s *Server) checkProtocols() error {
	if s.protocols(false)|s.protocols(true) == 0 {
		return &ConfigError{"Protocols", ErrNoProtocol}
	}
	return nil
}

// SetKeepAlivesEnabled says whether HTTP/1.1 connections of Handler may go on
// after a response; from the start on they may.
func (s *Server) SetKeepAlivesEnabled(v bool) { s.once.Store(!v) }

// errorLog is an http.Server's ErrorLog for slog's lines of level Warn and above.
// Panics look as net/http's do.
type errorLog struct {
	*log.Logger
	attrs string
}

func (l errorLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

func (l errorLog) Handle(_ context.Context, r slog.Record) error {
	var text strings.Builder
	text.WriteString("uringserve: " + r.Message + l.attrs)
	panicked := ""
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "panic" {
			panicked = a.Value.String()
			return false
		}
		text.WriteString(" " + a.String())
		return true
	})
	if panicked != "" {
		return l.Output(0, panicked)
	}
	return l.Output(0, text.String())
}

func (l errorLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		l.attrs += " " + a.String()
	}
	return l
}

func (l errorLog) WithGroup(string) slog.Handler { return l }
