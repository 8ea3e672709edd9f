package conn_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uringserve/uringserve/app"
	appws "github.com/uringserve/uringserve/app/ws"
	"github.com/uringserve/uringserve/conn"
	"github.com/uringserve/uringserve/h1/ws"
	"github.com/uringserve/uringserve/ring/mem"
)

// simWS serves WebSockets in the simulator, blocks in all the ways there are,
// and counts callbacks.
type simWS struct {
	*sim
	opened, closed int
	inside         map[*appws.Conn]bool
}

func (h *simWS) enter(c *appws.Conn) {
	if h.inside[c] {
		h.t.Error("two callbacks of a connection at once")
	}
	h.inside[c] = true
}

func (h *simWS) Open(c *appws.Conn) { h.enter(c); h.opened++; h.inside[c] = false }

func (h *simWS) Message(c *appws.Conn, kind appws.Kind, p []byte) {
	h.enter(c)
	defer func() { h.inside[c] = false }()
	before := string(p)
	switch n := time.Duration(len(p)%5) * time.Millisecond; {
	case bytes.HasPrefix(p, []byte("sleep")):
		h.Sleep(n)
	case bytes.HasPrefix(p, []byte("hard")):
		h.SleepHard(n)
	case bytes.HasPrefix(p, []byte("compute")):
		h.Compute(n)
	case bytes.HasPrefix(p, []byte("twice")):
		_ = c.Write(kind, p[:5])
		h.Sleep(n) // what was written does not wait for it
		p = p[5:]
	case bytes.HasPrefix(p, []byte("addr")):
		_ = c.RemoteAddr()
	}
	if !strings.HasSuffix(before, string(p)) {
		h.t.Errorf("a message changed while it was handled: %.40q", p)
	}
	_ = c.Write(kind, p)
}

func (h *simWS) Close(c *appws.Conn, end appws.End) {
	h.enter(c)
	h.closed++
	if end.Code == 0 {
		h.t.Error("an end without a code")
	}
	if c.Context().Err() == nil {
		h.t.Error("the context of a connection that has ended is not cancelled")
	}
	h.inside[c] = false
}

// wsScript makes what a client sends, and what must come back: messages in their
// order, and Pongs to all Pings.
func wsScript(rng *rand.Rand) (in string, want []string, pings int) {
	for range 1 + rng.IntN(10) {
		text := []string{"", "sleep", "hard", "compute", "addr", "echo", "twice"}[rng.IntN(7)]
		data := text + string(pattern(rng.IntN(30)))
		if rng.IntN(6) == 0 {
			data = text + string(pattern(rng.IntN(60_000)))
		}
		if text == "twice" {
			want = append(want, "twice")
		}
		want = append(want, strings.TrimPrefix(data, "twice"))
		first := byte(0x01)
		for rng.IntN(3) == 0 {
			k := rng.IntN(len(data) + 1)
			in += rawFrame(first, data[:k])
			data, first = data[k:], 0
			if rng.IntN(2) == 0 {
				in += rawFrame(0x89, fmt.Sprint(pings))
				pings++
			}
		}
		in += rawFrame(0x80|first, data)
	}
	return in + bye, want, pings
}

// replies reads what a client got behind the head of the answer, to the Close.
func replies(head string, rest []byte) (messages []string, pongs int, code ws.CloseCode, err error) {
	p := &wsPeer{rw: deaf{}, buf: make([]byte, 1)}
	if err := p.begin(head, rest); err != nil {
		return nil, 0, 0, err
	}
	for {
		ev, err := p.next()
		switch {
		case err != nil:
			return messages, pongs, 0, fmt.Errorf("no close: %w", err)
		case ev.Kind == ws.EventPong:
			pongs++
		case ev.Kind == ws.EventMessage:
			messages = append(messages, string(ev.Data))
		case ev.Kind == ws.EventClose:
			return messages, pongs, ev.Code, nil
		default:
			return messages, pongs, 0, fmt.Errorf("got %s %s", ev.Kind, ev.Code)
		}
	}
}

// deaf is a stream that has ended.
type deaf struct{}

func (deaf) Read([]byte) (int, error)    { return 0, io.EOF }
func (deaf) Write(b []byte) (int, error) { return len(b), nil }

// wsScene has x serve WebSockets at /ws, and what scripts ask for elsewhere.
func wsScene(x *scene, set func(*appws.Upgrader, *conn.Limits)) *simWS {
	h := &simWS{inside: map[*appws.Conn]bool{}}
	u := &appws.Upgrader{Handler: h}
	limits := conn.DefaultLimits()
	if !x.hostile {
		// The scheduler may starve a client for seconds, which is not its fault.
		limits.MinResponseRate.BytesPerSecond, limits.MinBodyRate.BytesPerSecond = conn.Off, conn.Off
	}
	if set != nil {
		set(u, &limits)
	}
	x.serve(func(s *sim) conn.Config {
		plain := s.handler()
		return conn.Config{Limits: limits, Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
			if string(r.Path) == "/ws" {
				u.Serve(r, w)
			} else {
				plain.Serve(r, w)
			}
		})}
	})
	h.sim = x.sim
	return h
}

