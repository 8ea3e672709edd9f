package proactor

import (
	"github.com/uringserve/uringserve/ring/takeover"
)

// Config is what New makes an engine from.
type Config struct {
	// Name is the engine's name, as Engine.Name answers it.
	Name string

	// Loops is the number of loops, at least 1.
	Loops int

	// NewPort makes the port of loop index. New calls it, once per loop, in
	// order, on its own goroutine: a port is led by other threads than the
	// one that made it. If one fails, New disposes of those made before and
	// returns the error.
	NewPort func(index int) (Port, error)

	// Sockets makes the listening sockets.
	Sockets Sockets

	// Takeover is how loops change their leaders. Its Runtime is the engine's
	// world of threads and time; nil: the operating system's.
	Takeover takeover.Options

	// Procs is how many goroutines the process can run at once: brief waits
	// hold one each, so they are used only with Procs > Loops. 0: what
	// runtime.GOMAXPROCS says at Start. Negative: never wait briefly.
	Procs int

	// Lost, if set, is told that the port of a loop failed for good. The
	// loop's connections have been broken and closed; it ends. Called on the
	// loop's thread.
	Lost func(loop int, err error)
}
