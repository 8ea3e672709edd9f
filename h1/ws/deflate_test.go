package ws

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"
)

const (
	deflatedText = 0xc1 // all of a compressed text
	deflated0    = 0x41
	deflatedBin  = 0xc2
)

var (
	plainDeflate = Deflate{on: true, serverBits: 15, clientBits: 15}
	withContext  = Deflate{on: true, clientContext: true, serverBits: 15, clientBits: 15}
)

var deflateCases = []testCase{
	// RFC 7692 §7.2.3.1 to §7.2.3.5.
	{"one block", []part{fr(deflatedText, "\xf2\x48\xcd\xc9\xc9\x07\x00")}, `text "Hello"`},
	{"fragmented", []part{fr(deflated0, "\xf2\x48\xcd"), fr(end, "\xc9\xc9\x07\x00")}, `text "Hello"`},
	{"no compression", []part{fr(deflatedText, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00")}, `text "Hello"`},
	{"final block", []part{fr(deflatedText, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00")}, `text "Hello"`},
	{"two blocks", []part{fr(deflatedText, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00")}, `text "Hello"`},
	// §7.2.3.6.
	{"empty", []part{fr(deflatedText, "\x00")}, `text ""`},
	{"empty with a final block", []part{fr(deflatedText, "\x03\x00\x00")}, `text ""`},
	{"not compressed", []part{fr(endText, "Hello"), fr(deflatedText, "\xf2\x48\xcd\xc9\xc9\x07\x00")}, `text "Hello"; text "Hello"`},
	{"control between", []part{fr(deflated0, "\xf2\x48\xcd"), fr(ping, "p"), fr(more, ""), fr(end, "\xc9\xc9\x07\x00")}, `ping "p"; text "Hello"`},
	{"no byte at all", []part{fr(deflatedText, "")}, "malformed compression: 1007"},
	{"after a final block", []part{fr(deflatedText, "\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x48\xcd\xc9\xc9\x07\x00")}, `text "HelloHello"`},

	{"bit on a continuation", []part{fr(deflated0, "\xf2"), fr(0xc0, "\x48")}, "compression bit on a continuation: 1002"},
	{"bit on a ping", []part{fr(0xc9, "")}, "compressed control frame: 1002"},
	{"bit on a pong", []part{fr(0xca, "")}, "compressed control frame: 1002"},
	{"bit on a close", []part{fr(0xc8, "")}, "compressed control frame: 1002"},
	{"the other bits", []part{fr(0xe1, "\x00")}, "reserved bit: 1002"},
	{"bit in a message", []part{fr(text0, "a"), fr(deflatedText, "\x00")}, "message within a message: 1002"},
	{"malformed", []part{fr(deflatedText, "\xff\xff\xff")}, "malformed compression: 1007"},
	{"reference before the beginning", []part{fr(deflatedText, "\xf2\x00\x11\x00\x00")}, "malformed compression: 1007"},
	{"ends in a block", []part{fr(deflatedText, "\xf2\x48\xcd")}, "malformed compression: 1007"},
	{"not UTF-8", []part{fr(deflatedText, "\x00\x02\x00\xfd\xff\xc0\x80\x00")}, "text is not UTF-8: 1007"},
	{"unended character", []part{fr(deflatedText, "\x00\x01\x00\xfe\xff\xc3\x00")}, "text is not UTF-8: 1007"},
	{"any binary", []part{fr(deflatedBin, "\x00\x02\x00\xfd\xff\xc0\x80\x00")}, `binary "\xc0\x80"`},
}

func TestDeflateCases(t *testing.T) {
	for _, c := range deflateCases {
		for _, role := range []Role{Server, Client} {
			everyCut(join(role, c.parts), func(pieces ...[]byte) {
				r := newReplayer(role, plainDeflate, nil)
				for _, p := range pieces {
					r.feed(p)
				}
				if got := r.String(); got != c.want {
					t.Fatalf("%s, role %d, %d bytes first: %s\nwant %s", c.name, role, len(pieces[0]), got, c.want)
				}
				if r.c.Buffered() != 0 {
					t.Fatalf("%s: %d bytes are held at the end", c.name, r.c.Buffered())
				}
			})
		}
	}
}

// RFC 7692 §7.2.3.2: a second message refers to the first.
func TestDeflateContext(t *testing.T) {
	in := join(Server, []part{fr(deflatedText, "\xf2\x48\xcd\xc9\xc9\x07\x00"), fr(endText, "other"), fr(deflatedText, "\xf2\x00\x11\x00\x00")})
	everyCut(in, func(pieces ...[]byte) {
		r := newReplayer(Server, withContext, nil)
		for _, p := range pieces {
			r.feed(p)
		}
		if r.String() != `text "Hello"; text "other"; text "Hello"` {
			t.Fatal(r)
		}
	})
}

// A compressor with a window, as a client may have, for thousands of messages.
func TestDeflateLongContext(t *testing.T) {
	for _, bits := range []int{9, 12, 15} {
		d := withContext
		d.clientBits = uint8(bits)
		var z bytes.Buffer
		size := 1 << bits
		w, err := flate.NewWriterWindow(&z, size)
		if err != nil {
			t.Fatal(err)
		}
		cfg := serverConfig(true)
		var c Conn
		c.Reset(cfg, d)
		base := noise(1 << 15)
		for i := range 300 {
			p := append(base[i*100:i*100+i*7%3000], fmt.Sprintf("message %d", i)...)
			z.Reset()
			if _, err := w.Write(p); err != nil {
				t.Fatal(err)
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			c.Feed(fr(deflatedBin, strings.TrimSuffix(z.String(), "\x00\x00\xff\xff"))(Server))
			if e, bad := c.Next(); bad != nil || !bytes.Equal(e.Data, p) {
				t.Fatalf("%d bits, message %d: %v, %d bytes", bits, i, bad, len(e.Data))
			}
			c.Next()
			if c.Buffered() > size {
				t.Fatalf("%d bits: %d bytes are held", bits, c.Buffered())
			}
		}
		if c.Buffered() != size {
			t.Errorf("%d bits: %d bytes are held at the end", bits, c.Buffered())
		}
	}
}

// What is compressed for a small window must not refer further back.
func TestDeflateSmallWindow(t *testing.T) {
	// A repetition at 300 bytes and one at 3000.
	part := noise(300)
	p := bytes.Repeat(append(bytes.Repeat(part, 3), noise(2100)...), 4)
	for bits := uint8(8); bits <= 15; bits++ {
		z := newBuffer()
		deflate(z, p, bits)
		// Every piece of 2^bits bytes must be there without what is before it.
		in := append(bytes.Clone(z.b), deflateTail...)
		for at := 0; at < len(p); at += 1 << bits {
			want := p[at:min(at+1<<bits, len(p))]
			one := newBuffer()
			deflate(one, want, maxWindowBits)
			if bits < maxWindowBits && !bytes.Contains(in, one.b[:len(one.b)-1]) {
				t.Fatalf("%d bits: the piece at %d refers to others", bits, at)
			}
			one.free()
		}
		if out, reason, _ := inflateAll(z.b, nil, 1<<20); reason != 0 || !bytes.Equal(out, p) {
			t.Errorf("%d bits: %v, %d bytes", bits, reason, len(out))
		}
		z.free()
	}
}

// 64 MiB of zeros in 64 KiB: what is made of it ends at the limit.
func TestDeflateBomb(t *testing.T) {
	var z bytes.Buffer
	w, err := flate.NewWriter(&z, 1)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for range 64 {
		if _, err := w.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	in := fr(deflatedBin, z.String())(Server)
	r := newReplayer(Server, plainDeflate, nil)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r.feed(in)
	runtime.ReadMemStats(&after)
	if r.String() != "message too large: 1009" {
		t.Error(r)
	}
	// The copy of the input, what gathers it, and what it is made into, which
	// doubles until it is full.
	if made := after.TotalAlloc - before.TotalAlloc; made > uint64(2*len(in)+4<<20) {
		t.Errorf("%d bytes were allocated for %d", made, len(in))
	}
	if r.c.Buffered() != 0 {
		t.Errorf("%d bytes are held", r.c.Buffered())
	}
}

// RFC 7692 §7.2.3.4: any block may be final, and more may follow.
func TestFinalBlocks(t *testing.T) {
	for _, n := range []int{1, 2, 1000} {
		r := newReplayer(Server, plainDeflate, nil)
		r.feed(fr(deflatedBin, strings.Repeat("\x03\x00", n)+"\x00")(Server))
		if want := `binary ""`; r.String() != want {
			t.Errorf("%d final blocks: %s", n, r)
		}
	}
}
