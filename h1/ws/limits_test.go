package ws

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

const large = "message too large: 1009"

// MessageBytes−1, MessageBytes, MessageBytes+1: in one frame, in many, with
// and without compression.
func TestMessageBytes(t *testing.T) {
	const most = 1000
	small := func(cfg *Config) { cfg.Limits.MessageBytes = most }
	for n := most - 1; n <= most+1; n++ {
		p := strings.Repeat("compressible ", n/13+1)[:n]
		z := newBuffer()
		deflate(z, []byte(p), maxWindowBits)
		short := string(z.b)
		z = newBuffer()
		random := string(noise(n))
		deflate(z, []byte(random), maxWindowBits)
		for _, c := range []struct {
			name, payload string
			parts         []part
		}{
			{"one frame", p, []part{fr(endBinary, p)}},
			{"two frames", p, []part{fr(binary0, p[:n/2]), fr(end, p[n/2:])}},
			{"an empty one at the end", p, []part{fr(binary0, p), fr(end, "")}},
			{"compressed", p, []part{fr(deflatedBin, short)}},
			{"compressed, two frames", p, []part{fr(deflated0+1, short[:5]), fr(end, short[5:])}},
			{"compressed in vain", random, []part{fr(deflatedBin, string(z.b))}},
		} {
			want := "binary " + show([]byte(c.payload))
			if n > most {
				want = large
			}
			r := newReplayer(Server, plainDeflate, small)
			if r.feed(join(Server, c.parts)); r.String() != want {
				t.Errorf("%s of %d: %s", c.name, n, r)
			}
		}
	}
	if n := DefaultConfig().Limits.MessageBytes; n != 1<<20 {
		t.Errorf("the default is %d", n)
	}
}

// A compressed message may not be longer, while it comes, than it may be and a
// sixteenth: one less, as many, one more. It is stored blocks of nothing.
func TestCompressedBytes(t *testing.T) {
	const most = 1000
	l := Limits{MessageBytes: most}
	if n := l.compressedBytes(); n != 1000+62+64 {
		t.Fatal(n)
	}
	for n := l.compressedBytes() - 1; n <= l.compressedBytes()+1; n++ {
		// The last block holds what is left, so that there are n bytes.
		left := (n - 1) % 5
		p := strings.Repeat("\x00\x00\x00\xff\xff", (n-1)/5-1) +
			string([]byte{0, byte(left), 0, ^byte(left), 0xff}) + strings.Repeat("x", left)
		p += "\x00"
		for _, parts := range [][]part{{fr(deflatedBin, p)}, {fr(deflated0+1, p[:7]), fr(end, p[7:])}} {
			r := newReplayer(Server, plainDeflate, func(cfg *Config) { cfg.Limits.MessageBytes = most })
			want := `binary "` + strings.Repeat("x", left) + `"`
			if n > l.compressedBytes() {
				want = large
			}
			if r.feed(join(Server, parts)); r.String() != want {
				t.Errorf("%d bytes: %s", n, r)
			}
		}
	}
}

// EmptyFrames−1, EmptyFrames, EmptyFrames+1, for the message and not for what
// was before it.
func TestEmptyFrames(t *testing.T) {
	const most = 3
	for n := most - 1; n <= most+1; n++ {
		want := `text "abc"`
		if n > most {
			want = "too many empty frames: 1008"
		}
		empty := make([]part, n-1)
		for i := range empty {
			empty[i] = fr(more, "")
		}
		for name, parts := range map[string][]part{
			"first":   append(append([]part{fr(text0, "")}, empty...), fr(end, "abc")),
			"middle":  append(append([]part{fr(text0, "a"), fr(more, "")}, empty...), fr(end, "bc")),
			"last":    append(append([]part{fr(text0, "abc")}, empty...), fr(end, "")),
			"between": append(append([]part{fr(text0, "a"), fr(more, "")}, empty...), fr(more, "b"), fr(ping, ""), fr(end, "c")),
		} {
			r := newReplayer(Server, Deflate{}, func(cfg *Config) { cfg.Limits.EmptyFrames = most })
			for range 2 * most {
				r.feed(fr(endText, "")(Server)) // no message in parts
			}
			r.log = nil
			r.feed(join(Server, parts))
			if got := strings.ReplaceAll(r.String(), `ping ""; `, ""); got != want {
				t.Errorf("%d, %s: %s", n, name, got)
			}
			if n <= most {
				r.feed(join(Server, parts)) // they are counted anew
				if got := strings.ReplaceAll(r.String(), `ping ""; `, ""); got != want+"; "+want {
					t.Errorf("%d, %s, again: %s", n, name, got)
				}
			}
		}
	}
	if n := DefaultConfig().Limits.EmptyFrames; n != 128 {
		t.Errorf("the default is %d", n)
	}
}

