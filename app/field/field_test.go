package field

import (
	"slices"
	"strings"
	"testing"
)

// The classes against the words of the RFCs.
func TestClasses(t *testing.T) {
	const (
		alpha = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		digit = "0123456789"
	)
	for c := range 256 {
		b := byte(c)
		in := func(set string) bool { return strings.IndexByte(set, b) >= 0 }
		vchar := c > 0x20 && c < 0x7f
		for _, check := range []struct {
			name      string
			got, want bool
		}{
			{"RFC 9110 §5.6.2 tchar", IsToken(b), in("!#$%&'*+-.^_`|~" + digit + alpha)},
			{"RFC 9110 §5.5 field value", IsValue(b), vchar || c >= 0x80 || in(" \t")},
			{"target", IsTarget(b), vchar && c != '#'},
			{"RFC 3986 §3.2.2 reg-name", IsHost(b), in("-._~!$&'()*+,;=" + digit + alpha)},
			{"HEXDIG", IsHex(b), in(digit + "abcdefABCDEF")},
			{"ScanToken", ScanToken([]byte{b}, 0) == 1, IsToken(b)},
			{"ScanTarget", ScanTarget([]byte{b}, 0) == 1, IsTarget(b)},
			{"ValidName", ValidName([]byte{'a', b}), IsToken(b)},
			{"ValidValue", ValidValue("a" + string([]byte{b}) + "b"), IsValue(b)},
		} {
			if check.got != check.want {
				t.Errorf("%s: octet %#02x: %v, want %v", check.name, c, check.got, check.want)
			}
		}
	}
}

// ScanValue looks at words: every octet at every place of one, after every
// other octet that could disturb the arithmetic.
func TestScanValueEveryPlace(t *testing.T) {
	for length := range 20 {
		for place := range length {
			for _, filler := range []byte{'a', ' ', '\t', 0x80, 0xff, 0x21, 0x7e} {
				for c := range 256 {
					b := []byte(strings.Repeat(string([]byte{filler}), length))
					b[place] = byte(c)
					want := length
					if !IsValue(byte(c)) {
						want = place
					}
					for from := 0; from <= place; from++ {
						if got := ScanValue(b[:length:length], from); got != want {
							t.Fatalf("%q from %d: %d, want %d", b, from, got, want)
						}
					}
				}
			}
		}
	}
}

// Two stopping octets in one word: the first must be found.
func TestScanValueTwoStops(t *testing.T) {
	stops := []byte{0, 1, '\n', '\r', 0x1f, 0x7f}
	for i := range 8 {
		for j := i; j < 8; j++ {
			for _, a := range stops {
				for c := range 256 {
					b := []byte("abcdefgh")
					b[j] = byte(c)
					b[i] = a
					if got := ScanValue(b, 0); got != i {
						t.Fatalf("%q: %d, want %d", b, got, i)
					}
				}
			}
		}
	}
}

func TestValidNameAndValue(t *testing.T) {
	for _, c := range []struct {
		value string
		want  bool
	}{{"", true}, {"a", true}, {"a b", true}, {" a", false}, {"a\t", false}, {" ", false},
		{"a\r\nb", false}, {"caf\xe9", true}} {
		if got := ValidValue(c.value); got != c.want {
			t.Errorf("ValidValue(%q) = %v", c.value, got)
		}
	}
	if ValidName("") || ValidName([]byte(nil)) {
		t.Error("an empty name is valid")
	}
}

// A copied empty value is empty and not nil, also in Fields that never held a
// byte: Get tells an empty field from an absent one.
func TestEmptyValueIsNotAbsent(t *testing.T) {
	var f Fields
	f.Add("a", "")
	f.AddView([]byte("b"), nil)
	f.AddCopy([]byte("c"), []byte{})
	f.Add("d", "x")
	f.Set("D", "")
	clone := f.Clone()
	for _, fields := range []*Fields{&f, &clone} {
		for _, name := range []string{"A", "b", "C", "d"} {
			if v := fields.Get(name); v == nil || len(v) != 0 || !fields.Has(name) {
				t.Errorf("Get(%q) = %#v", name, v)
			}
		}
		if fields.Has("e") || fields.Get("e") != nil {
			t.Error("an absent field is there")
		}
	}
	var viewed Fields // with nothing copied so far
	viewed.AddView([]byte("a"), []byte("b"))
	viewed.Set("a", "")
	if viewed.Get("a") == nil {
		t.Error("an empty value set as the first copy is nil")
	}
	var zero Fields
	emptied := zero.Clone()
	emptied.Set("x", "")
	if emptied.Get("x") == nil {
		t.Error("a clone of nothing loses an empty value")
	}
}

