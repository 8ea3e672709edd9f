package nethttp

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/uringserve/uringserve/app"
)

// errMalformed is net/http's word for a body with bad framing.
var errMalformed = errors.New("malformed chunked encoding")

// bodyError is what net/http would say, wrapping what the server said.
func (x *exchange) bodyError(err error) error {
	fault, ok := errors.AsType[*app.BodyError](err)
	if !ok {
		if errors.Is(err, app.ErrEnded) {
			return http.ErrBodyReadAfterClose
		}
		return err
	}
	switch fault.Fault {
	case app.BodyTooLarge:
		return &http.MaxBytesError{Limit: x.a.opt.MaxBodyBytes}
	case app.BodyMalformed:
		return both{errMalformed, err}
	case app.BodyDeadline, app.BodyTooSlow:
		return both{os.ErrDeadlineExceeded, err}
	}
	return both{io.ErrUnexpectedEOF, err}
}

// writeError is what net/http would say.
func writeError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, app.ErrContentLength):
		return http.ErrContentLength
	case errors.Is(err, app.ErrDeadline):
		return both{os.ErrDeadlineExceeded, err}
	}
	return err
}

// both is an error that is another one as well. It prints as the first, which is
// what handlers written for net/http know.
type both struct{ first, second error }

func (b both) Error() string   { return b.first.Error() }
func (b both) Unwrap() []error { return []error{b.first, b.second} }

// Timeout makes a deadline a net.Error's.
func (b both) Timeout() bool { return errors.Is(b.first, os.ErrDeadlineExceeded) }

// Temporary is false: what ended a body or a response has ended it.
func (b both) Temporary() bool { return false }

// A Panic is what a handler panicked with, and whom it served. The server logs
// it.
type Panic struct {
	Remote string
	Value  any
}

func (p *Panic) Error() string { return fmt.Sprintf("http: panic serving %s: %v", p.Remote, p.Value) }
