// Package takeover decides which thread leads a loop. A handler runs inline on
// the leader; if it does not come back, or says that it is about to block, the
// loop goes on on a spare thread and the old leader is left behind with its
// handler. It knows no socket and no protocol.
//
// # The word
//
// Each loop has one atomic word, and the word is the exclusion:
//
//	 63          40 39               2 1   0
//	┌──────────────┬──────────────────┬─────┐
//	│ epoch     24 │ sequence      38 │state│
//	└──────────────┴──────────────────┴─────┘
//
//	on loop     the leader has the loop
//	in handler  the leader is in a handler; the watchdog may take the loop
//	in server   handler code, on any goroutine, has the loop for a moment
//
//	            Begin                     Enter
//	 on loop ──────────▶ in handler ───────────────▶ in server
//	    ▲  ◀──────────    │      ◀───────────────      │
//	    │       End       │            Leave           │
//	    │                 │ watchdog: epoch+1          │ HandOver: epoch+1
//	    └─────────────────┴────────────────────────────┘
//	       (on loop, led by a spare from here on)
//
// Every arrow but Begin's is a compare-and-swap against the run's own epoch and
// sequence, so an act can never follow a lost race: who fails the swap has not
// got the loop and does nothing to it. Begin is a store, because the leader has
// the loop and nobody else may write.
//
// # A loop on it
//
//	g := takeover.NewGroup(takeover.Options{})
//	l := g.NewLoop(func(t *takeover.Thread) {
//		if t.Takeover() {
//			// Arm this thread's own operations.
//		}
//		for … {
//			if !l.Inline(key, hint) {
//				// Run it on a goroutine; later, on loop, l.Finished.
//				continue
//			}
//			r := l.Begin(key)
//			handler(r)
//			if !l.End(r) {
//				// Post the outcome. The loop is somebody else's.
//				return
//			}
//		}
//		l.Stop()
//	})
//	l.Start()
//	…
//	left := l.Wait(grace)
//	g.Close()
//
// # Threads
//
// A handler runs inline only while a spare is ready to lead on, and while fewer
// threads are left behind than Options.MaxLeftBehind. A loop has at most
// MaxThreads threads from its start to its end; they stay until then, because
// the kernel cancels what a thread had submitted when it ends. Who gives the
// loop away (the watchdog, a hand-over, a worn thread) has it at that moment,
// so that nobody else touches the spares or what the leader wrote.
//
// Handlers that change their thread for good (namespaces, signal masks) must be
// hinted blocking: an inline thread is not thrown away.
//
// # The watchdog
//
// It looks at each word every tick, while any loop is active, and takes a loop
// whose word is the same in two looks and in a handler. It needs a P: with
// GOMAXPROCS no larger than the number of loops, it and every other goroutine
// come late, and a handler that spins on the only P cannot be seen at all. Use
// GOMAXPROCS ≥ loops + 1.
//
// # Learning
//
// Keys whose runs lose their loop go to goroutines, and are tried again later;
// routes.go says how. A loss does not count against a key if the watchdog came
// late itself, or if the thread was ready to run and had no CPU.
package takeover
