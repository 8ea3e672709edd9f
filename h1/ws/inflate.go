package ws

import (
	"encoding/binary"
	"sync"
)

// An inflater decompresses one message (RFC 1951), a bounded piece at a time: an
// owner who serves many cannot spend 200 ms on one, which is what 1 MiB can be
// made to take. What is before the message, window, and the message itself lie in
// one piece each, so that there is no other window. The library that compresses
// for us cannot stop in the middle.
//
//	 header ──stored──▶ copying ──────┐
//	▲  │ └──────codes──▶ decoding ────┤
//	│  │ at the end of the input      │ end of the block
//	│  ▼                              │
//	│ over                            │
//	└─────────────────────────────────┘
type inflater struct {
	in     *buffer // compressed, with the tail
	at     int     // in it
	word   uint64  // bits that were read and not used, the next one lowest
	held   uint    // how many
	out    *buffer
	window []byte
	most   int // bytes of out

	phase  inflatePhase
	final  bool     // the block is its stream's last
	stored int      // bytes of a stored block to come
	lit    *huffman // of the block
	dist   *huffman

	literals, distances huffman // of a block with codes of its own
}

// inflatePhase is where an inflater is.
type inflatePhase uint8

const (
	// inflateHeader: a block begins, or the message has ended.
	inflateHeader inflatePhase = iota
	// inflateStored: in a block that is not compressed.
	inflateStored
	// inflateCodes: in one that is.
	inflateCodes
	// inflateOver: all is in out.
	inflateOver
)

const (
	// inflateStep is how much is decompressed in one call of Next, in bytes. That
	// takes 0.05 to 0.35 ms, of any message; 1 MiB in one go takes 1 to 11 ms,
	// and 300 ms if it is made for it (93,000 blocks with codes and nothing else).
	inflateStep = 32 << 10
	// What a block costs, in bytes of inflateStep.
	blockCost = 64
	codesCost = 768 // with codes of its own

	endOfBlock = 256
	maxMatch   = 258
)

// What is compressed ends with an empty stored block, of which all but the
// beginning is left away (RFC 7692 §7.2.1). Whoever decompresses puts it there
// again.
var deflateTail = []byte{0x00, 0x00, 0xff, 0xff}

var inflaters = sync.Pool{New: func() any { return new(inflater) }}

// newInflater begins the decompression of m, which is its from now on, to most
// bytes. It may refer to window, which must stay as it is.
func newInflater(m *buffer, window []byte, most int) *inflater {
	z := inflaters.Get().(*inflater)
	m.extend(deflateTail, int64(len(m.b)+len(deflateTail)))
	z.in, z.out, z.window, z.most = m, newBuffer(), window, most
	return z
}

// free gives back what z holds. z may be nil.
func (z *inflater) free() {
	if z == nil {
		return
	}
	z.in.free()
	z.out.free()
	z.in, z.out, z.window, z.lit, z.dist = nil, nil, nil, nil, nil
	z.at, z.word, z.held, z.phase, z.final, z.stored = 0, 0, 0, inflateHeader, false, 0
	inflaters.Put(z)
}

// size is the memory that z holds for the message, in bytes. z may be nil.
func (z *inflater) size() int {
	if z == nil {
		return 0
	}
	return z.in.size() + z.out.size()
}

// step decompresses about inflateStep bytes, or what there is, and gives up as soon
// as there is more than a message may have (RFC 7692 §8 has no bound).
func (z *inflater) step() Reason {
	for budget := inflateStep; budget > 0 && z.phase != inflateOver; {
		before := len(z.out.b)
		ok := true
		switch z.phase {
		case inflateHeader:
			var cost int
			cost, ok = z.header()
			budget -= cost
		case inflateStored:
			ok = z.copyStored(budget)
		case inflateCodes:
			ok = z.decode(budget)
		}
		if !ok {
			return BadDeflate
		}
		if len(z.out.b) > z.most {
			return MessageTooLarge
		}
		budget -= len(z.out.b) - before
	}
	return 0
}

// refill has word hold 56 bits or more, or all there are.
func (z *inflater) refill() {
	if b := z.in.b[z.at:]; len(b) >= 8 {
		z.word |= binary.LittleEndian.Uint64(b) << z.held
		n := (63 - z.held) >> 3
		z.at += int(n)
		z.held += n * 8
		return
	}
	for z.held <= 56 && z.at < len(z.in.b) {
		z.word |= uint64(z.in.b[z.at]) << z.held
		z.at++
		z.held += 8
	}
}

// bits takes the next n, at most 32; false: there are not as many.
func (z *inflater) bits(n uint) (v uint, ok bool) {
	if z.held < n {
		if z.refill(); z.held < n {
			return 0, false
		}
	}
	v = uint(z.word & (1<<n - 1))
	z.drop(n)
	return v, true
}

// drop is done with n bits. refill may have left more of them in word than it
// has counted.
func (z *inflater) drop(n uint) {
	z.word >>= n
	z.held -= n
}

// align drops the rest of a byte.
func (z *inflater) align() { z.drop(z.held % 8) }

// header begins a block (RFC 1951 §3.2.3). At the end of the input there is none.
func (z *inflater) header() (cost int, ok bool) {
	if z.final {
		// RFC 7692 §7.2.3.4: what follows a final block begins with a byte.
		z.align()
		z.final = false
	}
	if z.held == 0 && z.at == len(z.in.b) {
		z.phase = inflateOver
		return 0, true
	}
	h, ok := z.bits(3)
	if !ok {
		return 0, false
	}
	z.final = h&1 != 0
	switch h >> 1 {
	case 0:
		return blockCost, z.beginStored()
	case 1:
		z.phase, z.lit, z.dist = inflateCodes, fixedLiterals, fixedDistances
		return blockCost, true
	case 2:
		z.phase, z.lit, z.dist = inflateCodes, &z.literals, &z.distances
		return codesCost, z.readCodes()
	}
	return 0, false // reserved
}

