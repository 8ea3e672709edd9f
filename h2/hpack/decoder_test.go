package hpack

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Each error of RFC 7541: its kind, and where it is.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		why    string
		block  string
		kind   Kind
		offset int
	}{
		{"§6.1: index 0", "82 80", BadIndex, 1},
		{"§2.3.3: above both tables, empty dynamic table", "82 be", BadIndex, 1},
		{"§2.3.3: above both tables, one entry", "4001610162 be bf", BadIndex, 6},
		{"§2.3.3: the largest index", "ff 80ffffff0f", BadIndex, 0},
		{"the index of a name, above both tables", "7e 0161", BadIndex, 0},
		{"the index of a name, not indexed", "0f 2f 0161", BadIndex, 0},
		{"§5.1: 2^32", "ff 81ffffff0f", IntegerOverflow, 0},
		{"§5.1: six octets", "ff 808080808000", IntegerOverflow, 0},
		{"§5.1: without end", "ff ffffffffffffffff", IntegerOverflow, 0},
		{"§5.1: as a length", "00 7f ffffffffff7f", IntegerOverflow, 1},
		{"an integer ends early", "82 ff", Truncated, 1},
		{"an integer ends early, later", "82 ff80", Truncated, 1},
		{"no name", "82 40", Truncated, 2},
		{"no value", "40 0161", Truncated, 3},
		{"no value for an indexed name", "82 04", Truncated, 2},
		{"a name ends early", "40 0261", Truncated, 1},
		{"a value ends early", "04 0361 62", Truncated, 1},
		{"a Huffman value ends early", "04 83ffff", Truncated, 1},
		{"a length of 2^32-1", "04 7f80ffffff0f 61", Truncated, 1},
		{"§5.2: padding", "04 8100", BadPadding, 1},
		{"§5.2: padding of eight bits", "04 82f8ff", BadPadding, 1},
		{"§5.2: padding, in a name", "40 8100 00", BadPadding, 1},
		{"§5.2: EOS", "04 84ffffffff", EncodedEOS, 1},
		{"§6.3: above the maximum", "3fe21f", UpdateTooLarge, 0},
		{"§6.3: above the maximum, second", "20 3fe21f", UpdateTooLarge, 1},
		{"§6.3: 2^32-1", "3fe0ffffff0f", UpdateTooLarge, 0},
		{"§4.2: after a field", "82 20", UpdateMisplaced, 1},
		{"§4.2: after a field, at the end", "82 84 3fe11f", UpdateMisplaced, 2},
		{"an update ends early", "3f", Truncated, 0},
	} {
		d := newDecoder(4096)
		decodeAll(d, unhex(t, c.block))
		if err := d.Err(); err == nil || err.Kind != c.kind || err.Offset != c.offset {
			t.Errorf("%s: %s: %v, want %v at offset %d", c.why, c.block, err, c.kind, c.offset)
		}
	}
}

// After an error nothing is decoded any more, until Reset.
func TestErrorsAreFinal(t *testing.T) {
	d := newDecoder(4096)
	decodeAll(d, []byte{0x80})
	first := d.Err()
	if got := decodeAll(d, []byte{0x82}); got != nil || d.Err() != first {
		t.Errorf("after an error: %q, %v", got, d.Err())
	}
	if _, ok := d.Next(); ok {
		t.Error("a field after an error")
	}
	lim := DefaultLimits()
	d.Reset(4096, &lim)
	if got := decodeAll(d, []byte{0x82}); len(got) != 1 || d.Err() != nil {
		t.Errorf("after Reset: %q, %v", got, d.Err())
	}
}

func TestErrorText(t *testing.T) {
	seen := map[string]bool{}
	for k := Kind(0); int(k) <= numKinds; k++ {
		text := (&Error{k, 7}).Error()
		if seen[text] || !strings.HasPrefix(text, "hpack: ") || !strings.HasSuffix(text, " at offset 7") {
			t.Errorf("kind %d: %q", k, text)
		}
		seen[text] = true
	}
	if Kind(99).String() != "kind 99" || Excess(99).String() != "excess 99" || Within.String() != "within limits" {
		t.Error("numbers out of range")
	}
}

