package ws

import (
	"fmt"
	"strings"
	"testing"
)

// What a message costs that comes and goes back.
func BenchmarkEcho(b *testing.B) {
	for _, n := range []int{128, 4096, 65536} {
		for _, op := range []Opcode{Binary, Text} {
			b.Run(fmt.Sprintf("%s/%d", op, n), func(b *testing.B) {
				benchmarkEcho(b, Deflate{}, op, []byte(strings.Repeat("x", n)))
			})
		}
	}
	text := []byte(strings.Repeat(`{"id":12345,"name":"somebody","tags":["a","b"],"ok":true},`, 1+4096/58)[:4096])
	b.Run("deflate/4096", func(b *testing.B) { benchmarkEcho(b, plainDeflate, Text, text) })
}

func benchmarkEcho(b *testing.B, d Deflate, op Opcode, p []byte) {
	var client, server Conn
	client.Reset(clientConfig(), d)
	server.Reset(serverConfig(true), d)
	in, err := client.AppendMessage(nil, op, p)
	if err != nil {
		b.Fatal(err)
	}
	came := make([]byte, len(in))
	var out []byte
	b.ReportAllocs()
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		copy(came, in)
		server.Feed(came)
		for {
			e, bad := server.Next()
			if bad != nil {
				b.Fatal(bad)
			}
			if e.Kind == EventNone {
				break
			}
			out, _ = server.AppendMessage(out[:0], e.Opcode, e.Data)
		}
	}
}

func BenchmarkMask(b *testing.B) {
	for _, n := range []int{16, 128, 4096, 65536} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p := make([]byte, n)
			b.SetBytes(int64(n))
			for b.Loop() {
				mask(testKey, p)
			}
		})
	}
}

func BenchmarkText(b *testing.B) {
	for name, s := range map[string]string{"ascii": "plain words in no order ", "german": "größere Wörter über Käse ", "chinese": "一些没有意义的文字。"} {
		b.Run(name, func(b *testing.B) {
			p := []byte(strings.Repeat(s, 4096/len(s)))
			b.SetBytes(int64(len(p)))
			for b.Loop() {
				var x text
				if !x.add(p) {
					b.Fatal("not UTF-8")
				}
			}
		})
	}
}
