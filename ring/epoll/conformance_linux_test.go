package epoll

import (
	"testing"

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