// The octets of five after the prefix, and 2^32-1, are the most there is.
func TestLargestInteger(t *testing.T) {
	for prefix := uint(1); prefix <= 8; prefix++ {
		for _, v := range []uint32{0, 1, 1<<prefix - 2, 1<<prefix - 1, 1 << prefix, 1<<prefix + 126, 1<<prefix + 127, 1 << 16, 1<<32 - 1} {
			b := appendInt(nil, 0, prefix, v)
			if got, end, kind := parseInt(b, 0, prefix); got != v || end != len(b) || kind != 0 || len(b) > 1+maxContinuation {
				t.Errorf("%d with %d bits: %x is %d, %v", v, prefix, b, got, kind)
			}
			for cut := 1; cut < len(b); cut++ {
				if _, _, kind := parseInt(b[:cut], 0, prefix); kind != Truncated {
					t.Errorf("%x cut at %d: %v", b, cut, kind)
				}
			}
		}
	}
	if v, _, kind := parseInt([]byte{0xff, 0x80, 0x80, 0x80, 0x80, 0x00}, 0, 8); v != 255 || kind != 0 {
		t.Errorf("five octets of nothing: %d, %v", v, kind)
	}
}

// settings is a step of TestSizeUpdates: acknowledged maxima, then a block.
type settings struct {
	maxima []uint32
	block  string
	want   Kind
	table  int // the table's maximum afterwards
}

// RFC 7541 §4.2 and §6.3: when updates may come, must come, and how far.
func TestSizeUpdates(t *testing.T) {
	const to50, to100, to200, to4096 = "3f13", "3f45", "3fa901", "3fe11f"
	for _, c := range []struct {
		why   string
		steps []settings
	}{
		{"of the sender's own will, down and up", []settings{
			{nil, to100 + "82", 0, 100}, {nil, "82", 0, 100}, {nil, to4096 + "82", 0, 4096}}},
		{"two, and a block of nothing else", []settings{{nil, "20" + to100, 0, 100}}},
		{"lowered, followed", []settings{{[]uint32{100}, to100 + "82", 0, 100}, {nil, "82", 0, 100}}},
		{"lowered, followed further than need be", []settings{{[]uint32{100}, to50 + "82", 0, 50}, {nil, to100, 0, 100}}},
		{"lowered, not followed", []settings{{[]uint32{100}, "82", UpdateMissing, 4096}}},
		{"lowered, not followed in an empty block", []settings{{[]uint32{100}, "", UpdateMissing, 4096}}},
		{"lowered, not followed far enough", []settings{{[]uint32{100}, to200 + "82", UpdateTooLarge, 4096}}},
		{"n", []settings{{[]uint32{200}, to200, 0, 200}}},
		{"n+1", []settings{{[]uint32{199}, to200, UpdateTooLarge, 4096}}},
		{"n-1", []settings{{[]uint32{201}, to200, 0, 200}}},
		{"lowered and raised, both followed", []settings{{[]uint32{100, 4096}, to100 + to4096 + "82", 0, 4096}}},
		{"lowered and raised, the first not followed", []settings{{[]uint32{100, 4096}, to4096 + "82", UpdateMissing, 4096}}},
		{"lowered and raised, none followed", []settings{{[]uint32{100, 4096}, "82", UpdateMissing, 4096}}},
		{"lowered and raised, the last not followed", []settings{{[]uint32{100, 4096}, to100 + "82", 0, 100}, {nil, "82", 0, 100}}},
		{"lowered below what the sender does not use anyway", []settings{
			{nil, to50, 0, 50}, {[]uint32{100}, "82", 0, 50}, {[]uint32{50}, "82", 0, 50}, {[]uint32{49}, "82", UpdateMissing, 50}}},
		{"raised, not used", []settings{{[]uint32{8192}, "82", 0, 4096}}},
		{"raised, used later", []settings{{[]uint32{8192}, "82", 0, 4096}, {nil, "3fe13f82", 0, 8192}}},
		{"a third update after what was owed", []settings{{[]uint32{100, 4096}, to100 + to4096 + to50 + "82", 0, 50}}},
	} {
		d := newDecoder(4096)
		for i, s := range c.steps {
			for _, n := range s.maxima {
				d.SetMaxTable(n)
			}
			decodeAll(d, unhex(t, s.block))
			if kind := kindOf(d); kind != s.want || d.table.max != s.table {
				t.Errorf("%s, block %d: %v, a table of %d; want %v, %d", c.why, i+1, kind, d.table.max, s.want, s.table)
			}
		}
	}
}

