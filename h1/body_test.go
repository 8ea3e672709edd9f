package h1

import (
	"errors"
	"strings"
	"testing"
)

// decode gives pieces to d until it is done or fails.
func decode(d *Body, pieces ...string) (content string, left string, err *Error) {
	for _, piece := range pieces {
		b := []byte(piece)
		for len(b) > 0 && !d.Done() {
			data, n, err := d.Decode(b)
			if err != nil {
				return content, string(b), err
			}
			content += string(data)
			b = b[n:]
		}
		left += string(b)
	}
	return content, left, nil
}

func TestBodyRemaining(t *testing.T) {
	lim := DefaultLimits()
	var d Body
	if !d.Done() || d.Remaining() != 0 {
		t.Error("the zero Body is not done")
	}
	if data, n, err := d.Decode([]byte("x")); data != nil || n != 0 || err != nil {
		t.Error("the zero Body takes bytes")
	}
	d.Reset(5, &lim)
	if d.Done() || d.Remaining() != 5 {
		t.Errorf("of 5 bytes %d remain", d.Remaining())
	}
	if content, _, _ := decode(&d, "he"); content != "he" || d.Remaining() != 3 || d.Done() {
		t.Errorf("%q, %d remain", content, d.Remaining())
	}
	if data, _, _ := d.Decode(make([]byte, 1, 8)); cap(data) != 1 {
		t.Errorf("content has capacity %d", cap(data))
	}
	if content, left, _ := decode(&d, "loGET"); content != "lo" || left != "GET" || !d.Done() || d.Remaining() != 0 {
		t.Errorf("%q, left %q, %d remain", content, left, d.Remaining())
	}
	if d.Trailers() != nil {
		t.Error("a body of known length has trailers")
	}
	d.Reset(-1, &lim)
	if d.Done() || d.Remaining() != -1 {
		t.Errorf("of a chunked body %d remain", d.Remaining())
	}
	if _, left, _ := decode(&d, "0\r\n\r\nGET"); left != "GET" || d.Remaining() != 0 || d.Trailers() != nil {
		t.Errorf("left %q, %d remain", left, d.Remaining())
	}
	d.Reset(0, &lim)
	if !d.Done() {
		t.Error("a body of 0 bytes is not done")
	}
	defer func() {
		if recover() == nil {
			t.Error("a length of -2 was taken")
		}
	}()
	d.Reset(-2, &lim)
}

// An error is for ever, until Reset.
func TestBodyErrorStays(t *testing.T) {
	lim := DefaultLimits()
	var d Body
	d.Reset(-1, &lim)
	_, _, first := decode(&d, "1\r\nx", "y")
	if first == nil || first.Reason != BadChunkFraming || first.Offset != 4 {
		t.Fatalf("got %v", first)
	}
	data, n, again := d.Decode([]byte("\r\n0\r\n\r\n"))
	if data != nil || n != 0 || again != first || d.Done() || d.Trailers() != nil {
		t.Errorf("after the error: %q, %d, %v", data, n, again)
	}
	d.Reset(-1, &lim)
	if content, _, err := decode(&d, "1\r\nx\r\n0\r\n\r\n"); content != "x" || err != nil {
		t.Errorf("after Reset: %q, %v", content, err)
	}
}

// Trailers are copies, and outlive both the input and the next body.
func TestTrailersAreCopies(t *testing.T) {
	lim := DefaultLimits()
	var d Body
	d.Reset(-1, &lim)
	input := []byte("0\r\nA: one\r\nB: two\r\n\r\n")
	const cut = 12 // within the second line
	for _, piece := range [][]byte{input[:cut], input[cut:]} {
		for len(piece) > 0 {
			_, n, err := d.Decode(piece)
			if err != nil {
				t.Fatal(err)
			}
			if !d.Done() && d.Trailers() != nil {
				t.Fatal("trailers before the end")
			}
			piece = piece[n:]
		}
	}
	trailers := d.Trailers()
	for i := range input {
		input[i] = '!'
	}
	d.Reset(-1, &lim)
	if _, _, err := decode(&d, "0\r\nC: three\r\nD: four\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if trailers.Len() != 2 || string(trailers.Get("a")) != "one" || string(trailers.Get("b")) != "two" {
		t.Errorf("the first trailers are now %v", trailers)
	}
}

// What an attacker sends in quantity is stopped at the default limits, and
// held only up to them.
func TestBodyAbuse(t *testing.T) {
	lim := DefaultLimits()
	for _, c := range []struct {
		name, start, piece string
		times              int
		want               Reason
	}{
		{"extension of 64 KiB", "1;", "aaaaaaaa", 8192, ChunkExtTooLong},
		{"extension of spaces", "1;", "        ", 8192, ChunkExtTooLong},
		{"quoted extension", "1;a=\"", "\\\"a     ", 8192, ChunkExtTooLong},
		{"an extension on each chunk", "", "1;a\r\nx\r\n", 8192, ChunkExtTooLong},
		{"10,000 trailers", "0\r\n", "A: b\r\n", 10000, TooManyFields},
		{"a trailer without end", "0\r\nA: ", "bbbbbbbb", 8192, HeadTooLarge},
		{"a trailer name without end", "0\r\n", "bbbbbbbb", 8192, HeadTooLarge},
		{"zeros", "", "0", 8192, BadChunkSize},
	} {
		var d Body
		d.Reset(-1, &lim)
		pieces := append([]string{c.start}, strings.Split(strings.Repeat(c.piece+"|", c.times), "|")...)
		_, _, err := decode(&d, pieces...)
		if err == nil || err.Reason != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
		if d.trailer != nil && cap(d.trailer.line) > 2*lim.HeadBytes {
			t.Errorf("%s: holds %d bytes", c.name, cap(d.trailer.line))
		}
	}
}

func TestErrorTexts(t *testing.T) {
	bad := Limits{LineBytes: 1}
	for _, c := range []struct {
		err  error
		want string
	}{
		{bad.Validate(), "h1: limit LineBytes is 1, must be 64 to 1073741824"},
		{&ResponseError{FaultStatus, 7, ""}, "h1: response 7: invalid status"},
		{&ResponseError{Fault(99), 200, "a\nb"}, `h1: response 200: fault 99: "a\nb"`},
	} {
		if c.err == nil || c.err.Error() != c.want {
			t.Errorf("got %v, want %s", c.err, c.want)
		}
	}
	var limitErr *LimitError
	if !errors.As(bad.Validate(), &limitErr) {
		t.Error("not a *LimitError")
	}
}
