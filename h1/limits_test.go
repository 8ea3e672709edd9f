package h1

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestLimits hits every limit at n-1, n and n+1, and wants the same answer
// whole and byte by byte.
func TestLimits(t *testing.T) {
	lim := Limits{LineBytes: 100, HeadBytes: 200, FieldCount: 5, ChunkExtBytes: 20}
	const chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	const host = "GET / HTTP/1.1\r\nHost: a\r\n"
	for _, c := range []struct {
		name  string
		limit int
		input func(n int) string // that uses n of the limit
		over  Reason
	}{
		{"LineBytes", lim.LineBytes, func(n int) string {
			return "GET /" + strings.Repeat("a", n-len("GET / HTTP/1.1")) + " HTTP/1.1\r\nHost: a\r\n\r\n"
		}, LineTooLong},
		{"LineBytes, minor 2", lim.LineBytes, func(n int) string {
			return "GET /" + strings.Repeat("a", n-len("GET / HTTP/1.2")) + " HTTP/1.2\r\nHost: a\r\n\r\n"
		}, LineTooLong},
		{"LineBytes behind empty lines", lim.LineBytes, func(n int) string {
			return "\r\n\r\nGET /" + strings.Repeat("a", n-len("GET / HTTP/1.1")) + " HTTP/1.1\r\nHost: a\r\n\r\n"
		}, LineTooLong},
		{"HeadBytes in one field", lim.HeadBytes, func(n int) string {
			return host + "X: " + strings.Repeat("a", n-len("Host: a\r\nX: \r\n")) + "\r\n\r\n"
		}, HeadTooLarge},
		{"HeadBytes in a name", lim.HeadBytes, func(n int) string {
			return host + strings.Repeat("a", n-len("Host: a\r\n:\r\n")) + ":\r\n\r\n"
		}, HeadTooLarge},
		{"HeadBytes in two fields", lim.HeadBytes, func(n int) string {
			return host + "X: " + strings.Repeat("a", 100) + "\r\nY:" +
				strings.Repeat(" ", n-len("Host: a\r\nX: \r\nY:\r\n")-100) + "\r\n\r\n"
		}, HeadTooLarge},
		{"FieldCount", lim.FieldCount, func(n int) string {
			return host + strings.Repeat("X: y\r\n", n-1) + "\r\n"
		}, TooManyFields},
		{"trailers' HeadBytes", lim.HeadBytes, func(n int) string {
			return chunked + "0\r\nX: " + strings.Repeat("a", n-len("X: \r\n")) + "\r\n\r\n"
		}, HeadTooLarge},
		{"trailers' HeadBytes in two fields", lim.HeadBytes, func(n int) string {
			return chunked + "0\r\nX: " + strings.Repeat("a", 90) + "\r\nY: " +
				strings.Repeat("a", n-90-2*len("X: \r\n")) + "\r\n\r\n"
		}, HeadTooLarge},
		{"trailers' FieldCount", lim.FieldCount, func(n int) string {
			return chunked + "0\r\n" + strings.Repeat("X: y\r\n", n) + "\r\n"
		}, TooManyFields},
		{"ChunkExtBytes in one chunk", lim.ChunkExtBytes, func(n int) string {
			return chunked + "0;" + strings.Repeat("a", n-1) + "\r\n\r\n"
		}, ChunkExtTooLong},
		{"ChunkExtBytes over chunks", lim.ChunkExtBytes, func(n int) string {
			return chunked + "1;abc=\"def\"\r\nx\r\n0;" + strings.Repeat("a", n-1-len(";abc=\"def\"")) + "\r\n\r\n"
		}, ChunkExtTooLong},
		{"ChunkExtBytes of spaces", lim.ChunkExtBytes, func(n int) string {
			return chunked + "0;a" + strings.Repeat(" ", n-4) + ";b\r\n\r\n"
		}, ChunkExtTooLong},
		{"empty lines", maxEmptyBytes / 2, func(n int) string {
			return strings.Repeat("\r\n", n) + host + "\r\n"
		}, BadRequestLine},
		{"method", maxMethodBytes, func(n int) string {
			return strings.Repeat("M", n) + " / HTTP/1.1\r\nHost: a\r\n\r\n"
		}, MethodTooLong},
		{"chunk size digits", maxChunkDigits, func(n int) string {
			return chunked + strings.Repeat("0", n) + "\r\n\r\n"
		}, BadChunkSize},
	} {
		for n := c.limit - 1; n <= c.limit+1; n++ {
			input := []byte(c.input(n))
			got := replay(lim, input)
			if drip := replayBytewise(lim, input); drip != got {
				t.Errorf("%s at %d: whole:\n%sbyte by byte:\n%s", c.name, n, got, drip)
			}
			want := "end\n"
			if n > c.limit {
				want = fmt.Sprintf("refused %d: %s at ", c.over.Status(), c.over)
			}
			if !strings.Contains(got, want) {
				t.Errorf("%s at %d: want %q in:\n%s", c.name, n, want, got)
			}
		}
	}
}