// check: each Open had its Close.
func (h *simWS) check() {
	if h.opened != h.closed || h.srv.Stats().WebSocket.Active != 0 {
		h.t.Errorf("%d opened, %d closed, %+v", h.opened, h.closed, h.srv.Stats().WebSocket)
	}
}

// plays has clients send what script makes, behind a handshake, until all is over.
// Script also tells the messages that must come back, and how many Pings it has.
func (h *simWS) plays(x *scene, handshake string, script func(*rand.Rand) (in string, want []string, pings int)) {
	x.clients(5, func(_ int, p *mem.Peer, rng *rand.Rand) error {
		in, want, pings := script(rng)
		got, err := x.play(p, []byte(handshake+in), rng)
		if err != nil {
			return err
		}
		head, rest, _ := bytes.Cut(got, []byte("\r\n\r\n"))
		messages, pongs, code, err := replies(string(head), rest)
		if err != nil || code != ws.NormalClosure || !slices.Equal(messages, want) || pongs > pings || pings > 0 && pongs == 0 {
			return fmt.Errorf("%d messages, want %d; %d pongs, want %d; %s, %v", len(messages), len(want), pongs, pings, code, err)
		}
		return nil
	})
	x.over()
	h.check()
}

func TestSimulatorWebSocket(t *testing.T) {
	eachSeed(t, 4, func(x *scene) {
		h := wsScene(x, nil)
		h.plays(x, wsHandshake(), wsScript)
	})
}

// TestSimulatorWebSocketChaos has clients break off, reset and send rubbish at
// any time.
func TestSimulatorWebSocketChaos(t *testing.T) {
	eachSeed(t, 4, func(x *scene) {
		x.breaks()
		h := wsScene(x, func(u *appws.Upgrader, _ *conn.Limits) {
			u.MaxUnsent, u.Compression = 1<<(5+x.rng.IntN(12)), x.rng.IntN(2) == 0
		})
		x.clients(8, func(_ int, p *mem.Peer, rng *rand.Rand) error {
			in, _, _ := wsScript(rng)
			x.misbehave(p, spoil([]byte(wsHandshake()+in), rng), rng)
			return nil
		})
		x.over()
		h.check()
	})
}

// The case table in the simulator.
func TestWebSocketCasesOnLoop(t *testing.T) {
	for style := range mem.Styles {
		s := newSim(t, mem.Options{Seed: 1, Style: style}, func(*sim) conn.Config { return wsEcho(nil) })
		for _, c := range wsCases {
			left := 1
			s.Go("client", func() {
				defer func() { left-- }()
				p := s.Dial(s.addr)
				got, err := s.play(p, []byte(wsHandshake()+c.in), rand.New(rand.NewPCG(1, uint64(len(c.in)))))
				head, rest, _ := bytes.Cut(got, []byte("\r\n\r\n"))
				peer := &wsPeer{rw: deaf{}, buf: make([]byte, 1)}
				if berr := peer.begin(string(head), rest); berr != nil || err != nil {
					t.Errorf("%s: %v, %v", c.name, berr, err)
				} else if got := peer.log(); got != wsWant(c.want) {
					t.Errorf("%s: %s, want %s", c.name, got, wsWant(c.want))
				}
				p.Close()
			})
			if err := s.Run(func() bool { return left == 0 }); err != nil {
				t.Fatal(err)
			}
		}
		s.end()
	}
}

// wsDeflateScript is wsScript of messages that take more than one turn to
// decompress, and of some that do not.
func wsDeflateScript(rng *rand.Rand) (in string, want []string, pings int) {
	x := &wsPeer{}
	d, _ := wsClientConfig().Negotiate([]byte("permessage-deflate; server_no_context_takeover; client_no_context_takeover"))
	x.x.Reset(wsClientConfig(), d)
	for range 1 + rng.IntN(6) {
		p := pattern(rng.IntN([]int{50, 20_000, 200_000}[rng.IntN(3)]))
		for i := 0; i < len(p) && rng.IntN(2) == 0; i += 1 + rng.IntN(20) {
			p[i] = byte(rng.Uint32())
		}
		b, err := x.x.AppendMessage(nil, ws.Binary, p)
		if err != nil {
			panic(err)
		}
		want, in = append(want, string(p)), in+string(b)
		if rng.IntN(2) == 0 {
			in += rawFrame(0x89, fmt.Sprint(pings))
			pings++
		}
	}
	return in + bye, want, pings
}

func TestSimulatorWebSocketDeflate(t *testing.T) {
	eachSeed(t, 2, func(x *scene) {
		h := wsScene(x, func(u *appws.Upgrader, _ *conn.Limits) { u.Compression = true })
		h.plays(x, wsHandshake(deflateOffer), wsDeflateScript)
	})
}
