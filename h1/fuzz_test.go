package h1

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/uringserve/uringserve/app/field"
)

// smallLimits are within a fuzzer's reach.
var smallLimits = Limits{LineBytes: 64, HeadBytes: 128, FieldCount: 4, ChunkExtBytes: 16}

// seedGolden gives the inputs of the golden files to add.
func seedGolden(f *testing.F, add func(input []byte)) {
	paths, _ := filepath.Glob("testdata/*.txt")
	t := &testing.T{}
	for _, path := range paths {
		_, cases := readGolden(t, path)
		for _, c := range cases {
			add(c.input(t))
		}
	}
}

// FuzzParseHead: whatever comes, in whatever pieces, nothing panics and the
// log is the same.
func FuzzParseHead(f *testing.F) {
	seedGolden(f, func(input []byte) { f.Add(input, uint16(len(input)/2), false) })
	f.Fuzz(func(t *testing.T, input []byte, cut uint16, small bool) {
		lim := DefaultLimits()
		if small {
			lim = smallLimits
		}
		want := replay(lim, input)
		at := min(int(cut), len(input))
		if got := replay(lim, input[:at], input[at:]); got != want {
			t.Fatalf("cut at %d:\n%swhole:\n%s", at, got, want)
		}
		if len(input) <= 1024 {
			if got := replayBytewise(lim, input); got != want {
				t.Fatalf("byte by byte:\n%swhole:\n%s", got, want)
			}
		}
		checkAccepted(t, input, &lim)
	})
}

// checkAccepted checks what every accepted head must be like.
func checkAccepted(t *testing.T, input []byte, lim *Limits) {
	var h Head
	n, scanned, err := ParseHead(input, 0, lim, &h)
	if n == 0 {
		if err == nil && scanned != len(input) {
			t.Fatalf("scanned %d of %d", scanned, len(input))
		}
		return
	}
	if err != nil || n > len(input) || !bytes.HasSuffix(input[:n], []byte("\r\n\r\n")) {
		t.Fatalf("took %d of %d, %v", n, len(input), err)
	}
	if h.Fields.Len() > lim.FieldCount || len(h.Target) > lim.LineBytes {
		t.Fatal("beyond a limit")
	}
	for name, value := range h.Fields.All() {
		if !field.ValidName(name) || !field.ValidValue(value) {
			t.Fatalf("accepted field %q: %q", name, value)
		}
		checkCapped(t, name, value)
	}
	checkCapped(t, h.Target, h.Path, h.Query, h.Host)
	if h.Length < -1 || h.Length != 0 && h.Fields.Has("content-length") == h.Fields.Has("transfer-encoding") {
		t.Fatalf("length %d", h.Length)
	}
	// The next head alone, and the same again from the same Head.
	m, _, err := ParseHead(input[:n:n], 0, lim, &h)
	if m != n || err != nil {
		t.Fatalf("again: %d, %v; was %d", m, err, n)
	}
}

// checkCapped: who appends to a view must not write into the next.
func checkCapped(t *testing.T, views ...[]byte) {
	t.Helper()
	for _, v := range views {
		if cap(v) != len(v) {
			t.Fatalf("view %q has capacity %d", v, cap(v))
		}
	}
}

// FuzzChunked: the decoder does not panic and does not care for cuts; what we
// encode it gives back.
func FuzzChunked(f *testing.F) {
	seedGolden(f, func(input []byte) {
		if _, body, ok := bytes.Cut(input, []byte("chunked\r\n\r\n")); ok {
			f.Add(body, uint16(len(body)/2), uint16(3), "X-Sum", "12")
		}
	})
	f.Fuzz(func(t *testing.T, input []byte, cut, size uint16, name, value string) {
		for _, lim := range []Limits{DefaultLimits(), smallLimits} {
			want := decodeLog(lim, input)
			at := min(int(cut), len(input))
			if got := decodeLog(lim, input[:at], input[at:]); got != want {
				t.Fatalf("cut at %d:\n%swhole:\n%s", at, got, want)
			}
			if len(input) <= 1024 {
				var pieces [][]byte
				for i := range input {
					pieces = append(pieces, input[i:i+1])
				}
				if got := decodeLog(lim, pieces...); got != want {
					t.Fatalf("byte by byte:\n%swhole:\n%s", got, want)
				}
			}
		}
		checkRoundTrip(t, input, int(size)+1, name, value)
	})
}

