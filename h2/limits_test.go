package h2

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestConfigValidate(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Fatal(err)
	}
	check := func(name string, set func(*Config, int), least, utmost int) {
		for _, v := range []struct {
			value int
			fine  bool
		}{{least - 1, false}, {least, true}, {utmost, true}, {utmost + 1, false}} {
			cfg := DefaultConfig()
			set(cfg, v.value)
			err := cfg.Validate()
			var limit *LimitError
			switch {
			case v.fine && err != nil:
				t.Errorf("%s = %d: %v", name, v.value, err)
			case !v.fine && (!errors.As(err, &limit) || limit.Limit != name || limit.Value != v.value):
				t.Errorf("%s = %d: %v", name, v.value, err)
			}
		}
	}
	bounds := map[string][2]int{"Streams": {1, 1 << 20}, "TableBytes": {0, 1 << 24}, "SendTableBytes": {0, 1 << 24},
		"FrameBytes": {16384, 1<<24 - 1}, "ConnWindow": {65535, 1<<31 - 1}, "StreamWindow": {1, 1<<31 - 1},
		"FieldBytes": {1, 1 << 30}, "FieldCount": {1, 1 << 30}, "TargetBytes": {1, 1 << 30},
		"BlockBytes": {1, 1 << 30}, "Continuations": {0, 1 << 30}, "QueuedBytes": {256, 1 << 30}}
	lt := reflect.TypeFor[Limits]()
	if lt.NumField() != len(bounds) {
		t.Errorf("%d limits, of which %d are tested", lt.NumField(), len(bounds))
	}
	for i := range lt.NumField() {
		b := bounds[lt.Field(i).Name]
		check(lt.Field(i).Name, func(c *Config, v int) { reflect.ValueOf(&c.Limits).Elem().Field(i).SetInt(int64(v)) }, b[0], b[1])
	}
	bt := reflect.TypeFor[Budgets]()
	for i := range bt.NumField() {
		for j, part := range []string{"Burst", "PerSecond"} {
			check(bt.Field(i).Name+"."+part, func(c *Config, v int) {
				reflect.ValueOf(&c.Budgets).Elem().Field(i).Field(j).SetInt(int64(v))
			}, 0, 1<<20)
		}
	}
}

// What a client is told must be what holds.
func TestOurSettings(t *testing.T) {
	r := freshRig(t, func(c *Config) { c.ConnectProtocol = true })
	frames := r.sent()
	got := map[SettingID]uint32{}
	for p := frames[0].payload; len(p) > 0; p = p[settingBytes:] {
		s := parseSetting(p)
		got[s.ID] = s.Value
	}
	want := map[SettingID]uint32{SettingMaxConcurrentStreams: 100, SettingInitialWindowSize: 768 << 10,
		SettingMaxHeaderListSize: 32768, SettingNoRFC7540Priorities: 1, SettingHeaderTableSize: 4096,
		SettingMaxFrameSize: 16384, SettingEnableConnect: 1}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("SETTINGS %v, want %v", got, want)
	}
	if u := frames[1]; u.Type != FrameWindowUpdate || u.ID != 0 || be32(u.payload) != 1<<20-65535 {
		t.Errorf("the window grows by %v %x", u, u.payload)
	}
	for _, s := range freshRig(t).sent()[:1] {
		if len(s.payload)/settingBytes != len(want)-1 {
			t.Error("SETTINGS_ENABLE_CONNECT_PROTOCOL without being asked")
		}
	}
}

func TestLimitStreams(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Limits.Streams = 3 })
	for id := uint32(1); id <= 5; id += 2 { // n-1, n
		r.wantKinds(r.send(r.get(id)), EventHead)
	}
	r.wantReset(r.send(r.get(7)), 7, TooManyStreams) // n+1
	// A stream that is over still counts until the owner has released it.
	r.wantKinds(r.send(AppendRSTStreamFrame(nil, 1, CodeCancel)), EventReset)
	r.wantReset(r.send(r.get(9)), 9, TooManyStreams)
	r.c.Release(1)
	r.wantKinds(r.send(r.get(11)), EventHead)
	if r.c.Streams() != 3 {
		t.Errorf("%d streams", r.c.Streams())
	}
}

func TestLimitFieldCount(t *testing.T) {
	for n, refused := range map[int]bool{95: false, 96: false, 97: true} { // and four pseudo-header fields
		for _, name := range []string{"x", "cookie"} { // crumbs count
			r := newRig(t)
			events := r.send(r.get(1, repeatFields(n, name, "y")...))
			if refused {
				r.wantKinds(events, EventRefusal)
				if e := events[0]; e.Status != 431 || e.Reason != TooManyFields {
					t.Errorf("%d fields: %+v", n+4, e)
				}
			} else {
				r.wantKinds(events, EventHead)
			}
			r.wantKinds(r.send(r.get(3)), EventHead) // the table is right
		}
		r := newRig(t)
		r.send(r.post(1))
		block := r.block(repeatFields(n+4, "x", "y")...)
		events := r.send(AppendHeadersFrames(nil, 1, block, true, 16384))
		if refused {
			r.wantReset(events, 1, TrailersTooLarge)
		} else {
			r.wantKinds(events, EventTrailers)
		}
	}
}

func repeatFields(n int, name, value string) (all []string) {
	for range n {
		all = append(all, name, value)
	}
	return all
}

