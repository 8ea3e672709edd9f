package h1

import (
	"fmt"
	"strings"
)

// A replayer does what a connection does with what it receives, and logs the
// facts: heads, content, trailers, the error, what is left. The log must not
// depend on how the input is cut.
type replayer struct {
	lim  Limits
	log  strings.Builder
	buf  []byte // not yet taken; capacity is length, so that over-reads panic
	seen int

	head    Head
	body    Body
	inBody  bool
	content []byte // of the present body, not yet logged
	tunnel  bool
	failed  bool
}

// feed takes the next piece of input.
func (r *replayer) feed(piece []byte) {
	joined := make([]byte, len(r.buf)+len(piece))
	copy(joined, r.buf)
	copy(joined[len(r.buf):], piece)
	r.buf = joined[:len(joined):len(joined)]
	for !r.failed && !r.tunnel && r.step() {
	}
}

// step takes a head, or some body; false: more input is needed.
func (r *replayer) step() bool {
	if r.inBody {
		return r.stepBody()
	}
	n, scanned, err := ParseHead(r.buf, r.seen, &r.lim, &r.head)
	if err != nil {
		r.fail(err)
		return false
	}
	if n == 0 {
		if scanned != len(r.buf) {
			panic(fmt.Sprintf("scanned %d of %d bytes and wants more", scanned, len(r.buf)))
		}
		r.seen = scanned
		return false
	}
	r.logHead()
	r.take(n)
	r.body.Reset(r.head.Length, &r.lim)
	r.inBody = true
	r.tunnel = r.head.Method == "CONNECT" && r.head.Length == 0
	return true
}

func (r *replayer) stepBody() bool {
	data, n, err := r.body.Decode(r.buf)
	r.content = append(r.content, data...)
	if err != nil {
		r.logContent()
		r.fail(err)
		return false
	}
	r.take(n)
	if !r.body.Done() {
		return n > 0
	}
	r.logContent()
	if t := r.body.Trailers(); t != nil {
		for name, value := range t.All() {
			fmt.Fprintf(&r.log, "trailer %q: %q\n", name, value)
		}
	}
	r.inBody = false
	return len(r.buf) > 0
}

func (r *replayer) take(n int) { r.buf, r.seen = r.buf[n:], 0 }

func (r *replayer) fail(err *Error) {
	r.failed = true
	fmt.Fprintf(&r.log, "refused %d: %s at %d\n", err.Status, err.Reason, err.Offset)
}

func (r *replayer) logContent() {
	if len(r.content) > 0 {
		fmt.Fprintf(&r.log, "content %d %q\n", len(r.content), r.content)
	}
	r.content = nil
}

var formNames = map[TargetForm]string{FormOrigin: "origin", FormAbsolute: "absolute",
	FormAuthority: "authority", FormAsterisk: "asterisk"}

func (r *replayer) logHead() {
	h := &r.head
	fmt.Fprintf(&r.log, "head %s %q 1.%d %s path=%q query=%q host=%q length=%d",
		h.Method, h.Target, h.Minor, formNames[h.Form], h.Path, h.Query, h.Host, h.Length)
	for _, mark := range []struct {
		on   bool
		name string
	}{{h.KeepAlive, "keep-alive"}, {h.Expect100, "expect-100"}, {h.Upgrade, "upgrade"}} {
		if mark.on {
			r.log.WriteString(" " + mark.name)
		}
	}
	r.log.WriteByte('\n')
	for name, value := range h.Fields.All() {
		fmt.Fprintf(&r.log, "field %q: %q\n", name, value)
	}
}

// end is the log once the input has ended.
func (r *replayer) end() string {
	switch {
	case r.failed:
	case r.tunnel:
		fmt.Fprintf(&r.log, "tunnel %d %q\n", len(r.buf), r.buf)
	case r.inBody:
		r.logContent()
		fmt.Fprintf(&r.log, "open body, remaining %d\n", r.body.Remaining())
	case len(r.buf) > 0:
		fmt.Fprintf(&r.log, "open head, %d bytes\n", len(r.buf))
	default:
		r.log.WriteString("end\n")
	}
	return r.log.String()
}

// replay is the log of the pieces, which come one after the other.
func replay(lim Limits, pieces ...[]byte) string {
	r := &replayer{lim: lim}
	for _, piece := range pieces {
		r.feed(piece)
	}
	return r.end()
}

// replayBytewise is the log of input that comes byte by byte.
func replayBytewise(lim Limits, input []byte) string {
	r := &replayer{lim: lim}
	for i := range input {
		r.feed(input[i : i+1])
	}
	return r.end()
}