// MinBytes−1, MinBytes, MinBytes+1.
func TestMinBytes(t *testing.T) {
	cfg := serverConfig(true)
	if cfg.Deflate.MinBytes != 256 {
		t.Errorf("the default is %d", cfg.Deflate.MinBytes)
	}
	for n := 255; n <= 257; n++ {
		p := []byte(strings.Repeat("x", n))
		_, server := pair(t, cfg, deflateName)
		b, err := server.AppendMessage(nil, Text, p)
		again, other := server.AppendPrepared(nil, Prepare(Text, p))
		if err != nil || other != nil || b[0]&rsv1Bit != 0 != (n >= 256) || again[0] != b[0] {
			t.Errorf("%d bytes: %#x, %#x, %v, %v", n, b[0], again[0], err, other)
		}
	}
}

func TestValidate(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		field         func(*Config) *int
		least, utmost int
	}{
		"MessageBytes":     {func(c *Config) *int { return &c.Limits.MessageBytes }, 1, 1 << 30},
		"EmptyFrames":      {func(c *Config) *int { return &c.Limits.EmptyFrames }, 0, 1 << 30},
		"MinBytes":         {func(c *Config) *int { return &c.Deflate.MinBytes }, 0, 1 << 30},
		"ClientWindowBits": {func(c *Config) *int { return &c.Deflate.ClientWindowBits }, 9, 15},
	} {
		for n, valid := range map[int]bool{c.least - 1: false, c.least: true, c.least + 1: true,
			c.utmost - 1: true, c.utmost: true, c.utmost + 1: false, -1: false} {
			cfg := DefaultConfig()
			*c.field(cfg) = n
			err := cfg.Validate()
			var le *LimitError
			if valid != (err == nil) || !valid && (!errors.As(err, &le) || le.Limit != name || le.Value != n) {
				t.Errorf("%s %d: %v", name, n, err)
			}
		}
	}
	if err := (&Config{Role: Client, Limits: DefaultConfig().Limits}).Validate(); !errors.Is(err, ErrNoKeys) {
		t.Error(err)
	}
}

// What is held grows with what came, not with what was promised.
func TestMemoryGrowsWithWhatCame(t *testing.T) {
	for name, whole := range map[string][]byte{
		"promised": long(endBinary, 8, 1<<20, strings.Repeat("x", 1<<20))(Server),
		"frames":   join(Server, []part{fr(binary0, strings.Repeat("x", 1<<19)), fr(end, strings.Repeat("x", 1<<19))}),
		"deflated": long(deflatedBin, 8, 1<<20, strings.Repeat("x", 1<<20))(Server)[:1<<20],
	} {
		r := newReplayer(Server, plainDeflate, nil)
		for at := 0; at < len(whole); at += 1000 {
			r.feed(whole[at:min(at+1000, len(whole))])
			if came := at + 1000; r.c.Buffered() > max(2*came, keptBytes) {
				t.Fatalf("%s: %d bytes for %d that came", name, r.c.Buffered(), came)
			}
		}
		if name != "deflated" && (len(r.log) != 1 || r.c.Buffered() != 0 || r.peak > 1<<20+1<<16) {
			t.Errorf("%s: %v, %d bytes, at most %d", name, r, r.c.Buffered(), r.peak)
		}
		r.c.Release()
		if r.c.Buffered() != 0 || r.c.State() != Closed {
			t.Errorf("%s: released, and %d bytes", name, r.c.Buffered())
		}
	}
}

// Gathering many small frames must not cost the square of their number: memory
// is made for each doubling.
func TestManyFrames(t *testing.T) {
	in := fr(binary0, "")(Server)
	for range 1 << 14 {
		in = append(in, fr(more, "0123456789abcdef")(Server)...)
	}
	var grown, last int
	r := newReplayer(Server, Deflate{}, nil)
	for at := 0; at < len(in); at += 22 * 16 {
		r.feed(in[at:min(at+22*16, len(in))])
		if n := r.c.Buffered(); n != last {
			grown, last = grown+1, n
		}
	}
	if grown > 20 || last < 1<<18 {
		t.Errorf("memory was made %d times for %d bytes", grown, last)
	}
}

// An idle connection is its Conn.
func TestIdle(t *testing.T) {
	const most = 256
	if n := reflect.TypeFor[Conn]().Size(); n > most {
		t.Errorf("an idle connection is %d bytes, more than %d", n, most)
	} else {
		t.Logf("an idle connection is %d bytes", n)
	}
	r := newReplayer(Server, plainDeflate, nil)
	p := strings.Repeat("x", 5000)
	for _, in := range []part{fr(endText, p), fr(ping, "p"), fr(deflatedText, "\xf2\x48\xcd\xc9\xc9\x07\x00")} {
		everyCut(in(Server), func(pieces ...[]byte) {
			for _, b := range pieces {
				r.feed(b)
			}
			if r.c.Buffered() != 0 {
				t.Fatal(fmt.Sprint(r.c.Buffered(), " bytes are held"))
			}
		})
	}
}
