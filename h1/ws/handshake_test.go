package ws

import "testing"

// RFC 6455 §1.3.
func TestAcceptKey(t *testing.T) {
	if got := AcceptKey([]byte("dGhlIHNhbXBsZSBub25jZQ==")); string(got[:]) != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Errorf("%s", got)
	}
}

func TestValidKey(t *testing.T) {
	for key, want := range map[string]bool{
		"dGhlIHNhbXBsZSBub25jZQ==":     true,
		"AAAAAAAAAAAAAAAAAAAAAA==":     true,
		"////////////////////+w==":     true,
		"":                             false,
		"dGhlIHNhbXBsZSBub25jZQ=":      false,
		"dGhlIHNhbXBsZSBub25jZQ":       false, // no padding
		"dGhlIHNhbXBsZSBub25jZQo=":     false, // 17 bytes
		"dGhlIHNhbXBsZSBub25jZWFi":     false, // 18 bytes
		"dGhlIHNhbXBsZSBub25j\r\n==":   false,
		"dGhlIHNhbXBsZSBub25jZ\n==":    false,
		"dGhlIHNhbXBsZSBub25jZQ== ":    false,
		"dGhl HNhbXBsZSBub25jZQ==":     false,
		"dGhlIHNhbXBsZSBub25jZQ==AAAA": false,
		"------------------------":     false, // the alphabet for URLs
	} {
		if got := ValidKey([]byte(key)); got != want {
			t.Errorf("%q: %v", key, got)
		}
	}
}
