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
		{"BufferSize", func(o *Options) *int { return &o.BufferSize }, 1, ring.MaxRecvAfterPause / 2},
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

// What a loop provides stays within half of ring.MaxRecvAfterPause, and within
// what a ring of buffers can have: the number gives way, not the size.
func TestProvidedBytesAreBounded(t *testing.T) {
	for _, tt := range []struct{ size, most int }{
		{4096, 256},   // the defaults are the bound
		{4097, 255},   // a byte more, a buffer less
		{4095, 256},   // 257 would be 1 MiB and 3839 bytes
		{3000, 349},   // no divisor of 1 MiB
		{32, 1 << 15}, // both bounds meet
		{31, 1 << 15}, // the ring's comes first
		{1, 1 << 15},
		{ring.MaxRecvAfterPause / 4, 2},
		{ring.MaxRecvAfterPause/4 + 1, 1},
		{ring.MaxRecvAfterPause / 2, 1}, // the largest buffer
	} {
		for _, given := range []int{-1, 0, 1, tt.most - 1, tt.most, tt.most + 1, 1 << 30} {
			want := min(max(given, 1), tt.most)
			if given == 0 {
				want = min(defaultProvided, tt.most)
			}
			o := Options{BufferSize: tt.size, Provided: given}.withDefaults()
			if o.BufferSize != tt.size || o.Provided != want {
				t.Errorf("%d buffers of %d bytes became %d of %d, want %d", given, tt.size, o.Provided, o.BufferSize, want)
			}
			if bytes := o.Provided * o.BufferSize; bytes > ring.MaxRecvAfterPause/2 {
				t.Errorf("%d buffers of %d bytes: %d bytes", given, tt.size, bytes)
			}
		}
	}
}
