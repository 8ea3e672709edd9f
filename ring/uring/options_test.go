package uring

import (
	"testing"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/iouring"
)

func TestDefaults(t *testing.T) {
	o := Options{}.withDefaults()
	want := Options{Entries: 512, CQEntries: 4096, BufferSize: 4096, Provided: 256, Reserve: 80, ArenaBytes: 1 << 20, RestBytes: 128 << 20}
	if o.Entries != want.Entries || o.CQEntries != want.CQEntries || o.BufferSize != want.BufferSize || o.Provided != want.Provided ||
		o.Reserve != want.Reserve || o.ArenaBytes != want.ArenaBytes || o.RestBytes != want.RestBytes {
		t.Errorf("%+v", o)
	}
}

// Every size is brought into its range: below, at and above each end.
func TestOptionsAreBounded(t *testing.T) {
	for _, tt := range []struct {
		name      string
		field     func(*Options) *int
		low, high int
	}{
		{"Entries", func(o *Options) *int { return &o.Entries }, iouring.MinEntries, 1 << 15},
		{"CQEntries", func(o *Options) *int { return &o.CQEntries }, 512, 1 << 16},
		{"BufferSize", func(o *Options) *int { return &o.BufferSize }, 1, ring.MaxRecvAfterPause},
		{"Provided", func(o *Options) *int { return &o.Provided }, 1, 1 << 15},
		{"ArenaBytes", func(o *Options) *int { return &o.ArenaBytes }, ring.MaxSend, 1 << 30},
		{"RestBytes", func(o *Options) *int { return &o.RestBytes }, ring.MaxSend, 1 << 30},
	} {
		for given, want := range map[int]int{
			tt.low - 1: tt.low, tt.low: tt.low, tt.low + 1: tt.low + 1,
			tt.high - 1: tt.high - 1, tt.high: tt.high, tt.high + 1: tt.high, -1: tt.low,
		} {
			var o Options
			*tt.field(&o) = given
			if given == 0 {
				continue // the default
			}
			o = o.withDefaults()
			if got := *tt.field(&o); got != want {
				t.Errorf("%s %d became %d, want %d", tt.name, given, got, want)
			}
		}
	}
	for given, want := range map[int]int{-1: 0, 1: 1, maxBuffers - 2: maxBuffers - 2, maxBuffers - 1: maxBuffers - 2} {
		if o := (Options{Provided: 2, Reserve: given}).withDefaults(); o.Reserve != want {
			t.Errorf("Reserve %d became %d, want %d", given, o.Reserve, want)
		}
	}
}
