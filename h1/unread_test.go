package h1

import (
	"math"
	"strings"
	"testing"
)

// Whatever d has taken and however much of its content was read, what
// AppendUnread gives, with the rest of the input behind it, is a chunked body of
// what was not read, with the same trailers.
func TestAppendUnread(t *testing.T) {
	lim := DefaultLimits()
	for _, input := range []string{
		"0\r\n\r\n",
		"5\r\nhello\r\n0\r\n\r\n",
		"005\r\nhello\r\n000a\r\n0123456789\r\n0\r\n\r\n",
		"2;name\r\nhe\r\n3; name ; a=b ; c = \"d\\\"e\" ; f\r\nllo\r\n0;g=\"h\"\r\n\r\n",
		"1\r\nx\r\n0\r\nX-Sum: 1\r\nX-Time:  2 \r\n\r\n",
		"FFF\r\n" + strings.Repeat("0123456789abcde", 0x111) + "\r\n0\r\nx-sum: 1\r\n\r\n",
	} {
		var whole Body
		whole.Reset(-1, &lim)
		content, _, err := decode(&whole, input)
		if err != nil || !whole.Done() {
			t.Fatalf("%.40q: %v", input, err)
		}
		for cut := 0; cut <= len(input); cut += 1 + cut/100 {
			var d Body
			d.Reset(-1, &lim)
			here, _, _ := decode(&d, input[:cut])
			for read := 0; read <= len(here); read += 1 + read/10 {
				all := len(here) > 0 && read == len(here)
				if all && (d.Done() || d.state == chunkDataCR || d.state == chunkDataLF) {
					continue // TestAppendUnreadOfNothing
				}
				raw := d.AppendUnread([]byte("!"), []byte(here[read:]), read == 0)
				var got Body
				got.Reset(-1, &lim)
				text, left, err := decode(&got, string(raw[1:])+input[cut:]+"GET")
				if err != nil || left != "GET" || raw[0] != '!' || text != content[read:] {
					t.Fatalf("%.40q cut at %d, %d read: %.80q is %.80q, left %q, %v", input, cut, read, raw, text, left, err)
				}
				if want, is := trailerText(&whole), trailerText(&got); is != want {
					t.Fatalf("%.40q cut at %d: trailers %q, want %q", input, cut, is, want)
				}
			}
		}
	}
}

func trailerText(d *Body) (text string) {
	f := d.Trailers()
	if f == nil {
		return ""
	}
	for name, value := range f.All() {
		text += strings.ToLower(string(name)) + ": " + string(value) + "\n"
	}
	return text
}

// Where all content was read there is nothing to add.
func TestAppendUnreadOfNothing(t *testing.T) {
	lim := DefaultLimits()
	for input, want := range map[string]string{
		"1\r\nx":                      "",
		"1\r\nx\r":                    "\r",
		"1\r\nx\r\n":                  "",
		"1\r\nx\r\n0\r\n\r\n":         "",
		"1\r\nx\r\n0\r\nX: 1\r\n\r":   "0\r\nX: 1\r\n\r",
		"1\r\nx\r\n0\r\nX: 1\r\n\r\n": "",
	} {
		var d Body
		d.Reset(-1, &lim)
		if _, _, err := decode(&d, input); err != nil {
			t.Fatal(err)
		}
		if got := d.AppendUnread(nil, nil, false); string(got) != want {
			t.Errorf("%q: %q, want %q", input, got, want)
		}
	}
}

// What comes after an error has no meaning; a chunk cannot be longer than
// the longest there is.
func TestAppendUnreadOdd(t *testing.T) {
	lim := DefaultLimits()
	var d Body
	d.Reset(-1, &lim)
	if _, _, err := decode(&d, "1\r\nx\r\nz"); err == nil {
		t.Fatal("no error")
	}
	if got := d.AppendUnread(nil, []byte("x"), true); string(got) != "1\r\nx\r\n" {
		t.Errorf("after an error: %q", got)
	}
	d.Reset(-1, &lim)
	if _, _, err := decode(&d, "7fffffffffffffff\r\nxy"); err != nil {
		t.Fatal(err)
	}
	for data, want := range map[string]string{
		"":    "7ffffffffffffffd\r\n",
		"x":   "7ffffffffffffffe\r\nx",
		"xy":  "7fffffffffffffff\r\nxy",
		"wxy": "3\r\nwxy\r\n7ffffffffffffffd\r\n", // of a chunk before
	} {
		if got := d.AppendUnread(nil, []byte(data), false); string(got) != want {
			t.Errorf("%q: %q, want %q", data, got, want)
		}
	}
	if got := appendSize(nil, math.MaxInt64, maxChunkDigits); string(got) != "7fffffffffffffff" {
		t.Errorf("%q", got)
	}
}
