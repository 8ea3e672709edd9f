package conn

import (
	"strings"
	"testing"
)

// The table, written down a second time: rows are from, columns to, in the
// order of the constants.
const stateTable = `
           idle head hand bloc unre flus ling clsg clsd
idle        .    x    x    .    .    x    .    x    x
head        x    .    x    .    .    x    .    x    x
handling    x    x    x    x    x    x    .    x    x
blocked     x    x    x    .    .    x    .    x    x
unread      x    x    x    x    .    x    .    x    x
flushing    .    .    .    .    .    .    x    x    x
lingering   .    .    .    .    .    .    .    x    x
closing     .    .    .    .    .    .    .    .    x
closed      .    .    .    .    .    .    .    .    .
`

func TestStateTable(t *testing.T) {
	rows := strings.Split(strings.TrimSpace(stateTable), "\n")[1:]
	if len(rows) != numStates {
		t.Fatalf("%d rows", len(rows))
	}
	for from := range state(numStates) {
		cells := strings.Fields(rows[from])
		if cells[0] != from.String() || len(cells) != numStates+1 {
			t.Fatalf("row %q is not for %s", rows[from], from)
		}
		for to := range state(numStates) {
			want := cells[to+1] == "x"
			if got := from.mayBecome(to); got != want {
				t.Errorf("%s to %s: %v, want %v", from, to, got, want)
			}
			c := &conn{state: from}
			panicked := func() (v any) {
				defer func() { v = recover() }()
				c.setState(to)
				return nil
			}()
			if want != (panicked == nil) {
				t.Errorf("%s to %s: panic %v", from, to, panicked)
			}
			if !want && c.state != from {
				t.Errorf("%s to %s: an illegal transition changed the state", from, to)
			}
		}
		if from.over() != (from >= stateClosing) || from.ending() != (from >= stateFlushing) {
			t.Errorf("%s: over %v, ending %v", from, from.over(), from.ending())
		}
	}
}