// A limit is judged when it is exceeded, not when the line ends.
func TestLimitsOfOpenInput(t *testing.T) {
	lim := Limits{LineBytes: 100, HeadBytes: 200, FieldCount: 5, ChunkExtBytes: 20}
	const head = "GET / HTTP/1.1\r\nHost: a\r\n"
	for _, c := range []struct {
		name, input string
		want        Reason // 0: more is awaited
	}{
		{"line of n", "GET /" + strings.Repeat("a", 95), 0},
		{"line of n and CR", "GET /" + strings.Repeat("a", 95) + "\r", 0},
		{"line of n+1", "GET /" + strings.Repeat("a", 96), LineTooLong},
		{"line of n, CR, more", "GET /" + strings.Repeat("a", 95) + "\rb", LineTooLong},
		{"fields of n", head + strings.Repeat("a", 200-9), 0},
		{"fields of n+1", head + strings.Repeat("a", 201-9), HeadTooLarge},
		{"bad line that ends at n", head + "X: " + strings.Repeat("a", 200-13) + "\n", BareLF},
		{"bad line that ends at n+1", head + "X: " + strings.Repeat("a", 201-13) + "\n", HeadTooLarge},
		{"bad line as the last of n", head + strings.Repeat("X: y\r\n", 3) + "X\r\n", MissingColon},
		{"bad line as the one after n", head + strings.Repeat("X: y\r\n", 4) + "X\r\n", TooManyFields},
		{"fields of n, end begun", head + "X: " + strings.Repeat("a", 200-14) + "\r\n\r", 0},
		{"trailers of n", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("a", 200), 0},
		{"trailers of n+1", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("a", 201), HeadTooLarge},
	} {
		for _, got := range []string{replay(lim, []byte(c.input)), replayBytewise(lim, []byte(c.input))} {
			want := "open "
			if c.want != 0 {
				want = fmt.Sprintf("refused %d: %s", c.want.Status(), c.want)
			}
			if !strings.Contains(got, want) {
				t.Errorf("%s: want %q in:\n%s", c.name, want, got)
			}
		}
	}
}

func TestLimitsValidate(t *testing.T) {
	good := DefaultLimits()
	if err := good.Validate(); err != nil {
		t.Fatalf("the defaults: %v", err)
	}
	for _, c := range []struct {
		name  string
		field func(*Limits) *int
		least int
	}{
		{"LineBytes", func(l *Limits) *int { return &l.LineBytes }, minLineBytes},
		{"HeadBytes", func(l *Limits) *int { return &l.HeadBytes }, 1},
		{"FieldCount", func(l *Limits) *int { return &l.FieldCount }, 1},
		{"ChunkExtBytes", func(l *Limits) *int { return &l.ChunkExtBytes }, 0},
	} {
		for value, valid := range map[int]bool{c.least - 1: false, c.least: true,
			maxLimitBytes: true, maxLimitBytes + 1: false} {
			l := DefaultLimits()
			*c.field(&l) = value
			err := l.Validate()
			var limitErr *LimitError
			if valid != (err == nil) || !valid && (!errors.As(err, &limitErr) || limitErr.Limit != c.name) {
				t.Errorf("%s = %d: %v", c.name, value, err)
			}
		}
	}
}

// Every reason has a name and a status of its own, and prints.
func TestReasons(t *testing.T) {
	names := map[string]Reason{}
	for r := Reason(1); int(r) < NumReasons; r++ {
		if r.String() == "" || r.Status() < 400 || r.Status() > 599 {
			t.Errorf("reason %d: %q, %d", r, r, r.Status())
		}
		if other, ok := names[r.String()]; ok {
			t.Errorf("reasons %d and %d are both %q", r, other, r)
		}
		names[r.String()] = r
	}
	if got := Reason(255).String(); got != "reason 255" || Reason(255).Status() != 400 {
		t.Errorf("an unknown reason: %q", got)
	}
	err := refuse(BadHost, 7)
	if got, want := err.Error(), "h1: malformed Host at offset 7 (400)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
