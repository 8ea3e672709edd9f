package ws

import "encoding/binary"

// The head of a frame (RFC 6455 §5.2):
//
//	┌───┬───┬───┬───┬────────┐┌────┬────────┐┌───────────┐┌──────────┐
//	│FIN│RSV│RSV│RSV│ opcode ││MASK│ length ││ 0, 2 or 8 ││ 0 or 4   │ payload …
//	│ 1 │ 1 │ 1 │ 1 │ 4 bits ││ 1  │ 7 bits ││ bytes of  ││ bytes of │
//	│   │ 1 │ 2 │ 3 │        ││    │        ││ length    ││ key      │
//	└───┴───┴───┴───┴────────┘└────┴────────┘└───────────┘└──────────┘
const (
	finBit      = 0x80
	rsv1Bit     = 0x40 // the message is compressed (RFC 7692 §6)
	rsvBits     = 0x70
	opcodeBits  = 0x0f
	maskBit     = 0x80
	lengthBits  = 0x7f
	length16    = 126
	length64    = 127
	keyBytes    = 4
	controlMost = 125 // §5.5: MUST have a payload length of 125 bytes or less

	maxHeaderBytes = 2 + 8 + keyBytes
)

// frame is the head of a frame.
type frame struct {
	fin        bool
	compressed bool
	op         Opcode
	length     int64
	key        uint32 // 0 if it is not masked, which does the same
}

// lengthBytes is how many bytes of length follow the second byte of a frame.
func lengthBytes(second byte) int {
	switch second & lengthBits {
	case length16:
		return 2
	case length64:
		return 8
	}
	return 0
}

// parseLength reads the length, b from the second byte of the frame on and as
// long as lengthBytes says.
func parseLength(b []byte) (int64, Reason) {
	switch b[0] & lengthBits {
	case length16:
		n := binary.BigEndian.Uint16(b[1:])
		// §5.2: the minimal number of bytes MUST be used to encode the length.
		if n < length16 {
			return 0, NonMinimalLength
		}
		return int64(n), 0
	case length64:
		n := binary.BigEndian.Uint64(b[1:])
		switch {
		case n>>63 != 0:
			return 0, LengthOverflow // the most significant bit MUST be 0
		case n < 1<<16:
			return 0, NonMinimalLength
		}
		return int64(n), 0
	}
	return int64(b[0] & lengthBits), 0
}

// appendFrame appends a frame that is all of its message. A client's is masked
// with a key of keys, nil for a server's.
func appendFrame(dst []byte, first byte, p []byte, keys func() uint32) []byte {
	var second byte
	if keys != nil {
		second = maskBit
	}
	dst = append(dst, first)
	switch n := len(p); {
	case n < length16:
		dst = append(dst, second|byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, second|length16), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, second|length64), uint64(n))
	}
	if keys == nil {
		return append(dst, p...)
	}
	key := keys()
	dst = binary.LittleEndian.AppendUint32(dst, key)
	dst = append(dst, p...)
	mask(key, dst[len(dst)-len(p):])
	return dst
}
