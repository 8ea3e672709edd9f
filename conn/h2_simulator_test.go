package conn_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/uringserve/uringserve/conn"
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

// TestSimulatorH2 is TestSimulator over HTTP/2, with both styles of kernel and
// all faults.
func TestSimulatorH2(t *testing.T) {
	first, last := uint64(1), 4**seeds
	if testing.Short() {
		last = 10
	}
	if *seed != 0 {
		first, last = *seed, *seed
	}
	for n := first; n <= last && !t.Failed(); n++ {
		simulateH2(t, n)
	}
}

func simulateH2(t *testing.T, n uint64) {
	rng := rand.New(rand.NewPCG(n, 98))
	o := mem.Options{Seed: n, Style: mem.Style(n % uint64(mem.Styles)), Loops: 1 + rng.IntN(2), Faults: mem.AnyFaults(rng), PlainDispatch: rng.IntN(4) == 0}
	s := newSim(t, o, func(s *sim) conn.Config { return conn.Config{Handler: s.handler()} })
	left := 4
	for i := range left {
		in, want := h2script(rng)
		crng := rand.New(rand.NewPCG(n, uint64(i)))
		s.Go("client", func() {
			defer func() { left-- }()
			p := s.Dial(s.addr)
			got, err := s.play(p, in, crng)
			if err == io.EOF {
				err = compareH2(got, want)
			}
			if err != nil {
				t.Errorf("seed %d, client %d: %v", n, i, err)
			}
			p.Close()
		})
	}
	if err := s.Run(func() bool { return left == 0 }); err != nil {
		t.Errorf("seed %d: %v", n, err)
	}
	s.end()
	if t.Failed() {
		t.Logf("replay with -conn.seed %d", n)
	}
}