func TestLimitFieldBytes(t *testing.T) {
	base := 0
	for i, s := range getFields() {
		base += len(s) + 32*(1-i%2)
	}
	room := 32768 - base - 2*(1+32)
	for extra, refused := range map[int]bool{-1: false, 0: false, 1: true} {
		r := newRig(t)
		events := r.send(r.get(1, "x", strings.Repeat("y", room/2), "x", strings.Repeat("z", room-room/2+extra)))
		if refused {
			r.wantKinds(events, EventRefusal)
			if e := events[0]; e.Status != 431 || e.Reason != HeadTooLarge {
				t.Errorf("%+v", e)
			}
		} else {
			r.wantKinds(events, EventHead)
		}
		r.wantKinds(r.send(r.get(3)), EventHead)
	}
}

func TestLimitTargetBytes(t *testing.T) {
	for n, refused := range map[int]bool{8191: false, 8192: false, 8193: true} {
		r := newRig(t)
		fields := getFields()
		fields[5] = strings.Repeat("/", n)
		events := r.send(AppendHeadersFrames(nil, 1, r.block(fields...), true, 16384))
		if !refused {
			r.wantKinds(events, EventHead)
			continue
		}
		r.wantKinds(events, EventRefusal)
		if e := events[0]; e.Status != 414 || e.Reason != TargetTooLong {
			t.Errorf("%+v", e)
		}
	}
}

func TestLimitBlockBytes(t *testing.T) {
	for n, fails := range map[int]bool{999: false, 1000: false, 1001: true} {
		for _, frame := range []int{16384, 400} { // in one frame, and in several
			r := newRig(t, func(c *Config) { c.Limits.BlockBytes = 1000 })
			block := r.block(getFields()...)
			for len(block) < n {
				block = append(block, 0x82) // :method again and again
			}
			events := r.send(AppendHeadersFrames(nil, 1, block[:n], true, frame))
			if fails {
				r.wantFail(events, BlockTooLarge)
			} else {
				r.wantReset(events, 1, DuplicatePseudo)
			}
		}
	}
}

func TestLimitContinuations(t *testing.T) {
	for n, fails := range map[int]bool{31: false, 32: false, 33: true} {
		r := newRig(t)
		in := AppendFrameHeader(nil, FrameHeader{Type: FrameHeaders, Flags: FlagEndStream, ID: 1})
		for range n - 1 {
			in = AppendFrameHeader(in, FrameHeader{Type: FrameContinuation, ID: 1})
		}
		block := r.block(getFields()...)
		in = append(AppendFrameHeader(in, FrameHeader{len(block), FrameContinuation, FlagEndHeaders, 1}), block...)
		if events := r.send(in); fails {
			r.wantFail(events, ContinuationFlood)
		} else {
			r.wantKinds(events, EventHead)
		}
	}
}

func TestLimitFrameBytes(t *testing.T) {
	for n, fails := range map[int]bool{19999: false, 20000: false, 20001: true} {
		r := newRig(t, func(c *Config) { c.Limits.FrameBytes = 20000 })
		r.send(r.post(1))
		if events := r.send(AppendDataFrame(nil, 1, make([]byte, n), false)); fails {
			r.wantFail(events, FrameTooLarge)
		} else {
			r.wantKinds(events, EventData)
		}
	}
}

func TestLimitQueuedBytes(t *testing.T) {
	for n, fails := range map[int]bool{59: false, 60: false, 61: true} {
		r := newRig(t, func(c *Config) { c.Limits.QueuedBytes = 60 * 17 })
		var in []byte
		for range n {
			in = AppendPingFrame(in, [8]byte{}, false)
		}
		if events := r.send(in); fails {
			r.wantFail(events, OutputFlood)
		} else if len(events) > 0 || len(r.sent()) != n {
			t.Fatalf("%d PINGs: %v", n, events)
		}
	}
}

// The windows at n-1, n and n+1, and padding counts.
func TestLimitWindows(t *testing.T) {
	for n, fails := range map[int]bool{99999: false, 100000: false, 100001: true} {
		for _, padded := range []bool{false, true} {
			upload := func(r *rig, id uint32, n int) []Event {
				var in []byte
				for n > 0 {
					k := min(n, 16384)
					if padded {
						p := append([]byte{byte(min(k-1, 200))}, make([]byte, k-1)...)
						in = append(AppendFrameHeader(in, FrameHeader{k, FrameData, FlagPadded, id}), p...)
					} else {
						in = AppendDataFrame(in, id, make([]byte, k), false)
					}
					n -= k
				}
				return r.send(in)
			}
			name := fmt.Sprintf("%d bytes, padded: %v", n, padded)
			r := newRig(t, func(c *Config) { c.Limits.StreamWindow = 100000 })
			r.send(r.post(1))
			if events := upload(r, 1, n); fails {
				r.wantReset(events, 1, StreamWindowExceeded)
			} else if r.c.Err() != nil || events[len(events)-1].Kind != EventData {
				t.Errorf("%s: %v", name, r.c.Err())
			}
			r = newRig(t, func(c *Config) { c.Limits.ConnWindow = 100000 })
			r.send(r.post(1), r.post(3))
			upload(r, 1, 50000)
			if events := upload(r, 3, n-50000); fails {
				r.wantFail(events, ConnWindowExceeded)
			} else if r.c.Err() != nil {
				t.Errorf("%s: %v", name, r.c.Err())
			}
		}
	}
}