// beginStored reads the length of a stored block (RFC 1951 §3.2.4).
func (z *inflater) beginStored() bool {
	z.align()
	n, ok := z.bits(32)
	z.phase, z.stored = inflateStored, int(n&0xffff)
	return ok && n&0xffff == ^n>>16&0xffff
}

// copyStored copies about most bytes of a stored block.
func (z *inflater) copyStored(most int) bool {
	// What word holds was not read, so to speak.
	z.at -= int(z.held / 8)
	z.word, z.held = 0, 0
	n := min(z.stored, most, z.most+1-len(z.out.b))
	if n > len(z.in.b)-z.at {
		return false
	}
	z.grow(n)
	z.out.b = append(z.out.b, z.in.b[z.at:z.at+n]...)
	z.at += n
	if z.stored -= n; z.stored == 0 {
		z.phase = inflateHeader
	}
	return true
}

// codeOrder is the order in which lengths of code lengths come (§3.2.7).
var codeOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// readCodes reads the codes of a block (RFC 1951 §3.2.7).
func (z *inflater) readCodes() bool {
	sizes, ok := z.bits(14)
	literals, distances, codes := int(sizes&31)+257, int(sizes>>5&31)+1, int(sizes>>10)+4
	if !ok || literals > 286 || distances > 30 {
		return false
	}
	var lengths [286 + 30]uint8
	var of [19]uint8
	for _, symbol := range codeOrder[:codes] {
		n, ok := z.bits(3)
		if !ok {
			return false
		}
		of[symbol] = uint8(n)
	}
	// z.literals is free for it until the lengths are known.
	if !z.literals.set(of[:]) || !z.readLengths(&z.literals, lengths[:literals+distances]) {
		return false
	}
	return z.literals.set(lengths[:literals]) && z.distances.set(lengths[literals:literals+distances])
}

// readLengths reads lengths of codes, in the codes h.
func (z *inflater) readLengths(h *huffman, lengths []uint8) bool {
	for i := 0; i < len(lengths); {
		z.refill()
		symbol, n := h.decode(z.word)
		if n == 0 || n > z.held {
			return false
		}
		z.drop(n)
		if symbol < 16 {
			lengths[i] = uint8(symbol)
			i++
			continue
		}
		extra, least, value := uint(2), 3, uint8(0)
		switch symbol {
		case 16:
			if i == 0 {
				return false
			}
			value = lengths[i-1]
		case 17:
			extra = 3
		case 18:
			extra, least = 7, 11
		}
		more, ok := z.bits(extra)
		times := least + int(more)
		if !ok || times > len(lengths)-i {
			return false
		}
		for range times {
			lengths[i] = value
			i++
		}
	}
	return true
}

// Lengths and distances (RFC 1951 §3.2.5): what a symbol begins at, and how many
// bits are added.
var (
	lengthBase    = [29]uint16{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	lengthExtra   = [29]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distanceBase  = [30]uint16{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
	distanceExtra = [30]uint8{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
)

// decode decodes about most bytes of a block with codes.
func (z *inflater) decode(most int) bool {
	end := min(len(z.out.b)+most, z.most+1)
	for len(z.out.b) < end {
		z.grow(maxMatch)
		z.refill() // 56 bits or more do for a length and a distance: 15+5+15+13
		symbol, n := z.lit.decode(z.word)
		if n == 0 || n > z.held {
			return false
		}
		z.drop(n)
		switch {
		case symbol < endOfBlock:
			z.out.b = append(z.out.b, byte(symbol))
		case symbol == endOfBlock:
			z.phase = inflateHeader
			return true
		default:
			if !z.match(symbol - endOfBlock - 1) {
				return false
			}
		}
	}
	return true
}

// match appends what was there before, by the symbol of a length.
func (z *inflater) match(symbol uint) bool {
	if symbol >= uint(len(lengthBase)) {
		return false
	}
	n, ok := z.bits(uint(lengthExtra[symbol]))
	length := int(lengthBase[symbol]) + int(n)
	d, taken := z.dist.decode(z.word)
	if !ok || taken == 0 || taken > z.held || d >= uint(len(distanceBase)) {
		return false
	}
	z.drop(taken)
	n, ok = z.bits(uint(distanceExtra[d]))
	back := int(distanceBase[d]) + int(n)
	if !ok || back > len(z.out.b)+len(z.window) {
		return false
	}
	if over := back - len(z.out.b); over > 0 {
		w := z.window[len(z.window)-over:]
		w = w[:min(len(w), length)]
		z.out.b = append(z.out.b, w...)
		length -= len(w)
	}
	for from := len(z.out.b) - back; length > 0; { // a match may reach into itself
		p := z.out.b[from:min(from+length, len(z.out.b))]
		z.out.b = append(z.out.b, p...)
		length -= len(p)
	}
	return true
}

// grow makes room for n bytes. There is never more than twice what is there, or
// what one message may have.
func (z *inflater) grow(n int) {
	need := len(z.out.b) + n
	if need <= cap(z.out.b) {
		return
	}
	grown := make([]byte, len(z.out.b), max(need, min(2*need, z.most+maxMatch)))
	copy(grown, z.out.b)
	z.out.b = grown
}
