package hpack

import "encoding/binary"

// The code of RFC 7541 Appendix B is canonical: codes of one length are
// consecutive numbers in the order of their symbols, and longer codes come
// after shorter ones. So the lengths say everything, and the tables below are
// computed from them once. Nothing writes to them afterwards.
const (
	eos        = 256 // the symbol that must not occur
	maxCodeLen = 30  // bits; EOS has this length too
	minCodeLen = 5
)

// codeLens are the lengths of the codes of all octets and EOS, in bits.
var codeLens = [257]uint8{
	13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, // 0x00
	28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28, // 0x10
	6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, // 0x20 SP to /
	5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, // 0x30 0 to ?
	13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, // 0x40 @ to O
	7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, // 0x50 P to _
	15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, // 0x60 ` to o
	6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, // 0x70 p to DEL
	20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, // 0x80
	24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, // 0x90
	22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, // 0xa0
	21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, // 0xb0
	26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, // 0xc0
	19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, // 0xd0
	20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, // 0xe0
	26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, // 0xf0
	30, // EOS
}

// A huffmanCode is the code of one octet, in the low bits.
type huffmanCode struct {
	bits uint32
	n    uint32 // number of bits
}

// shortBits are how many bits the decoder looks up at once. Ten cover what
// header fields are made of; longer codes are found by their length.
const shortBits = 10

// A huffmanTable is what encoding and decoding need.
type huffmanTable struct {
	codes [256]huffmanCode
	// short tells, by the next shortBits bits, the symbol they begin with
	// (high octet) and the length of its code (low octet); 0: it is longer.
	short [1 << shortBits]uint16
	// end is the first 32-bit number, codes being at its top, that is above
	// all codes of at most this length.
	end [maxCodeLen + 1]uint64
	// first is the lowest code of a length, rank where its symbol is in order.
	first [maxCodeLen + 1]uint32
	rank  [maxCodeLen + 1]uint32
	order [257]uint16 // the symbols by code
}

var huffman = makeHuffman()

func makeHuffman() (t huffmanTable) {
	code, rank := uint32(0), uint32(0)
	for n := uint32(1); n <= maxCodeLen; n++ {
		code <<= 1
		t.first[n], t.rank[n] = code, rank
		for symbol, length := range codeLens {
			if uint32(length) != n {
				continue
			}
			t.order[rank] = uint16(symbol)
			t.setCode(symbol, code, n)
			code++
			rank++
		}
		t.end[n] = uint64(code) << (32 - n)
	}
	return t
}

func (t *huffmanTable) setCode(symbol int, code, n uint32) {
	if symbol == eos {
		return
	}
	t.codes[symbol] = huffmanCode{code, n}
	if n > shortBits {
		return
	}
	spare := shortBits - n
	for i := range uint32(1) << spare {
		t.short[code<<spare|i] = uint16(symbol)<<8 | uint16(n)
	}
}

// huffmanLen is how many octets s takes when it is encoded.
func huffmanLen(s []byte) int {
	n := 0
	for _, c := range s {
		n += int(huffman.codes[c].n)
	}
	return (n + 7) / 8
}

// appendHuffman appends s encoded (RFC 7541 §5.2).
func appendHuffman(dst, s []byte) []byte {
	var acc uint64 // the low n bits are still to be written
	var n uint32   // below 32 at the top of the loop
	for _, c := range s {
		code := huffman.codes[c]
		acc = acc<<code.n | uint64(code.bits)
		if n += code.n; n >= 32 {
			n -= 32
			w := uint32(acc >> n)
			dst = append(dst, byte(w>>24), byte(w>>16), byte(w>>8), byte(w))
		}
	}
	for n >= 8 {
		n -= 8
		dst = append(dst, byte(acc>>n))
	}
	if n > 0 {
		// The rest of the octet is the start of EOS, which is all ones.
		dst = append(dst, byte(acc<<(8-n))|0xff>>n)
	}
	return dst
}

// parseHuffman decodes src into dst and returns how many octets that makes,
// or a Kind other than 0. Octets beyond len(dst) are checked and counted but
// not stored.
func parseHuffman(dst, src []byte) (length int, kind Kind) {
	var acc uint64 // the next n bits, at the top; zeros below
	var n uint32
	for {
		if n < maxCodeLen && len(src) >= 8 {
			// As many octets as fit. What is below n then are bits of the next
			// one, which will be set again.
			acc |= binary.BigEndian.Uint64(src) >> n
			take := (64 - n) / 8
			n += 8 * take
			src = src[take:]
		}
		for n <= 56 && len(src) > 0 && len(src) < 8 {
			acc |= uint64(src[0]) << (56 - n)
			n += 8
			src = src[1:]
		}
		symbol, used := nextSymbol(acc)
		if used > n {
			return length, checkPadding(acc, n)
		}
		if symbol == eos {
			// RFC 7541 §5.2: a string that contains EOS MUST be treated as a
			// decoding error.
			return 0, EncodedEOS
		}
		if length < len(dst) {
			dst[length] = byte(symbol)
		}
		length++
		acc <<= used
		n -= used
	}
}

// nextSymbol is the symbol at the top of acc, and the length of its code.
func nextSymbol(acc uint64) (symbol uint16, n uint32) {
	if e := huffman.short[acc>>(64-shortBits)]; e != 0 {
		return e >> 8, uint32(e & 0xff)
	}
	n = shortBits + 1
	for acc>>32 >= huffman.end[n] {
		n++ // ends at maxCodeLen, above all of whose codes there is nothing
	}
	return huffman.order[huffman.rank[n]+uint32(acc>>(64-n))-huffman.first[n]], n
}

// checkPadding judges the n bits at the top of acc, in which no code ends.
// RFC 7541 §5.2: padding strictly longer than 7 bits, and padding that is not
// the most significant bits of EOS, MUST be treated as a decoding error.
func checkPadding(acc uint64, n uint32) Kind {
	if n > 7 || acc>>(64-n) != 1<<n-1 {
		return BadPadding
	}
	return 0
}
