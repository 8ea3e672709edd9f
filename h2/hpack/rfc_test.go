package hpack

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// unhex is what hexadecimal digits say; spaces are for the reader.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// line is a field as text; sensitive ones carry a mark.
func line(f Field) string {
	s := string(f.Name) + ": " + string(f.Value)
	if f.Sensitive {
		s += " (sensitive)"
	}
	return s
}

// decodeAll is the fields of a block, up to its end or an error.
func decodeAll(d *Decoder, block []byte) (lines []string) {
	var s Scratch
	d.Begin(block[:len(block):len(block)], &s)
	for f, ok := d.Next(); ok; f, ok = d.Next() {
		lines = append(lines, line(f))
	}
	return lines
}

// contents is the dynamic table as text, the newest first.
func contents(t *table) (lines []string) {
	for i := range t.count {
		name, value := t.get(i)
		lines = append(lines, string(name)+": "+string(value))
	}
	return lines
}

func newDecoder(maxTable uint32) *Decoder {
	lim := DefaultLimits()
	return NewDecoder(maxTable, &lim)
}

// RFC 7541 Appendix C.1.
func TestExampleIntegers(t *testing.T) {
	for _, c := range []struct {
		bytes  string
		prefix uint
		value  uint32
	}{{"0a", 5, 10}, {"1f9a0a", 5, 1337}, {"2a", 8, 42}} {
		b := unhex(t, c.bytes)
		if v, end, kind := parseInt(b, 0, c.prefix); v != c.value || end != len(b) || kind != 0 {
			t.Errorf("%s: %d %d %v", c.bytes, v, end, kind)
		}
		if got := appendInt(nil, 0, c.prefix, c.value); string(got) != string(b) {
			t.Errorf("%d: %x", c.value, got)
		}
	}
}

// The fields of the examples in C.3 to C.6.
var (
	exampleGet      = []string{":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"}
	exampleNoCache  = append(slices.Clone(exampleGet), "cache-control: no-cache")
	exampleCustom   = []string{":method: GET", ":scheme: https", ":path: /index.html", ":authority: www.example.com", "custom-key: custom-value"}
	exampleRedirect = []string{":status: 302", "cache-control: private", "date: Mon, 21 Oct 2013 20:13:21 GMT", "location: https://www.example.com"}
	example307      = append([]string{":status: 307"}, exampleRedirect[1:]...)
	exampleCookie   = []string{":status: 200", "cache-control: private", "date: Mon, 21 Oct 2013 20:13:22 GMT",
		"location: https://www.example.com", "content-encoding: gzip", "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"}
)

// The dynamic tables after C.3 and C.4, and after C.5 and C.6.
var (
	requestTables = [][]string{
		{":authority: www.example.com"},
		{"cache-control: no-cache", ":authority: www.example.com"},
		{"custom-key: custom-value", "cache-control: no-cache", ":authority: www.example.com"},
	}
	responseTables = [][]string{
		{"location: https://www.example.com", "date: Mon, 21 Oct 2013 20:13:21 GMT", "cache-control: private", ":status: 302"},
		{":status: 307", "location: https://www.example.com", "date: Mon, 21 Oct 2013 20:13:21 GMT", "cache-control: private"},
		{exampleCookie[5], "content-encoding: gzip", "date: Mon, 21 Oct 2013 20:13:22 GMT"},
	}
)

// An example is a step of RFC 7541 Appendix C.
type example struct {
	block  string
	fields []string
	size   int
	table  []string
}

var examples = []struct {
	name  string
	max   uint32
	steps []example
}{
	{"C.2.1 literal with indexing", 4096, []example{{
		"400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
		[]string{"custom-key: custom-header"}, 55, []string{"custom-key: custom-header"}}}},
	{"C.2.2 literal without indexing", 4096, []example{{
		"040c 2f73 616d 706c 652f 7061 7468", []string{":path: /sample/path"}, 0, nil}}},
	{"C.2.3 literal never indexed", 4096, []example{{
		"1008 7061 7373 776f 7264 0673 6563 7265 74", []string{"password: secret (sensitive)"}, 0, nil}}},
	{"C.2.4 indexed", 4096, []example{{"82", []string{":method: GET"}, 0, nil}}},
	{"C.3 requests", 4096, []example{
		{"8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", exampleGet, 57, requestTables[0]},
		{"8286 84be 5808 6e6f 2d63 6163 6865", exampleNoCache, 110, requestTables[1]},
		{"8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65", exampleCustom, 164, requestTables[2]}}},
	{"C.4 requests, Huffman", 4096, []example{
		{"8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", exampleGet, 57, requestTables[0]},
		{"8286 84be 5886 a8eb 1064 9cbf", exampleNoCache, 110, requestTables[1]},
		{"8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf", exampleCustom, 164, requestTables[2]}}},
	{"C.5 responses", 256, []example{
		{"4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 54" +
			"6e17 6874 7470 733a 2f2f 7777 772e 6578 616d 706c 652e 636f 6d", exampleRedirect, 222, responseTables[0]},
		{"4803 3330 37c1 c0bf", example307, 222, responseTables[1]},
		{"88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970" +
			"7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61" +
			"6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31", exampleCookie, 215, responseTables[2]}}},
	{"C.6 responses, Huffman", 256, []example{
		{"4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff" +
			"6e91 9d29 ad17 1863 c78f 0b97 c8e9 ae82 ae43 d3", exampleRedirect, 222, responseTables[0]},
		{"4883 640e ffc1 c0bf", example307, 222, responseTables[1]},
		{"88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2" +
			"e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
			exampleCookie, 215, responseTables[2]}}},
}

// RFC 7541 Appendix C.2 to C.6: fields, table and its size after each block.
func TestExamples(t *testing.T) {
	for _, c := range examples {
		d := newDecoder(c.max)
		for i, step := range c.steps {
			name := fmt.Sprintf("%s, block %d", c.name, i+1)
			got := decodeAll(d, unhex(t, step.block))
			if err := d.Err(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if !slices.Equal(got, step.fields) {
				t.Errorf("%s: fields %q, want %q", name, got, step.fields)
			}
			if got := contents(&d.table); !slices.Equal(got, step.table) || d.TableSize() != step.size {
				t.Errorf("%s: table %q of %d, want %q of %d", name, got, d.TableSize(), step.table, step.size)
			}
		}
	}
}

// Where our policy is that of the examples, our octets are theirs.
func TestExamplesEncoded(t *testing.T) {
	e := NewEncoder(4096)
	for i, step := range examples[5].steps[:2] {
		if got := encodeLines(e, step.fields); string(got) != string(unhex(t, step.block)) {
			t.Errorf("C.4.%d: %x", i+1, got)
		}
		if e.TableSize() != step.size {
			t.Errorf("C.4.%d: table of %d octets, want %d", i+1, e.TableSize(), step.size)
		}
	}
}

// encodeLines encodes lines as line makes them.
func encodeLines(e *Encoder, lines []string) (out []byte) {
	for _, l := range lines {
		l, sensitive := strings.CutSuffix(l, " (sensitive)")
		at := 1 + strings.Index(l[1:], ": ") // a pseudo-field begins with a colon
		out = e.AppendField(out, []byte(l[:at]), []byte(l[at+2:]), sensitive)
	}
	return out
}
