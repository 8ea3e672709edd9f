package ws

import (
	"encoding/binary"
	"math/bits"
)

// mask applies key to b in place (RFC 6455 §5.3), and answers the key for the
// bytes that follow. The first octet of the key is the lowest byte. To mask
// and to unmask are the same.
func mask(key uint32, b []byte) uint32 {
	rest := bits.RotateLeft32(key, -8*(len(b)%4))
	wide := uint64(key)<<32 | uint64(key)
	for len(b) >= 32 {
		p := b[:32:32]
		binary.LittleEndian.PutUint64(p[0:], binary.LittleEndian.Uint64(p[0:])^wide)
		binary.LittleEndian.PutUint64(p[8:], binary.LittleEndian.Uint64(p[8:])^wide)
		binary.LittleEndian.PutUint64(p[16:], binary.LittleEndian.Uint64(p[16:])^wide)
		binary.LittleEndian.PutUint64(p[24:], binary.LittleEndian.Uint64(p[24:])^wide)
		b = b[32:]
	}
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^wide)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= byte(wide >> (8 * i))
	}
	return rest
}
