package tls

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	cryptotls "crypto/tls"
)

// A sealer is the sending half of a TLS 1.3 client, which can send what
// crypto/tls has no call for. TLS_AES_128_GCM_SHA256 only.
type sealer struct {
	t      *testing.T
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	seq    uint64
}

// expand is HKDF-Expand-Label (RFC 8446 §7.1) with an empty context.
func (s *sealer) expand(label string, n int) []byte {
	info := binary.BigEndian.AppendUint16(nil, uint16(n))
	info = append(info, byte(len("tls13 ")+len(label)))
	info = append(info, "tls13 "+label...)
	info = append(info, 0)
	out, err := hkdf.Expand(sha256.New, s.secret, string(info), n)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func (s *sealer) use(secret []byte) {
	s.secret = secret
	block, err := aes.NewCipher(s.expand("key", 16))
	if err != nil {
		s.t.Fatal(err)
	}
	if s.aead, err = cipher.NewGCM(block); err != nil {
		s.t.Fatal(err)
	}
	s.iv = s.expand("iv", 12)
	s.seq = 0
}

// update is what a KeyUpdate does to the keys (RFC 8446 §7.2).
func (s *sealer) update() { s.use(s.expand("traffic upd", 32)) }

// record seals content of a type.
func (s *sealer) record(kind byte, content []byte) []byte {
	n := len(content) + 1 + s.aead.Overhead()
	out := []byte{23, 3, 3, byte(n >> 8), byte(n)}
	nonce := bytes.Clone(s.iv)
	for i := range 8 {
		nonce[4+i] ^= byte(s.seq >> (56 - 8*i))
	}
	s.seq++
	return s.aead.Seal(out, nonce, append(bytes.Clone(content), kind), out[:recordHeaderLen])
}

func (s *sealer) keyUpdate(requested byte) []byte {
	b := s.record(recordHandshake, []byte{24, 0, 0, 1, requested})
	s.update()
	return b
}

// keyLog keeps the client's traffic secret.
type keyLog struct{ secret []byte }

func (k *keyLog) Write(line []byte) (int, error) {
	if f := strings.Fields(string(line)); f[0] == "CLIENT_TRAFFIC_SECRET_0" {
		k.secret, _ = hex.DecodeString(f[2])
	}
	return len(line), nil
}

// dialSealer shakes hands and takes over from the client, and the loop.
func dialSealer(t *testing.T) (*rig, *sealer, *cryptotls.Conn) {
	t.Helper()
	var log keyLog
	r, c, err := dial(t, newHandshaker(t, HandshakerOptions{}), serverConfig(t, nil),
		clientConfig(t, func(cfg *cryptotls.Config) { cfg.KeyLogWriter = &log }))
	if err != nil {
		t.Fatal(err)
	}
	if id := c.ConnectionState().CipherSuite; id != cryptotls.TLS_AES_128_GCM_SHA256 {
		r.close()
		t.Skipf("this machine prefers %s, the test knows AES-128-GCM only", cryptotls.CipherSuiteName(id))
	}
	for r.halt(); r.c.Poll() == Handshaking; {
		<-r.wake
		r.turn()
	}
	s := &sealer{t: t}
	s.use(log.secret)
	return r, s, c
}

func (r *rig) feedAll(pieces [][]byte) {
	for _, b := range pieces {
		r.feed(b)
	}
}

// KeyUpdate and other records that bring no data, byte by byte: none is
// remembered as an error, none gets lost.
func TestPostHandshakeRecords(t *testing.T) {
	r, s, c := dialSealer(t)
	defer r.close()
	r.feedAll(bytewise(0, s.record(23, []byte("one "))))
	r.feedAll(bytewise(0, s.keyUpdate(0)))
	r.feedAll(bytewise(0, s.record(23, []byte("two "))))
	r.feedAll(bytewise(0, []byte{20, 3, 3, 0, 1, 1}))            // change_cipher_spec is ignored
	r.feedAll(bytewise(0, s.record(23, nil)))                    // an empty record
	r.feedAll(bytewise(0, s.record(recordAlert, []byte{1, 90}))) // user_canceled
	r.feedAll(bytewise(0, s.keyUpdate(1)))                       // answered
	r.feedAll(bytewise(0, s.record(23, []byte("three"))))
	if string(r.data) != "one two three" || r.err != nil {
		t.Fatalf("%q, %v", r.data, r.err)
	}
	// The echoes, of which the last is under our new keys.
	got := make([]byte, len("one two three"))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "one two three" {
		t.Fatalf("%q, %v", got, err)
	}
}

// A message over two records, cut between.
func TestPostHandshakeFragments(t *testing.T) {
	r, s, _ := dialSealer(t)
	defer r.close()
	update := []byte{24, 0, 0, 1, 0}
	r.feed(s.record(recordHandshake, update[:2]))
	r.feed(s.record(recordHandshake, update[2:]))
	s.update()
	r.feed(s.record(23, []byte("data")))
	if string(r.data) != "data" || r.err != nil {
		t.Fatalf("%q, %v", r.data, r.err)
	}
}

// Records without data are not taken for ever.
func TestUselessRecords(t *testing.T) {
	for name, make := range map[string]func(*sealer) []byte{
		"KeyUpdate":          func(s *sealer) []byte { return s.keyUpdate(0) },
		"empty":              func(s *sealer) []byte { return s.record(23, nil) },
		"change_cipher_spec": func(*sealer) []byte { return []byte{20, 3, 3, 0, 1, 1} },
	} {
		r, s, _ := dialSealer(t)
		n := 0
		for ; r.err == nil && n < 1000; n++ {
			r.feed(make(s))
		}
		var broken *RecordError
		if !errors.As(r.err, &broken) || n < 10 || n > 100 {
			t.Errorf("%s: %d were taken, then %v", name, n, r.err)
		}
		r.close()
	}
}

// A peer that has us answer KeyUpdates and does not take them stops getting
// on: output is bounded.
func TestOutputPending(t *testing.T) {
	r, s, _ := dialSealer(t)
	defer r.close()
	plain := make([]byte, 100)
	var err error
	n := 0
	for ; err != ErrOutputPending && n < 1000; n++ {
		if e := r.c.Feed(append(s.keyUpdate(1), s.record(23, []byte("x"))...)); e != nil {
			t.Fatal(e)
		}
		_, err = r.c.Read(plain)
		r.c.Detach()
		if err != nil && err != ErrOutputPending {
			t.Fatal(err)
		}
	}
	size := len(r.c.pending.B)
	if err != ErrOutputPending || size < maxPending || size > maxPending+100 {
		t.Fatalf("%d rounds, %v, %d bytes", n, err, size)
	}
	if !r.c.HasOutput() {
		t.Error("no output")
	}
	r.down.write(r.c.AppendOutput(nil))
	if n, err := r.c.Read(plain); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

// A record that is spoilt breaks the connection, with an alert, for good.
func TestSpoiltRecord(t *testing.T) {
	for at := range 30 {
		r, s, c := dialSealer(t)
		b := s.record(23, []byte("some data"))
		b[at] ^= 1
		more := make([]byte, 1<<15) // should the length have grown
		r.feed(append(b, more...))
		var broken *RecordError
		if !errors.As(r.err, &broken) || len(r.data) > 0 {
			t.Fatalf("spoilt at %d: %q, %v", at, r.data, r.err)
		}
		if _, err := r.c.Read(make([]byte, 10)); err != r.err && !errors.As(err, &broken) {
			t.Errorf("not remembered: %v", err)
		}
		if out, err := r.c.AppendData(nil, []byte("x")); err == nil || len(out) > 0 {
			t.Errorf("written: %d bytes, %v", len(out), err)
		}
		if out := r.c.AppendCloseNotify(nil); len(out) > 0 {
			t.Errorf("close_notify after a fatal alert: % x", out)
		}
		if _, err := c.Read(make([]byte, 10)); err == nil || err == io.EOF {
			t.Errorf("spoilt at %d: the client got no alert: %v", at, err)
		}
		r.close()
	}
}

// A header alone does not make us allocate what it announces, nor does a record
// that is not whole get to crypto/tls.
func TestHeaderAlone(t *testing.T) {
	r, s, _ := dialSealer(t)
	defer r.close()
	b := s.record(23, make([]byte, 16000))
	r.feed(b[:5])
	if n := testing.AllocsPerRun(10, func() {
		if _, err := r.c.Read(make([]byte, 0, 1)[:1]); err != ErrWouldBlock {
			t.Fatal(err)
		}
	}); n != 0 && !raceEnabled && !invariants {
		t.Errorf("%v allocations", n)
	}
	r.feed(b[5 : len(b)-1])
	if got := r.c.Buffered(); got != len(b)-1 || len(r.data) > 0 {
		t.Errorf("%d bytes wait, %d were read", got, len(r.data))
	}
	r.feed(b[len(b)-1:])
	if len(r.data) != 16000 || r.c.in.kept != nil {
		t.Errorf("%d bytes read; kept %v", len(r.data), r.c.in.kept)
	}
}

// How the client's end reads on our side.
func TestEnds(t *testing.T) {
	p := newHandshaker(t, HandshakerOptions{})
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			for _, c := range []struct {
				name string
				do   func(r *rig, c *cryptotls.Conn)
				want error
			}{
				{"close_notify", func(r *rig, c *cryptotls.Conn) { _ = c.CloseWrite() }, io.EOF},
				{"FIN", func(r *rig, c *cryptotls.Conn) { r.up.end() }, io.EOF},
				{"FIN within a record", func(r *rig, c *cryptotls.Conn) { r.up.write([]byte{23, 3, 3, 0}); r.up.end() }, io.ErrUnexpectedEOF},
				{"FIN behind a header", func(r *rig, c *cryptotls.Conn) { r.up.write([]byte{23, 3, 3, 0, 50}); r.up.end() }, io.ErrUnexpectedEOF},
			} {
				r, client := mustDial(t, p, serverConfig(t, nil), clientConfig(t, version))
				r.halt()
				c.do(r, client)
				r.turn()
				if r.err != c.want || r.c.Err() != c.want {
					t.Errorf("%s: %v", c.name, r.err)
				}
				if c.want == io.EOF { // our half goes on
					out, err := r.c.AppendData(nil, []byte("last"))
					if err != nil {
						t.Errorf("%s: %v", c.name, err)
					}
					out = r.c.AppendCloseNotify(out)
					if again := r.c.AppendCloseNotify(nil); len(again) > 0 {
						t.Errorf("%s: close_notify twice", c.name)
					}
					if _, err := r.c.AppendData(nil, []byte("x")); err != ErrNotEstablished {
						t.Errorf("%s: data behind close_notify: %v", c.name, err)
					}
					r.down.write(out)
					if got, err := io.ReadAll(client); err != nil || string(got) != "last" {
						t.Errorf("%s: the client got %q, %v", c.name, got, err)
					}
				}
				r.close()
			}
		})
	}
}

