package conn_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	appws "github.com/uringserve/uringserve/app/ws"
	"github.com/uringserve/uringserve/conn"
	"github.com/uringserve/uringserve/h1/ws"
	"github.com/uringserve/uringserve/h2"
	"github.com/uringserve/uringserve/h2/hpack"
	"github.com/uringserve/uringserve/ring/mem"
)

// tunnelFields open a WebSocket (RFC 8441 §5.1).
var tunnelFields = [][2]string{{":method", "CONNECT"}, {":protocol", "websocket"}, {":scheme", "http"},
	{":authority", "x"}, {":path", "/ws"}, {"sec-websocket-version", "13"}}

// wsAsk is a WebSocket that plays a script.
func wsAsk(rng *rand.Rand) *h2ask {
	script, want, pings := wsScript(rng)
	a := &h2ask{fields: tunnelFields, out: []byte(script), whole: rng.IntN(2) == 0, quitAt: -1}
	if rng.IntN(4) == 0 {
		a.quitAt = rng.IntN(len(script)) // in mid-message, as a rule
	}
	var x ws.Conn
	x.Reset(wsClientConfig(), ws.Deflate{})
	var messages []string
	var pongs int
	var code ws.CloseCode
	var bad error
	a.heard = func(p []byte) {
		if bad != nil {
			return
		}
		x.Feed(slices.Clone(p))
		for bad == nil {
			ev, err := x.Next()
			switch {
			case err != nil:
				bad = err
			case ev.Kind == ws.EventNone:
				return
			case ev.Kind == ws.EventMessage:
				messages = append(messages, string(ev.Data))
			case ev.Kind == ws.EventPong:
				pongs++
			case ev.Kind == ws.EventPing:
				bad = fmt.Errorf("it took so long that the server asks for a sign of life")
			case ev.Kind == ws.EventClose:
				if code = ev.Code; code == ws.GoingAway {
					a.cutShort(script)
				}
			default:
				bad = fmt.Errorf("got %s", ev.Kind)
			}
		}
	}
	a.judge = func() error {
		whole := code == ws.NormalClosure && len(messages) == len(want) && (pongs > 0 || pings == 0)
		away := code == ws.GoingAway && len(messages) <= len(want)
		if bad != nil || !whole && !away || !slices.Equal(messages, want[:len(messages)]) || pongs > pings {
			return fmt.Errorf("%d messages, want %d; %d pongs, want %d; %s, %v", len(messages), len(want), pongs, pings, code, bad)
		}
		return nil
	}
	return a
}

// cutShort ends a script with the frame that was begun, and a Close.
func (k *h2ask) cutShort(script string) {
	at := len(script) - len(k.out)
	end := 0
	for end < at {
		end += rawFrameLen(script[end:])
	}
	if end < len(script) {
		k.out = []byte(script[at:end] + bye)
	}
}

// rawFrameLen is how long the frame is that s begins with.
func rawFrameLen(s string) int {
	switch n := int(s[1] & 0x7f); n {
	case 126:
		return 8 + int(s[2])<<8 + int(s[3])
	case 127:
		return 14 + int(s[6])<<24 + int(s[7])<<16 + int(s[8])<<8 + int(s[9])
	default:
		return 6 + n
	}
}

// plainAsk is an ordinary request.
func plainAsk(rng *rand.Rand) *h2ask {
	n := rng.IntN(20)
	path := []string{"/", "/sleep", "/hard", "/compute", "/echo", "/stream", "/addr"}[rng.IntN(7)]
	method, out, in := "GET", string(pattern(n)), ""
	switch path {
	case "/echo":
		n = rng.IntN(5000)
		method, out, in = "POST", string(pattern(n)), string(pattern(n))
	case "/stream":
		out = ""
		for i := range n {
			out += fmt.Sprintf("%d,", i)
		}
	}
	a := &h2ask{out: []byte(in), whole: true, quitAt: -1,
		fields: [][2]string{{":method", method}, {":scheme", "http"}, {":authority", "x"}, {":path", fmt.Sprintf("%s?n=%d", path, n)}}}
	a.judge = func() error {
		if !strings.HasPrefix(a.head, ":status=200 ") || string(a.body) != out {
			return fmt.Errorf("%.60q, want %.60q", a.body, out)
		}
		return nil
	}
	return a
}

