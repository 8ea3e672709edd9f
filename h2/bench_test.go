package h2

import (
	"testing"

	"github.com/uringserve/uringserve/app/field"
	"github.com/uringserve/uringserve/h2/hpack"
)

// load is connections with clients that ask for small things on many streams
// at a time, as a load generator does.
type load struct {
	conns   []*loadConn
	scratch Scratch
	head    field.Fields
	out     []byte
	fields  field.Fields
	body    []byte
	now     int64
}

type loadConn struct {
	c    *Conn
	enc  *hpack.Encoder
	next uint32
	in   []byte
}

// loadFields are what h2load sends.
var loadFields = [][2]string{{":path", "/plaintext"}, {":scheme", "http"}, {":authority", "127.0.0.1:8080"},
	{":method", "GET"}, {"user-agent", "h2load nghttp2/1.52.0"}}

func newLoad(conns int, body string) *load {
	l := &load{body: []byte(body), now: 1}
	l.fields.Add("Content-Type", "text/plain")
	cfg := DefaultConfig()
	for range conns {
		c := &loadConn{c: NewConn(cfg, &l.scratch), enc: hpack.NewEncoder(4096), next: 1}
		c.in = append(c.in, Preface...)
		c.in = AppendSettingsFrame(c.in, Setting{SettingInitialWindowSize, 1<<30 - 1})
		c.in = AppendWindowUpdateFrame(c.in, 0, 1<<30-1-initialWindow)
		c.in = AppendSettingsAck(c.in)
		l.feed(c)
		l.conns = append(l.conns, c)
	}
	return l
}

// feed has a connection handle what its client has sent, and send it away.
func (l *load) feed(c *loadConn) {
	for b := c.in; len(b) > 0; {
		b = b[c.c.Feed(l.now, b):]
		ev, ok := c.c.Next()
		if !ok {
			continue
		}
		switch ev.Kind {
		case EventHead:
			c.c.TakeHead(&l.head)
			l.respond(c.c, ev.ID, ev.Head.Method)
		case EventReady, EventWindow:
		default:
			panic(ev.Err())
		}
	}
	c.in = c.in[:0]
	l.out = c.c.AppendOutput(l.out)[:0]
}

func (l *load) respond(c *Conn, id uint32, method string) {
	meta := ResponseMeta{Status: 200, Fields: &l.fields, Date: loadDate, RequestMethod: method, Length: int64(len(l.body))}
	out, body, _, err := c.AppendResponse(l.out, id, &meta)
	switch {
	case err != nil:
		panic(err)
	case !body:
	case c.CanSend(id, len(l.body)):
		out = c.AppendData(out, id, l.body, true)
	default:
		out = l.scheduled(c, id, out)
	}
	c.Release(id)
	l.out = out
}

// scheduled sends the body by Ready and Pick.
func (l *load) scheduled(c *Conn, id uint32, out []byte) []byte {
	if err := c.Ready(id, len(l.body), true); err != nil {
		panic(err)
	}
	sent := 0
	for picked, n, ok := c.Pick(1 << 16); ok; picked, n, ok = c.Pick(1 << 16) {
		out = c.AppendData(out, picked, l.body[sent:sent+n], sent+n == len(l.body))
		sent += n
	}
	return out
}

var loadDate = []byte("Sat, 21 Nov 2026 12:00:00 GMT")

// batch has every client ask on n streams, and the windows kept open.
func (l *load) batch(n int) {
	for _, c := range l.conns {
		for range n {
			c.ask()
		}
		c.in = AppendWindowUpdateFrame(c.in, 0, uint32(n*len(l.body)))
		l.now += 1e6
		l.feed(c)
	}
}

func (c *loadConn) ask() {
	start := len(c.in)
	c.in = append(c.in, make([]byte, HeaderBytes)...)
	for _, f := range loadFields {
		c.in = c.enc.AppendField(c.in, []byte(f[0]), []byte(f[1]), false)
	}
	AppendFrameHeader(c.in[:start], FrameHeader{len(c.in) - start - HeaderBytes, FrameHeaders, FlagEndHeaders | FlagEndStream, c.next})
	c.next += 2
}

// BenchmarkRequests is small requests on 16 connections of 32 streams, the
// client's part included.
func BenchmarkRequests(b *testing.B) {
	l := newLoad(16, "Hello, World!")
	l.batch(32)
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += 16 * 32 {
		l.batch(32)
	}
}

// BenchmarkClient is the client's part of it.
func BenchmarkClient(b *testing.B) {
	l := newLoad(16, "Hello, World!")
	l.batch(32)
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += 16 * 32 {
		for _, c := range l.conns {
			for range 32 {
				c.ask()
			}
			c.in = c.in[:0]
		}
	}
}

// BenchmarkUpload is DATA that comes and is consumed at once, per 16 KiB.
func BenchmarkUpload(b *testing.B) {
	l := newLoad(1, "")
	c := l.conns[0]
	rig := &rig{enc: c.enc}
	for in := rig.post(1); len(in) > 0; in = in[c.c.Feed(1, in):] {
	}
	c.c.Next()
	frame := AppendDataFrame(nil, 1, make([]byte, 16384), false)
	b.SetBytes(16384)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		for in := frame; len(in) > 0; {
			in = in[c.c.Feed(1, in):]
			if ev, ok := c.c.Next(); ok {
				c.c.Consumed(1, len(ev.Data))
			}
		}
		l.out = c.c.AppendOutput(l.out[:0])
	}
}

// BenchmarkDownload is DATA of eight streams in turn, per 16 KiB.
func BenchmarkDownload(b *testing.B) {
	l := newLoad(1, "")
	c := l.conns[0].c
	l.conns[0].ask()
	r := &rig{enc: l.conns[0].enc}
	for id := uint32(3); id < 19; id += 2 {
		for in := r.get(id); len(in) > 0; in = in[c.Feed(1, in):] {
		}
		c.Next()
		if _, _, _, err := c.AppendResponse(nil, id, &ResponseMeta{Status: 200, Length: -1}); err != nil {
			b.Fatal(err)
		}
		if err := c.Ready(id, 1<<40, false); err != nil {
			b.Fatal(err)
		}
	}
	p := make([]byte, 16384)
	b.SetBytes(16384)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		id, n, ok := c.Pick(1 << 16)
		if !ok {
			b.Fatal("nothing to send")
		}
		l.out = c.AppendData(l.out[:0], id, p[:n], false)
		s := c.streams.get(id)
		s.sendWindow, c.sendWindow = 1<<30, 1<<30
	}
}
