package nethttp

import (
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/uringserve/uringserve/app"
)

// A body is Request.Body where there is one.
type body struct {
	x *exchange

	mu     sync.Mutex
	closed bool  // guarded by mu
	err    error // guarded by mu; once there was one
}

// Read reads the body; its trailers are in Request.Trailer at the end.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.x.hijacked.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	if b.err != nil {
		return 0, b.err
	}
	if b.x.readBy.over() {
		b.err = os.ErrDeadlineExceeded
		return 0, b.err
	}
	n, err := b.x.in.Read(p)
	switch err {
	case nil:
	case io.EOF:
		b.x.takeTrailers(b.x.in.Trailer())
		b.err = err
	default:
		err = b.x.bodyError(err)
		b.err = err
	}
	return n, err
}

// Close has Read fail. The server reads on, as far as it is worth it.
func (b *body) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return nil
}

// end closes the body for good. A goroutine that the handler has left reading is
// woken: Serve must not return before it is out of the server. The response is
// complete, and goes first, as the end of a body by deadline may be its end.
func (b *body) end(resp *app.Response) {
	if !b.mu.TryLock() {
		if resp != nil {
			_ = resp.Flush() // who cannot write learns it elsewhere
		}
		_ = b.x.in.SetReadDeadline(time.Unix(1, 0))
		b.mu.Lock()
	}
	b.closed = true
	b.mu.Unlock()
}

// takeTrailers puts the trailers where the handler looks for them.
func (x *exchange) takeTrailers(f *app.Fields) {
	if f == nil || f.Len() == 0 {
		return
	}
	received := make(http.Header, f.Len())
	for name, value := range f.All() {
		key := string(canonical(nil, name))
		received[key] = append(received[key], string(value))
	}
	if x.http2() {
		for key := range x.req.Trailer { // those that were announced
			if values, ok := received[key]; ok {
				x.req.Trailer[key] = values
			}
		}
		return
	}
	if x.req.Trailer == nil {
		x.req.Trailer = received
		return
	}
	for key, values := range received {
		x.req.Trailer[key] = values
	}
}