func kindOf(d *Decoder) Kind {
	if err := d.Err(); err != nil {
		return err.Kind
	}
	return 0
}

// Every state and every input: a block is begun, an update and a field come,
// it ends.
func TestDecoderStates(t *testing.T) {
	var s Scratch
	for _, c := range []struct {
		block string
		reads int
		want  decoderState
	}{
		{"", 0, stateUpdates}, {"", 1, stateIdle}, {"20", 1, stateIdle},
		{"82", 0, stateUpdates}, {"82", 1, stateFields}, {"82", 2, stateIdle},
		{"2082", 1, stateFields}, {"8284", 2, stateFields}, {"8284", 3, stateIdle}, {"8284", 9, stateIdle},
		{"8220", 1, stateFields}, {"8220", 2, stateFailed}, {"80", 1, stateFailed}, {"80", 3, stateFailed},
	} {
		d := newDecoder(4096)
		if _, ok := d.Next(); ok || d.state != stateIdle {
			t.Fatal("a field without a block")
		}
		d.Begin(unhex(t, c.block), &s)
		for range c.reads {
			d.Next()
		}
		if d.state != c.want {
			t.Errorf("%q after %d: state %d, want %d", c.block, c.reads, d.state, c.want)
		}
	}
	d := newDecoder(4096)
	d.Begin([]byte{0x82}, &s)
	mustPanic(t, "Begin within a block", func() { d.Begin(nil, &s) })
	mustPanic(t, "a table above MaxTable", func() { d.SetMaxTable(MaxTable + 1) })
	newDecoder(MaxTable).SetMaxTable(MaxTable)
}

func mustPanic(t *testing.T, why string, f func()) {
	t.Helper()
	defer func() {
		if p := recover(); p == nil || !strings.HasPrefix(fmt.Sprint(p), "BUG: ") {
			t.Errorf("%s: recovered %v", why, p)
		}
	}()
	f()
}

