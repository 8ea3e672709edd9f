package conn_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

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

// replies reads what a client got.
func replies(got []byte) (messages []string, pongs int, err error) {
	head, rest, ok := bytes.Cut(got, []byte("\r\n\r\n"))
	if !ok {
		return nil, 0, fmt.Errorf("no head: %.100q", got)
	}
	p := &wsPeer{rw: struct {
		io.Reader
		io.Writer
	}{bytes.NewReader(nil), io.Discard}, buf: make([]byte, 1)}
	if err := p.begin(string(head), rest); err != nil {
		return nil, 0, err
	}
	for {
		ev, err := p.next()
		switch {
		case err != nil:
			return messages, pongs, fmt.Errorf("no close: %w", err)
		case ev.Kind == ws.EventPong:
			pongs++
		case ev.Kind == ws.EventMessage:
			messages = append(messages, string(ev.Data))
		case ev.Kind == ws.EventClose && ev.Code == ws.NormalClosure:
			return messages, pongs, nil
		default:
			return messages, pongs, fmt.Errorf("got %s %s", ev.Kind, ev.Code)
		}
	}
}

func simulateWS(t *testing.T, n uint64) {
	rng := rand.New(rand.NewPCG(n, 6455))
	o := mem.Options{Seed: n, Style: mem.Style(n % uint64(mem.Styles)), Loops: 1 + rng.IntN(2), Faults: mem.AnyFaults(rng), PlainDispatch: rng.IntN(4) == 0}
	h := &simWS{inside: map[*appws.Conn]bool{}}
	h.sim = newSim(t, o, func(*sim) conn.Config { return conn.Config{Handler: &appws.Upgrader{Handler: h}} })
	left := 5
	for i := range left {
		in, want, pings := wsScript(rng)
		crng := rand.New(rand.NewPCG(n, uint64(i)))
		h.Go("client", func() {
			defer func() { left-- }()
			p := h.Dial(h.addr)
			got, err := h.play(p, []byte(wsHandshake()+in), crng)
			if err != io.EOF {
				t.Errorf("seed %d, client %d: %v", n, i, err)
			}
			messages, pongs, err := replies(got)
			if err != nil || strings.Join(messages, "|") != strings.Join(want, "|") || pongs > pings || pings > 0 && pongs == 0 {
				t.Errorf("seed %d, client %d: %d messages, want %d; %d pongs, want %d; %v", n, i, len(messages), len(want), pongs, pings, err)
			}
			p.Close()
		})
	}
	if err := h.Run(func() bool { return left == 0 }); err != nil {
		t.Errorf("seed %d: %v", n, err)
	}
	h.end()
	h.check(n)
}

// check: each Open had its Close.
func (h *simWS) check(n uint64) {
	if h.opened != h.closed || h.srv.Stats().WebSocket.Active != 0 {
		h.t.Errorf("seed %d: %d opened, %d closed, %+v", n, h.opened, h.closed, h.srv.Stats().WebSocket)
	}
	if h.t.Failed() {
		h.t.Logf("replay with -conn.seed %d", n)
	}
}

// seedsOf are the seeds to run.
func eachSeed(t *testing.T, run func(*testing.T, uint64)) {
	first, last := uint64(1), 4**seeds
	if testing.Short() {
		last = 10
	}
	if *seed != 0 {
		first, last = *seed, *seed
	}
	for n := first; n <= last && !t.Failed(); n++ {
		run(t, n)
	}
}

func TestSimulatorWebSocket(t *testing.T) { eachSeed(t, simulateWS) }

// TestSimulatorWebSocketChaos has clients break off, reset and send rubbish at
// any time.
func TestSimulatorWebSocketChaos(t *testing.T) { eachSeed(t, chaosWS) }

func chaosWS(t *testing.T, n uint64) {
	rng := rand.New(rand.NewPCG(n, 7692))
	o := mem.Options{Seed: n, Style: mem.Style(n % uint64(mem.Styles)), Loops: 1 + rng.IntN(2), Faults: mem.AnyFaults(rng), PeerRecvBuf: 1 << (10 + rng.IntN(8))}
	o.Faults.Reset = []float64{0, 0.01, 0.1}[rng.IntN(3)]
	h := &simWS{inside: map[*appws.Conn]bool{}}
	h.sim = newSim(t, o, func(*sim) conn.Config {
		return conn.Config{Handler: &appws.Upgrader{Handler: h, MaxUnsent: 1 << (5 + rng.IntN(12)), Compression: rng.IntN(2) == 0}}
	})
	left := 8
	for i := range left {
		script, _, _ := wsScript(rng)
		crng := rand.New(rand.NewPCG(n, uint64(i)))
		in := []byte(wsHandshake() + script)
		if crng.IntN(3) == 0 {
			in[crng.IntN(len(in))] = byte(crng.Uint32())
		}
		h.Go("client", func() {
			defer func() { left-- }()
			p := h.Dial(h.addr)
			b := make([]byte, 1+crng.IntN(4096))
			for range crng.IntN(40) {
				switch {
				case len(in) > 0 && crng.IntN(2) == 0:
					k, _ := p.Write(in[:1+crng.IntN(len(in))])
					in = in[k:]
				case crng.IntN(2) == 0:
					p.Read(b)
				case crng.IntN(8) == 0:
					p.CloseWrite()
				default:
					h.Sleep(time.Duration(crng.IntN(5000)) * time.Microsecond)
				}
			}
			if crng.IntN(2) == 0 {
				p.Reset()
			} else {
				p.Close()
			}
		})
	}
	if err := h.Run(func() bool { return left == 0 }); err != nil {
		t.Errorf("seed %d: %v", n, err)
	}
	h.advance(conn.DefaultLimits().KeepAliveTimeout + 10*time.Minute)
	if h.srv.Active() != 0 {
		t.Errorf("seed %d: %d connections are left: %+v", n, h.srv.Active(), h.srv.Stats())
	}
	h.end()
	h.check(n)
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
				peer := &wsPeer{rw: struct {
					io.Reader
					io.Writer
				}{bytes.NewReader(nil), io.Discard}, buf: make([]byte, 1)}
				if berr := peer.begin(string(head), rest); berr != nil || err != io.EOF {
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
