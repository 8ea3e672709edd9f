package xcheck

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	gobwas "github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/uringserve/uringserve/h1/ws"
)

// Frames at random, most of them as they should be, are found to be the same
// messages and the same kind of wrong by both.
func TestSameEvents(t *testing.T) {
	rng := rand.New(rand.NewPCG(6455, 1))
	wrong := 0
	for i := range 20000 {
		in := randomFrames(rng)
		theirs := readTheirs(in)
		ours := readOurs(rng, in)
		if ours != theirs {
			t.Fatalf("%d: %x\nwe find   %s\nthey find %s", i, in, ours, theirs)
		}
		if strings.HasSuffix(ours, "wrong") {
			wrong++
		}
	}
	if wrong < 2000 || wrong > 18000 {
		t.Errorf("%d of 20000 are wrong: that tells little", wrong)
	}
}

// randomFrames is what a client may send, masked, each frame with some chance
// of being wrong.
func randomFrames(rng *rand.Rand) []byte {
	var b bytes.Buffer
	inMessage := false
	for range 1 + rng.IntN(6) {
		h := gobwas.Header{Fin: rng.IntN(2) == 0, OpCode: gobwas.OpBinary, Masked: true}
		switch {
		case rng.IntN(4) == 0:
			h.Fin, h.OpCode = true, gobwas.OpPing+gobwas.OpCode(rng.IntN(2))
		case inMessage:
			h.OpCode = gobwas.OpContinuation
		case rng.IntN(2) == 0:
			h.OpCode = gobwas.OpText
		}
		switch rng.IntN(60) {
		case 0:
			h.OpCode = gobwas.OpCode(rng.IntN(16))
			if h.OpCode == gobwas.OpClose {
				h.OpCode = gobwas.OpPing // what comes after it is a matter of taste
			}
		case 1:
			h.Rsv = byte(1 + rng.IntN(7))
		case 2:
			h.Fin = !h.Fin
		case 3:
			h.Masked = false
		}
		// Whole characters, 130 bytes at the least where there are many.
		p := []byte(strings.Repeat("aé€𐍈", []int{0, 1, 5, 13, 100}[rng.IntN(5)]))
		if rng.IntN(40) == 0 {
			p = append(p, 0xed, 0xa0, 0x80)
		}
		if h.OpCode >= gobwas.OpPing && rng.IntN(20) > 0 {
			p = p[:min(len(p), 125)]
		}
		h.Length = int64(len(p))
		for i := range h.Mask {
			h.Mask[i] = byte(rng.Uint32())
		}
		if h.Masked {
			gobwas.Cipher(p, h.Mask, 0)
		}
		if err := gobwas.WriteHeader(&b, h); err != nil {
			panic(err)
		}
		b.Write(p)
		if h.OpCode < gobwas.OpClose {
			inMessage = !h.Fin
		}
	}
	return b.Bytes()
}

func readOurs(rng *rand.Rand, in []byte) string {
	var c ws.Conn
	c.Reset(ws.DefaultConfig(), ws.Deflate{})
	var log []string
	in = bytes.Clone(in)
	for len(in) > 0 {
		n := 1 + rng.IntN(len(in))
		c.Feed(in[:n:n])
		in = in[n:]
		for {
			e, bad := c.Next()
			if bad != nil {
				return strings.Join(append(log, "wrong"), " ")
			}
			if e.Kind == ws.EventNone {
				break
			}
			if e.Kind == ws.EventMore {
				continue
			}
			log = append(log, fmt.Sprintf("%d:%x", e.Opcode, e.Data))
		}
	}
	return strings.Join(log, " ")
}

func readTheirs(in []byte) string {
	var log []string
	control := func(h gobwas.Header, r io.Reader) error {
		p, err := io.ReadAll(r)
		log = append(log, fmt.Sprintf("%d:%x", h.OpCode, p))
		return err
	}
	r := &wsutil.Reader{Source: bytes.NewReader(in), State: gobwas.StateServerSide, CheckUTF8: true, OnIntermediate: control}
	for {
		h, err := r.NextFrame()
		if err == io.EOF {
			return strings.Join(log, " ")
		}
		if err != nil {
			return strings.Join(append(log, "wrong"), " ")
		}
		if h.OpCode.IsControl() {
			if err := control(h, r); err != nil {
				return strings.Join(append(log, "wrong"), " ")
			}
			continue
		}
		p, err := io.ReadAll(r)
		switch err {
		case nil:
			log = append(log, fmt.Sprintf("%d:%x", h.OpCode, p))
		case io.ErrUnexpectedEOF, io.EOF: // it ends within a message
			return strings.Join(log, " ")
		default:
			return strings.Join(append(log, "wrong"), " ")
		}
	}
}

// What we append, they read, and what they write, we read, at every length.
func TestLengths(t *testing.T) {
	client := ws.DefaultConfig()
	client.Role = ws.Client
	client.Keys = func() uint32 { return rand.Uint32() }
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536, 1 << 20} {
		p := bytes.Repeat([]byte{'x'}, n)
		for role, cfg := range []*ws.Config{ws.DefaultConfig(), client} {
			var c ws.Conn
			c.Reset(cfg, ws.Deflate{})
			b, err := c.AppendMessage(nil, ws.Binary, p)
			if err != nil {
				t.Fatal(err)
			}
			r := bytes.NewReader(b)
			h, err := gobwas.ReadHeader(r)
			if err != nil || h.Length != int64(n) || h.Masked != (role == 1) || !h.Fin || h.OpCode != gobwas.OpBinary {
				t.Fatalf("%d bytes: %+v, %v", n, h, err)
			}
			got, err := io.ReadAll(r)
			if h.Masked {
				gobwas.Cipher(got, h.Mask, 0)
			}
			if err != nil || !bytes.Equal(got, p) {
				t.Fatalf("%d bytes: %d, %v", n, len(got), err)
			}
			f := gobwas.NewBinaryFrame(bytes.Clone(p))
			if role == 0 {
				f = gobwas.MaskFrame(f)
			}
			b, err = gobwas.CompileFrame(f)
			if err != nil {
				t.Fatal(err)
			}
			c.Feed(b)
			if e, bad := c.Next(); bad != nil || !bytes.Equal(e.Data, p) {
				t.Fatalf("%d bytes: %v, %d", n, bad, len(e.Data))
			}
		}
	}
}
