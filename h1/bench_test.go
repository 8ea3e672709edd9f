package h1

import (
	"bytes"
	"testing"

	"github.com/uringserve/uringserve/app/field"
)

// What a load generator sends, what a client of an API sends, and what a
// browser does.
var benchHeads = []struct{ name, head string }{
	{"wrk", "GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"},
	{"fields=4", "GET /api/v1/items?limit=10 HTTP/1.1\r\nHost: api.example.com\r\n" +
		"User-Agent: curl/8.5.0\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n"},
	{"fields=8", "GET /index.html HTTP/1.1\r\nHost: www.example.com\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n" +
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n" +
		"Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\n" +
		"Connection: keep-alive\r\nCookie: session=0123456789abcdef0123456789abcdef\r\n" +
		"Upgrade-Insecure-Requests: 1\r\n\r\n"},
	{"post", "POST /echo HTTP/1.1\r\nHost: localhost:8080\r\nContent-Type: application/json\r\n" +
		"Content-Length: 27\r\nAccept: */*\r\n\r\n"},
}

func BenchmarkParseHead(b *testing.B) {
	for _, c := range benchHeads {
		b.Run(c.name, func(b *testing.B) {
			lim, head, input := DefaultLimits(), Head{}, []byte(c.head)
			b.SetBytes(int64(len(input)))
			b.ReportAllocs()
			for b.Loop() {
				if n, _, err := ParseHead(input, 0, &lim, &head); n == 0 || err != nil {
					b.Fatal(n, err)
				}
			}
		})
	}
}

func benchMeta(fields *field.Fields) ResponseMeta {
	return ResponseMeta{Status: 200, Fields: fields, Date: []byte("Sun, 06 Nov 1994 08:49:37 GMT"),
		RequestMethod: "GET", Minor: 1, KeepAlive: true, Length: 13}
}

func BenchmarkAppendHead(b *testing.B) {
	var fields field.Fields
	fields.Add("Content-Type", "text/plain; charset=utf-8")
	m := benchMeta(&fields)
	out := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if out, _, _, _, err = AppendHead(out[:0], &m); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(out)))
}

func BenchmarkDecodeChunked(b *testing.B) {
	lim := DefaultLimits()
	input := AppendChunk(nil, make([]byte, 16<<10))
	input = append(input, "0\r\n\r\n"...)
	b.SetBytes(int64(len(input)))
	b.ReportAllocs()
	for b.Loop() {
		var body Body
		body.Reset(-1, &lim)
		for rest := input; !body.Done(); {
			_, n, err := body.Decode(rest)
			if err != nil {
				b.Fatal(err)
			}
			rest = rest[n:]
		}
	}
}

// A head of the largest size that comes byte by byte: the cost of a byte.
func BenchmarkParseHeadDrip(b *testing.B) {
	lim, head := DefaultLimits(), Head{}
	input := append([]byte("GET / HTTP/1.1\r\nHost: a\r\nX: "), bytes.Repeat([]byte("a"), 32<<10-20)...)
	for b.Loop() {
		for n, seen := 1, 0; n <= len(input); n++ {
			var err *Error
			if _, seen, err = ParseHead(input[:n], seen, &lim, &head); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(input)), "ns/byte")
}
