package ws

import (
	"fmt"
	"strings"
	"testing"
)

// A testCase is what a peer sends and what comes of it.
type testCase struct {
	name  string
	parts []part
	want  string
}

const (
	endText   = 0x81
	endBinary = 0x82
	end       = 0x80 // of a continuation
	text0     = 0x01 // more of it follows
	binary0   = 0x02
	more      = 0x00
	closing   = 0x88
	ping      = 0x89
	pong      = 0x8a
)

var plainCases = []testCase{
	// RFC 6455 §5.7.
	{"hello", []part{fr(endText, "Hello")}, `text "Hello"`},
	{"hello in two", []part{fr(text0, "Hel"), fr(end, "lo")}, `text "Hello"`},
	{"ping", []part{fr(ping, "Hello")}, `ping "Hello"`},
	{"pong nobody asked for", []part{fr(pong, "Hello")}, `pong "Hello"`},
	{"empty messages", []part{fr(endText, ""), fr(endBinary, "")}, `text ""; binary ""`},
	{"empty control", []part{fr(ping, ""), fr(pong, ""), fr(closing, "")}, `ping ""; pong ""; close 1005 ""`},
	{"many", []part{fr(endText, "a"), fr(endBinary, "\x00\xff"), fr(endText, "b")}, `text "a"; binary "\x00\xff"; text "b"`},
	{"three fragments", []part{fr(binary0, "a"), fr(more, "b"), fr(end, "c")}, `binary "abc"`},
	{"empty fragments", []part{fr(text0, ""), fr(more, ""), fr(end, "")}, `text ""`},
	{"empty fragments around", []part{fr(text0, ""), fr(more, "x"), fr(end, "")}, `text "x"`},
	{"empty first", []part{fr(text0, ""), fr(end, "all")}, `text "all"`},
	{"control between fragments", []part{fr(text0, "He"), fr(ping, "1"), fr(more, "l"), fr(pong, "2"), fr(ping, ""), fr(end, "lo")},
		`ping "1"; pong "2"; ping ""; text "Hello"`},
	{"close between fragments", []part{fr(text0, "He"), fr(closing, "\x03\xe8"), fr(end, "lo")}, `close 1000 ""`},
	{"message after fragments", []part{fr(text0, "a"), fr(end, "b"), fr(endBinary, "c")}, `text "ab"; binary "c"`},

	// Lengths.
	{"control of 125", []part{fr(ping, strings.Repeat("p", 125))}, "ping " + show([]byte(strings.Repeat("p", 125)))},
	{"control of 126", []part{fr(ping, strings.Repeat("p", 126))}, "control frame too long: 1002"},
	{"pong of 64k", []part{fr(pong, strings.Repeat("p", 1<<16))}, "control frame too long: 1002"},
	{"close of 125", []part{fr(closing, "\x03\xe8"+strings.Repeat("r", 123))}, "close 1000 " + show([]byte(strings.Repeat("r", 123)))},
	{"close of 126", []part{fr(closing, "\x03\xe8"+strings.Repeat("r", 124))}, "control frame too long: 1002"},
	{"126 in 16 bits", []part{long(endBinary, 2, 125, strings.Repeat("x", 125))}, "length not in its shortest form: 1002"},
	{"0 in 16 bits", []part{long(endBinary, 2, 0, "")}, "length not in its shortest form: 1002"},
	{"0 in 64 bits", []part{long(endBinary, 8, 0, "")}, "length not in its shortest form: 1002"},
	{"65535 in 64 bits", []part{long(endBinary, 8, 65535, strings.Repeat("x", 65535))}, "length not in its shortest form: 1002"},
	{"2^63", []part{long(endBinary, 8, 1<<63, "")}, "length beyond 63 bits: 1002"},
	{"2^64-1", []part{long(endBinary, 8, 1<<64-1, "")}, "length beyond 63 bits: 1002"},
	{"2^63-1", []part{long(endBinary, 8, 1<<63-1, "")}, "message too large: 1009"},
	{"4 GiB", []part{long(endBinary, 8, 1<<32, "")}, "message too large: 1009"},
	{"4 GiB in a fragment", []part{fr(binary0, "a"), long(end, 8, 1<<32, "")}, "message too large: 1009"},

	// Fragments.
	{"continuation of nothing", []part{fr(end, "x")}, "continuation of nothing: 1002"},
	{"more of nothing", []part{fr(more, "x")}, "continuation of nothing: 1002"},
	{"continuation after the end", []part{fr(endText, "a"), fr(end, "x")}, `text "a"; continuation of nothing: 1002`},
	{"text in text", []part{fr(text0, "a"), fr(endText, "b")}, "message within a message: 1002"},
	{"binary in text", []part{fr(text0, "a"), fr(binary0, "b")}, "message within a message: 1002"},
	{"fragmented ping", []part{fr(ping&^finBit, "a"), fr(end, "")}, "fragmented control frame: 1002"},
	{"fragmented pong", []part{fr(pong&^finBit, "a")}, "fragmented control frame: 1002"},
	{"fragmented close", []part{fr(closing&^finBit, "")}, "fragmented control frame: 1002"},

	// Masks.
	{"wrong mask", []part{swapped(fr(endText, "Hello"))}, ""}, // see want
	{"wrong mask of a ping", []part{fr(endText, "a"), swapped(fr(ping, ""))}, `text "a"; `},

	// Text.
	{"2, 3 and 4 bytes", []part{fr(endText, "κόσμε €𐍈")}, `text "κόσμε €𐍈"`},
	{"character over frames", []part{fr(text0, "\xf0"), fr(more, "\x90"), fr(ping, "\xff"), fr(more, ""), fr(more, "\x8d"), fr(end, "\x88!")},
		`ping "\xff"; text "𐍈!"`},
	{"noncharacters", []part{fr(endText, "\uffff\ufffe\U0010ffff")}, fmt.Sprintf("text %q", "\uffff\ufffe\U0010ffff")},
	{"surrogate", []part{fr(endText, "\xed\xa0\x80")}, "text is not UTF-8: 1007"},
	{"overlong", []part{fr(endText, "\xc0\xaf")}, "text is not UTF-8: 1007"},
	{"above the last", []part{fr(endText, "\xf4\x90\x80\x80")}, "text is not UTF-8: 1007"},
	{"lone continuation", []part{fr(endText, "abc\x80")}, "text is not UTF-8: 1007"},
	{"0xff", []part{fr(endText, "\xff")}, "text is not UTF-8: 1007"},
	{"unended character", []part{fr(endText, "ab\xe2\x82")}, "text is not UTF-8: 1007"},
	{"unended over frames", []part{fr(text0, "ab\xe2"), fr(end, "")}, "text is not UTF-8: 1007"},
	{"bad before the end", []part{fr(text0, "\xed\xa0"), fr(ping, "")}, "text is not UTF-8: 1007"},
	{"any binary", []part{fr(endBinary, "\xff\xed\xa0\x80")}, `binary "\xff\xed\xa0\x80"`},
	{"good after good", []part{fr(endText, "é"), fr(endText, "\xe2\x82\xac")}, `text "é"; text "€"`},

	// Close.
	{"close with reason", []part{fr(closing, "\x03\xe8bye")}, `close 1000 "bye"`},
	{"half a code", []part{fr(closing, "\x03")}, "close with half a code: 1002"},
	{"reason not UTF-8", []part{fr(closing, "\x03\xe8\xff")}, "close reason is not UTF-8: 1007"},
	{"reason unended", []part{fr(closing, "\x03\xe8\xe2\x82")}, "close reason is not UTF-8: 1007"},
	{"data after close", []part{fr(closing, "\x03\xe8"), fr(endText, "x"), raw(0xff, 0xff)}, `close 1000 ""`},
	{"two closes", []part{fr(closing, "\x03\xe8"), fr(closing, "\x03\xe9")}, `close 1000 ""`},
	{"anything after an error", []part{fr(0x83, ""), fr(endText, "x")}, "reserved opcode: 1002"},
}

