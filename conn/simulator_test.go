package conn_test

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/conn"
	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/mem"
)

var (
	seeds = flag.Uint64("conn.seeds", 60, "how many `seeds` the simulator runs")
	seed  = flag.Uint64("conn.seed", 0, "replay this `seed` alone")
)

// sim is a server on the simulated engine.
type sim struct {
	*mem.Engine
	t    *testing.T
	srv  *conn.Server
	addr string
}

func newSim(t *testing.T, o mem.Options, cfg func(*sim) conn.Config) *sim {
	t.Helper()
	s := &sim{t: t, Engine: mem.New(o)}
	var err error
	if s.srv, err = conn.New(cfg(s)); err != nil {
		t.Fatal(err)
	}
	ln, err := s.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = ln.Addr.String()
	if err := s.Start(s.srv.NewLoop); err != nil {
		t.Fatal(err)
	}
	return s
}

// end closes the engine and looks for what is left.
func (s *sim) end() {
	s.t.Helper()
	if left := s.Close(time.Minute); left != 0 {
		s.t.Errorf("%d handlers are left", left)
	}
	if err := s.Check(); err != nil {
		s.t.Error(err)
	}
	if s.srv.Active() != 0 || s.srv.Stats().Handling != 0 {
		s.t.Errorf("%d active, %d handling", s.srv.Active(), s.srv.Stats().Handling)
	}
}

// A scene is what the simulator plays for one seed: a server, and clients of all
// sorts, one beside the other.
type scene struct {
	*sim // from serve on
	t    *testing.T
	seed uint64
	rng  *rand.Rand // what the scene is drawn from
	opts mem.Options

	hostile bool // clients and the network may break connections at any time
}

// eachSeed has scenes played, times as many as the flag says. Kernels of both
// styles have all their faults, but that connections break.
func eachSeed(t *testing.T, times uint64, act func(*scene)) {
	first, last := uint64(1), times**seeds
	if testing.Short() {
		last = 10
	}
	if *seed != 0 {
		first, last = *seed, *seed
	}
	for n := first; n <= last && !t.Failed(); n++ {
		rng := rand.New(rand.NewPCG(n, 0))
		act(&scene{t: t, seed: n, rng: rng, opts: mem.Options{Seed: n, Style: mem.Style(n % uint64(mem.Styles)),
			Loops: 1 + rng.IntN(2), Faults: mem.AnyFaults(rng), PlainDispatch: rng.IntN(4) == 0}})
		if t.Failed() {
			t.Logf("replay with -conn.seed %d", n)
		}
	}
}

// breaks has the network break connections, too. Before serve.
func (x *scene) breaks() {
	x.hostile = true
	x.opts.PeerRecvBuf = 1 << (10 + x.rng.IntN(8))
	x.opts.Faults.Reset = []float64{0, 0.01, 0.1}[x.rng.IntN(3)]
}

// serve starts the server.
func (x *scene) serve(cfg func(*sim) conn.Config) { x.sim = newSim(x.t, x.opts, cfg) }

// asAsked is a server of what scripts ask for.
func asAsked(s *sim) conn.Config { return conn.Config{Handler: s.handler()} }

// clients plays n of them, to their ends.
func (x *scene) clients(n int, client func(i int, p *mem.Peer, rng *rand.Rand) error) {
	left := n
	for i := range n {
		rng := rand.New(rand.NewPCG(x.seed, uint64(1+i)))
		x.Go("client", func() {
			defer func() { left-- }()
			p := x.Dial(x.addr)
			if err := client(i, p, rng); err != nil {
				x.t.Errorf("seed %d, client %d: %v", x.seed, i, err)
			}
			p.Close()
		})
	}
	if err := x.Run(func() bool { return left == 0 }); err != nil {
		x.t.Errorf("seed %d: %v", x.seed, err)
	}
}

// over ends the scene, and looks for what is left of it. Connections that were
// broken are given up in time.
func (x *scene) over() {
	if x.hostile {
		x.advance(conn.DefaultLimits().KeepAliveTimeout + 10*time.Minute)
		if x.srv.Active() != 0 {
			x.t.Errorf("seed %d: %d connections are left: %+v", x.seed, x.srv.Active(), x.srv.Stats())
		}
	}
	x.end()
}

// handler serves what the scripts ask for, and blocks in all the ways there
// are.
func (s *sim) handler() app.Handler {
	return app.HandlerFunc(func(r *app.Request, w *app.Response) {
		arg, _ := r.QueryValue("n")
		n := 0
		fmt.Sscan(string(arg), &n)
		switch string(r.Path) {
		case "/sleep":
			s.Sleep(time.Duration(n) * time.Millisecond)
		case "/hard":
			s.SleepHard(time.Duration(n) * time.Millisecond)
		case "/compute":
			s.Compute(time.Duration(n) * time.Millisecond)
		case "/ignore": // its body
			w.WriteString("ignored")
			return
		case "/echo":
			if _, err := r.WriteTo(w); err != nil {
				panic(app.ErrAbort)
			}
			return
		case "/stream":
			for i := range n {
				fmt.Fprintf(w, "%d,", i)
				if w.Flush() != nil {
					return
				}
			}
			return
		case "/addr":
			if r.RemoteAddr() == nil {
				w.SetStatus(500)
			}
		}
		w.Write(pattern(n))
	})
}

