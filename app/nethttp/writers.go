package nethttp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/h1"
)

// writer1 and writer2 are the ResponseWriters of HTTP/1.1 and HTTP/2: each has
// the optional methods that net/http's has.
type (
	writer1 struct{ *response }
	writer2 struct{ *response }
)

var (
	_ http.Hijacker       = writer1{}
	_ io.ReaderFrom       = writer1{}
	_ http.Pusher         = writer2{}
	_ http.CloseNotifier  = (*response)(nil) //nolint:staticcheck // libraries still ask for it
	_ http.Flusher        = (*response)(nil)
	_ io.StringWriter     = (*response)(nil)
	_ http.ResponseWriter = (*response)(nil)
)

// SetReadDeadline is http.ResponseController's.
func (w *response) SetReadDeadline(t time.Time) error {
	return w.setDeadline(func(x *exchange) error {
		x.readBy.set(t)
		return x.in.SetReadDeadline(t)
	})
}

// SetWriteDeadline is http.ResponseController's. It may be called while a Write
// blocks.
func (w *response) SetWriteDeadline(t time.Time) error {
	return w.setDeadline(func(x *exchange) error {
		x.writeBy.set(t)
		return x.sink.SetWriteDeadline(t)
	})
}

func (w *response) setDeadline(set func(*exchange) error) error {
	x := w.x
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ended {
		return app.ErrEnded
	}
	return set(x)
}

// A deadline is one that the handler has set. The server notices it a little late,
// but what is over already is over at once.
type deadline struct{ nanos atomic.Int64 } // since 1970; 0: none

func (d *deadline) set(t time.Time) {
	if t.IsZero() {
		d.nanos.Store(0)
	} else {
		d.nanos.Store(max(1, t.UnixNano()))
	}
}

func (d *deadline) over() bool {
	n := d.nanos.Load()
	return n != 0 && time.Now().UnixNano() >= n
}

// EnableFullDuplex is http.ResponseController's. The two directions never wait
// for one another here.
func (w *response) EnableFullDuplex() error { return nil }

// CloseNotify is http.CloseNotifier's: deprecated, but asked for.
func (w *response) CloseNotify() <-chan bool {
	gone := make(chan bool, 1)
	done := w.x.ctx.Done()
	go func() {
		<-done
		gone <- true
	}()
	return gone
}

// Push is http.Pusher's. Clients have switched push off, and RFC 9113 §8.4 lets
// servers do without.
func (w writer2) Push(string, *http.PushOptions) error { return http.ErrNotSupported }

// ReadFrom writes what it reads from src.
func (w writer1) ReadFrom(src io.Reader) (n int64, err error) {
	buf := copyBuffers.Get().(*[copyBytes]byte)
	defer copyBuffers.Put(buf)
	for {
		m, rerr := src.Read(buf[:])
		if m > 0 {
			k, werr := w.Write(buf[:m])
			n += int64(k)
			if werr != nil {
				return n, werr
			}
		}
		if rerr == io.EOF {
			return n, nil
		}
		if rerr != nil {
			return n, rerr
		}
	}
}

const copyBytes = 32 << 10

var copyBuffers = sync.Pool{New: func() any { return new([copyBytes]byte) }}

// Hijack is http.Hijacker's. What the client has sent beyond the request's head
// is in the Reader. A head that WriteHeader or Write has fixed, and all that was
// written, is sent first; the body is left without its end.
func (w writer1) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch w.state {
	case responseHijacked:
		return nil, nil, http.ErrHijacked
	case responseOver:
		panic("net/http: Hijack called after ServeHTTP finished")
	}
	head, err := w.beforeHijack()
	if err != nil {
		return nil, nil, err
	}
	w.x.conn.beginHijack()
	c, unread, err := w.resp.Hijack()
	w.x.conn.endHijack(err == nil)
	if err != nil {
		if errors.Is(err, app.ErrNotHijackable) {
			err = both{http.ErrNotSupported, err}
		}
		return nil, nil, err
	}
	w.state = responseHijacked
	w.x.hijacked.Store(true)
	if len(head) > 0 {
		if _, err := c.Write(head); err != nil {
			_ = c.Close() // it is of no use
			return nil, nil, err
		}
	}
	return c, bufio.NewReadWriter(buffered(c, unread), bufio.NewWriter(c)), nil
}

// beforeHijack sends what there is of the response. The head of one that ends HTTP
// on the connection is not the server's to send, but goes first on what is
// hijacked.
func (w *response) beforeHijack() (head []byte, err error) {
	switch {
	case w.state != responseHeaded:
		return nil, nil
	case w.opensTunnel():
		return w.appendHead()
	case w.sniffs:
		w.sniff()
	}
	return nil, writeError(w.resp.Flush())
}

// buffered is a Reader of c that holds unread.
func buffered(c net.Conn, unread []byte) *bufio.Reader {
	const least = 4096
	if len(unread) == 0 {
		return bufio.NewReaderSize(c, least)
	}
	r := bufio.NewReaderSize(&replay{unread, c}, max(least, len(unread)))
	_, _ = r.Peek(len(unread)) // which reads them, and cannot fail
	return r
}

// A replay reads head, and then from Reader.
type replay struct {
	head []byte
	io.Reader
}

func (r *replay) Read(p []byte) (int, error) {
	if len(r.head) > 0 {
		n := copy(p, r.head)
		r.head = r.head[n:]
		return n, nil
	}
	return r.Reader.Read(p)
}

// appendHead is the head that WriteHeader has set, for a connection that is
// hijacked.
func (w *response) appendHead() ([]byte, error) {
	m := h1.ResponseMeta{
		Status:        w.resp.Status(),
		Fields:        &w.resp.Header,
		Date:          time.Now().UTC().AppendFormat(nil, http.TimeFormat),
		RequestMethod: w.x.in.Method,
		Minor:         w.x.in.Minor,
		KeepAlive:     true,
		Length:        -1,
	}
	head, _, _, _, err := h1.AppendHead(nil, &m)
	return head, err
}

// ownFrames is how the functions of this package are called.
const ownFrames = "github.com/uringserve/uringserve/app/nethttp."

// caller says who has called this package.
func caller() string {
	pc := make([]uintptr, 16)
	frames := runtime.CallersFrames(pc[:runtime.Callers(1, pc)])
	for {
		frame, more := frames.Next()
		if !strings.HasPrefix(frame.Function, ownFrames) || !more {
			return fmt.Sprintf("%s (%s:%d)", frame.Function, path.Base(frame.File), frame.Line)
		}
	}
}
