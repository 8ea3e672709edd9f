package conn

import (
	"strings"
	"testing"
)

// The table, written down a second time: rows are from, columns to, in the
// order of the constants.
const stateTable = `
           open flus ling deta clsg clsd
open        .    x    .    x    x    x
flushing    .    .    x    .    x    x
lingering   .    .    .    .    x    x
detaching   .    .    .    .    x    x
closing     .    .    .    .    .    x
closed      .    .    .    .    .    .
`

const phaseTable = `
           idle head hand bloc unre leav
idle        .    x    x    .    .    .
head        x    .    x    .    .    .
handling    x    x    x    x    x    x
blocked     x    x    x    .    .    .
unread      x    x    x    x    .    .
leaving     .    .    .    .    .    .
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
		if from.over() != (from >= stateClosing) {
			t.Errorf("%s: over %v", from, from.over())
		}
	}
}

func TestPhaseTable(t *testing.T) {
	rows := strings.Split(strings.TrimSpace(phaseTable), "\n")[1:]
	if len(rows) != numPhases {
		t.Fatalf("%d rows", len(rows))
	}
	for from := range phase(numPhases) {
		cells := strings.Fields(rows[from])
		if cells[0] != from.String() || len(cells) != numPhases+1 {
			t.Fatalf("row %q is not for %s", rows[from], from)
		}
		for to := range phase(numPhases) {
			want := cells[to+1] == "x"
			if got := from.mayBecome(to); got != want {
				t.Errorf("%s to %s: %v, want %v", from, to, got, want)
			}
			for in := range state(numStates) {
				c := &h1conn{conn: &conn{state: in}, phase: from}
				panicked := func() (v any) {
					defer func() { v = recover() }()
					c.setPhase(to)
					return nil
				}()
				legal := want && in == stateOpen
				if legal != (panicked == nil) || !legal && c.phase != from {
					t.Errorf("%s, %s to %s: panic %v, then %s", in, from, to, panicked, c.phase)
				}
			}
		}
	}
}