// Data and its end in one piece: the data first.
func TestDataThenCloseNotify(t *testing.T) {
	r, client := mustDial(t, newHandshaker(t, HandshakerOptions{}), serverConfig(t, nil), clientConfig(t, nil))
	defer r.close()
	r.halt()
	r.data = nil
	_, _ = client.Write([]byte("last words"))
	_ = client.CloseWrite()
	r.turn()
	if string(r.data) != "last words" || r.err != io.EOF {
		t.Errorf("%q, %v", r.data, r.err)
	}
}

// Before and after, data is refused.
func TestNotEstablished(t *testing.T) {
	r := newRig(t, newHandshaker(t, HandshakerOptions{}), serverConfig(t, nil))
	for range 2 {
		if _, err := r.c.Read(make([]byte, 1)); err != ErrNotEstablished {
			t.Error(err)
		}
		if _, err := r.c.AppendData(nil, []byte("x")); err != ErrNotEstablished {
			t.Error(err)
		}
		if out := r.c.AppendCloseNotify(nil); len(out) > 0 {
			t.Error("close_notify")
		}
		if err := r.c.Feed(nil); err != nil || r.c.HasOutput() {
			t.Error(err)
		}
		r.c.Release()
	}
}

// gateless is a net.Conn that hands crypto/tls whatever there is.
type gateless struct {
	clientEnd
	in  []byte
	eof bool
}

