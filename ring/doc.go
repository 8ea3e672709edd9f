// Package ring is the seam between the engines, which move bytes, and the
// protocol layer, which gives them meaning. It knows no HTTP and opens no
// socket: the engines live in the packages below it.
//
//	ring/proactor   the loop: submissions in, completions out, over a Port
//	ring/uring      a Port on io_uring (Linux)
//	ring/iouring    the io_uring system-call interface
//	ring/takeover   who leads a loop when a handler blocks
//	ring/netengine  goroutines and net.Conn, on every system
//	ring/mem        the proactor's loop over a simulated kernel, for tests
//	ring/auto       which engine runs here, and why
//	ring/ringtest   one conformance suite for all of them
//
// A loop is a thread of control that owns its connections, buffers and timers;
// nothing of it is touched by two goroutines at once. The protocol layer is
// called back on the loop, queues handlers as Tasks, and is called back again
// with their results. Handler code runs off the loop and comes back to it only
// through Run and Loop.Post.
package ring
