package hpack

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// representation says how the only field of a block is sent.
func representation(block []byte) string {
	switch c := block[0]; {
	case c >= 0x80:
		return "indexed"
	case c >= 0x40:
		return "with indexing"
	case c >= 0x20:
		return "update"
	case c >= 0x10:
		return "never"
	default:
		return "without"
	}
}

func appendText2(e *Encoder, name, value string) []byte {
	return e.AppendField(nil, []byte(name), []byte(value), false)
}

// What becomes of the same field when it is sent again and again.
func TestPolicies(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        []string
	}{
		{":status", "200", []string{"indexed", "indexed"}},
		{":status", "418", []string{"with indexing", "indexed", "indexed"}},
		{"content-type", "text/plain", []string{"with indexing", "indexed", "indexed"}},
		{"server", "uringserve", []string{"with indexing", "indexed", "indexed"}},
		{"date", "Mon, 21 Oct 2013 20:13:21 GMT", []string{"with indexing", "indexed", "indexed"}},
		{"content-length", "13", []string{"without", "with indexing", "indexed"}},
		{"etag", `"abc"`, []string{"without", "with indexing", "indexed"}},
		{"x-frame-options", "DENY", []string{"without", "with indexing", "indexed"}},
		{"accept-encoding", "gzip, deflate", []string{"indexed"}},
		{"accept-encoding", "", []string{"with indexing", "indexed"}},
		{"age", "", []string{"indexed", "indexed"}},
		{"set-cookie", "id=0123456789012345678901234567890123456789", []string{"never", "never", "never"}},
		{"set-cookie", "", []string{"never", "never"}},
		{"authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", []string{"never", "never", "never"}},
		{"proxy-authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", []string{"never", "never"}},
		{"cookie", strings.Repeat("c", 19), []string{"never", "never", "never"}},
		{"cookie", strings.Repeat("c", 20), []string{"without", "with indexing", "indexed"}},
		{"cookie", strings.Repeat("c", 21), []string{"without", "with indexing", "indexed"}},
		{"", "", []string{"without", "with indexing", "indexed"}},
	} {
		e := NewEncoder(4096)
		for i, want := range c.want {
			if got := representation(appendText2(e, c.name, c.value)); got != want {
				t.Errorf("%s: %q, time %d: %s, want %s", c.name, c.value, i+1, got, want)
			}
		}
	}
}

// What is marked is never in the table, and is not found in it either: an
// index would tell that it is the same as another.
func TestSensitiveIsNeverIndexed(t *testing.T) {
	e, d := NewEncoder(4096), newDecoder(4096)
	for _, f := range [][2]string{{"server", "a"}, {":status", "200"}, {"x-token", "secret"}, {"x-token", "secret"}, {"x-token", "secret"}} {
		for _, sensitive := range []bool{true, false, true} {
			before := e.TableSize()
			block := e.AppendField(nil, []byte(f[0]), []byte(f[1]), sensitive)
			got := decodeAll(d, block)
			want := f[0] + ": " + f[1]
			if sensitive {
				want += " (sensitive)"
				if e.TableSize() != before {
					t.Errorf("%s is in the table", want)
				}
			}
			if len(got) != 1 || got[0] != want {
				t.Errorf("%q, want %s", got, want)
			}
		}
	}
}

// A response that repeats costs an octet for each field.
func TestRepeatedResponse(t *testing.T) {
	e := NewEncoder(4096)
	var sizes []int
	for range 4 {
		sizes = append(sizes, len(appendResponse(e, nil, "Mon, 21 Oct 2013 20:13:21 GMT")))
	}
	// content-length waits for its repetition; everything else does not.
	if sizes[1] != 8 || sizes[2] != 5 || sizes[3] != 5 {
		t.Errorf("octets: %v", sizes)
	}
}

func appendResponse(e *Encoder, dst []byte, date string) []byte {
	dst = e.AppendStatus(dst, 200)
	dst = e.AppendField(dst, []byte("content-type"), []byte("text/plain"), false)
	dst = e.AppendField(dst, []byte("server"), []byte("uringserve"), false)
	dst = e.AppendField(dst, []byte("date"), []byte(date), false)
	return e.AppendField(dst, []byte("content-length"), []byte("13"), false)
}

func clock(second int) string {
	return fmt.Sprintf("Mon, 21 Oct 2013 20:%02d:%02d GMT", second/60%60, second%60)
}

