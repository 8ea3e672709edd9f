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
// Every arrow is a compare-and-swap against the run's own epoch and sequence,
// so an act can never follow a lost race: who fails the swap has not got the
// loop and does nothing to it.
package takeover
