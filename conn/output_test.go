package conn

import (
	"bytes"
	"testing"
)

// Output that never ends, of which there is always something staged, is sent in
// order, and what is gone takes no more room than what is to come.
func TestOutputThatNeverEnds(t *testing.T) {
	const backlog, piece = 100_000, 64 << 10
	c := &conn{l: &loop{}}
	var staged, sent byte
	for range 200 {
		for c.unsent() < backlog {
			b := c.stage()
			b.B = append(b.B, bytes.Repeat([]byte{staged}, piece)...)
			staged++
		}
		if got := c.out.B[c.outPos:][:piece]; !bytes.Equal(got, bytes.Repeat([]byte{sent}, piece)) {
			t.Fatalf("piece %d is not what was staged", sent)
		}
		sent++
		c.advanceOut(piece)
		if n := len(c.out.B); n > 2*c.unsent() {
			t.Fatalf("%d bytes for %d", n, c.unsent())
		}
	}
	c.advanceOut(c.unsent())
	if c.out != nil || c.unsent() != 0 {
		t.Errorf("%d bytes are left", c.unsent())
	}
}
