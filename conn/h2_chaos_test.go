package conn_test

import (
	"math/rand/v2"
	"testing"

	"github.com/uringserve/uringserve/conn"
	"github.com/uringserve/uringserve/h2"
	"github.com/uringserve/uringserve/ring/mem"
)

// spoilt is a client's input, not as it should be: cut, changed in a byte, with
// frames of other kinds between, with streams reset, windows of any size.
func spoilt(whole []byte, rng *rand.Rand) []byte {
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
	in = spoil(append([]byte(h2.Preface), in...), rng)
	return in[:len(in)-rng.IntN(len(in))/(1+rng.IntN(8))]
}

// TestSimulatorH2Chaos is TestSimulatorChaos over HTTP/2: clients break off,
// reset, stop reading and send rubbish at any time, beside others that do as
// they should; those are served unless the network resets them, nothing is left
// of the rest.
func TestSimulatorH2Chaos(t *testing.T) {
	eachSeed(t, 6, func(x *scene) {
		x.breaks()
		x.opts.Faults.Watch = []float64{0, 0, 0.05}[x.rng.IntN(3)]
		x.serve(asAsked)
		x.clients(8, func(i int, p *mem.Peer, rng *rand.Rand) error {
			whole, want := h2script(rng)
			if i%4 != 0 {
				x.misbehave(p, spoilt(whole, rng), rng)
				return nil
			}
			got, _ := x.play(p, whole, rng) // it may be reset
			if err := compareH2(got, want); !x.excuses(p) {
				return err
			}
			return nil
		})
		x.over()
	})
}

// excuses reports whether a connection may have broken: the network may reset it,
// the server has to let it go where a watch fails, and the scheduler may have
// starved the client until it was too slow.
func (x *scene) excuses(p *mem.Peer) bool {
	starved := x.Now() > conn.DefaultLimits().MinResponseRate.Grace
	return (x.opts.Faults.Reset > 0 || starved) && p.WasReset() || x.opts.Faults.Watch > 0
}
