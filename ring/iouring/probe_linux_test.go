package iouring

import "testing"

// This kernel is new enough for everything: a probe that says otherwise is
// wrong, or the machine denies io_uring, and no other test here can pass.
func TestEverythingWorks(t *testing.T) {
	features, err := Probe()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range features {
		t.Logf("%-18s %-12s required=%-5v %s", f.Name, f.State, f.Required, f.Reason)
		if f.State != Works {
			t.Errorf("%s: %s: %s", f.Name, f.State, f.Reason)
		}
	}
}
