package takeover

import "sync/atomic"

// word is a loop's word; doc.go draws it. The zero word is on loop, epoch 0,
// sequence 0. A token is the word as begin stored it: it names one run of one
// epoch.
//
//	state       event     next                     result
//	on loop     begin     in handler, sequence+1   token
//	on loop     retire    on loop, epoch+1         –
//	in handler  end       on loop                  won
//	in handler  enter     in server                won
//	in handler  take      on loop, epoch+1         won
//	in server   leave     in handler               –
//	in server   handOver  on loop, epoch+1         –
//	in server   end       –                        busy: come again
//	in server   enter     –                        busy: come again
//	in server   take      –                        lost
//	on loop     end, enter, take                   lost
//	another epoch or sequence: end, enter, take    lost
//
// Begin and retire are the leader's, who has the loop, and cannot fail; leave
// and handOver are for whoever won enter. Called by anybody else they are
// bugs, and panic.
type word struct{ v atomic.Uint64 }

const (
	stateOnLoop    = 0
	stateInHandler = 1
	stateInServer  = 2

	stateMask    = 3
	sequenceOne  = 1 << 2
	sequenceMask = 1<<40 - 1<<2
	epochOne     = 1 << 40
)

// outcome is what became of an attempt to swap the word.
type outcome uint8

const (
	won  outcome = iota // the word is as asked
	busy                // a goroutine of the same run is in the server
	lost                // the run has ended, or lost its loop
)

// begin publishes a new run. The leader has the loop, so that nobody else
// writes: one store does.
func (w *word) begin() (token uint64) {
	old := w.v.Load()
	if invariants && old&stateMask != stateOnLoop {
		panic("BUG: takeover: Begin while a run is open")
	}
	// The sequence wraps within its field and leaves the epoch alone.
	token = old&^(sequenceMask|stateMask) | (old+sequenceOne)&sequenceMask | stateInHandler
	w.v.Store(token)
	return token
}

// end takes the loop back for the thread that began the run.
func (w *word) end(token uint64) outcome { return w.swap(token, stateOnLoop) }

// enter takes the loop for a goroutine of the run.
func (w *word) enter(token uint64) outcome { return w.swap(token, stateInServer) }

func (w *word) swap(token, state uint64) outcome {
	for {
		if w.v.CompareAndSwap(token, token&^stateMask|state) {
			return won
		}
		switch w.v.Load() {
		case token:
			// It was in the server for a moment and has left.
		case token&^stateMask | stateInServer:
			return busy
		default:
			if faultStaleAct {
				return won
			}
			return lost
		}
	}
}

// leave gives back what enter took.
func (w *word) leave(token uint64) {
	if !w.v.CompareAndSwap(token&^stateMask|stateInServer, token) {
		panic("BUG: takeover: Leave without Enter")
	}
}

// handOver gives the loop, which enter took, to the next epoch.
func (w *word) handOver(token uint64) {
	if !w.v.CompareAndSwap(token&^stateMask|stateInServer, nextEpoch(token)) {
		panic("BUG: takeover: HandOver without Enter")
	}
}

// take takes the loop from a run that is in its handler; the watchdog's.
func (w *word) take(token uint64) bool {
	return token&stateMask == stateInHandler && w.v.CompareAndSwap(token, nextEpoch(token))
}

// retire gives the loop, which the leader has, to the next epoch.
func (w *word) retire() {
	old := w.v.Load()
	if old&stateMask != stateOnLoop || !w.v.CompareAndSwap(old, nextEpoch(old)) {
		panic("BUG: takeover: the leader has not got its loop")
	}
}

// ended reports whether the run that token names was ended by its own thread,
// which leads still.
func (w *word) ended(token uint64) bool { return w.v.Load() == token&^stateMask|stateOnLoop }

// nextEpoch is the word of a loop on loop, one epoch on. The sequence stays,
// so that a token comes again only once both fields have gone round.
func nextEpoch(w uint64) uint64 { return (w&^stateMask | stateOnLoop) + epochOne }
