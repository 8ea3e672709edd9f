package hpack

import "testing"

func fields(lines ...string) (all []Field) {
	for i := 0; i < len(lines); i += 2 {
		all = append(all, Field{Name: []byte(lines[i]), Value: []byte(lines[i+1])})
	}
	return all
}

var (
	benchRequest = fields(":method", "GET", ":scheme", "https", ":authority", "www.example.com",
		":path", "/assets/app.js?v=20261121", "user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
		"accept", "*/*", "accept-language", "en-US,en;q=0.5", "accept-encoding", "gzip, deflate, br, zstd",
		"referer", "https://www.example.com/", "cookie", "session=3f29c1d7a8e94b6f8a1c; theme=dark")
	benchResponse = fields("content-type", "text/plain; charset=utf-8", "content-length", "13",
		"server", "uringserve", "date", "Sat, 21 Nov 2026 11:00:00 GMT", "cache-control", "no-cache", "vary", "accept-encoding")
)

// The steady state of a connection: everything that can be indexed is.
func BenchmarkEncodeRequest(b *testing.B)  { benchEncode(b, benchRequest, false) }
func BenchmarkEncodeResponse(b *testing.B) { benchEncode(b, benchResponse, false) }

// The first block of a connection.
func BenchmarkEncodeFirstRequest(b *testing.B)  { benchEncode(b, benchRequest, true) }
func BenchmarkEncodeFirstResponse(b *testing.B) { benchEncode(b, benchResponse, true) }

func benchEncode(b *testing.B, fields []Field, first bool) {
	e, out := NewEncoder(4096), make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if first {
			e.Reset(4096)
		}
		out = out[:0]
		for i := range fields {
			out = e.AppendField(out, fields[i].Name, fields[i].Value, false)
		}
	}
	b.ReportMetric(float64(len(out)), "octets")
}

func BenchmarkDecodeRequest(b *testing.B)       { benchDecode(b, benchRequest, false) }
func BenchmarkDecodeResponse(b *testing.B)      { benchDecode(b, benchResponse, false) }
func BenchmarkDecodeFirstRequest(b *testing.B)  { benchDecode(b, benchRequest, true) }
func BenchmarkDecodeFirstResponse(b *testing.B) { benchDecode(b, benchResponse, true) }

func benchDecode(b *testing.B, fields []Field, first bool) {
	lim := DefaultLimits()
	e, d := NewEncoder(4096), NewDecoder(4096, &lim)
	var s Scratch
	var block []byte
	for range 4 {
		block = block[:0]
		for i := range fields {
			block = e.AppendField(block, fields[i].Name, fields[i].Value, false)
		}
		decodeAll(d, block)
		if first {
			break
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if first {
			d.Reset(4096, &lim)
		}
		d.Begin(block, &s)
		for _, ok := d.Next(); ok; _, ok = d.Next() {
		}
		if d.FieldCount() != len(fields) {
			b.Fatal(d.FieldCount(), d.Err())
		}
	}
}

func BenchmarkHuffmanDecode(b *testing.B) {
	text := []byte("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0")
	coded, dst := appendHuffman(nil, text), make([]byte, 128)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if n, _ := parseHuffman(dst, coded); n != len(text) {
			b.Fatal(n)
		}
	}
}

func BenchmarkHuffmanEncode(b *testing.B) {
	text := []byte("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0")
	dst := make([]byte, 0, 128)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		dst = appendHuffman(dst[:0], text)
	}
}
