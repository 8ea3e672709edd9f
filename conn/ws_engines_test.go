package conn_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/uringserve/uringserve/app"
	appws "github.com/uringserve/uringserve/app/ws"
	"github.com/uringserve/uringserve/conn"
	"github.com/uringserve/uringserve/h1/ws"
)

// wsEcho sends messages back.
func wsEcho(set func(*appws.Upgrader)) conn.Config {
	u := &appws.Upgrader{Compression: true, Handler: appws.HandlerFunc(func(c *appws.Conn, kind appws.Kind, p []byte) {
		_ = c.Write(kind, p)
	})}
	if set != nil {
		set(u)
	}
	return conn.Config{Handler: app.Handler(u)}
}

// openWS opens a WebSocket to the server.
func (r *rig) openWS(first string, fields ...string) *wsPeer {
	r.Helper()
	p, err := openWS(r.dial(), first, fields...)
	if err != nil {
		r.Fatal(err)
	}
	return p
}

func (r *rig) ok(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func TestWebSocketEcho(t *testing.T) {
	t.Parallel()
	content := pattern(1 << 20)
	onEach(t, wsEcho(nil), func(r *rig) {
		for _, fields := range [][]string{nil, {deflateOffer}} {
			p := r.openWS("", fields...)
			for _, n := range []int{0, 1, 125, 126, 127, 1000, 4096, 16 << 10, 65535, 65536, 100_000, 1 << 20} {
				r.ok(p.echo(ws.Binary, content[:n]))
				r.ok(p.echo(ws.Text, content[:n]))
			}
			r.ok(p.close(ws.NormalClosure, "bye"))
		}
		eventually(r.T, "both have ended", func() bool { return r.srv.Active() == 0 })
		if st := r.srv.Stats().WebSocket; st.Opened != 2 || st.Active != 0 || st.MessagesIn != 48 || st.MessagesOut != 48 || st.Closes[0] != 2 {
			r.Errorf("counted %+v", st)
		}
	})
}

// What comes in the same piece as the request is a WebSocket's already.
func TestWebSocketBehindTheRequest(t *testing.T) {
	onEach(t, wsEcho(nil), func(r *rig) {
		p := r.openWS(rawFrame(0x81, "one") + rawFrame(0x81, "two"))
		r.ok(p.expect(ws.Text, []byte("one")))
		r.ok(p.expect(ws.Text, []byte("two")))
		r.ok(p.close(ws.NormalClosure, ""))
	})
}

// A thousand messages in one piece, and a byte at a time.
func TestWebSocketPipelined(t *testing.T) {
	onEach(t, wsEcho(nil), func(r *rig) {
		var in strings.Builder
		for i := range 1000 {
			in.WriteString(rawFrame(0x82, fmt.Sprint("message ", i)))
		}
		p := r.openWS("")
		r.ok(p.write([]byte(in.String())))
		for i := range 1000 {
			r.ok(p.expect(ws.Binary, fmt.Append(nil, "message ", i)))
		}
		for _, b := range []byte(in.String())[:2000] {
			r.ok(p.write([]byte{b}))
		}
		for i := range 100 {
			r.ok(p.expect(ws.Binary, fmt.Append(nil, "message ", i)))
		}
	})
}

// wsCases is RFC 6455 from the client's side: what it sends, and what it gets
// until the end.
var wsCases = []struct{ name, in, want string }{
	{"§5.6 text", rawFrame(0x81, "hello") + bye, `text "hello"; close 1000; end`},
	{"§5.6 binary", rawFrame(0x82, "\x00\xff") + bye, `binary "\x00\xff"; close 1000; end`},
	{"§5.6 empty", rawFrame(0x81, "") + bye, `text ""; close 1000; end`},
	{"§5.4 fragments", rawFrame(0x01, "a") + rawFrame(0x00, "b") + rawFrame(0x80, "c") + bye, `text "abc"; close 1000; end`},
	{"§5.4 control between fragments", rawFrame(0x01, "a") + rawFrame(0x89, "p") + rawFrame(0x80, "c") + bye, `ping; text "ac"; close 1000; end`},
	{"§5.4 continuation of nothing", rawFrame(0x80, "a"), `close 1002; end`},
	{"§5.4 message within a message", rawFrame(0x01, "a") + rawFrame(0x81, "b"), `close 1002; end`},
	{"§5.2 reserved bit 1", rawFrame(0xc1, "a"), `close 1002; end`},
	{"§5.2 reserved bit 2", rawFrame(0xa1, "a"), `close 1002; end`},
	{"§5.2 reserved bit 3", rawFrame(0x91, "a"), `close 1002; end`},
	{"§5.2 reserved opcode 3", rawFrame(0x83, "a"), `close 1002; end`},
	{"§5.2 reserved opcode 7", rawFrame(0x87, "a"), `close 1002; end`},
	{"§5.2 reserved opcode b", rawFrame(0x8b, "a"), `close 1002; end`},
	{"§5.2 reserved opcode f", rawFrame(0x8f, "a"), `close 1002; end`},
	{"§5.1 not masked", "\x81\x01a", `close 1002; end`},
	{"§5.2 length in 16 bits that fits 7", "\x82\xfe\x00\x7d\x00\x00\x00\x00", `close 1002; end`},
	{"§5.2 length in 64 bits that fits 16", "\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\x00\x00", `close 1002; end`},
	{"§5.2 length of 2^63", "\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", `close 1002; end`},
	{"§5.5 fragmented ping", rawFrame(0x09, "a"), `close 1002; end`},
	{"§5.5 long ping", rawFrame(0x89, strings.Repeat("a", 126)), `close 1002; end`},
	{"§5.5.2 ping", rawFrame(0x89, "") + rawFrame(0x89, "x") + bye, `pong ""; pong "x"; close 1000; end`},
	{"§5.5.2 longest ping", rawFrame(0x89, strings.Repeat("a", 125)) + bye, `pong "` + strings.Repeat("a", 125) + `"; close 1000; end`},
	{"§5.5.3 unasked pong", rawFrame(0x8a, "x") + rawFrame(0x81, "y") + bye, `text "y"; close 1000; end`},
	{"§5.5.1 close without a code", rawFrame(0x88, ""), `close 1005; end`},
	{"§5.5.1 close with half a code", rawFrame(0x88, "\x03"), `close 1002; end`},
	{"§5.5.1 close with a reason", rawFrame(0x88, "\x03\xe9going"), `close 1001; end`},
	{"§5.5.1 after close", bye + rawFrame(0x81, "x") + rawFrame(0x89, "y"), `close 1000; end`},
	{"§5.5.1 messages before close", rawFrame(0x81, "x") + rawFrame(0x81, "y") + bye, `text "x"; text "y"; close 1000; end`},
	{"§7.4.1 code 999", rawFrame(0x88, "\x03\xe7"), `close 1002; end`},
	{"§7.4.1 code 1004", rawFrame(0x88, "\x03\xec"), `close 1002; end`},
	{"§7.4.1 code 1005", rawFrame(0x88, "\x03\xed"), `close 1002; end`},
	{"§7.4.1 code 1006", rawFrame(0x88, "\x03\xee"), `close 1002; end`},
	{"§7.4.1 code 1015", rawFrame(0x88, "\x03\xf7"), `close 1002; end`},
	{"§7.4.2 code 3000", rawFrame(0x88, "\x0b\xb8"), `close 3000; end`},
	{"§7.4.2 code 4999", rawFrame(0x88, "\x13\x87"), `close 4999; end`},
	{"§7.4.2 code 5000", rawFrame(0x88, "\x13\x88"), `close 1002; end`},
	{"§5.5.1 reason not UTF-8", rawFrame(0x88, "\x03\xe8\xff"), `close 1007; end`},
	{"§8.1 text not UTF-8", rawFrame(0x81, "a\xff"), `close 1007; end`},
	{"§8.1 found in the first fragment", rawFrame(0x01, "a\xff"), `close 1007; end`},
	{"§8.1 character cut by the end", rawFrame(0x81, "a\xe2\x82"), `close 1007; end`},
	{"§8.1 character over fragments", rawFrame(0x01, "a\xe2") + rawFrame(0x80, "\x82\xac") + bye, `text "a€"; close 1000; end`},
	{"§8.1 surrogate", rawFrame(0x81, "\xed\xa0\x80"), `close 1007; end`},
	{"§10.4 too large by its head", "\x82\xff\x00\x00\x00\x00\x00\x10\x00\x01\x00\x00\x00\x00", `close 1009; end`},
	{"no close", rawFrame(0x81, "x"), `text "x"; end`},
}

// bye is a Close with 1000.
var bye = rawFrame(0x88, "\x03\xe8")

// wsWant is what a case wants in the words of wsPeer.log.
func wsWant(want string) string { return strings.ReplaceAll(want, "ping;", `pong "p";`) }

func TestWebSocketCases(t *testing.T) {
	onEach(t, wsEcho(nil), func(r *rig) {
		for _, c := range wsCases {
			for _, step := range []int{len(c.in), 1, 3} {
				tcp := r.dial()
				p, err := openWS(tcp, "")
				r.ok(err)
				for in := []byte(c.in); len(in) > 0; in = in[min(step, len(in)):] {
					if p.write(in[:min(step, len(in))]) != nil {
						break // it has ended
					}
				}
				tcp.CloseWrite()
				if got := p.log(); got != wsWant(c.want) {
					r.Errorf("%s, by %d: %s, want %s", c.name, step, got, wsWant(c.want))
				}
				tcp.Close()
			}
		}
		eventually(r.T, "all have ended", func() bool { return r.srv.Stats().WebSocket.Active == 0 })
	})
}

// The largest message, and one byte more.
func TestWebSocketMessageLimit(t *testing.T) {
	const limit = 1 << 20
	onEach(t, wsEcho(nil), func(r *rig) {
		for _, fields := range [][]string{nil, {deflateOffer}} {
			for _, n := range []int{limit - 1, limit} {
				p := r.openWS("", fields...)
				r.ok(p.echo(ws.Binary, bytes.Repeat([]byte("x"), n)))
			}
			p := r.openWS("", fields...)
			r.ok(p.send(ws.Binary, bytes.Repeat([]byte("x"), limit+1)))
			if got := p.log(); got != "close 1009; end" {
				r.Errorf("one byte more: %s", got)
			}
		}
	})
}

// Peers that never read: what waits for them is bounded, and they are closed by
// policy, or by the minimum rate if the writer waits.
func TestWebSocketNeverReads(t *testing.T) {
	for name, policy := range map[string]appws.SlowPolicy{"wait": appws.SlowWait, "close": appws.SlowClose} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits for most of its time
			h := &flood{ended: make(chan floodEnd, 16)}
			onEach(t, conn.Config{Limits: impatient(), Handler: &appws.Upgrader{Handler: h, SlowPolicy: policy}}, func(r *rig) {
				r.Parallel() // engines share h: each takes as many ends as it makes
				for range 4 {
					c := r.dial()
					c.SetReadBuffer(4096)
					if _, err := openWS(c, ""); err != nil {
						r.Fatal(err)
					}
				}
				for range 4 {
					last := <-h.ended
					if policy == appws.SlowClose && last.end.Code != appws.TryAgainLater || last.end.Err == nil {
						r.Errorf("told %+v", last.end)
					}
					if n, opened := last.most.(int); !opened || n > 256<<10+2<<10 {
						r.Errorf("%v bytes waited", last.most)
					}
				}
				eventually(r.T, "all have gone", func() bool { return r.srv.Active() == 0 })
			})
		})
	}
}

// A flood writes as long as it can, and tells how each connection ended.
type flood struct {
	ended chan floodEnd
	most  sync.Map // by connection: how many bytes waited
}

type floodEnd struct {
	most any // an int
	end  appws.End
}

func (h *flood) Open(c *appws.Conn) {
	most := 0
	for p := make([]byte, 1000); c.Write(appws.Binary, p) == nil; {
		most = max(most, c.Buffered())
	}
	h.most.Store(c, most)
}

func (h *flood) Message(*appws.Conn, appws.Kind, []byte) {}
func (h *flood) Close(c *appws.Conn, end appws.End) {
	most, _ := h.most.LoadAndDelete(c)
	h.ended <- floodEnd{most, end}
}