// Each limit at n-1, n and n+1, for each way a field can come. The table is
// the same whatever the limits, and the next block is decoded with it.
func TestLimits(t *testing.T) {
	// Twice a field of 10+20+32 octets, then an indexed one of 7+3+32, then
	// one of 10+20+32 with its name in the table.
	name, value := []byte("aaaaaaaaaa"), []byte("bbbbbbbbbbbbbbbbbbbb")
	for _, huffman := range []bool{false, true} {
		text := func(s []byte) []byte {
			if huffman {
				return appendHuffman(appendInt(nil, 0x80, 7, uint32(huffmanLen(s))), s)
			}
			return append(appendInt(nil, 0, 7, uint32(len(s))), s...)
		}
		block := slices.Concat([]byte{0x40}, text(name), text(value), []byte{0xbe, 0x82, 0x7e}, text(value))
		const total = 62 + 62 + 42 + 62
		for _, c := range []struct {
			lim    Limits
			fields int
			excess Excess
		}{
			{Limits{total - 1, 100, 100}, 3, SectionTooLarge},
			{Limits{total, 100, 100}, 4, Within},
			{Limits{total + 1, 100, 100}, 4, Within},
			{Limits{61, 100, 100}, 0, SectionTooLarge},
			{Limits{62, 100, 100}, 1, SectionTooLarge},
			{Limits{123, 100, 100}, 1, SectionTooLarge},
			{Limits{1000, 3, 100}, 3, TooManyFields},
			{Limits{1000, 4, 100}, 4, Within},
			{Limits{1000, 5, 100}, 4, Within},
			{Limits{1000, 1, 100}, 1, TooManyFields},
			{Limits{1000, 100, 19}, 0, StringTooLong},
			{Limits{1000, 100, 20}, 4, Within},
			{Limits{1000, 100, 21}, 4, Within},
			{Limits{1000, 100, 9}, 0, StringTooLong},
		} {
			d := NewDecoder(4096, &c.lim)
			got := decodeAll(d, block)
			if len(got) != c.fields || d.Exceeded() != c.excess || d.Err() != nil || d.FieldCount() != c.fields {
				t.Errorf("%+v, Huffman %v: %d fields, %v, %v; want %d, %v", c.lim, huffman, len(got), d.Exceeded(), d.Err(), c.fields, c.excess)
			}
			if d.SectionBytes() > c.lim.SectionBytes {
				t.Errorf("%+v: %d octets handed out", c.lim, d.SectionBytes())
			}
			want := string(name) + ": " + string(value)
			if got := contents(&d.table); !slices.Equal(got, []string{want, want}) {
				t.Errorf("%+v, Huffman %v: the table holds %q", c.lim, huffman, got)
			}
			c.lim = DefaultLimits() // d has a pointer to it
			if got := decodeAll(d, []byte{0xbe, 0xbf}); !slices.Equal(got, []string{want, want}) || d.Exceeded() != Within {
				t.Errorf("after %v: %q, %v", c.excess, got, d.Exceeded())
			}
		}
	}
}

// An error is an error also behind an exceeded limit.
func TestErrorAfterExcess(t *testing.T) {
	lim := Limits{SectionBytes: 1, FieldCount: 1, StringBytes: 1}
	d := NewDecoder(4096, &lim)
	decodeAll(d, []byte{0x82, 0x80})
	if kindOf(d) != BadIndex {
		t.Errorf("%v", d.Err())
	}
}

// A string too long for the limit and for the table is checked but not kept;
// one that fits the table is kept for it.
func TestStringBeyondLimits(t *testing.T) {
	for _, c := range []struct {
		length, entries int
	}{{9, 2}, {10, 2}, {11, 2}, {4096 - 32 - 1, 1}, {4096 - 32, 0}, {4097, 0}, {50_000, 0}} {
		lim := Limits{SectionBytes: 1 << 20, FieldCount: 100, StringBytes: 10}
		d := NewDecoder(4096, &lim)
		var s Scratch
		value := bytes.Repeat([]byte{'a'}, c.length)
		block := []byte{0x40, 1, 'x', 1, 'y', 0x40, 1, 'n'}
		block = appendHuffman(appendInt(block, 0x80, 7, uint32(huffmanLen(value))), value)
		d.Begin(block, &s)
		fields := 0
		for _, ok := d.Next(); ok; _, ok = d.Next() {
			fields++
		}
		if d.Err() != nil || int(d.table.count) != c.entries || (fields == 2) != (c.length <= 10) {
			t.Errorf("%d octets: %d fields, %d entries, want %d; %v", c.length, fields, d.table.count, c.entries, d.Err())
		}
		if len(s.buf) > maxKeptScratch {
			t.Errorf("%d octets: a scratch of %d is kept", c.length, len(s.buf))
		}
	}
}

// An entry's name may be evicted by the entry that refers to it (§4.4).
func TestNameOfEvictedEntry(t *testing.T) {
	lim := DefaultLimits()
	d := NewDecoder(64, &lim)
	block := append([]byte{0x40, 10}, "0123456789"...)
	block = append(append(block, 20), "abcdefghijabcdefghij"...) // 62 of 64
	for i := range 20 {
		block = append(append(block, 0x7e, 20), fmt.Sprintf("%020d", i)...)
	}
	got := decodeAll(d, block)
	for i, l := range got[1:] {
		if want := fmt.Sprintf("0123456789: %020d", i); l != want {
			t.Fatalf("field %d: %q, want %q", i+1, l, want)
		}
	}
	if len(got) != 21 || d.Err() != nil || d.table.count != 1 {
		t.Errorf("%d fields, %d entries, %v", len(got), d.table.count, d.Err())
	}
}

