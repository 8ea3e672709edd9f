package conn

import (
	"context"
	"log/slog"

	"github.com/uringserve/uringserve/h1"
	"github.com/uringserve/uringserve/h2"
)

// Log lines are written by goroutines, because a log that blocks must not
// block a loop. Both how many there are and how many a second brings is
// bounded; what is over is counted.
const (
	maxLogLines   = 10 // per heartbeat and loop
	maxLogWriters = 16 // per Server, at a time
	maxLogText    = 8 << 10
)

// emit writes a log line, if there is room for one.
func (l *loop) emit(level slog.Level, msg string, attrs ...slog.Attr) {
	s := l.srv
	if s.log == nil || !s.log.Enabled(context.Background(), level) {
		return
	}
	if now := l.rl.Now(); now >= l.logAt {
		l.logAt, l.logged = now.Add(heartbeat), 0
	}
	if l.logged >= maxLogLines || s.logging.Add(1) > maxLogWriters {
		if l.logged < maxLogLines {
			s.logging.Add(-1)
		}
		l.n.logsDropped.Add(1)
		return
	}
	l.logged++
	go func() {
		defer s.logging.Add(-1)
		s.log.LogAttrs(context.Background(), level, msg, attrs...)
	}()
}

// logPanic reports a handler's panic with its stack.
func (l *loop) logPanic(err error) {
	text := err.Error()
	l.emit(slog.LevelError, "handler panicked", slog.String("panic", text[:min(len(text), maxLogText)]))
}

// logRejection reports a malformed request, to those who want to know.
func (l *loop) logRejection(err *h1.Error) {
	l.emit(slog.LevelDebug, "request refused", slog.String("reason", err.Reason.String()),
		slog.Int("status", err.Status), slog.Int("offset", err.Offset))
}

// logReset reports a stream or a connection that was refused, to those who want
// to know.
func (l *loop) logReset(r h2.Reason) {
	l.emit(slog.LevelDebug, "HTTP/2 refused", slog.String("reason", r.String()))
}

// logResponse reports a response that could not be sent as the handler wanted.
func (l *loop) logResponse(err error) {
	l.emit(slog.LevelError, "response refused", slog.String("reason", err.Error()))
}

// logLength reports a response whose body is not as long as declared.
func (l *loop) logLength(declared, written int64) {
	l.emit(slog.LevelError, "response has not the declared length",
		slog.Int64("declared", declared), slog.Int64("written", written))
}
