package hpack

import (
	"slices"
	"testing"
)

func seedBlocks(f *testing.F) {
	for _, c := range examples {
		for _, step := range c.steps {
			f.Add(unhex(f, step.block), []byte(nil), uint16(4096), uint8(3))
		}
	}
	f.Add([]byte("\x40\x01a\x01b\xbe"), []byte("\x20\xbe"), uint16(64), uint8(0))
	f.Add([]byte("\x3f\xe1\x1f\x82"), []byte("\x82\x20"), uint16(0), uint8(9))
}

// FuzzDecode: whatever two blocks hold, nothing panics, what is handed out and
// what is kept is within the limits, and the limits do not change the table.
func FuzzDecode(f *testing.F) {
	seedBlocks(f)
	f.Fuzz(func(t *testing.T, first, second []byte, maxTable uint16, small uint8) {
		wide := Limits{SectionBytes: 1 << 20, FieldCount: 1 << 20, StringBytes: 1 << 20}
		narrow := Limits{SectionBytes: 40 * (1 + int(small)), FieldCount: 1 + int(small)/4, StringBytes: 1 + int(small)}
		a, b := NewDecoder(uint32(maxTable), &wide), NewDecoder(uint32(maxTable), &narrow)
		for i, block := range [][]byte{first, second} {
			all, some := decodeAll(a, block), decodeAll(b, block)
			if kindOf(a) != kindOf(b) || !slices.Equal(contents(&a.table), contents(&b.table)) {
				t.Fatalf("block %d: limits change more than the fields: %v, %v", i, a.Err(), b.Err())
			}
			if len(some) > len(all) || !slices.Equal(some, all[:len(some)]) {
				t.Fatalf("block %d: %q within limits, %q without", i, some, all)
			}
			if b.Exceeded() == Within && len(some) != len(all) {
				t.Fatalf("block %d: fields are missing and no limit says so", i)
			}
			if b.SectionBytes() > narrow.SectionBytes || b.FieldCount() > narrow.FieldCount {
				t.Fatalf("block %d: %d fields of %d octets", i, b.FieldCount(), b.SectionBytes())
			}
			b.table.check()
			if len(b.table.arena) > max(minArena, 2*ceilPower(int(maxTable))) {
				t.Fatalf("a table of %d takes %d octets", maxTable, len(b.table.arena))
			}
			a.SetMaxTable(uint32(maxTable) / 2)
			b.SetMaxTable(uint32(maxTable) / 2)
		}
	})
}

// FuzzRoundTrip: what the encoder says, the decoder hears, over blocks and
// changes of the table's size. script is cut into fields and settings.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("server:a:date:b:date:c:"), uint16(4096))
	f.Add([]byte("!server:a:!!server:a::::cookie:abc:"), uint16(100))
	f.Fuzz(func(t *testing.T, script []byte, own uint16) {
		lim := Limits{SectionBytes: 1 << 20, FieldCount: 1 << 20, StringBytes: 1 << 20}
		e, d := NewEncoder(uint32(own)), NewDecoder(DefaultTable, &lim)
		for len(script) > 0 {
			var block []byte
			var want []string
			for range 4 {
				var name, value []byte
				if len(script) > 1 && script[0] == '!' {
					if block == nil {
						n := uint32(script[1]) * 40
						e.SetPeerMax(n)
						d.SetMaxTable(n)
					}
					script = script[2:]
				}
				name, script = word(script)
				value, script = word(script)
				sensitive := len(value) > 0 && value[0] == '?'
				block = e.AppendField(block, name, value, sensitive)
				want = append(want, string(name)+": "+string(value))
			}
			if got := plain(d, block); d.Err() != nil || !slices.Equal(got, want) {
				t.Fatalf("%x: %q, want %q; %v", block, got, want, d.Err())
			}
			if !slices.Equal(contents(&e.table), contents(&d.table)) || e.table.max != d.table.max {
				t.Fatal("the tables differ")
			}
		}
	})
}

// word is what comes before the next colon, and what comes after it.
func word(b []byte) (w, rest []byte) {
	if i := slices.Index(b, ':'); i >= 0 {
		return b[:i], b[i+1:]
	}
	return b, nil
}

// FuzzHuffman: octets survive, and no octets make the decoder panic or read
// differently than bit by bit.
func FuzzHuffman(f *testing.F) {
	f.Add([]byte("www.example.com"))
	f.Add([]byte("\xff\xff\xff\xff\xfe\x2e\x7f"))
	symbols := map[huffmanCode]byte{}
	for symbol, code := range huffman.codes {
		symbols[code] = byte(symbol)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, kind := unhuffman(appendHuffman(nil, b)); kind != 0 || got != string(b) {
			t.Fatalf("%q became %q, %v", b, got, kind)
		}
		want, wantKind := bitwise(symbols, b)
		if got, kind := unhuffman(b); kind != wantKind || kind == 0 && got != want {
			t.Fatalf("%x: %q %v, want %q %v", b, got, kind, want, wantKind)
		}
	})
}
