package ws

import (
	"crypto/sha1" // RFC 6455 §1.3 wants it, and needs no secrecy of it
	"encoding/base64"
)

// KeyBytes and AcceptBytes are how long the values of Sec-WebSocket-Key and
// Sec-WebSocket-Accept are.
const (
	KeyBytes    = 24
	AcceptBytes = 28
)

const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// ValidKey reports whether key is what Sec-WebSocket-Key must be: 16 bytes in
// base64 (RFC 6455 §4.2.1).
func ValidKey(key []byte) bool {
	if len(key) != KeyBytes {
		return false
	}
	var nonce [KeyBytes / 4 * 3]byte
	n, err := base64.StdEncoding.Decode(nonce[:], key)
	return err == nil && n == 16
}

// AcceptKey is the value of Sec-WebSocket-Accept that answers a key which is
// valid (RFC 6455 §4.2.2).
func AcceptKey(key []byte) (accept [AcceptBytes]byte) {
	var both [KeyBytes + len(guid)]byte
	sum := sha1.Sum(append(append(both[:0], key...), guid...))
	base64.StdEncoding.Encode(accept[:], sum[:])
	return accept
}