// Sensitive is what the representation says, and nothing else is.
func TestSensitive(t *testing.T) {
	got := decodeAll(newDecoder(4096), unhex(t, "82 1101 61 0101 61 4101 61 be 1001 6e01 61"))
	want := []string{":method: GET", ":authority: a (sensitive)", ":authority: a", ":authority: a", ":authority: a", "n: a (sensitive)"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// A bomb: a large entry, then references to it. Work is one step each, and
// what is handed out ends at the limit.
func TestBomb(t *testing.T) {
	value := bytes.Repeat([]byte{'v'}, 4000)
	block := append(appendInt([]byte{0x40, 1, 'n'}, 0, 7, 4000), value...)
	block = append(block, bytes.Repeat([]byte{0xbe}, 14_000)...)
	d := newDecoder(4096)
	got := decodeAll(d, block)
	if want := 32768 / 4033; len(got) != want || d.Exceeded() != SectionTooLarge || d.Err() != nil {
		t.Errorf("%d fields, %v, %v; want %d", len(got), d.Exceeded(), d.Err(), want)
	}
}

func TestValidate(t *testing.T) {
	for _, n := range []int{1, maxLimit} {
		if err := (&Limits{n, n, n}).Validate(); err != nil {
			t.Error(err)
		}
	}
	for _, n := range []int{0, maxLimit + 1} {
		for _, l := range []Limits{{n, 1, 1}, {1, n, 1}, {1, 1, n}} {
			err, ok := l.Validate().(*LimitError)
			if !ok || err.Value != n || !strings.Contains(err.Error(), err.Limit) {
				t.Errorf("%+v: %v", l, err)
			}
		}
	}
	lim := DefaultLimits()
	if lim.Validate() != nil {
		t.Error("the defaults are not valid")
	}
}

// What is said of an entry is said again whenever the whole entry is referred
// to, and of nothing else.
func TestTags(t *testing.T) {
	lim := DefaultLimits()
	d := NewDecoder(100, &lim) // two entries
	var s Scratch
	for i, step := range []struct {
		block string
		tag   uint8 // wanted
		set   uint8
	}{
		{"\x82", StaticTag | 2, 5},          // of the static table: cannot be set
		{"\x82", StaticTag | 2, 0},          //
		{"\x00\x01a\x01b", 0, 5},            // not indexed
		{"\x40\x01a\x01b", 0, 5},            // an entry
		{"\xbe", 5, 127},                    // set anew
		{"\xbe", 127, 127},                  //
		{"\x7e\x01c", 0, 6},                 // another entry of that name
		{"\xbe", 6, 6},                      //
		{"\xbf", 127, 127},                  // the first has its own
		{"\x0f\x30\x01b", 0, 9},             // its name alone: another field
		{"\xbf", 127, 127},                  //
		{"\x40\x01e\x01f", 0, 0},            // pushes the first out
		{"\xbe", 0, 8},                      // nothing was said
		{"\xbf", 6, 6},                      //
		{"\x40\x01g\x01h", 0, 0},            // takes the place of one
		{"\xbe", 0, 0},                      // and not its tag
		{"\x40\x01i\x78" + long(120), 0, 5}, // longer than the table, which is empty now
	} {
		d.Begin([]byte(step.block), &s)
		f, ok := d.Next()
		if !ok || f.Tag != step.tag {
			t.Fatalf("step %d: tag %d, %v, want %d", i, f.Tag, d.Err(), step.tag)
		}
		if step.set > 0 {
			d.SetTag(step.set)
		}
		if _, more := d.Next(); more || d.Err() != nil {
			t.Fatalf("step %d: %v", i, d.Err())
		}
		if invariants {
			d.table.check()
		}
	}
	if d.table.count != 0 {
		t.Errorf("%d entries", d.table.count)
	}
}

func long(n int) string { return string(make([]byte, n)) }
