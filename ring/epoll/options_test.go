package epoll

import (
	"errors"
	"testing"

	"github.com/uringserve/uringserve/ring"
)

// Every size has its default, and is brought into its range: below, at and
// above each end.
func TestOptionsAreBounded(t *testing.T) {
	for _, tt := range []struct {
		name             string
		field            func(*Options) *int
		unset, low, high int
	}{
		{"Queue", func(o *Options) *int { return &o.Queue }, 512, 8, 1 << 15},
		{"BufferSize", func(o *Options) *int { return &o.BufferSize }, 4096, 1, ring.MaxRecvAfterPause},
		{"Provided", func(o *Options) *int { return &o.Provided }, 256, 1, 1 << 15},
		{"ArenaBytes", func(o *Options) *int { return &o.ArenaBytes }, 1 << 20, ring.MaxSend, 1 << 30},
		{"RestBytes", func(o *Options) *int { return &o.RestBytes }, 128 << 20, ring.MaxSend, 1 << 30},
	} {
		for given, want := range map[int]int{
			tt.low - 1: tt.low, tt.low: tt.low, tt.low + 1: tt.low + 1,
			tt.high - 1: tt.high - 1, tt.high: tt.high, tt.high + 1: tt.high, -1: tt.low,
			0: tt.unset,
		} {
			var o Options
			*tt.field(&o) = given
			o = o.withDefaults()
			if got := *tt.field(&o); got != want {
				t.Errorf("%s %d became %d, want %d", tt.name, given, got, want)
			}
		}
	}
	for given, want := range map[int]int{0: 80, -1: 0, 1: 1, maxBuffers - 2: maxBuffers - 2, maxBuffers - 1: maxBuffers - 2} {
		if o := (Options{Provided: 2, Reserve: given}).withDefaults(); o.Reserve != want {
			t.Errorf("Reserve %d became %d, want %d", given, o.Reserve, want)
		}
	}
}

// An engine is made where the probe says so, and refused with its reason
// elsewhere.
func TestNewAgreesWithProbe(t *testing.T) {
	e, err := New(Options{Loops: 2})
	if probe := Probe().Err; (probe == nil) != (err == nil) {
		t.Fatalf("New: %v; Probe: %v", err, probe)
	}
	var u *ring.UnavailableError
	switch {
	case err == nil:
		if e.Name() != Name || e.Loops() != 2 {
			t.Errorf("%s with %d loops", e.Name(), e.Loops())
		}
		e.Close(0)
	case !errors.As(err, &u) || u.Engine != Name || u.Reason == "":
		t.Errorf("refused with %v", err)
	}
}