// Where the cases end depends on the role once: for masks.
func (c *testCase) wanted(role Role) string {
	if !strings.HasPrefix(c.name, "wrong mask") {
		return c.want
	}
	if role == Server {
		return c.want + "frame without mask: 1002"
	}
	return c.want + "frame with mask: 1002"
}

// What is true of every opcode, every reserved bit, and every close code is
// written as rules.
func ruleCases() (all []testCase) {
	for op := range 16 {
		first := byte(0x80 | op)
		want := "reserved opcode: 1002"
		switch op {
		case 0:
			want = "continuation of nothing: 1002"
		case 1, 2:
			want = map[int]string{1: "text", 2: "binary"}[op] + ` ""`
		case 8:
			want = `close 1005 ""`
		case 9, 10:
			want = map[int]string{9: "ping", 10: "pong"}[op] + ` ""`
		}
		all = append(all, testCase{fmt.Sprintf("opcode %d", op), []part{fr(first, "")}, want})
		for _, bits := range []byte{0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70} {
			all = append(all, testCase{fmt.Sprintf("opcode %d, bits %#x", op, bits), []part{fr(first|bits, "")}, "reserved bit: 1002"})
		}
	}
	for code := range 5100 {
		if code > 1100 && code < 2950 || code > 3050 && code < 4950 {
			continue
		}
		// RFC 6455 §7.4.1 and §7.4.2, and what IANA has since assigned.
		valid := code >= 3000 && code < 5000
		for _, c := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014} {
			valid = valid || code == c
		}
		want := "invalid close code: 1002"
		if valid {
			want = fmt.Sprintf(`close %d ""`, code)
		}
		all = append(all, testCase{fmt.Sprintf("close code %d", code),
			[]part{fr(closing, string([]byte{byte(code >> 8), byte(code)}))}, want})
	}
	for _, n := range []int{0, 1, 125, 126, 127, 128, 65535, 65536, 65537, 1 << 20} {
		p := strings.Repeat("0123456789abcde", n/15+1)[:n]
		all = append(all, testCase{fmt.Sprintf("%d bytes", n), []part{fr(endBinary, p), fr(ping, "")},
			"binary " + show([]byte(p)) + `; ping ""`})
	}
	return all
}

