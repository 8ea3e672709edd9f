// Package uring is the io_uring kernel of the proactor: a Port (operations in,
// completions out) and the Sockets to go with it, on ring/iouring. It knows no
// connection and no protocol, and runs only on Linux; elsewhere New answers a
// *ring.UnavailableError.
//
//	eng, err := uring.New(uring.Options{})   // ring.Engine, one loop per CPU
//	report := uring.Probe()                  // what the kernel does, for doctor
//
// # What the Port adds to the rings
//
// A skipped send (proactor.Port.Send with skip) tries inside the submitting
// enter and completes only when it did not take all. A probe checks that the
// kernel behaves so; if not, sends complete and Reap hides the successes.
//
// Shutdown is a system call after the submission, not an operation: io_uring
// would hand it to a worker thread, later and dearer. A Close behind it in the
// same Enter goes the same way, so that the order stays.
//
// PollHangup is a multishot poll: the kernel adds POLLRDHUP to every poll, so
// a lone FIN shows, is dropped, and the poll goes on.
//
// Wake writes to an eventfd only if the loop waits; otherwise a flag does.
//
// # Memory
//
// Receive buffers, send arena and remainders lie outside the Go heap, mapped
// once per loop; pages that were never used cost nothing. Close the engine to
// give them back.
package uring
