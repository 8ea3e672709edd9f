// Package sched runs threads one at a time, in an order that a seed decides,
// on a clock of its own. It is a takeover.Runtime for tests: shipping code
// that takes its threads, waits and time from a Runtime runs here in any
// interleaving of its waits and yield points, and the same seed gives the same
// run again.
//
//	s := sched.New(seed)
//	s.Go("server", func() { serve(s.Runtime()) })
//	s.Go("client", func() { s.Sleep(time.Second); …; done = true })
//	if err := s.Run(func() bool { return done }); err != nil {
//		t.Fatal(err) // deadlock, or too many steps; with the seed and a trace
//	}
//
// # Rules
//
// A simulated thread is a goroutine of which exactly one runs at any time; it
// gives way only in Yield, Sleep, Compute, WaitFor, Park and Go. Those belong
// to simulated threads (what Go, Spawn and Runtime.Go started). Go and Unpark
// may also be called while Run is not running. Everything that simulated
// threads share needs no locks; what locks there are must not be held where a
// thread gives way. Nothing may wait for a plain channel or mutex that another
// simulated thread would have to release: the whole simulation would hang.
//
// # Time
//
// Time stands still while somebody can run, and jumps to the next sleeper when
// nobody can. Two things move it otherwise: Slowness, a chance in every step
// that a sleeper who is due within a millisecond is woken early in the order of
// things, as if the others had been slow; and a thread that goes on without
// end, which is made to lose time after SpinSteps steps.
package sched