// wsOverH2 is a client with some sockets and requests on one connection.
func (x *scene) wsOverH2(p *mem.Peer, rng *rand.Rand) *h2peer {
	k := newH2Peer(x.sim, p, rng, 1<<(9+rng.IntN(9)))
	for range 1 + rng.IntN(8) {
		if rng.IntN(2) == 0 {
			k.planned = append(k.planned, wsAsk(rng))
		} else {
			k.planned = append(k.planned, plainAsk(rng))
		}
	}
	return k
}

// smallWindows has the server take little of a stream at a time, and hold little.
func smallWindows(x *scene) func(*appws.Upgrader, *conn.Limits) {
	return func(u *appws.Upgrader, l *conn.Limits) {
		u.MaxUnsent = 1 << (5 + x.rng.IntN(14))
		l.H2.ConnWindow, l.H2.StreamWindow = 65535<<x.rng.IntN(4), 1<<(8+x.rng.IntN(12))
	}
}

// TestSimulatorWebSocketOverH2: sockets and requests share connections with
// windows of any size; some sockets are reset in mid-message, which the others do
// not notice.
func TestSimulatorWebSocketOverH2(t *testing.T) {
	eachSeed(t, 4, func(x *scene) {
		h := wsScene(x, smallWindows(x))
		x.clients(4, func(_ int, p *mem.Peer, rng *rand.Rand) error {
			return x.wsOverH2(p, rng).talk()
		})
		x.over()
		h.check()
	})
}

// The same while the server goes: what was opened by then is answered, and
// sockets are told.
func TestSimulatorWebSocketOverH2Drain(t *testing.T) {
	eachSeed(t, 4, func(x *scene) {
		h := wsScene(x, smallWindows(x))
		at := time.Duration(x.rng.IntN(60_000)) * time.Microsecond
		going := false
		x.Go("operator", func() {
			x.Sleep(at)
			going = true
			x.StopAccept()
			x.srv.Drain()
		})
		x.clients(4, func(_ int, p *mem.Peer, rng *rand.Rand) error {
			err := x.wsOverH2(p, rng).talk()
			if err == mem.ErrRefused && going {
				return nil // it came too late
			}
			return err
		})
		x.advance(at + 10*time.Second)
		if err := x.srv.Wait(expired()); err != nil {
			t.Errorf("%d connections are left: %+v", x.srv.Active(), x.srv.Stats())
		}
		x.over()
		h.check()
	})
}

// wsOverH2Script is what a client says that has wide windows and does not listen.
func wsOverH2Script(rng *rand.Rand) []byte {
	enc := hpack.NewEncoder(4096)
	in := h2.AppendSettingsFrame([]byte(h2.Preface), h2.Setting{ID: h2.SettingInitialWindowSize, Value: 1 << 30})
	in = h2.AppendWindowUpdateFrame(in, 0, 1<<30)
	outs := make([]string, 1+rng.IntN(6))
	for i := range outs {
		var block []byte
		for _, f := range tunnelFields {
			block = enc.AppendField(block, []byte(f[0]), []byte(f[1]), false)
		}
		in = h2.AppendHeadersFrames(in, uint32(2*i+1), block, false, 16384)
		outs[i], _, _ = wsScript(rng)
	}
	for range 60 {
		i := rng.IntN(len(outs))
		if len(outs[i]) > 0 {
			k := rng.IntN(min(len(outs[i]), 16384) + 1)
			in = h2.AppendDataFrame(in, uint32(2*i+1), []byte(outs[i][:k]), k == len(outs[i]))
			outs[i] = outs[i][k:]
		}
	}
	return in
}

// TestSimulatorWebSocketOverH2Chaos: clients break off, reset and send rubbish
// beside others that keep the rules, which are served unless the network resets
// them.
func TestSimulatorWebSocketOverH2Chaos(t *testing.T) {
	eachSeed(t, 4, func(x *scene) {
		x.breaks()
		h := wsScene(x, smallWindows(x))
		x.clients(6, func(i int, p *mem.Peer, rng *rand.Rand) error {
			if i%3 != 0 {
				x.misbehave(p, spoilt(wsOverH2Script(rng), rng), rng)
				return nil
			}
			if err := x.wsOverH2(p, rng).talk(); !x.excuses(p) {
				return err
			}
			return nil
		})
		x.over()
		h.check()
	})
}