// pattern is n bytes that tell where they belong.
func pattern(n int) []byte {
	b := make([]byte, 0, n+8)
	for i := 0; len(b) < n; i += 8 {
		b = fmt.Appendf(b, "%07x ", i)
	}
	return b[:n]
}

// script makes a client's requests and what must come back.
func script(rng *rand.Rand) (in []byte, want []string) {
	for range 1 + rng.IntN(6) {
		n := rng.IntN(40)
		if rng.IntN(8) == 0 {
			n = rng.IntN(100_000)
		}
		switch path := []string{"/", "/sleep", "/hard", "/compute", "/echo", "/echo", "/ignore", "/stream", "/addr"}[rng.IntN(9)]; path {
		case "/echo", "/ignore":
			body := pattern(n)
			out := string(body)
			if path == "/ignore" {
				out = "ignored"
			}
			want = append(want, out)
			if rng.IntN(2) == 0 {
				in = fmt.Appendf(in, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", path, n, body)
				break
			}
			in = fmt.Appendf(in, "POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", path)
			for len(body) > 0 {
				k := 1 + rng.IntN(len(body))
				in = fmt.Appendf(in, "%x\r\n%s\r\n", k, body[:k])
				body = body[k:]
			}
			in = append(in, "0\r\n\r\n"...)
		default:
			if path != "/" && path != "/addr" {
				n = rng.IntN(20)
			}
			out := string(pattern(n))
			if path == "/stream" {
				out = ""
				for i := range n {
					out += fmt.Sprintf("%d,", i)
				}
			}
			want = append(want, out)
			in = fmt.Appendf(in, "GET %s?n=%d HTTP/1.1\r\nHost: x\r\n\r\n", path, n)
		}
	}
	return in, want
}

// play is a client: it writes in pieces, reads meanwhile, ends its sending and
// reads to the server's FIN. An error is anything else that ended it.
func (s *sim) play(p *mem.Peer, in []byte, rng *rand.Rand) (got []byte, err error) {
	b := make([]byte, 8192)
	ended := false
	for {
		s.WaitFor(func() bool { return p.Readable() || !ended && p.Writable() })
		n, err := p.Read(b)
		got = append(got, b[:n]...)
		switch {
		case err == io.EOF:
			return got, nil
		case err != nil:
			return got, err
		case ended:
			continue
		}
		if len(in) == 0 {
			p.CloseWrite()
			ended = true
			continue
		}
		k := len(in)
		if rng.IntN(2) == 0 {
			k = 1 + rng.IntN(k)
		}
		n, err = p.Write(in[:k])
		if err != nil {
			return got, err
		}
		in = in[n:]
		if rng.IntN(4) == 0 {
			s.Sleep(time.Duration(rng.IntN(3000)) * time.Microsecond)
		}
	}
}

// misbehave writes and reads by whim, and breaks off.
func (s *sim) misbehave(p *mem.Peer, in []byte, rng *rand.Rand) {
	b := make([]byte, 1+rng.IntN(4096))
	for range rng.IntN(60) {
		switch {
		case len(in) > 0 && rng.IntN(2) == 0:
			k, _ := p.Write(in[:1+rng.IntN(len(in))]) // it may be reset
			in = in[k:]
		case rng.IntN(2) == 0:
			p.Read(b) // whatever comes
		case rng.IntN(12) == 0:
			p.CloseWrite()
		default:
			s.Sleep(time.Duration(rng.IntN(5000)) * time.Microsecond)
		}
	}
	if rng.IntN(2) == 0 {
		p.Reset()
	}
}

// spoil changes a byte of in, or not.
func spoil(in []byte, rng *rand.Rand) []byte {
	if len(in) > 0 && rng.IntN(3) == 0 {
		in[rng.IntN(len(in))] = byte(rng.Uint32())
	}
	return in
}

// compare fails unless got are the responses in want.
func compare(got []byte, want []string) error {
	br := bufio.NewReader(bytes.NewReader(got))
	for i, w := range want {
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			return fmt.Errorf("response %d of %d: %v", i, len(want), err)
		}
		b, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != 200 || string(b) != w {
			return fmt.Errorf("response %d of %d: %s, %.60q, want %.60q, %v", i, len(want), resp.Status, b, w, err)
		}
	}
	if rest, _ := io.ReadAll(br); len(rest) > 0 {
		return fmt.Errorf("%.60q after the last response", rest)
	}
	return nil
}

