package conn

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/h2"
	"github.com/uringserve/uringserve/h2/hpack"
	"github.com/uringserve/uringserve/ring"
)

// An h2client is the client's end of an HTTP/2 connection over a fakeConn. It
// says what it is told to, and answers SETTINGS and PING by itself unless it is
// rude.
type h2client struct {
	*fakeConn
	t    *testing.T
	rude bool
	next uint32 // the id of the next request

	enc *hpack.Encoder
	dec *hpack.Decoder
	str hpack.Scratch
	in  []byte // received, less than a frame

	answers map[uint32]*h2answer
	goaways []h2goaway
	windows map[uint32]int // increments got, by stream
	pings   int            // of the server's, not answered because it is rude
	frames  int
	maxData int // the longest DATA frame
}

// An h2answer is what came on a stream.
type h2answer struct {
	interim  []string // heads, as lines of text
	head     string
	body     []byte
	trailers string
	ended    bool
	reset    *h2.Code
	frames   int // DATA frames
}

type h2goaway struct {
	last uint32
	code h2.Code
}

// serveH2 is a server with changed limits and a client that has been greeted.
func serveH2(t *testing.T, h app.HandlerFunc, changes ...func(*Limits)) (*fakeLoop, *h2client) {
	t.Helper()
	limits := DefaultLimits()
	for _, change := range changes {
		change(&limits)
	}
	f, _ := newFakeLoop(t, Config{Handler: h, Limits: limits})
	return f, f.openH2()
}

// openH2 opens a connection with a greeted client on it.
func (f *fakeLoop) openH2(settings ...h2.Setting) *h2client {
	f.t.Helper()
	c := f.connectH2()
	c.greet(settings...)
	return c
}

// connectH2 opens a connection whose client has said nothing, and is rude until
// it greets.
func (f *fakeLoop) connectH2() *h2client {
	lim := hpack.DefaultLimits()
	c := &h2client{fakeConn: f.open(), t: f.t, rude: true, next: 1, enc: hpack.NewEncoder(4096), dec: hpack.NewDecoder(4096, &lim),
		answers: map[uint32]*h2answer{}, windows: map[uint32]int{}}
	f.t.Cleanup(c.leaves)
	return c
}

func (c *h2client) greet(settings ...h2.Setting) {
	c.t.Helper()
	c.rude = false
	c.send(h2.AppendSettingsFrame([]byte(h2.Preface), settings...))
	if c.frames == 0 || c.over() {
		c.t.Fatal("the server does not greet")
	}
}

// window is the setting that gives new streams a window of n bytes.
func window(n uint32) h2.Setting { return h2.Setting{ID: h2.SettingInitialWindowSize, Value: n} }

// server is the server's half; nil once it is another protocol's.
func (c *h2client) server() *h2conn {
	k, _ := c.fakeConn.h.(*conn).p.(*h2conn)
	return k
}

func (c *h2client) over() bool { return c.fin || c.closed || c.done }

// leaves breaks the connection, and looks for what is left of it: streams,
// buffers, output.
func (c *h2client) leaves() {
	f := c.f
	c.break_(ring.ErrReset)
	f.idle()
	if c.fakeConn.h == nil {
		return
	}
	k, ok := c.fakeConn.h.(*conn).p.(*h2conn)
	if !ok {
		return
	}
	if k.streams.count != 0 || k.out != nil || k.due != 0 {
		c.t.Errorf("left: %d streams, %d due, output %v", k.streams.count, k.due, k.out != nil)
	}
	for _, s := range k.l.freeH2 {
		if s.c != nil || s.next != nil || s.data != nil || s.dataBuf != nil || s.pipe != nil || s.rdBuf != nil || s.sink != nil || len(s.heads) > 0 {
			c.t.Errorf("a stream that is free holds something")
		}
	}
}

// wantIdle fails unless the connection holds nothing.
func (c *h2client) wantIdle(why string) {
	c.t.Helper()
	k := c.server()
	if k.streams.count != 0 || k.x.Streams() != 0 || k.out != nil || k.due != 0 || k.sending != 0 {
		c.t.Errorf("%s: %d streams, %d of the engine, %d due, %d unsent", why, k.streams.count, k.x.Streams(), k.due, k.unsent())
	}
}

