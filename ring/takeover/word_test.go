package takeover

import "testing"

// An event of the word, as the table below names it.
var wordEvents = map[string]func(w *word, token uint64) string{
	"begin":    func(w *word, _ uint64) string { w.begin(); return "" },
	"retire":   func(w *word, _ uint64) string { w.retire(); return "" },
	"end":      func(w *word, token uint64) string { return w.end(token).String() },
	"enter":    func(w *word, token uint64) string { return w.enter(token).String() },
	"leave":    func(w *word, token uint64) string { w.leave(token); return "" },
	"handOver": func(w *word, token uint64) string { w.handOver(token); return "" },
	"take": func(w *word, token uint64) string {
		if w.take(token) {
			return "won"
		}
		return "lost"
	},
}

func (o outcome) String() string { return [...]string{"won", "busy", "lost"}[o] }

func makeWord(epoch, sequence, state uint64) uint64 { return epoch<<40 | sequence<<2 | state }

// try lets event happen to a word, and tells the result, "panic" for a bug,
// and the word after it.
func try(event string, before, token uint64) (result string, after uint64) {
	w := new(word)
	w.v.Store(before)
	defer func() {
		after = w.v.Load()
		if recover() != nil {
			result = "panic"
		}
	}()
	return wordEvents[event](w, token), 0
}

func TestWordTable(t *testing.T) {
	skipUnderFault(t)
	const e, s = 7, 9
	var (
		onLoop    = makeWord(e, s, stateOnLoop)
		inHandler = makeWord(e, s, stateInHandler)
		inServer  = makeWord(e, s, stateInServer)
		next      = makeWord(e, s+1, stateInHandler)
		given     = makeWord(e+1, s, stateOnLoop)
	)
	begun := "panic" // only asserted with the tag
	begunAs := func(v uint64) uint64 { return v }
	if !invariants {
		begun = ""
		begunAs = func(uint64) uint64 { return next }
	}
	for _, c := range []struct {
		before uint64
		event  string
		result string
		after  uint64
	}{
		{onLoop, "begin", "", next},
		{onLoop, "retire", "", given},
		{onLoop, "end", "lost", onLoop},
		{onLoop, "enter", "lost", onLoop},
		{onLoop, "leave", "panic", onLoop},
		{onLoop, "handOver", "panic", onLoop},
		{onLoop, "take", "lost", onLoop},

		{inHandler, "begin", begun, begunAs(inHandler)},
		{inHandler, "retire", "panic", inHandler},
		{inHandler, "end", "won", onLoop},
		{inHandler, "enter", "won", inServer},
		{inHandler, "leave", "panic", inHandler},
		{inHandler, "handOver", "panic", inHandler},
		{inHandler, "take", "won", given},

		{inServer, "begin", begun, begunAs(inServer)},
		{inServer, "retire", "panic", inServer},
		{inServer, "end", "busy", inServer},
		{inServer, "enter", "busy", inServer},
		{inServer, "leave", "", inHandler},
		{inServer, "handOver", "", given},
		{inServer, "take", "lost", inServer},
	} {
		if result, after := try(c.event, c.before, inHandler); result != c.result || after != c.after {
			t.Errorf("%x %s: %q %x, want %q %x", c.before, c.event, result, after, c.result, c.after)
		}
	}
}

// TestWordForeign: an act of a run that is not the word's changes nothing,
// whatever the state.
func TestWordForeign(t *testing.T) {
	skipUnderFault(t)
	const e, s = 7, 9
	for _, token := range []uint64{
		makeWord(e, s-1, stateInHandler),
		makeWord(e, s+1, stateInHandler),
		makeWord(e-1, s, stateInHandler),
		makeWord(e+1, s, stateInHandler),
		0, // of the zero Run
	} {
		for state := uint64(stateOnLoop); state <= stateInServer; state++ {
			before := makeWord(e, s, state)
			for event, want := range map[string]string{
				"end": "lost", "enter": "lost", "take": "lost", "leave": "panic", "handOver": "panic",
			} {
				if result, after := try(event, before, token); result != want || after != before {
					t.Errorf("%x %s by %x: %q %x, want %q and no change", before, event, token, result, after, want)
				}
			}
		}
	}
}

func TestWordFieldsWrap(t *testing.T) {
	const lastSequence, lastEpoch = 1<<38 - 1, 1<<24 - 1
	if _, after := try("begin", makeWord(5, lastSequence, stateOnLoop), 0); after != makeWord(5, 0, stateInHandler) {
		t.Errorf("begin after the last sequence: %x", after)
	}
	if _, after := try("retire", makeWord(lastEpoch, 3, stateOnLoop), 0); after != makeWord(0, 3, stateOnLoop) {
		t.Errorf("the epoch after the last: %x", after)
	}
}

// skipUnderFault skips tests that the planted fault would make fail in a way
// that proves nothing about the seeds.
func skipUnderFault(t *testing.T) {
	if faultStaleAct {
		t.Skip("the planted fault is for the seeded tests to find")
	}
}
