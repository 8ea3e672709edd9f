package hpack

import (
	"encoding/binary"
	"math/bits"
)

// hashOf mixes b into 32 bits, eight octets at a time. A peer that finds
// collisions gains little: what depends on hashes is bounded (see index.go).
func hashOf(b []byte, seed uint32) uint32 {
	h := mix(uint64(seed)<<32 | uint64(uint32(len(b))))
	for len(b) > 8 {
		h = mix(h ^ binary.LittleEndian.Uint64(b))
		b = b[8:]
	}
	var tail uint64 // all of the rest; some octets twice
	switch n := len(b); {
	case n >= 4:
		tail = uint64(binary.LittleEndian.Uint32(b))<<32 | uint64(binary.LittleEndian.Uint32(b[n-4:]))
	case n > 0:
		tail = uint64(b[0])<<16 | uint64(b[n/2])<<8 | uint64(b[n-1])
	}
	h = mix(h ^ tail)
	return uint32(h>>32) ^ uint32(h)
}

// mix folds the whole product, so that every bit of x can change every bit.
func mix(x uint64) uint64 {
	const k = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio, made odd
	hi, lo := bits.Mul64(x^k, k)
	return hi ^ lo
}
