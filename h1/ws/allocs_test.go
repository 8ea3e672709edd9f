//go:build !race && !invariants

package ws

import (
	"bytes"
	"testing"
)

// Messages must not allocate once memory has grown to its size.
func TestNoAllocations(t *testing.T) {
	text := bytes.Repeat([]byte("many words, and then some. "), 100)
	for _, c := range []struct {
		name    string
		deflate Deflate
		parts   []part
		cut     int
	}{
		{"small", Deflate{}, []part{fr(endText, string(text[:128]))}, 0},
		{"small, in parts", Deflate{}, []part{fr(endText, string(text[:128]))}, 50},
		{"head in parts", Deflate{}, []part{fr(endBinary, string(text))}, 3},
		{"fragments and a ping", Deflate{}, []part{fr(text0, "ab"), fr(ping, "p"), fr(end, "c")}, 10},
		{"compressed", plainDeflate, []part{fr(deflatedText, "\xf2\x48\xcd\xc9\xc9\x07\x00")}, 9},
		{"compressed answer", plainDeflate, []part{fr(endBinary, string(text))}, 0},
	} {
		cfg := serverConfig(true)
		var conn Conn
		conn.Reset(cfg, c.deflate)
		in := join(Server, c.parts)
		b := make([]byte, len(in))
		out := make([]byte, 0, 4096)
		m := Prepare(Text, text)
		messages := 0
		run := func() {
			copy(b, in)
			for _, p := range [][]byte{b[:c.cut], b[c.cut:]} {
				conn.Feed(p)
				for {
					e, bad := conn.Next()
					if bad != nil {
						t.Fatal(bad)
					}
					if e.Kind == EventNone {
						break
					}
					out, _ = conn.AppendMessage(out[:0], Binary, e.Data)
					out, _ = conn.AppendPong(out[:0], e.Data[:min(len(e.Data), 125)])
					out, _ = conn.AppendPrepared(out[:0], m)
					messages++
				}
			}
		}
		for range 10 {
			run()
		}
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
		if messages < 111 {
			t.Errorf("%s: %d messages", c.name, messages)
		}
	}
}
