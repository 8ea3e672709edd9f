package app

import (
	"net"
	"time"
)

// StageBytes is how much body a Response holds before it is handed to the
// connection, in bytes. A body that fits, and is not flushed, goes out with
// its head in one piece and gets a Content-Length.
const StageBytes = 16 << 10

// Response is the answer that a handler fills. It is sent when Serve returns,
// or from the first Flush or StageBytes of body on.
type Response struct {
	// Header are the header fields. They are the handler's until the head
	// goes; later changes are ignored. Date, Connection, Content-Length and
	// Transfer-Encoding are the server's to add; a Content-Length given here
	// is held to: a body of another length breaks the connection, reported
	// as ErrContentLength. Names and values that could be read as something
	// else (RFC 9110 §5.5) make the response a 500.
	Header Fields

	// Trailer are fields sent after the body, where the protocol allows it.
	// They are the handler's until Serve returns. Setting any before the head
	// goes makes an HTTP/1.1 response chunked.
	Trailer Fields

	status    int
	staged    []byte
	committed bool // the head has gone, or is fixed
	stream    Stream
}

// Reset empties r for the exchange of s; memory is kept. For servers.
func (r *Response) Reset(s Stream) {
	r.Header.Reset()
	r.Trailer.Reset()
	if cap(r.staged) > StageBytes {
		r.staged = nil
	}
	// One by one: copying the whole struct shows in profiles.
	r.staged = r.staged[:0]
	r.status, r.committed, r.stream = 0, false, s
}

// SetStatus sets the status code, 200 … 599; 200 if it is never called. It has
// no effect once the head has gone. An informational status (1xx other than
// 101) is WriteInformational's.
func (r *Response) SetStatus(code int) {
	if !r.committed {
		r.status = code
	}
}

// Status is the status code, 200 if none was set.
func (r *Response) Status() int {
	if r.status == 0 {
		return 200
	}
	return r.status
}

// Set sets a header field, replacing those of that name. Both are copied.
func (r *Response) Set(name, value string) { r.Header.Set(name, value) }

// Add adds a header field. Both are copied.
func (r *Response) Add(name, value string) { r.Header.Add(name, value) }

// Write adds p to the body, as io.Writer. p is copied. It blocks while the
// client is slow and the buffers are full.
func (r *Response) Write(p []byte) (int, error) { return write(r, p) }

// WriteString is Write of a string.
func (r *Response) WriteString(s string) (int, error) { return write(r, s) }

func write[T []byte | string](r *Response, p T) (int, error) {
	total := 0
	for len(r.staged)+len(p)-total > StageBytes {
		room := StageBytes - len(r.staged)
		r.staged = append(r.staged, p[total:total+room]...)
		total += room
		if err := r.stream.WriteBody(r, false); err != nil {
			return total, err
		}
	}
	r.staged = append(r.staged, p[total:]...)
	return len(p), nil
}

// Flush sends what has been written so far, the head first if it has not
// gone. It returns when the connection has taken it, which is not to say that
// the client has it.
func (r *Response) Flush() error { return r.stream.WriteBody(r, true) }

// WriteInformational sends an interim response, 102 … 199, with fields (nil
// for none), at once; 103 Early Hints for one (RFC 8297). Over HTTP/2 some may be
// left out if many wait for the client.
func (r *Response) WriteInformational(status int, fields *Fields) error {
	return r.stream.WriteInformational(status, fields)
}

// SetWriteDeadline has writes and flushes fail with ErrDeadline from t on, also
// one that waits; zero: never. After that nothing more can be written, and the
// response is broken off. It is noticed some milliseconds late.
func (r *Response) SetWriteDeadline(t time.Time) error { return r.stream.SetWriteDeadline(t) }

// Hijack takes the connection over: HTTP on it has ended, and it is the
// caller's, who closes it. c is a *net.TCPConn or *net.UnixConn where the
// listener's was one, a *tls.Conn with TLS: its deadlines and Close act on the
// socket, but its NetConn is not the socket; the socket is what a method of that,
// NetConn() net.Conn, answers. unread is what the client has sent
// beyond the head of this request, without what was read of its body: as it came,
// but that the rest of a chunked body is chunked anew, from where it was read
// to. It is the caller's.
//
// If the head has gone, all that was written goes before what the caller sends,
// and the body is left without its end; if it has not, the response is
// forgotten. Hijack blocks until the connection is free of all operations.
// Errors: ErrNotHijackable over HTTP/2, ErrCommitted if the response was one that
// cannot be sent, ErrGone, ErrEnded, those of Flush. The request's body cannot be
// read any more; its context is cancelled when the handler has returned.
func (r *Response) Hijack() (c net.Conn, unread []byte, err error) {
	h, ok := r.stream.(Hijacker)
	if !ok {
		return nil, nil, ErrNotHijackable
	}
	if r.committed {
		if err := r.Flush(); err != nil {
			return nil, nil, err
		}
	}
	return h.Hijack()
}

// Stream is the server's half of the exchange. For adapters.
func (r *Response) Stream() Stream { return r.stream }

// Staged is the body not yet handed over. For servers.
func (r *Response) Staged() []byte { return r.staged }

// ClearStaged says that Staged was taken. For servers.
func (r *Response) ClearStaged() { r.staged = r.staged[:0] }

// Commit fixes the head. For servers.
func (r *Response) Commit() { r.committed = true }

// Committed reports whether the head has gone or is fixed.
func (r *Response) Committed() bool { return r.committed }

// Fail replaces a response that has not begun with a bare one of that status.
// For servers.
func (r *Response) Fail(status int) {
	r.Header.Reset()
	r.Trailer.Reset()
	r.staged = r.staged[:0]
	r.status = status
}
