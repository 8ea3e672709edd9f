package ws

import (
	"bytes"
	stdflate "compress/flate"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"
)

// inflateAll decompresses m, a message without its tail, and counts the steps.
func inflateAll(m, window []byte, most int) (out []byte, reason Reason, steps int) {
	in := newBuffer()
	in.b = append(in.b, m...)
	z := newInflater(in, window, most)
	defer z.free()
	for z.phase != inflateOver {
		if reason := z.step(); reason != 0 {
			return nil, reason, steps
		}
		steps++
	}
	return bytes.Clone(z.out.b), 0, steps
}

// compressed is p as a compressor of that level makes it.
func compressed(t testing.TB, p []byte, level int) []byte {
	var z bytes.Buffer
	w, err := flate.NewWriter(&z, level)
	if err == nil {
		_, err = w.Write(p)
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	return z.Bytes()[:z.Len()-omitted]
}

// skewed is noise of letters some of which are rare, so that codes are long.
func skewed(n int) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	p := make([]byte, n)
	for i := range p {
		for p[i] < 250 && rng.IntN(8) != 0 {
			p[i]++
		}
	}
	return p
}

// emptyBlocks is about n bytes of blocks with codes of their own and nothing in
// them: the most work that there is for a byte.
func emptyBlocks(n int) (out []byte) {
	var word uint64
	held := 0
	put := func(v uint64, n int) {
		word |= v << held
		for held += n; held >= 8; held -= 8 {
			out = append(out, byte(word))
			word >>= 8
		}
	}
	for len(out) < n {
		put(2<<1, 3)
		put(14<<10, 14) // 257 literals, 1 distance, 18 lengths of lengths
		for _, symbol := range codeOrder[:18] {
			bits := uint64(0)
			if symbol == 1 || symbol == 18 {
				bits = 1
			}
			put(bits, 3)
		}
		put(1|(138-11)<<1, 8) // symbol 18: no codes for the literals
		put(1|(118-11)<<1, 8)
		put(0, 2) // one bit for the end of the block, and one for a distance
		put(0, 1) // the end
	}
	put(0, 3) // the stored block whose end is left away
	if held > 0 {
		put(0, 8-held)
	}
	return out
}

// What compressors make of things that are compressed differently.
func TestInflate(t *testing.T) {
	for name, p := range map[string][]byte{"nothing": nil, "zeros": make([]byte, 1<<20), "noise": noise(1 << 20), "skewed": skewed(1 << 20),
		"words": bytes.Repeat([]byte("many words, and then some. "), 1<<15), "short": []byte("hello")} {
		for level := flate.HuffmanOnly; level <= flate.BestCompression; level++ {
			z := compressed(t, p, level)
			out, reason, steps := inflateAll(z, nil, 1<<20)
			if reason != 0 || !bytes.Equal(out, p) {
				t.Errorf("%s, level %d: %v, %d bytes, want %d", name, level, reason, len(out), len(p))
			}
			if least := len(p) / (inflateStep + maxMatch); steps < least {
				t.Errorf("%s, level %d: %d steps, want %d", name, level, steps, least)
			}
		}
	}
}

// The work of one step is bounded, whatever it brings.
func TestInflateEmptyBlocks(t *testing.T) {
	z := emptyBlocks(1 << 20)
	out, reason, steps := inflateAll(z, nil, 1<<20)
	blocks := len(z) * 8 / 90
	if least := blocks * codesCost / (inflateStep + codesCost); reason != 0 || len(out) != 0 || steps < least {
		t.Errorf("%v, %d bytes, %d steps for %d blocks, want %d", reason, len(out), steps, blocks, least)
	}
}

// A message of n−1, n, and n+1 bytes.
func TestInflateLimit(t *testing.T) {
	const most = 100_000
	for n := most - 1; n <= most+1; n++ {
		for _, p := range [][]byte{make([]byte, n), noise(n)} {
			_, reason, _ := inflateAll(compressed(t, p, 6), nil, most)
			if (n > most) != (reason == MessageTooLarge) || n <= most && reason != 0 {
				t.Errorf("%d bytes: %v", n, reason)
			}
		}
	}
}

