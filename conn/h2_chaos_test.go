package conn_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/uringserve/uringserve/conn"
	"github.com/uringserve/uringserve/h2"
	"github.com/uringserve/uringserve/ring/mem"
)

// spoilt is a client's input that is not what it should be: cut, changed in a
// byte, with frames of other kinds between, with streams reset, windows of any
// size.
func spoilt(rng *rand.Rand) []byte {
	whole, _ := h2script(rng)
	var in []byte
	for at := len(h2.Preface); at < len(whole); {
		end := at + h2.HeaderBytes + h2.ParseFrameHeader(whole[at:]).Length
		in = append(in, whole[at:end]...)
		at = end
		id := uint32(2*rng.IntN(12) + 1)
		switch rng.IntN(10) {
		case 0:
			in = h2.AppendRSTStreamFrame(in, id, h2.CodeCancel)
		case 1:
			in = h2.AppendWindowUpdateFrame(in, id*uint32(rng.IntN(2)), uint32(rng.IntN(3))<<rng.IntN(30))
		case 2:
			in = h2.AppendSettingsFrame(in, h2.Setting{ID: h2.SettingInitialWindowSize, Value: uint32(rng.IntN(2000))})
		case 3:
			in = h2.AppendPingFrame(in, [8]byte{1}, rng.IntN(2) == 0)
		case 4:
			in = h2.AppendDataFrame(in, id, make([]byte, rng.IntN(100)), rng.IntN(2) == 0)
		case 5:
			in = h2.AppendGoAwayFrame(in, 0, h2.CodeNoError, "")
		}
	}
	in = append([]byte(h2.Preface), in...)
	if rng.IntN(3) == 0 {
		in[rng.IntN(len(in))] = byte(rng.Uint32())
	}
	return in[:len(in)-rng.IntN(len(in))/(1+rng.IntN(8))]
}

// TestSimulatorH2Chaos is TestSimulatorChaos over HTTP/2: clients break off,
// reset, stop reading and send rubbish at any time, beside others that do as
// they should; those are served unless the network resets them, nothing is left
// of the rest.
func TestSimulatorH2Chaos(t *testing.T) {
	first, last := uint64(1), 6**seeds
	if testing.Short() {
		last = 10
	}
	if *seed != 0 {
		first, last = *seed, *seed
	}
	for n := first; n <= last && !t.Failed(); n++ {
		chaosH2(t, n)
	}
}

func chaosH2(t *testing.T, n uint64) {
	rng := rand.New(rand.NewPCG(n, 76))
	o := mem.Options{Seed: n, Style: mem.Style(n % uint64(mem.Styles)), Loops: 1 + rng.IntN(2), Faults: mem.AnyFaults(rng),
		PeerRecvBuf: 1 << (10 + rng.IntN(8)), PlainDispatch: rng.IntN(4) == 0}
	o.Faults.Reset = []float64{0, 0.01, 0.1}[rng.IntN(3)]
	o.Faults.Watch = []float64{0, 0, 0.05}[rng.IntN(3)]
	s := newSim(t, o, func(s *sim) conn.Config { return conn.Config{Handler: s.handler()} })
	left := 8
	for i := range left {
		crng := rand.New(rand.NewPCG(n, uint64(i)))
		s.Go("client", func() {
			defer func() { left-- }()
			p := s.Dial(s.addr)
			if i%4 == 0 {
				s.well(t, n, p, crng, o.Faults)
				return
			}
			s.misbehave(p, spoilt(crng), crng)
		})
	}
	if err := s.Run(func() bool { return left == 0 }); err != nil {
		t.Errorf("seed %d: %v", n, err)
	}
	s.advance(conn.DefaultLimits().KeepAliveTimeout + 10*time.Minute)
	if s.srv.Active() != 0 {
		t.Errorf("seed %d: %d connections are left: %+v", n, s.srv.Active(), s.srv.Stats())
	}
	s.end()
	if t.Failed() {
		t.Logf("replay with -conn.seed %d", n)
	}
}

// well plays a script as it should be, and compares. The network may reset it, and
// the server has to let it go where a watch fails.
func (s *sim) well(t *testing.T, n uint64, p *mem.Peer, rng *rand.Rand, faults mem.Faults) {
	in, want := h2script(rng)
	got, _ := s.play(p, in, rng)
	excused := faults.Reset > 0 && p.WasReset() || faults.Watch > 0
	if err := compareH2(got, want); err != nil && !excused {
		t.Errorf("seed %d: %v", n, err)
	}
	p.Close()
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
		case rng.IntN(16) == 0:
			p.CloseWrite()
		default:
			s.Sleep(time.Duration(rng.IntN(5000)) * time.Microsecond)
		}
	}
	if rng.IntN(2) == 0 {
		p.Reset()
	} else {
		p.Close()
	}
}
