package proactor

import (
	"net"
	"time"

	"github.com/uringserve/uringserve/ring"
)

// Engine is a ring.Engine over Ports. Methods are safe for concurrent use.
type Engine struct {
	cfg Config
}

var _ ring.Engine = (*Engine)(nil)

// New makes an engine and its ports. Close frees it, also without Start.
func New(cfg Config) (*Engine, error) { return &Engine{cfg: cfg}, nil }

// Name is Config.Name.
func (e *Engine) Name() string { return e.cfg.Name }

// Loops is Config.Loops.
func (e *Engine) Loops() int { return e.cfg.Loops }

// Listen binds address on every loop.
func (e *Engine) Listen(network, address string) (ring.Listener, error) {
	return ring.Listener{}, nil
}

// Adopt takes over ln.
func (e *Engine) Adopt(ln net.Listener) (ring.Listener, error) { return ring.Listener{}, nil }

// Start runs the loops.
func (e *Engine) Start(newLoop func(ring.Loop) ring.LoopHandler) error { return nil }

// StopAccept ends all listeners.
func (e *Engine) StopAccept() {}

// Close ends the engine.
func (e *Engine) Close(grace time.Duration) (handlersLeft int) { return 0 }

// Stats reads the counters.
func (e *Engine) Stats() ring.Stats { return ring.Stats{} }