// Dates on a busy connection are indexed each second; on a slow one they do
// not fill the table.
func TestDates(t *testing.T) {
	busy, slow := NewEncoder(4096), NewEncoder(4096)
	octets := 0
	for second := range 1000 {
		for i := range 5 {
			n := len(appendResponse(busy, nil, clock(second)))
			octets += n
			if i > 1 && n != 5 {
				t.Fatalf("busy, second %d, response %d: %d octets", second, i, n)
			}
		}
		appendResponse(slow, nil, clock(second))
	}
	// The first of a second spells the date, and what 60 dates pushed out.
	if octets > 1000*(30+5+5+5+5) {
		t.Errorf("busy: %d octets", octets)
	}
	dates := 0
	for _, l := range contents(&slow.table) {
		if strings.HasPrefix(l, "date: ") {
			dates++
		}
	}
	if dates != 1 || slow.table.count != 4 {
		t.Errorf("slow: %d dates of %d entries", dates, slow.table.count)
	}
	// It becomes busy: the date is indexed again from its first repetition.
	for i, want := range []string{"without", "with indexing", "indexed", "indexed"} {
		if got := representation(appendText2(slow, "date", clock(2000))); got != want {
			t.Errorf("busy again, %d: %s, want %s", i, got, want)
		}
	}
	if got := representation(appendText2(slow, "date", clock(2001))); got != "with indexing" {
		t.Errorf("the next second: %s", got)
	}
}

// A field larger than half of the table is not indexed.
func TestLargeFields(t *testing.T) {
	for n, want := range map[int]string{2047: "with indexing", 2048: "with indexing", 2049: "without"} {
		e := NewEncoder(4096)
		value := strings.Repeat("v", n-len("server")-entryOverhead)
		if got := representation(appendText2(e, "server", value)); got != want {
			t.Errorf("%d octets: %s, want %s", n, got, want)
		}
	}
	e := NewEncoder(0)
	if got := appendText2(e, "server", "a"); got[0] != 0x20 || representation(got[1:]) != "without" {
		t.Errorf("without a table: %x", got)
	}
}

// RFC 7541 §4.2, on our side: at most two updates, before the next field.
func TestEncoderUpdates(t *testing.T) {
	const to100, to200, to4096, to8192 = "3f45", "3fa901", "3fe11f", "3fe13f"
	for _, c := range []struct {
		why    string
		own    uint32
		maxima []uint32
		want   string
	}{
		{"nothing changed", 4096, nil, ""},
		{"told what holds anyway", 4096, []uint32{4096}, ""},
		{"raised beyond what we use", 4096, []uint32{65536, 1<<32 - 1}, ""},
		{"raised", 8192, []uint32{65536}, to8192},
		{"we use less, from the start", 100, nil, to100},
		{"we use less, and so does the peer", 200, []uint32{100}, to100},
		{"lowered", 4096, []uint32{100}, to100},
		{"lowered to nothing", 4096, []uint32{0}, "20"},
		{"lowered, then raised", 4096, []uint32{100, 4096}, to100 + to4096},
		{"lowered, raised, raised", 4096, []uint32{200, 100, 200}, to100 + to200},
		{"raised, then lowered", 65536, []uint32{8192, 100}, to100},
		{"raised, then lowered less", 65536, []uint32{65536, 8192}, to8192},
	} {
		e, d := NewEncoder(c.own), newDecoder(4096)
		for _, n := range c.maxima {
			e.SetPeerMax(n)
			d.SetMaxTable(min(n, MaxTable))
		}
		block := e.AppendStatus(nil, 200)
		if want := append(unhex(t, c.want), 0x88); string(block) != string(want) {
			t.Errorf("%s: %x, want %x", c.why, block, want)
		}
		if got := decodeAll(d, block); len(got) != 1 || d.Err() != nil || d.table.max != e.table.max {
			t.Errorf("%s: %q, %v, %d and %d", c.why, got, d.Err(), d.table.max, e.table.max)
		}
		if again := e.AppendStatus(nil, 200); len(again) != 1 {
			t.Errorf("%s: told twice: %x", c.why, again)
		}
	}
}

