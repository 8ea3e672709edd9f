package app

import (
	"context"
	"time"
)

// endedStream is the stream of an exchange that is over.
type endedStream struct{}

func (endedStream) ReadBody([]byte) (int, error)          { return 0, ErrEnded }
func (endedStream) RequestTrailers() *Fields              { return nil }
func (endedStream) Context() context.Context              { return endedContext }
func (endedStream) ContextErr() error                     { return context.Canceled }
func (endedStream) WriteBody(*Response, bool) error       { return ErrEnded }
func (endedStream) WriteInformational(int, *Fields) error { return ErrEnded }
func (endedStream) SetReadLimit(int64) error              { return ErrEnded }
func (endedStream) Conn() *ConnInfo                       { return &ConnInfo{} }
func (endedStream) SetReadDeadline(time.Time) error       { return ErrEnded }
func (endedStream) SetWriteDeadline(time.Time) error      { return ErrEnded }

var endedContext = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()
