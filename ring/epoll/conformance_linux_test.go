package epoll

import (
	"testing"
	"time"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/ringtest"
	"github.com/uringserve/uringserve/ring/takeover"
)

func TestConformance(t *testing.T) {
	for _, c := range []struct {
		name    string
		options Options
	}{
		{"Default", Options{Loops: 2}},
		{"OneLoop", Options{Loops: 1}},
		{"Tight", Options{Loops: 1, Queue: 8, BufferSize: 256, Provided: 4, Reserve: 80, ArenaBytes: ring.MaxSend}},
		{"OneBuffer", Options{Loops: 2, BufferSize: 1 << 10, Provided: 1, Reserve: -1}},
		{"PlainDispatch", Options{Loops: 1, Takeover: takeover.Options{Disabled: true}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ringtest.Run(t, func(t *testing.T) ringtest.World {
				return ringtest.Sockets(t, func() (ring.Engine, error) { return New(c.options) })
			})
		})
	}
}

// The suite on a system without epoll_pwait2, where waits are in milliseconds.
func TestConformanceWithoutPwait2(t *testing.T) {
	o := Options{Loops: 2}.withDefaults()
	start := time.Now()
	ringtest.Run(t, func(t *testing.T) ringtest.World {
		return ringtest.Sockets(t, func() (ring.Engine, error) {
			return newEngine(o, func() (Calls, error) {
				k, err := newKernel(start, o.RestBytes)
				if err != nil {
					return nil, err
				}
				k.pwait2 = 1 << 20 // no such call
				return k, nil
			})
		})
	})
}