// The whole table is found again, by value and by name, whatever was evicted,
// reset or resized in between.
func TestIndexFindsTheTable(t *testing.T) {
	e := NewEncoder(MaxTable)
	for round, n := range []uint32{4096, 64, 1 << 20, 0, 1 << 20, 4096} {
		e.SetPeerMax(n)
		for i := range 200 {
			for range 2 {
				appendText2(e, fmt.Sprintf("name-%d", i%50), fmt.Sprint(round, i))
			}
		}
		for i := range e.table.count {
			name, value := e.table.get(i)
			hash := hashOf(name, 0)
			both, named := e.index.find(&e.table, name, value, hash)
			if both != staticLen+1+i || named != both {
				t.Fatalf("round %d: entry %d is found at %d, %d", round, i, both, named)
			}
			if both, named := e.index.find(&e.table, name, []byte("other"), hash); both != 0 || named == 0 || named > both && named > staticLen+1+i {
				t.Fatalf("round %d: entry %d with another value is found at %d, %d", round, i, both, named)
			}
		}
	}
}

// A search looks at maxChain entries and no more.
func TestIndexIsBounded(t *testing.T) {
	for n, want := range map[int]bool{maxChain - 1: true, maxChain: true, maxChain + 1: false} {
		e := NewEncoder(4096)
		for i := range n {
			appendText2(e, "server", fmt.Sprint(i))
		}
		name := []byte("server")
		both, named := e.index.find(&e.table, name, []byte("0"), hashOf(name, 0))
		if (both != 0) != want || named == 0 {
			t.Errorf("the oldest of %d: %d, %d", n, both, named)
		}
	}
}

// Names that differ in any one octet go to different buckets often enough.
func TestHashSpreads(t *testing.T) {
	for length := 1; length <= 20; length++ {
		for at := range length {
			name, used := bytes.Repeat([]byte{'n'}, length), map[uint32]bool{}
			for c := range 64 {
				name[at] = byte(' ' + c)
				used[hashOf(name, 0)%indexBuckets] = true
			}
			if len(used) < 24 { // 40 are to be expected
				t.Errorf("octet %d of %d: %d buckets of %d", at, length, len(used), indexBuckets)
			}
		}
	}
}

// Every entry of the static table is found, and nothing else.
func TestStaticSearch(t *testing.T) {
	for i := uint32(1); i <= staticLen; i++ {
		f := static[i]
		first := staticName(f.name, hashOf(f.name, 0))
		if first == 0 || first > i || string(static[first].name) != string(f.name) || first > 1 && string(static[first-1].name) == string(f.name) {
			t.Errorf("%s: first is %d", f.name, first)
		}
		if got := staticValue(first, f.value); got != i {
			t.Errorf("%s: %q is %d, want %d", f.name, f.value, got, i)
		}
		if staticValue(first, []byte("other")) != 0 {
			t.Errorf("%s: other is found", f.name)
		}
		longer := append(bytes.Clone(f.name), 'x')
		for _, name := range [][]byte{longer, f.name[:len(f.name)-1], f.name[1:], bytes.ToUpper(f.name)} {
			if i := staticName(name, hashOf(name, 0)); i != 0 && string(static[i].name) != string(name) {
				t.Errorf("%s is found at %d", name, i)
			}
		}
	}
}

func TestAppendStatus(t *testing.T) {
	for code := 100; code <= 999; code++ {
		got := decodeAll(newDecoder(4096), NewEncoder(4096).AppendStatus(nil, code))
		if want := fmt.Sprintf(":status: %d", code); len(got) != 1 || got[0] != want {
			t.Errorf("%q, want %s", got, want)
		}
	}
	e := NewEncoder(4096)
	mustPanic(t, "status 99", func() { e.AppendStatus(nil, 99) })
	mustPanic(t, "status 1000", func() { e.AppendStatus(nil, 1000) })
}

// Reset: nothing of the last connection is known, and the memory is kept.
func TestEncoderReset(t *testing.T) {
	e := NewEncoder(4096)
	for i := range 100 {
		appendText2(e, "server", fmt.Sprint(i))
	}
	arena := &e.table.arena[0]
	e.Reset(4096)
	if &e.table.arena[0] != arena {
		t.Error("the memory is gone")
	}
	got := appendText2(e, "server", "99")
	if want := appendText2(NewEncoder(4096), "server", "99"); !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
	if !slices.Equal(contents(&e.table), []string{"server: 99"}) {
		t.Errorf("the table holds %q", contents(&e.table))
	}
}
