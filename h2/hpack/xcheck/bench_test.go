package xcheck

import (
	"bytes"
	"testing"

	"github.com/uringserve/uringserve/h2/hpack"
	xhpack "golang.org/x/net/http2/hpack"
)

var (
	request = []pair{{":method", "GET", false}, {":scheme", "https", false}, {":authority", "www.example.com", false},
		{":path", "/assets/app.js?v=20261121", false},
		{"user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", false},
		{"accept", "*/*", false}, {"accept-language", "en-US,en;q=0.5", false}, {"accept-encoding", "gzip, deflate, br, zstd", false},
		{"referer", "https://www.example.com/", false}, {"cookie", "session=3f29c1d7a8e94b6f8a1c; theme=dark", false}}
	response = []pair{{":status", "200", false}, {"content-type", "text/plain; charset=utf-8", false}, {"content-length", "13", false},
		{"server", "uringserve", false}, {"date", "Sat, 21 Nov 2026 11:00:00 GMT", false},
		{"cache-control", "no-cache", false}, {"vary", "accept-encoding", false}}
)

var messages = []struct {
	name   string
	fields []pair
}{{"request", request}, {"response", response}}

// BenchmarkEncode is the steady state of a connection that says the same.
func BenchmarkEncode(b *testing.B) {
	for _, m := range messages {
		b.Run(m.name+"/ours", func(b *testing.B) {
			var names, values [][]byte
			for _, p := range m.fields {
				names, values = append(names, []byte(p.name)), append(values, []byte(p.value))
			}
			e, out := hpack.NewEncoder(4096), make([]byte, 0, 4096)
			b.ReportAllocs()
			for b.Loop() {
				out = out[:0]
				for i := range names {
					out = e.AppendField(out, names[i], values[i], false)
				}
			}
		})
		b.Run(m.name+"/xnet", func(b *testing.B) {
			var out bytes.Buffer
			e := xhpack.NewEncoder(&out)
			b.ReportAllocs()
			for b.Loop() {
				out.Reset()
				for _, p := range m.fields {
					e.WriteField(xhpack.HeaderField{Name: p.name, Value: p.value})
				}
			}
		})
	}
}

// BenchmarkDecode reads blocks of x/net: the first of a connection, all
// literals in Huffman code, and those after it, all indices.
func BenchmarkDecode(b *testing.B) {
	for _, m := range messages {
		first, later := xnetBlocks(m.fields)
		for _, c := range []struct {
			name  string
			block []byte
			fresh bool
		}{{m.name + "/first", first, true}, {m.name + "/later", later, false}} {
			b.Run(c.name+"/ours", func(b *testing.B) { benchOurs(b, first, c.block, len(m.fields), c.fresh) })
			b.Run(c.name+"/xnet", func(b *testing.B) { benchTheirs(b, first, c.block, len(m.fields)) })
		}
	}
}

func xnetBlocks(fields []pair) (first, later []byte) {
	var out bytes.Buffer
	e := xhpack.NewEncoder(&out)
	write := func() []byte {
		out.Reset()
		for _, p := range fields {
			e.WriteField(xhpack.HeaderField{Name: p.name, Value: p.value})
		}
		return bytes.Clone(out.Bytes())
	}
	return write(), write()
}

func benchOurs(b *testing.B, first, block []byte, n int, fresh bool) {
	lim := hpack.DefaultLimits()
	d := hpack.NewDecoder(4096, &lim)
	ourDecode(d, first)
	var s hpack.Scratch
	b.ReportAllocs()
	for b.Loop() {
		if fresh {
			d.Reset(4096, &lim)
		}
		d.Begin(block, &s)
		for _, ok := d.Next(); ok; _, ok = d.Next() {
		}
		if d.FieldCount() != n {
			b.Fatal(d.Err())
		}
	}
}

// benchTheirs never makes a new decoder: x/net's has no Reset, and first
// blocks decode alike in any state of the table.
func benchTheirs(b *testing.B, first, block []byte, n int) {
	count := 0
	d := xhpack.NewDecoder(4096, func(xhpack.HeaderField) { count++ })
	if _, err := d.Write(first); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		count = 0
		if _, err := d.Write(block); err != nil || d.Close() != nil || count != n {
			b.Fatal(err, count)
		}
	}
}
