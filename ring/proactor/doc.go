// Package proactor is the event loop of the engines that submit operations to
// a kernel and reap their completions. It is portable: the kernel is a Port
// and Sockets, io_uring's in ring/uring, a simulated one in ring/mem. It knows
// no protocol and makes no system call of its own.
//
// # A turn of the loop
//
//	┌▶ enter     submit what was staged, wait for completions
//	│  collect   reap the batch whole; note sends that fell short; all other
//	│            sends of this enter have succeeded, their arena is free
//	│  apply     call back for accepts, received bytes, ends
//	│  retire    Sent for every send that is over
//	│  posted    what other goroutines posted
//	│  tick      the protocol layer's timers
//	│  attend    what may not be nested: Broken, Closed
//	└─ serve     run the queued handlers, one by one
//
// Handlers run last, on the loop's thread, without the loop: package takeover
// gives it to another thread if one does not come back, which then goes on
// with the next handler. What a turn has not finished is therefore kept in the
// loop, not on a stack.
//
// # Ownership
//
// Everything of a loop belongs to whoever has the loop: its leader or, between
// Run.Enter and Run.Leave, a goroutine of the handler that the leader is in.
// Only the leader enters the kernel to submit, because completions of an
// operation run on the thread that submitted it. Shared with other goroutines
// are the queue of posted work, the flag that says that the leader may be
// asleep, and the published counters.
package proactor
