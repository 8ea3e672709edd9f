package app

import "errors"

// Errors of a Response's methods, besides ErrEnded.
var (
	// ErrGone: the client is gone, or was cut off; nothing more will reach it.
	ErrGone = errors.New("app: the client is gone")

	// ErrContentLength: more was written than the Content-Length that the
	// handler had set.
	ErrContentLength = errors.New("app: more written than the declared Content-Length")

	// ErrDeadline: the deadline that the handler had set is over. It is
	// os.ErrDeadlineExceeded to errors.Is, and a net.Error whose Timeout is
	// true.
	ErrDeadline error = deadlineError{}

	// ErrNotHijackable: the connection carries other requests as well.
	ErrNotHijackable = errors.New("app: a stream of HTTP/2 cannot be hijacked")

	// ErrCommitted: it is too late for that, the head of the response has
	// gone.
	ErrCommitted = errors.New("app: the head of the response has gone")
)

// ErrAbort is what a handler panics with to break its response off: the client
// sees that it is not whole, and nothing is logged.
var ErrAbort = errors.New("app: handler aborted")

type deadlineError struct{}

func (deadlineError) Error() string   { return "app: the deadline is over" }
func (deadlineError) Timeout() bool   { return true }
func (deadlineError) Temporary() bool { return true }

// Is makes it one of os.ErrDeadlineExceeded, which is told by what it says: this
// package stays clear of package os.
func (deadlineError) Is(target error) bool {
	t, ok := target.(interface{ Timeout() bool })
	return ok && t.Timeout() && target.Error() == "i/o timeout"
}
