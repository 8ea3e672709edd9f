package ws

import (
	"bytes"
	"testing"
)

// FuzzConn: whatever comes, wherever it is cut: no panic, bounded memory, and
// the same events.
func FuzzConn(f *testing.F) {
	all := append(append([]testCase{}, plainCases...), deflateCases...)
	for i, c := range all {
		for _, role := range []Role{Server, Client} {
			if in := join(role, c.parts); len(in) < 200 {
				f.Add(in, uint16(i), role == Client, i >= len(plainCases), false)
			}
		}
	}
	f.Add(join(Server, []part{fr(deflatedText, "\xf2\x48\xcd\xc9\xc9\x07\x00"), fr(deflatedText, "\xf2\x00\x11\x00\x00")}), uint16(9), false, true, true)
	f.Fuzz(func(t *testing.T, in []byte, cut uint16, client, deflate, context bool) {
		const most = 300
		d := Deflate{}
		if deflate {
			d = Deflate{on: true, clientContext: context, serverBits: 15, clientBits: 9}
		}
		role := Server
		if client {
			role = Client
		}
		play := func(pieces ...[]byte) string {
			r := newReplayer(role, d, func(cfg *Config) {
				cfg.Limits = Limits{MessageBytes: most, EmptyFrames: 4}
			})
			for _, p := range pieces {
				// A message, what it is made into, a control frame, a window;
				// pooled memory may be larger than what is in it.
				if r.feed(p); r.c.Buffered() > 4*keptBytes {
					t.Fatalf("%d bytes are held", r.c.Buffered())
				}
				if r.c.message != nil && len(r.c.message.b) > r.c.cfg.Limits.compressedBytes() {
					t.Fatalf("%d bytes of a message", len(r.c.message.b))
				}
			}
			return r.String() + " " + r.c.State().String()
		}
		whole := play(in)
		at := int(cut) % (len(in) + 1)
		if got := play(in[:at], in[at:]); got != whole {
			t.Fatalf("cut at %d: %s\nwhole: %s", at, got, whole)
		}
		var bytewise [][]byte
		for i := range in {
			bytewise = append(bytewise, in[i:i+1])
		}
		if got := play(bytewise...); got != whole {
			t.Fatalf("bytewise: %s\nwhole: %s", got, whole)
		}
	})
}

// FuzzRoundTrip: what one end appends the other finds, in any order, whatever
// was agreed upon.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("Hello"), []byte("hello hello hello hello"), uint8(15), uint8(15), true, uint16(3))
	f.Add(bytes.Repeat([]byte("abc"), 300), noise(500), uint8(8), uint8(9), false, uint16(99))
	f.Fuzz(func(t *testing.T, a, b []byte, serverBits, clientBits uint8, deflate bool, cut uint16) {
		d := Deflate{on: deflate, serverBits: 8 + serverBits%8, clientBits: 8 + clientBits%8}
		cfg, other := serverConfig(true), clientConfig()
		cfg.Deflate.MinBytes, other.Deflate.MinBytes = 0, 0
		var server, client Conn
		server.Reset(cfg, d)
		client.Reset(other, d)
		for _, ends := range [][2]*Conn{{&server, &client}, {&client, &server}} {
			out, err := ends[0].AppendMessage(nil, Binary, a)
			out, err2 := ends[0].AppendPing(out, a[:min(len(a), 125)])
			out, err3 := ends[0].AppendPrepared(out, Prepare(Binary, b))
			if err != nil || err2 != nil || err3 != nil {
				t.Fatal(err, err2, err3)
			}
			at := int(cut) % (len(out) + 1)
			var got [][]byte
			for _, p := range [][]byte{out[:at], out[at:]} {
				ends[1].Feed(p)
				for {
					e, bad := patient(ends[1])
					if bad != nil {
						t.Fatal(bad)
					}
					if e.Kind == EventNone {
						break
					}
					got = append(got, bytes.Clone(e.Data))
				}
			}
			if len(got) != 3 || !bytes.Equal(got[0], a) || !bytes.Equal(got[1], a[:min(len(a), 125)]) || !bytes.Equal(got[2], b) {
				t.Fatalf("%q, %q came as %q", a, b, got)
			}
		}
	})
}