// Every case, in both roles, cut at every place, has one outcome.
func TestCases(t *testing.T) {
	for _, c := range append(plainCases, ruleCases()...) {
		for _, role := range []Role{Server, Client} {
			want := c.wanted(role)
			everyCut(join(role, c.parts), func(pieces ...[]byte) {
				r := newReplayer(role, Deflate{}, nil)
				for _, p := range pieces {
					r.feed(p)
				}
				if got := r.String(); got != want {
					t.Fatalf("%s, role %d, %d bytes first: %s\nwant %s", c.name, role, len(pieces[0]), got, want)
				}
				if r.c.Buffered() != 0 {
					t.Fatalf("%s: %d bytes are held at the end", c.name, r.c.Buffered())
				}
			})
		}
	}
}

// What is wrong is found with the byte that makes it so, not when the frame is
// whole.
func TestEarly(t *testing.T) {
	for _, c := range []struct {
		name  string
		parts []part
		after int // bytes of the masked form
		want  string
	}{
		{"reserved bit", []part{fr(0x91, "Hello")}, 2, "reserved bit: 1002"},
		{"opcode", []part{fr(0x8b, "Hello")}, 2, "reserved opcode: 1002"},
		{"mask", []part{swapped(fr(endText, "Hello"))}, 2, "frame without mask: 1002"},
		{"control", []part{fr(ping, strings.Repeat("x", 200))}, 2, "control frame too long: 1002"},
		{"length of 16 bits", []part{long(endText, 2, 5, "Hello")}, 4, "length not in its shortest form: 1002"},
		{"length of 64 bits", []part{long(endText, 8, 1<<20+1, "")}, 10, "message too large: 1009"},
		{"text", []part{fr(endText, "abc\xf4\x90"+strings.Repeat("x", 60))}, 6 + 5, "text is not UTF-8: 1007"},
		{"second frame", []part{fr(text0, "\xed"), fr(end, "\xa0"+strings.Repeat("x", 60))}, 7 + 7, "text is not UTF-8: 1007"},
		{"interrupted", []part{fr(text0, "a"), fr(endText, "Hello")}, 7 + 2, "message within a message: 1002"},
	} {
		in := join(Server, c.parts)
		r := newReplayer(Server, Deflate{}, nil)
		for i := range in[:c.after] {
			if len(r.log) > 0 {
				t.Errorf("%s: %s after %d bytes, want %d", c.name, r, i, c.after)
			}
			r.feed(in[i : i+1])
		}
		if r.String() != c.want {
			t.Errorf("%s: %q after %d bytes", c.name, r, c.after)
		}
	}
}

// Invalid text is found at the same byte wherever input is cut: with whole
// buffers, too, nothing after it is seen.
func TestTextAtEverySplit(t *testing.T) {
	for _, bad := range []string{"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf",
		"\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xfe", "\xff", "\xe2\x28\xa1", "\xf0\x28\x8c\xbc", "\xf0\x90\x28\xbc", "\xe2\x82", "\xc3"} {
		for _, before := range []string{"", "a", "1234567", "12345678", "é€𐍈"} {
			for _, after := range []string{"", "z", "12345678"} {
				whole := before + bad + after
				for at := range len(whole) + 1 {
					in := join(Server, []part{fr(text0, whole[:at]), fr(end, whole[at:])})
					everyCut(in, func(pieces ...[]byte) {
						r := newReplayer(Server, Deflate{}, nil)
						for _, p := range pieces {
							r.feed(p)
						}
						if r.String() != "text is not UTF-8: 1007" {
							t.Fatalf("%q in frames of %d and %d: %s", whole, at, len(whole)-at, r)
						}
					})
				}
			}
		}
	}
}
