package hpack

// maxContinuation is how many octets may follow the prefix of an integer. Five
// hold 35 bits, so every value below 2^32 in its shortest form.
const maxContinuation = 5

// parseInt reads the integer with an n-bit prefix in b[at] (RFC 7541 §5.1),
// n from 1 to 8 and at below len(b). It returns the value and where it ends,
// or a Kind other than 0.
func parseInt(b []byte, at int, n uint) (v uint32, end int, kind Kind) {
	mask := byte(1<<n - 1)
	if p := b[at] & mask; p != mask {
		return uint32(p), at + 1, 0
	}
	return parseLongInt(b, at+1, uint64(mask))
}

// parseLongInt goes on at the first octet after a prefix that is all ones.
func parseLongInt(b []byte, at int, sum uint64) (v uint32, end int, kind Kind) {
	for i := range maxContinuation {
		if at+i >= len(b) {
			return 0, 0, Truncated
		}
		c := b[at+i]
		sum += uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			if sum > 1<<32-1 {
				return 0, 0, IntegerOverflow
			}
			return uint32(sum), at + i + 1, 0
		}
	}
	// RFC 7541 §5.1: integer encodings that exceed implementation limits, in
	// value or octet length, MUST be treated as decoding errors.
	return 0, 0, IntegerOverflow
}

// appendInt appends v with an n-bit prefix; high are the bits above the prefix.
func appendInt(dst []byte, high byte, n uint, v uint32) []byte {
	mask := uint32(1<<n - 1)
	if v < mask {
		return append(dst, high|byte(v))
	}
	dst = append(dst, high|byte(mask))
	for v -= mask; v >= 0x80; v >>= 7 {
		dst = append(dst, byte(v)|0x80)
	}
	return append(dst, byte(v))
}