// send delivers b in one buffer, has the loop run, and reads.
func (c *h2client) send(b []byte) {
	c.t.Helper()
	if len(b) > 0 { // engines have no empty ones
		c.write(string(b))
	}
	c.read()
}

// head appends the head of a request, given as "name", "value", …, and gives
// it an id.
func (c *h2client) head(dst []byte, end bool, fields ...string) ([]byte, uint32) {
	id := c.next
	c.next += 2
	return h2.AppendHeadersFrames(dst, id, c.block(fields...), end, 16384), id
}

func (c *h2client) block(fields ...string) (b []byte) {
	for i := 0; i < len(fields); i += 2 {
		b = c.enc.AppendField(b, []byte(fields[i]), []byte(fields[i+1]), false)
	}
	return b
}

func pseudo(method, path string, more ...string) []string {
	return append([]string{":method", method, ":scheme", "http", ":authority", "x", ":path", path}, more...)
}

// get sends a GET.
func (c *h2client) get(path string, more ...string) uint32 {
	c.t.Helper()
	return c.request(true, "GET", path, more...)
}

// post sends the head of a POST.
func (c *h2client) post(path string, more ...string) uint32 {
	c.t.Helper()
	return c.request(false, "POST", path, more...)
}

func (c *h2client) request(end bool, method, path string, more ...string) uint32 {
	c.t.Helper()
	b, id := c.head(nil, end, pseudo(method, path, more...)...)
	c.send(b)
	return id
}

// data sends a part of a body, in frames of 16 KiB.
func (c *h2client) data(id uint32, p string, end bool) {
	c.t.Helper()
	var b []byte
	for len(p) > 16384 {
		b = h2.AppendDataFrame(b, id, []byte(p[:16384]), false)
		p = p[16384:]
	}
	c.send(h2.AppendDataFrame(b, id, []byte(p), end))
}

// trailers ends a request with fields.
func (c *h2client) trailers(id uint32, fields ...string) {
	c.t.Helper()
	c.send(h2.AppendHeadersFrames(nil, id, c.block(fields...), true, 16384))
}

func (c *h2client) update(id uint32, n int) {
	c.t.Helper()
	c.send(h2.AppendWindowUpdateFrame(nil, id, uint32(n)))
}

func (c *h2client) rst(id uint32, code h2.Code) {
	c.t.Helper()
	c.send(h2.AppendRSTStreamFrame(nil, id, code))
}

// answer is what has come on a stream.
func (c *h2client) answer(id uint32) *h2answer {
	c.t.Helper()
	c.read()
	if a := c.answers[id]; a != nil {
		return a
	}
	return &h2answer{}
}

// read takes in what the server has sent.
func (c *h2client) read() {
	c.t.Helper()
	for got := c.take(); got != ""; got = c.take() {
		c.in = append(c.in, got...)
		var reply []byte
		for len(c.in) >= h2.HeaderBytes {
			h := h2.ParseFrameHeader(c.in)
			end := h2.HeaderBytes + h.Length
			if len(c.in) < end {
				break
			}
			reply = c.frame(reply, h, c.in[h2.HeaderBytes:end])
			c.in = c.in[end:]
		}
		if len(reply) > 0 && !c.rude && !c.over() {
			c.write(string(reply))
		}
	}
}

func (c *h2client) frame(reply []byte, h h2.FrameHeader, p []byte) []byte {
	c.t.Helper()
	c.frames++
	if c.frames == 1 && (h.Type != h2.FrameSettings || h.Flags.Has(h2.FlagAck)) {
		c.t.Fatalf("the server's first frame is %v (RFC 9113 §3.4)", h)
	}
	switch h.Type {
	case h2.FrameSettings:
		if !h.Flags.Has(h2.FlagAck) {
			reply = h2.AppendSettingsAck(reply)
		}
	case h2.FramePing:
		if !h.Flags.Has(h2.FlagAck) {
			c.pings++
			reply = h2.AppendPingFrame(reply, [8]byte(p), true)
		}
	case h2.FrameGoAway:
		c.goaways = append(c.goaways, h2goaway{binary.BigEndian.Uint32(p), h2.Code(binary.BigEndian.Uint32(p[4:]))})
	case h2.FrameWindowUpdate:
		c.windows[h.ID] += int(binary.BigEndian.Uint32(p))
	case h2.FrameHeaders, h2.FrameData, h2.FrameRSTStream:
		c.onStream(h, p)
	default:
		c.t.Fatalf("the server sent %v", h)
	}
	return reply
}