// A connection tells that there is more, can be fed meanwhile, and gives the memory
// back whenever it ends.
func TestInflateInTurns(t *testing.T) {
	p := noise(inflateStep * 3)
	var c Conn
	c.Reset(serverConfig(true), plainDeflate)
	in := func() []byte { return fr(deflatedBin, string(compressed(t, p, 6)))(Server) }
	c.Feed(append(in(), fr(ping, "p")(Server)...))
	turns := 0
	e, bad := c.Next()
	for ; bad == nil && e.Kind == EventMore; e, bad = c.Next() {
		turns++
		if rest := c.TakeRest(); turns > 1 && len(rest) != 0 || turns == 1 && len(rest) == 0 {
			t.Fatalf("turn %d: %d bytes are left", turns, len(rest))
		}
		if c.Buffered() < len(p) {
			t.Errorf("turn %d: %d bytes are held", turns, c.Buffered())
		}
	}
	if bad != nil || e.Kind != EventMessage || !bytes.Equal(e.Data, p) || turns < 3 || turns > 4 {
		t.Errorf("%v, %v, %d bytes after %d turns", bad, e.Kind, len(e.Data), turns)
	}
	c.Feed(fr(ping, "q")(Server))
	if e, bad := c.Next(); bad != nil || e.Kind != EventPing || string(e.Data) != "q" {
		t.Errorf("%v, %v %q", bad, e.Kind, e.Data)
	}
	c.Feed(in())
	if e, _ := c.Next(); e.Kind != EventMore {
		t.Fatal(e.Kind)
	}
	if c.Release(); c.Buffered() != 0 {
		t.Errorf("%d bytes are held at the end", c.Buffered())
	}
}

// FuzzInflate compares with the standard library's inflater, and with compressing
// it again. (The other one, which compresses for us, takes a block without any code
// for the codes of its lengths.)
func FuzzInflate(f *testing.F) {
	for _, p := range [][]byte{nil, []byte("hello hello hello"), noise(1000), skewed(3000), make([]byte, 10_000)} {
		for _, level := range []int{flate.HuffmanOnly, 0, 1, 9} {
			f.Add(compressed(f, p, level), []byte("window"))
		}
	}
	f.Add(emptyBlocks(100), []byte(nil))
	f.Add([]byte("\xf2\x00\x11\x00\x00"), []byte("Hello"))
	f.Add([]byte("\x04\xc0\x81\x00\x00\x00\x00\x00\x10\xff\xd5$"+strings.Repeat("\x00", 40)), []byte(nil)) // no codes
	f.Fuzz(func(t *testing.T, in, window []byte) {
		const most = 100_000
		window = window[max(0, len(window)-1<<maxWindowBits):]
		got, reason, _ := inflateAll(in, window, most)
		want, ok := libraryInflate(in, window, most)
		if reason == MessageTooLarge || !ok && reason == BadDeflate {
			if ok && len(want) <= most {
				t.Fatalf("%v, and the library finds %d bytes", reason, len(want))
			}
		} else if !ok || reason != 0 || !bytes.Equal(got, want) {
			t.Fatalf("%v, %d bytes; the library: %v, %d bytes", reason, len(got), ok, len(want))
		}
		again, reason, _ := inflateAll(compressed(t, in, 6), window, len(in)+1)
		if reason != 0 || !bytes.Equal(again, in) {
			t.Fatalf("%v, %d bytes, were %d", reason, len(again), len(in))
		}
	})
}

// libraryInflate is what the library makes of a message, about most bytes of it.
func libraryInflate(in, window []byte, most int) (out []byte, ok bool) {
	src := bytes.NewReader(append(bytes.Clone(in), deflateTail...))
	history := bytes.Clone(window)
	for src.Len() > 0 {
		r := stdflate.NewReaderDict(src, history)
		b, err := io.ReadAll(io.LimitReader(r, int64(most+2-len(out))))
		out = append(out, b...)
		history = append(history, b...)
		history = history[max(0, len(history)-1<<maxWindowBits):]
		if len(out) > most {
			return out, true
		}
		// At the end of the input between blocks it misses a final one.
		if err == io.ErrUnexpectedEOF && src.Len() == 0 {
			return out, endsBetween(in, window, out)
		}
		if err != nil {
			return out, false
		}
	}
	return out, true
}

// endsBetween reports whether a message ends between two blocks, and at the end of
// a byte, and is out: then the library is content with any empty final block behind
// it.
func endsBetween(in, window, out []byte) bool {
	return endsBefore(in, window, out, "\x01\x00\x00\xff\xff") && endsBefore(in, window, out, "\x03\x00")
}

func endsBefore(in, window, out []byte, last string) bool {
	src := bytes.NewReader(append(append(bytes.Clone(in), deflateTail...), last...))
	var all []byte
	history := bytes.Clone(window)
	for src.Len() > 0 {
		b, err := io.ReadAll(stdflate.NewReaderDict(src, history))
		all = append(all, b...)
		history = append(history, b...)
		history = history[max(0, len(history)-1<<maxWindowBits):]
		if err != nil {
			return false
		}
	}
	return bytes.Equal(all, out)
}