// decodeLog is the log of a chunked body in pieces.
func decodeLog(lim Limits, pieces ...[]byte) string {
	r := &replayer{lim: lim, inBody: true}
	r.body.Reset(-1, &r.lim)
	for _, piece := range pieces {
		r.buf = append(bytes.Clone(r.buf), piece...)
		r.buf = r.buf[:len(r.buf):len(r.buf)]
		for r.inBody && !r.failed && r.stepBody() {
		}
	}
	return r.end()
}

// checkRoundTrip encodes content in chunks of size, with one trailer, and
// decodes it.
func checkRoundTrip(t *testing.T, content []byte, size int, name, value string) {
	var wire []byte
	for rest := content; len(rest) > 0; {
		n := min(size, len(rest))
		wire = AppendChunk(wire, rest[:n])
		rest = rest[n:]
	}
	var trailers field.Fields
	trailers.Add(name, value)
	wire, err := AppendLastChunk(wire, &trailers)
	if valid := field.ValidName(name) && field.AllowedTrailer(name) && field.ValidValue("x"+value+"x"); valid != (err == nil) {
		t.Fatalf("trailer %q: %q: %v", name, value, err)
	}
	if err != nil {
		trailers.Reset()
		wire, _ = AppendLastChunk(wire, nil)
	}
	lim := DefaultLimits()
	lim.HeadBytes = len(wire) + 1
	var d Body
	d.Reset(-1, &lim)
	var got []byte
	for rest := append(wire, "behind"...); ; {
		data, n, err := d.Decode(rest)
		if err != nil {
			t.Fatalf("our own encoding: %v", err)
		}
		checkCapped(t, data)
		got = append(got, data...)
		if rest = rest[n:]; d.Done() {
			if string(rest) != "behind" {
				t.Fatalf("left %q", rest)
			}
			break
		}
		if n == 0 {
			t.Fatal("our own encoding does not end")
		}
	}
	if !bytes.Equal(got, content) {
		t.Fatalf("got %q, want %q", got, content)
	}
	if trailers.Len() > 0 && string(d.Trailers().Get(name)) != strings.Trim(value, " \t") {
		t.Fatalf("trailer %q, want %q", d.Trailers().Get(name), value)
	}
}

// FuzzAppendHead: what AppendHead accepts has exactly the lines it should, so
// no field can make another.
func FuzzAppendHead(f *testing.F) {
	f.Add("X-A", "b", "Connection", "close", 200, int64(5), true, true)
	f.Add("Content-Length", "5", "Transfer-Encoding", "chunked", 204, int64(-1), false, true)
	f.Add("X\r\nY", "b\nc", "", "\x00", 304, int64(0), true, false)
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string, status int, length int64, keep, minor bool) {
		var fields field.Fields
		fields.Add(name1, value1)
		fields.Add(name2, value2)
		m := ResponseMeta{Status: status, Fields: &fields, RequestMethod: "GET", KeepAlive: keep, Length: max(length, -1)}
		if minor {
			m.Minor = 1
		}
		out, framing, declared, _, err := AppendHead(nil, &m)
		if err != nil {
			if len(out) != 0 {
				t.Fatalf("error %v and output %q", err, out)
			}
			return
		}
		_, section, _ := bytes.Cut(out, []byte("\r\n"))
		lim := Limits{LineBytes: 64, HeadBytes: len(out), FieldCount: 5, ChunkExtBytes: 0}
		var got field.Fields
		var at landmarks
		n, perr := parseFields(section, 0, &lim, &got, &at)
		if perr != nil || n != len(section) {
			t.Fatalf("our parser on %q: %d, %v", out, n, perr)
		}
		if at.lengths > 1 || at.codings > 1 || at.length != 0 && at.coding != 0 {
			t.Fatalf("framed twice: %q", out)
		}
		if (framing == FramingChunked) != (at.coding != 0) || framing == FramingLength && (at.length == 0 || declared < 0) {
			t.Fatalf("framing %d: %q", framing, out)
		}
	})
}
