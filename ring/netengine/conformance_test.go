package netengine

import (
	"testing"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/ringtest"
)

func TestConformance(t *testing.T) {
	ringtest.Run(t, func(t *testing.T) ringtest.World {
		return ringtest.Sockets(t, func() (ring.Engine, error) { return New(Options{Loops: 2}), nil })
	})
}
