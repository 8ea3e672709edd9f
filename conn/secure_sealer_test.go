package conn_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"net"
	"strings"

	cryptotls "crypto/tls"
)

// A sealer is the sending half of a TLS 1.3 client, which can send what
// crypto/tls has no call for. TLS_AES_128_GCM_SHA256 only.
type sealer struct {
	r *rig
	net.Conn
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	seq    uint64
}

// The types of records (RFC 8446 §5.1).
const (
	recordCCS       = 20
	recordHandshake = 22
	recordData      = 23
)

// sealer shakes hands and takes over from the client.
func (r *rig) sealer() *sealer {
	r.Helper()
	var log keyLog
	cfg := clientTLS(r, cryptotls.VersionTLS13)
	cfg.KeyLogWriter = &log
	raw := r.dial()
	c := cryptotls.Client(raw, cfg)
	if err := c.Handshake(); err != nil {
		r.Fatal(err)
	}
	if id := c.ConnectionState().CipherSuite; id != cryptotls.TLS_AES_128_GCM_SHA256 {
		r.Skipf("this machine prefers %s, the test knows AES-128-GCM only", cryptotls.CipherSuiteName(id))
	}
	s := &sealer{r: r, Conn: raw}
	s.use(log.secret)
	return s
}

// keyLog keeps the client's traffic secret.
type keyLog struct{ secret []byte }

func (k *keyLog) Write(line []byte) (int, error) {
	if f := strings.Fields(string(line)); f[0] == "CLIENT_TRAFFIC_SECRET_0" {
		k.secret, _ = hex.DecodeString(f[2])
	}
	return len(line), nil
}

// expand is HKDF-Expand-Label (RFC 8446 §7.1) with an empty context.
func (s *sealer) expand(label string, n int) []byte {
	label = "tls13 " + label
	info := append(binary.BigEndian.AppendUint16(nil, uint16(n)), byte(len(label)))
	out, err := hkdf.Expand(sha256.New, s.secret, string(info)+label+"\x00", n)
	if err != nil {
		s.r.Fatal(err)
	}
	return out
}

func (s *sealer) use(secret []byte) {
	s.secret, s.seq = secret, 0
	block, err := aes.NewCipher(s.expand("key", 16))
	if err == nil {
		s.aead, err = cipher.NewGCM(block)
	}
	if err != nil {
		s.r.Fatal(err)
	}
	s.iv = s.expand("iv", 12)
}

// record seals content of a type.
func (s *sealer) record(kind byte, content string) []byte {
	n := len(content) + 1 + s.aead.Overhead()
	out := []byte{recordData, 3, 3, byte(n >> 8), byte(n)}
	nonce := bytes.Clone(s.iv)
	for i := range 8 {
		nonce[4+i] ^= byte(s.seq >> (56 - 8*i))
	}
	s.seq++
	return s.aead.Seal(out, nonce, append([]byte(content), kind), out)
}

// keyUpdate is a KeyUpdate, that asks for ours if requested is 1 (RFC 8446
// §4.6.3), and changes the keys.
func (s *sealer) keyUpdate(requested byte) []byte {
	b := s.record(recordHandshake, string([]byte{24, 0, 0, 1, requested}))
	s.use(s.expand("traffic upd", 32)) // §7.2
	return b
}
