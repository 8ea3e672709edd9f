package xcheck

import (
	"bytes"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/uringserve/uringserve/h2/hpack"
	xhpack "golang.org/x/net/http2/hpack"
)

// A pair is one field in a form that both sides can be brought to.
type pair struct {
	name, value string
	sensitive   bool
}

func ourDecode(d *hpack.Decoder, block []byte) (all []pair) {
	var s hpack.Scratch
	d.Begin(block, &s)
	for f, ok := d.Next(); ok; f, ok = d.Next() {
		all = append(all, pair{string(f.Name), string(f.Value), f.Sensitive})
	}
	return all
}

func theirDecode(d *xhpack.Decoder, all *[]pair, block []byte) ([]pair, error) {
	*all = nil
	if _, err := d.Write(block); err != nil {
		return *all, err
	}
	return *all, d.Close()
}

func newPair(maxTable uint32) (*hpack.Decoder, *xhpack.Decoder, *[]pair) {
	lim := hpack.Limits{SectionBytes: 1 << 30, FieldCount: 1 << 30, StringBytes: 1 << 30}
	fields := new([]pair)
	theirs := xhpack.NewDecoder(maxTable, func(f xhpack.HeaderField) {
		*fields = append(*fields, pair{f.Name, f.Value, f.Sensitive})
	})
	return hpack.NewDecoder(maxTable, &lim), theirs, fields
}

// FuzzDecode: both decoders find the same fields in the same blocks, or both
// refuse. There are two differences: we refuse integers of more than five
// octets after their prefix, x/net those of more than nine; and x/net allows a
// table size update after a field while its table is empty.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		"828684418cf1e3c2e5f23a6ba0ab90f4ff", "828684be5886a8eb10649cbf", "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
		"4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d54",
		"1008706173737764", "3fe11f82", "2082be", "0484ffffffff", "0482f8ff", "ff808080808000",
	} {
		b, err := hex.DecodeString(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, b, uint16(4096))
		f.Add(b, []byte{0xbe}, uint16(64))
	}
	f.Fuzz(func(t *testing.T, first, second []byte, maxTable uint16) {
		ours, theirs, fields := newPair(uint32(maxTable))
		for i, block := range [][]byte{first, second} {
			got := ourDecode(ours, block)
			want, err := theirDecode(theirs, fields, block)
			ourErr := ours.Err()
			if ourErr != nil && (ourErr.Kind == hpack.IntegerOverflow || ourErr.Kind == hpack.UpdateMisplaced) {
				return
			}
			if (ourErr != nil) != (err != nil) {
				t.Fatalf("block %d %x: we say %v, x/net %v", i, block, ourErr, err)
			}
			if err != nil {
				return
			}
			if !slices.Equal(got, want) {
				t.Fatalf("block %d %x: %+v, x/net %+v", i, block, got, want)
			}
		}
	})
}

// FuzzEncode: x/net reads what we write, and we what x/net writes.
func FuzzEncode(f *testing.F) {
	f.Add([]byte("server:a:date:b:date:c:server:a"), uint16(4096))
	f.Add([]byte("cookie:abcdefghijklmnopqrstuvwxyz:x:y"), uint16(0))
	f.Fuzz(func(t *testing.T, script []byte, maxTable uint16) {
		words := bytes.Split(script, []byte(":"))
		if len(words) < 2 {
			return // no field, and so no block that could tell of a change
		}
		ourEncoder := hpack.NewEncoder(4096)
		var out bytes.Buffer
		theirEncoder := xhpack.NewEncoder(&out)
		ours, theirs, fields := newPair(4096)
		for round := range 3 {
			var block []byte
			var want []pair
			out.Reset()
			for i := 0; i+1 < len(words); i += 2 {
				p := pair{string(words[i]), string(words[i+1]), i%5 == 4}
				want = append(want, p)
				block = ourEncoder.AppendField(block, words[i], words[i+1], p.sensitive)
				if err := theirEncoder.WriteField(xhpack.HeaderField{Name: p.name, Value: p.value, Sensitive: p.sensitive}); err != nil {
					t.Fatal(err)
				}
			}
			got, err := theirDecode(theirs, fields, block)
			if err != nil || !slices.EqualFunc(got, want, sameText) {
				t.Fatalf("x/net reads %+v in our %x, not %+v; %v", got, block, want, err)
			}
			if got := ourDecode(ours, out.Bytes()); ours.Err() != nil || !slices.Equal(got, want) {
				t.Fatalf("we read %+v in x/net's %x, not %+v; %v", got, out.Bytes(), want, ours.Err())
			}
			if round == 1 {
				ourEncoder.SetPeerMax(uint32(maxTable))
				theirEncoder.SetMaxDynamicTableSize(uint32(min(maxTable, 4096)))
				ours.SetMaxTable(uint32(min(maxTable, 4096)))
			}
		}
	})
}

// sameText compares without the marks: our encoder marks more than it is told.
func sameText(a, b pair) bool { return a.name == b.name && a.value == b.value }

// The codes of both are the same for every octet, and so is what they refuse.
func TestHuffman(t *testing.T) {
	for c := range 256 {
		for _, s := range []string{string([]byte{byte(c)}), string([]byte{byte(c), 'a', byte(c)})} {
			block := append([]byte{0x04, 0x80 | byte(xhpack.HuffmanEncodeLength(s))}, xhpack.AppendHuffmanString(nil, s)...)
			ours, _, _ := newPair(4096)
			if got := ourDecode(ours, block); ours.Err() != nil || got[0].value != s {
				t.Errorf("%q: %+v, %v", s, got, ours.Err())
			}
		}
	}
}