func (c *h2client) onStream(h h2.FrameHeader, p []byte) {
	c.t.Helper()
	a := c.answers[h.ID]
	if a == nil {
		a = &h2answer{}
		c.answers[h.ID] = a
	}
	if a.reset != nil || a.ended && h.Type != h2.FrameRSTStream {
		c.t.Fatalf("%v after the end of the stream", h)
	}
	switch h.Type {
	case h2.FrameRSTStream:
		code := h2.Code(binary.BigEndian.Uint32(p))
		a.reset = &code
		return
	case h2.FrameData:
		if a.head == "" {
			c.t.Fatalf("%v before the head", h)
		}
		a.body = append(a.body, p...)
		a.frames++
		c.maxData = max(c.maxData, len(p))
	default:
		if !h.Flags.Has(h2.FlagEndHeaders) {
			c.t.Fatalf("%v: a block in several frames is not expected here", h)
		}
		switch text := c.text(p); {
		case a.head != "":
			a.trailers = text
		case strings.HasPrefix(text, ":status: 1"):
			a.interim = append(a.interim, text)
		default:
			a.head = text
		}
	}
	a.ended = h.Flags.Has(h2.FlagEndStream)
}

// text decodes a field block.
func (c *h2client) text(block []byte) string {
	c.t.Helper()
	var b strings.Builder
	c.dec.Begin(block, &c.str)
	for f, ok := c.dec.Next(); ok; f, ok = c.dec.Next() {
		fmt.Fprintf(&b, "%s: %s\n", f.Name, f.Value)
	}
	if err := c.dec.Err(); err != nil {
		c.t.Fatal(err)
	}
	return b.String()
}

// want fails unless the response on a stream is whole, and as said.
func (c *h2client) want(why string, id uint32, status int, body string, lines ...string) *h2answer {
	c.t.Helper()
	a := c.answer(id)
	if !strings.HasPrefix(a.head, fmt.Sprintf(":status: %d\n", status)) || !a.ended || string(a.body) != body {
		c.t.Fatalf("%s: got %q, %.100q (%d bytes), ended %v, reset %v; want %d, %.100q", why, a.head, a.body, len(a.body), a.ended, a.reset, status, body)
	}
	for _, l := range lines {
		if !strings.Contains(a.head, l+"\n") {
			c.t.Fatalf("%s: got %q, want %q in it", why, a.head, l)
		}
	}
	return a
}

// wantReset fails unless the stream was reset with that code.
func (c *h2client) wantReset(why string, id uint32, code h2.Code) *h2answer {
	c.t.Helper()
	a := c.answer(id)
	if a.reset == nil || *a.reset != code {
		c.t.Fatalf("%s: got %q, %.100q, ended %v, reset %v; want %v", why, a.head, a.body, a.ended, a.reset, code)
	}
	return a
}

// wantNone fails if anything came on the stream.
func (c *h2client) wantNone(why string, id uint32) {
	c.t.Helper()
	if a := c.answer(id); a.head != "" || a.interim != nil || a.reset != nil {
		c.t.Fatalf("%s: got %q, %q, reset %v; want nothing", why, a.interim, a.head, a.reset)
	}
}

// wantGoAway fails unless the connection ended, with GOAWAY and that code.
func (c *h2client) wantGoAway(why string, code h2.Code) {
	c.t.Helper()
	c.read()
	if len(c.goaways) == 0 || c.goaways[len(c.goaways)-1].code != code {
		c.t.Fatalf("%s: GOAWAYs are %v, want one with %v", why, c.goaways, code)
	}
	c.wantEnd(why)
}

// wantsBody reports whether n handlers of c wait for their bodies, and the loop
// knows.
func (c *h2client) wantsBody(n int) func() bool {
	return c.waiting(n, func(s *h2stream) bool { return s.timing })
}

// wantsRoom reports whether n handlers of c wait for the client to read.
func (c *h2client) wantsRoom(n int) func() bool {
	return c.waiting(n, func(s *h2stream) bool { return s.isWaiting(&s.writing) })
}

func (c *h2client) waiting(n int, is func(*h2stream) bool) func() bool {
	return func() bool {
		waiting := 0
		c.server().streams.each(func(s *h2stream) {
			if s.handling && is(s) {
				waiting++
			}
		})
		return waiting == n
	}
}
