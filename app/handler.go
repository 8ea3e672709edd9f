package app

// Handler answers requests. Serve is called once per request, for one
// connection never concurrently over HTTP/1.1, for different connections
// concurrently. It may block. The response is complete when it returns.
//
// A panic is contained: the client gets a 500, or a broken connection if the
// response had begun.
type Handler interface {
	Serve(*Request, *Response)
}

// HandlerFunc lets a function be a Handler.
type HandlerFunc func(*Request, *Response)

// Serve calls f.
func (f HandlerFunc) Serve(req *Request, resp *Response) { f(req, resp) }

// Mode is a hint about how to run a handler.
type Mode uint8

const (
	// ModeAuto runs the handler inline and learns from what it does.
	ModeAuto Mode = iota
	// ModeInline runs it inline whatever was learned.
	ModeInline
	// ModeBlocking runs it on a goroutine.
	ModeBlocking
)

// Options are a handler's wishes, read before its requests are read whole. The
// zero value wishes nothing.
type Options struct {
	// Mode hints at how to run the handler.
	Mode Mode
	// MaxBodyBytes replaces the server's limit on request bodies, in bytes,
	// if positive; negative: no limit.
	MaxBodyBytes int64
	// NoMinBodyRate switches off the minimum rate of request bodies.
	NoMinBodyRate bool
	// NoMinResponseRate switches off the minimum rate at which the client
	// must take the response.
	NoMinResponseRate bool
}

// Optioned is a Handler with Options that may depend on the request's head.
// Options is called on the loop before Serve, must not block, and sees no
// body.
type Optioned interface {
	Handler
	Options(*Request) Options
}

type optioned struct {
	Handler
	opt Options
}

func (o optioned) Options(*Request) Options { return o.opt }

// WithOptions gives h fixed options.
func WithOptions(h Handler, opt Options) Optioned { return optioned{h, opt} }

// Blocking hints that h blocks, so that no loop has to find out.
func Blocking(h Handler) Optioned { return WithOptions(h, Options{Mode: ModeBlocking}) }

// Inline hints that h is fast. A handler that changes its thread's identity
// (setns, cgo signal masks) must not be inline: use Blocking.
func Inline(h Handler) Optioned { return WithOptions(h, Options{Mode: ModeInline}) }