// TestSimulator plays scripts against the shipping loop, take-over included,
// on a kernel that does everything it may do.
func TestSimulator(t *testing.T) {
	eachSeed(t, 1, func(x *scene) {
		x.serve(asAsked)
		x.clients(6, func(_ int, p *mem.Peer, rng *rand.Rand) error {
			in, want := script(rng)
			got, err := x.play(p, in, rng)
			if err != nil {
				return err
			}
			return compare(got, want)
		})
		x.over()
	})
}

// TestSimulatorChaos has clients break off, reset and send rubbish at any
// time: nothing may be left of them.
func TestSimulatorChaos(t *testing.T) {
	eachSeed(t, 1, func(x *scene) {
		x.breaks()
		x.serve(asAsked)
		x.clients(8, func(_ int, p *mem.Peer, rng *rand.Rand) error {
			in, _ := script(rng)
			x.misbehave(p, spoil(in[:rng.IntN(len(in)+1)], rng), rng)
			return nil
		})
		x.over()
	})
}

// read reads what has come.
func (s *sim) read(p *mem.Peer) string {
	b := make([]byte, p.Buffered())
	n, _ := p.Read(b)
	return string(b[:n])
}

func (s *sim) advance(d time.Duration) {
	s.t.Helper()
	if err := s.Advance(d); err != nil {
		s.t.Fatal(err)
	}
}

// The time limits, on the shipping loop and its clock.
func TestTimeLimitsOnLoop(t *testing.T) {
	lim := conn.DefaultLimits()
	const tick = 50 * time.Millisecond // the wheel's, and some
	for _, test := range []struct {
		name, first string
		after       time.Duration
		status      string // of what comes then; empty: nothing
		counter     conn.Timeout
	}{
		{"silent", "", lim.HeaderTimeout, "", conn.TimeoutHead},
		{"head", "GET / HT", lim.HeaderTimeout, "408", conn.TimeoutHead},
		{"idle", get, lim.KeepAliveTimeout, "", conn.TimeoutKeepAlive},
		{"body", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc", lim.MinBodyRate.Grace, "408", conn.TimeoutBodyRate},
		{"unread", "POST /ignore HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc", lim.DrainTimeout, "", conn.TimeoutUnread},
	} {
		for style := range mem.Styles {
			t.Run(fmt.Sprintf("%s, style %d", test.name, style), func(t *testing.T) {
				s := newSim(t, mem.Options{Seed: 1, Style: style}, func(s *sim) conn.Config {
					return conn.Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
						if string(r.Path) == "/echo" {
							io.Copy(io.Discard, r)
						}
					})}
				})
				p := s.Dial(s.addr)
				p.Write([]byte(test.first))
				s.advance(test.after - tick)
				if p.Ended() {
					t.Fatal("ended too early")
				}
				s.read(p)
				s.advance(2*tick + time.Second) // rates are looked at once a second
				if !p.Ended() {
					t.Fatal("not ended in time")
				}
				if got := s.read(p); test.status == "" && got != "" || !strings.Contains(got, test.status) {
					t.Errorf("got %q", got)
				}
				if p.WasReset() {
					t.Error("the client was reset")
				}
				if n := s.srv.Stats().Timeouts[test.counter]; n != 1 {
					t.Errorf("%s counted %d times", test.counter, n)
				}
				s.advance(lim.LingerTimeout + tick)
				if s.srv.Active() != 0 {
					t.Error("it lingers for ever")
				}
				s.end()
			})
		}
	}
}

// Drain in the simulator: whoever had connected is answered, under every
// order of events.
func TestDrainOnLoop(t *testing.T) {
	for n := uint64(1); n <= 10; n++ {
		s := newSim(t, mem.Options{Seed: n, Style: mem.Style(n % uint64(mem.Styles)), Loops: 2}, func(s *sim) conn.Config { return conn.Config{Handler: s.handler()} })
		const clients = 50
		left := clients
		for i := range clients {
			p := s.Dial(s.addr)
			s.Go("client", func() {
				defer func() { left-- }()
				s.Sleep(time.Duration(i) * time.Millisecond)
				io.WriteString(p, get)
				b := make([]byte, 4096)
				var got []byte
				for {
					s.WaitFor(p.Readable)
					n, err := p.Read(b)
					got = append(got, b[:n]...)
					if err != nil {
						if err != io.EOF || !strings.HasPrefix(string(got), "HTTP/1.1 200") {
							t.Errorf("seed %d: %q, %v", n, got, err)
						}
						p.Close()
						return
					}
				}
			})
		}
		s.Go("operator", func() {
			s.Sleep(20 * time.Millisecond)
			s.StopAccept()
			s.srv.Drain()
		})
		if err := s.Run(func() bool { return left == 0 }); err != nil {
			t.Fatal(err)
		}
		s.advance(3 * time.Second)
		if err := s.srv.Wait(expired()); err != nil {
			t.Errorf("seed %d: %d active", n, s.srv.Active())
		}
		s.end()
	}
}

func expired() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

var _ ring.Engine = (*mem.Engine)(nil)