func (g *gateless) Read(p []byte) (int, error) {
	if len(g.in) == 0 {
		return 0, ErrWouldBlock
	}
	n := copy(p, g.in)
	g.in = g.in[n:]
	return n, nil
}

// What this package rests on: crypto/tls does not remember a temporary error
// when it reads, wherever in a record it comes. (When it shakes hands it does.)
func TestCryptoTLSForgetsWouldBlock(t *testing.T) {
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			end := &clientEnd{newStream(), newStream()}
			g := &gateless{clientEnd: clientEnd{end.down, end.up}}
			client := cryptotls.Client(end, clientConfig(t, version))
			sv := cryptotls.Server(&switching{Conn: g, before: &g.clientEnd}, serverConfig(t, nil))
			result := make(chan error, 1)
			go func() { result <- client.Handshake() }()
			if err := sv.Handshake(); err != nil {
				t.Fatal(err)
			}
			if err := <-result; err != nil {
				t.Fatal(err)
			}
			sv.NetConn().(*switching).before = nil
			want := strings.Repeat("some text, ", 3000)
			_, _ = io.WriteString(client, want)
			wire, _ := end.up.take()
			var got []byte
			plain := make([]byte, 1000)
			for _, b := range wire {
				g.in = append(g.in, b)
				for {
					n, err := sv.Read(plain)
					got = append(got, plain[:n]...)
					if err == ErrWouldBlock {
						break
					}
					if err != nil {
						t.Fatal(err)
					}
				}
			}
			if string(got) != want {
				t.Errorf("%d bytes of %d", len(got), len(want))
			}
		})
	}
}

// switching reads from before while it is set.
type switching struct {
	net.Conn
	before *clientEnd
}

func (s *switching) Read(p []byte) (int, error) {
	if s.before != nil {
		return s.before.Read(p)
	}
	return s.Conn.Read(p)
}

// The first records of a connection are small, unless it is asked otherwise.
func TestRecordSizes(t *testing.T) {
	for _, fixed := range []bool{false, true} {
		r, _ := mustDial(t, newHandshaker(t, HandshakerOptions{}),
			serverConfig(t, func(o *Options) { o.FixedRecords = fixed }), clientConfig(t, nil))
		r.halt()
		out, err := r.c.AppendData([]byte("before"), make([]byte, 64<<10))
		if err != nil || string(out[:6]) != "before" {
			t.Fatal(err)
		}
		var sizes []int
		for out = out[6:]; len(out) > 0; {
			n := int(out[3])<<8 | int(out[4])
			sizes = append(sizes, n)
			out = out[recordHeaderLen+n:]
		}
		if small := sizes[0] < 4000; small == fixed || fixed && len(sizes) != 4 {
			t.Errorf("fixed %v: %v", fixed, sizes)
		}
		r.close()
	}
}
