package ws

import "math/bits"

// A huffman decodes the codes of one alphabet (RFC 1951 §3.2.2), the next bits
// of the input being the lowest of a word.
type huffman struct {
	// quick is what the next quickBits bits begin with: symbol<<4 | length of its
	// code; 0: a longer code, or none.
	quick   [1 << quickBits]uint16
	count   [maxCode + 1]uint16 // codes by length
	symbols [maxLiterals]uint16 // in the order of their codes
}

const (
	quickBits   = 10
	maxCode     = 15 // bits of a code
	maxLiterals = 288
)

// set makes h decode codes of these lengths in bits, 0: none, and reports whether
// there are such codes. One code alone, of one bit, may leave the other bit unused,
// and there may be no code at all (as in zlib): it must not be used.
func (h *huffman) set(lengths []uint8) bool {
	h.count = [maxCode + 1]uint16{}
	for _, n := range lengths {
		h.count[n]++
	}
	used := len(lengths) - int(h.count[0])
	h.count[0] = 0
	clear(h.quick[:])
	var code, place [maxCode + 2]uint16 // the next of each length
	left := 1
	for n := 1; n <= maxCode; n++ {
		left = left<<1 - int(h.count[n])
		if left < 0 {
			return false
		}
		code[n+1] = (code[n] + h.count[n]) << 1
		place[n+1] = place[n] + h.count[n]
	}
	if left > 0 && used > 0 && (used > 1 || h.count[1] == 0) {
		return false
	}
	for symbol, n := range lengths {
		if n == 0 {
			continue
		}
		h.symbols[place[n]] = uint16(symbol)
		place[n]++
		if n <= quickBits {
			for at := int(bits.Reverse16(code[n]) >> (16 - n)); at < len(h.quick); at += 1 << n {
				h.quick[at] = uint16(symbol)<<4 | uint16(n)
			}
		}
		code[n]++
	}
	return true
}

// decode is the symbol that word begins with, and the bits of its code; 0: none.
func (h *huffman) decode(word uint64) (symbol, n uint) {
	if e := h.quick[word&(1<<quickBits-1)]; e != 0 {
		return uint(e >> 4), uint(e & 15)
	}
	return h.decodeLong(word)
}

// decodeLong goes through the lengths: the codes of one are in a row.
func (h *huffman) decodeLong(word uint64) (symbol, n uint) {
	code, first, place := 0, 0, 0
	for n := 1; n <= maxCode; n++ {
		code |= int(word & 1)
		word >>= 1
		count := int(h.count[n])
		if code-first < count {
			return uint(h.symbols[place+code-first]), uint(n)
		}
		place += count
		first = (first + count) << 1
		code <<= 1
	}
	return 0, 0
}

// The fixed codes (RFC 1951 §3.2.6).
var fixedLiterals, fixedDistances = fixedCodes()

func fixedCodes() (literals, distances *huffman) {
	var lengths [maxLiterals]uint8
	for i := range lengths {
		switch {
		case i < 144:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		case i < 280:
			lengths[i] = 7
		default:
			lengths[i] = 8
		}
	}
	literals, distances = new(huffman), new(huffman)
	var fives [32]uint8
	for i := range fives {
		fives[i] = 5
	}
	if !literals.set(lengths[:]) || !distances.set(fives[:]) {
		panic("BUG: ws: the fixed codes are none")
	}
	return literals, distances
}
