package conn_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/uringserve/uringserve/h2"
	"github.com/uringserve/uringserve/h2/hpack"
	"github.com/uringserve/uringserve/ring/mem"
)

// h2script makes an HTTP/2 client's requests and the bodies that must come back,
// by stream. Its windows are wide, so that it never has to answer.
func h2script(rng *rand.Rand) (in []byte, want map[uint32]string) {
	want = map[uint32]string{}
	enc := hpack.NewEncoder(4096)
	in = h2.AppendSettingsFrame([]byte(h2.Preface), h2.Setting{ID: h2.SettingInitialWindowSize, Value: 1 << 30})
	in = h2.AppendWindowUpdateFrame(in, 0, 1<<30)
	for i := range 1 + rng.IntN(12) {
		id, n := uint32(2*i+1), rng.IntN(40)
		if rng.IntN(4) == 0 {
			n = rng.IntN(5000)
		}
		path := []string{"/", "/sleep", "/hard", "/compute", "/echo", "/echo", "/stream", "/addr"}[rng.IntN(8)]
		method, out := "GET", string(pattern(n))
		switch path {
		case "/echo":
			method = "POST"
		case "/stream":
			n %= 20
			out = ""
			for k := range n {
				out += fmt.Sprintf("%d,", k)
			}
		case "/sleep", "/hard", "/compute":
			n %= 20
			out = string(pattern(n))
		}
		want[id] = out
		var block []byte
		for _, f := range [][2]string{{":method", method}, {":scheme", "http"}, {":authority", "x"}, {":path", fmt.Sprintf("%s?n=%d", path, n)}} {
			if path == "/echo" && f[0] == ":path" {
				f[1] = path
			}
			block = enc.AppendField(block, []byte(f[0]), []byte(f[1]), false)
		}
		in = h2.AppendHeadersFrames(in, id, block, method == "GET", 16384)
		for body, end := out, method == "GET"; !end; {
			k := rng.IntN(len(body) + 1)
			end = k == len(body)
			in = h2.AppendDataFrame(in, id, []byte(body[:k]), end)
			body = body[k:]
		}
	}
	return in, want
}

// compareH2 fails unless got are the responses in want, each whole.
func compareH2(got []byte, want map[uint32]string) error {
	lim := hpack.DefaultLimits()
	dec, scratch := hpack.NewDecoder(4096, &lim), new(hpack.Scratch)
	bodies, ended := map[uint32]string{}, 0
	for len(got) >= h2.HeaderBytes {
		h := h2.ParseFrameHeader(got)
		if len(got) < h2.HeaderBytes+h.Length {
			break
		}
		p := got[h2.HeaderBytes : h2.HeaderBytes+h.Length]
		got = got[h2.HeaderBytes+h.Length:]
		switch h.Type {
		case h2.FrameHeaders:
			dec.Begin(p, scratch)
			var text strings.Builder
			for f, ok := dec.Next(); ok; f, ok = dec.Next() {
				fmt.Fprintf(&text, "%s=%s ", f.Name, f.Value)
			}
			if dec.Err() != nil || !strings.HasPrefix(text.String(), ":status=200 ") {
				return fmt.Errorf("stream %d: %s, %v", h.ID, &text, dec.Err())
			}
		case h2.FrameData:
			bodies[h.ID] += string(p)
		case h2.FrameRSTStream, h2.FrameGoAway:
			return fmt.Errorf("%v: %x", h, p)
		default:
			continue
		}
		if h.Flags.Has(h2.FlagEndStream) {
			if ended++; bodies[h.ID] != want[h.ID] {
				return fmt.Errorf("stream %d: %.60q, want %.60q", h.ID, bodies[h.ID], want[h.ID])
			}
		}
	}
	if ended != len(want) || len(got) > 0 {
		return fmt.Errorf("%d of %d responses, and %d bytes", ended, len(want), len(got))
	}
	return nil
}

// TestSimulatorH2 is TestSimulator over HTTP/2.
func TestSimulatorH2(t *testing.T) {
	eachSeed(t, 4, func(x *scene) {
		x.serve(asAsked)
		x.clients(4, func(_ int, p *mem.Peer, rng *rand.Rand) error {
			in, want := h2script(rng)
			got, err := x.play(p, in, rng)
			if err != nil {
				return err
			}
			return compareH2(got, want)
		})
		x.over()
	})
}
