package hpack

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

// A code is complete when its lengths fill the space of codes exactly.
func TestHuffmanIsComplete(t *testing.T) {
	sum := 0
	for _, n := range codeLens {
		sum += 1 << (maxCodeLen - n)
	}
	if sum != 1<<maxCodeLen {
		t.Errorf("the lengths fill %d of %d", sum, 1<<maxCodeLen)
	}
	if huffman.order[256] != eos || huffman.first[30]+3 != 1<<30-1 {
		t.Error("EOS is not thirty ones")
	}
}

// Codes of each length, as RFC 7541 Appendix B has them.
func TestHuffmanCodes(t *testing.T) {
	for c, want := range map[byte]huffmanCode{
		'0': {0x0, 5}, 't': {0x9, 5}, ' ': {0x14, 6}, 'u': {0x2d, 6}, ':': {0x5c, 7}, 'z': {0x7b, 7},
		'&': {0xf8, 8}, 'Z': {0xfd, 8}, '!': {0x3f8, 10}, '?': {0x3fc, 10}, '\'': {0x7fa, 11}, '|': {0x7fc, 11},
		'#': {0xffa, 12}, '>': {0xffb, 12}, 0: {0x1ff8, 13}, '~': {0x1ffd, 13}, '^': {0x3ffc, 14}, '<': {0x7ffc, 15},
		'\\': {0x7fff0, 19}, 195: {0x7fff1, 19}, 128: {0xfffe6, 20}, 153: {0x1fffdc, 21}, 129: {0x3fffd2, 22},
		1: {0x7fffd8, 23}, 9: {0xffffea, 24}, 199: {0x1ffffec, 25}, 192: {0x3ffffe0, 26}, 203: {0x7ffffde, 27},
		2: {0xfffffe2, 28}, 249: {0xffffffe, 28}, 10: {0x3ffffffc, 30}, 13: {0x3ffffffd, 30}, 22: {0x3ffffffe, 30},
	} {
		if got := huffman.codes[c]; got != want {
			t.Errorf("%q: %#x of %d bits, want %#x of %d", c, got.bits, got.n, want.bits, want.n)
		}
	}
}

// Every octet, at every offset in an octet, before every other kind of code.
func TestHuffmanRoundTrip(t *testing.T) {
	neighbours := []string{"", "0", "a", "X", "!", "~", "\\", "\n", "\xff", "aX!~\\\n"}
	for c := range 256 {
		for _, before := range neighbours {
			for _, after := range neighbours {
				s := before + string([]byte{byte(c)}) + after
				coded := appendHuffman(nil, []byte(s))
				if len(coded) != huffmanLen([]byte(s)) {
					t.Fatalf("%q: %d octets, said %d", s, len(coded), huffmanLen([]byte(s)))
				}
				if got, kind := unhuffman(coded); got != s || kind != 0 {
					t.Fatalf("%q became %q, %v", s, got, kind)
				}
			}
		}
	}
}

func unhuffman(coded []byte) (string, Kind) {
	dst := make([]byte, len(coded)*8/minCodeLen)
	n, kind := parseHuffman(dst, coded)
	return string(dst[:n]), kind
}

// RFC 7541 §5.2: at most seven bits of padding, all ones; no EOS.
func TestHuffmanPadding(t *testing.T) {
	for _, c := range []struct {
		coded string
		want  Kind
		why   string
	}{
		{"", 0, "nothing"},
		{"07", 0, "'0' and three ones"},
		{"00", BadPadding, "'0' and three zeros"},
		{"06", BadPadding, "'0' and padding that ends in zero"},
		{"03", BadPadding, "'0' and padding that begins with zero"},
		{"f8", 0, "'&', no padding"},
		{"fe2e7f", 0, "'!', ':' and seven ones"},
		{"fe2e7e", BadPadding, "'!', ':' and seven bits that end in zero"},
		{"f8ff", BadPadding, "'&' and eight ones"},
		{"ff", BadPadding, "eight ones alone"},
		{"ffffff", BadPadding, "24 ones"},
		{"3fffffff", BadPadding, "'o' and 27 ones"},
		{"fffffffb", 0, "octet 22, of thirty bits, and two ones"},
		{"ffffffff", EncodedEOS, "EOS and two ones"},
		{"fffffffc", EncodedEOS, "EOS and two zeros"},
		{"07ffffffff", EncodedEOS, "'0', EOS and five ones"},
	} {
		if _, got := unhuffman(unhex(t, c.coded)); got != c.want {
			t.Errorf("%s (%s): %v, want %v", c.coded, c.why, got, c.want)
		}
	}
}

// Whatever the octets: the tables and the codes themselves agree.
func TestHuffmanBitwise(t *testing.T) {
	symbols := map[huffmanCode]byte{}
	for symbol, code := range huffman.codes {
		symbols[code] = byte(symbol)
	}
	check := func(coded []byte) {
		want, wantKind := bitwise(symbols, coded)
		if got, kind := unhuffman(coded); kind != wantKind || kind == 0 && got != want {
			t.Fatalf("%x: %q %v, bit by bit %q %v", coded, got, kind, want, wantKind)
		}
	}
	for i := range 1 << 16 {
		check([]byte{byte(i >> 8)})
		check([]byte{byte(i >> 8), byte(i)})
	}
	r := rand.New(rand.NewPCG(1, 7541))
	for range 5000 {
		coded := make([]byte, 1+r.IntN(24))
		for i := range coded {
			coded[i] = byte(r.Uint32()) | byte(r.Uint32()) | byte(r.Uint32()) // long codes are of ones
		}
		check(coded)
	}
}

// bitwise judges a string bit by bit, from the codes alone.
func bitwise(symbols map[huffmanCode]byte, coded []byte) (s string, kind Kind) {
	var code, n uint32
	ones := true
	for _, c := range coded {
		for bit := 7; bit >= 0; bit-- {
			b := uint32(c) >> bit & 1
			code, n, ones = code<<1|b, n+1, ones && b == 1
			if n == 30 && code == 1<<30-1 {
				return "", EncodedEOS
			}
			if symbol, ok := symbols[huffmanCode{code, n}]; ok {
				s += string([]byte{symbol})
				code, n, ones = 0, 0, true
			}
		}
	}
	if n > 7 || !ones {
		return "", BadPadding
	}
	return s, 0
}

// What does not fit is counted and judged, and not written.
func TestHuffmanShortDestination(t *testing.T) {
	coded := appendHuffman(nil, []byte("www.example.com"))
	for room := range 20 {
		dst := bytes.Repeat([]byte{'#'}, 20)
		n, kind := parseHuffman(dst[:room], coded)
		want := "www.example.com"[:min(room, 15)] + strings.Repeat("#", 20-min(room, 15))
		if n != 15 || kind != 0 || string(dst) != want {
			t.Errorf("room for %d: %d, %v, %q", room, n, kind, dst)
		}
	}
	bad := append(coded[:len(coded):len(coded)], 0xff)
	if _, kind := parseHuffman(nil, bad); kind != BadPadding {
		t.Errorf("bad padding beyond the room: %v", kind)
	}
}