func TestFieldsSetDelOrder(t *testing.T) {
	var f Fields
	for _, l := range []string{"a:1", "B:2", "A:3", "c:4", "b:5"} {
		name, value, _ := strings.Cut(l, ":")
		f.Add(name, value)
	}
	f.Set("a", "9")
	f.Del("C")
	var got []string
	for name, value := range f.All() {
		got = append(got, string(name)+":"+string(value))
	}
	if want := []string{"a:9", "B:2", "b:5"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	f.Reset()
	if f.Len() != 0 || f.Has("a") {
		t.Error("Reset keeps fields")
	}
}

// Copies made before the arena grew must survive its growth, and appending to
// one must not reach the next.
func TestArenaGrowth(t *testing.T) {
	var f Fields
	for range 200 {
		f.Add("name", "value")
	}
	first := f.Line(0)
	_ = append(first.Value, "overrun"...)
	for i := range f.Len() {
		if l := f.Line(i); string(l.Name) != "name" || string(l.Value) != "value" {
			t.Fatalf("line %d is %q: %q", i, l.Name, l.Value)
		}
	}
}

// What is kept lies among the copies: it stays when they grow, goes with Swap, and
// ends with Spoil.
func TestKeepSwapSpoil(t *testing.T) {
	var f, g Fields
	path := f.Keep([]byte("/path"))
	if none := f.Keep(nil); none == nil || len(none) != 0 {
		t.Errorf("nothing is kept as %#v", none)
	}
	for i := range 100 {
		f.Add("name", strings.Repeat("v", i))
	}
	last := f.Keep([]byte("last"))
	g.Add("other", "x")
	f.Swap(&g)
	if f.Len() != 1 || g.Len() != 100 || string(f.Get("other")) != "x" || string(path) != "/path" || string(last) != "last" {
		t.Fatalf("%d, %d, %q, %q", f.Len(), g.Len(), path, last)
	}
	if name, value := g.At(99); string(name) != "name" || len(value) != 99 {
		t.Errorf("%q: %q", name, value)
	}
	f.Spoil()
	if string(f.Get("other")) == "x" || string(last) != "last" {
		t.Error("Spoil spoils nothing, or what went elsewhere")
	}
	if g.Spoil(); string(last) == "last" {
		t.Error("what was kept last is not spoilt")
	}
}

func TestCloneIsIndependent(t *testing.T) {
	buf := []byte("nv")
	var f Fields
	f.AddView(buf[:1], buf[1:])
	c := f.Clone()
	buf[0], buf[1] = 'x', 'y'
	if l := c.Line(0); string(l.Name) != "n" || string(l.Value) != "v" {
		t.Errorf("clone changed: %q: %q", l.Name, l.Value)
	}
}

func TestLists(t *testing.T) {
	for _, c := range []struct {
		list string
		want []string
	}{
		{"", nil}, {",", nil}, {" , \t,", nil}, {"a", []string{"a"}},
		{" a ,\tb\t,, c", []string{"a", "b", "c"}},
		{`a="x,y" , b`, []string{`a="x,y"`, "b"}},
		{`"a\",b",c`, []string{`"a\",b"`, "c"}},
		{`"open, c`, []string{`"open, c`}},
		{`"open\`, []string{`"open\`}},
		{`a\,b`, []string{`a\`, "b"}},
	} {
		var got []string
		for m := range Members([]byte(c.list)) {
			got = append(got, string(m))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.list, got, c.want)
		}
	}
	for m := range Members([]byte("a,b")) {
		if string(m) != "a" {
			t.Error("iteration goes on after break")
		}
		break
	}
}

func TestHasTokenAndValues(t *testing.T) {
	var f Fields
	f.Add("Connection", "keep-alive, Upgrade")
	f.Add("connection", "x")
	f.Add("Other", "close")
	for token, want := range map[string]bool{"upgrade": true, "X": true, "close": false, "keep": false, "": false} {
		if got := f.HasToken("CONNECTION", token); got != want {
			t.Errorf("HasToken(%q) = %v", token, got)
		}
	}
	var got []string
	for v := range f.Values("connection") {
		got = append(got, string(v))
	}
	if !slices.Equal(got, []string{"keep-alive, Upgrade", "x"}) {
		t.Errorf("Values: %q", got)
	}
	for range f.Values("connection") {
		break
	}
}

func TestEqualFold(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{{"Host", "hOST", true}, {"a", "ab", false}, {"@", "`", false}, {"[", "{", false}, {"", "", true}} {
		if got := EqualFold([]byte(c.a), c.b); got != c.want {
			t.Errorf("EqualFold(%q, %q) = %v", c.a, c.b, got)
		}
	}
}

func TestMethod(t *testing.T) {
	for _, m := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "get", "BREW", ""} {
		b := []byte(m)
		got := Method(b)
		for i := range b {
			b[i] = '!'
		}
		if got != m {
			t.Errorf("Method(%q) = %q after its bytes changed", m, got)
		}
	}
	known := []byte("OPTIONS")
	if n := testing.AllocsPerRun(100, func() { _ = Method(known) }); n != 0 {
		t.Errorf("a known method costs %v allocations", n)
	}
}

func TestStatusText(t *testing.T) {
	for code, want := range map[int]string{100: "Continue", 103: "Early Hints", 104: "", 200: "OK",
		226: "IM Used", 304: "Not Modified", 306: "", 308: "Permanent Redirect", 418: "",
		431: "Request Header Fields Too Large", 451: "Unavailable For Legal Reasons", 452: "",
		505: "HTTP Version Not Supported", 511: "Network Authentication Required", 599: "",
		600: "", 99: "", -1: "", 1 << 40: ""} {
		if got := StatusText(code); got != want {
			t.Errorf("StatusText(%d) = %q, want %q", code, got, want)
		}
	}
}

func TestAllowedTrailer(t *testing.T) {
	for name, want := range map[string]bool{"X-Checksum": true, "grpc-status": true, "Server-Timing": true,
		"ETag": true, "Iffy": true, "If": true, strings.Repeat("x", 40): true,
		"Content-Length": false, "TRANSFER-ENCODING": false, "host": false, "If-Match": false,
		"If-" + strings.Repeat("x", 40): false, "Set-Cookie": false, "TE": false, "Trailer": false} {
		if got := AllowedTrailer(name); got != want {
			t.Errorf("AllowedTrailer(%q) = %v", name, got)
		}
	}
}

func TestTrimSpace(t *testing.T) {
	for in, want := range map[string]string{"": "", " \t": "", " a b\t": "a b", "\na ": "\na"} {
		if got := string(TrimSpace([]byte(in))); got != want {
			t.Errorf("TrimSpace(%q) = %q", in, got)
		}
	}
}
