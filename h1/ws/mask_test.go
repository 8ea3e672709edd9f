package ws

import (
	"bytes"
	"testing"
)

// mask against RFC 6455 §5.3, with every length and every cut.
func TestMask(t *testing.T) {
	key := [4]byte{0xa1, 0xb2, 0xc3, 0xd4}
	plain := make([]byte, 100)
	for i := range plain {
		plain[i] = byte(i * 7)
	}
	for n := range plain {
		want := bytes.Clone(plain[:n])
		for i := range want {
			want[i] ^= key[i%4]
		}
		for at := range n + 1 {
			got := bytes.Clone(plain)
			next := mask(testKey, got[:at])
			mask(next, got[at:n])
			if !bytes.Equal(got[:n], want) || !bytes.Equal(got[n:], plain[n:]) {
				t.Fatalf("%d bytes cut at %d: %x, want %x", n, at, got[:n], want)
			}
		}
	}
}
