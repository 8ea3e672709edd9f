//go:build !race

package h1

import "testing"

// The paths of a keep-alive exchange must not allocate.
func TestNoAllocations(t *testing.T) {
	lim := DefaultLimits()
	var head Head
	parse := func(name, input string) {
		b := []byte(input)
		run := func() {
			if n, _, err := ParseHead(b, 0, &lim, &head); n != len(b) || err != nil {
				t.Fatal(n, err)
			}
		}
		if n := testing.AllocsPerRun(200, run); n != 0 {
			t.Errorf("ParseHead %s: %v allocations", name, n)
		}
		half := func() {
			if n, _, err := ParseHead(b[:len(b)-3], 10, &lim, &head); n != 0 || err != nil {
				t.Fatal(n, err)
			}
		}
		if n := testing.AllocsPerRun(200, half); n != 0 {
			t.Errorf("ParseHead %s, incomplete: %v allocations", name, n)
		}
	}
	for _, c := range benchHeads {
		parse(c.name, c.head)
	}
	parse("absolute", "GET http://EXAMPLE.com:80/a?b HTTP/1.1\r\nHost: example.com\r\n\r\n")
	parse("many connection lines", "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nConnection: x\r\nUpgrade: y\r\n\r\n")
	parse("expect", "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n")

	chunked := []byte("5;a=b\r\nhello\r\n0\r\n\r\n")
	var body Body
	if n := testing.AllocsPerRun(200, func() {
		body.Reset(-1, &lim)
		for rest := chunked; !body.Done(); {
			_, n, err := body.Decode(rest)
			if err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
	}); n != 0 {
		t.Errorf("Body: %v allocations", n)
	}

	fields := lines("Content-Type: text/plain", "Connection: close", "Content-Length: 5")
	out := make([]byte, 0, 1024)
	meta := ResponseMeta{Status: 404, Fields: fields, Date: []byte(testDate), RequestMethod: "GET", Minor: 1, Length: -1}
	if n := testing.AllocsPerRun(200, func() {
		out, _, _, _, _ = AppendHead(out[:0], &meta)
		out = AppendChunk(out, chunked)
		out, _ = AppendLastChunk(out, nil)
		out, _ = AppendInformational(out, 100, nil)
		out = AppendError(out, 400, meta.Date)
	}); n != 0 {
		t.Errorf("responses: %v allocations", n)
	}

	if n := testing.AllocsPerRun(200, func() {
		var x Exchange
		if x.ReadHead(false, true) != nil || x.SendHead(true) != nil || x.EndResponse() != nil || x.Next() != nil {
			t.Fatal("illegal")
		}
	}); n != 0 {
		t.Errorf("Exchange: %v allocations", n)
	}
}
