package uring

import (
	"testing"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/ringtest"
	"github.com/uringserve/uringserve/ring/takeover"
)

func TestConformance(t *testing.T) {
	if err := Probe().Err; err != nil {
		t.Skip("no io_uring here: ", err)
	}
	for _, c := range []struct {
		name    string
		options Options
	}{
		{"Default", Options{Loops: 2}},
		{"OneLoop", Options{Loops: 1}},
		{"Tight", Options{Loops: 1, Entries: 32, CQEntries: 64, BufferSize: 256, Provided: 4, Reserve: 80, ArenaBytes: ring.MaxSend}},
		{"PlainDispatch", Options{Loops: 1, Takeover: takeover.Options{Disabled: true}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ringtest.Run(t, func(t *testing.T) ringtest.World {
				return ringtest.Sockets(t, func() (ring.Engine, error) { return New(c.options) })
			})
		})
	}
}
