package h2

import (
	"net/netip"
	"strings"
	"testing"
)

var hostCases = []struct {
	host string
	want bool
}{
	{"a", true}, {"a:80", true}, {"a:0", true}, {"a:65535", true}, {"a:65536", false}, {"a:", false},
	{"", false}, {":80", false}, {"a:8x", false}, {"a:80:80", false}, {"a b", false}, {"a@b", false},
	{"a/b", false}, {"%61", false}, {"127.0.0.1", true}, {"[::1]", true}, {"[::1]:80", true},
	{"[::1]80", false}, {"[::1", false}, {"::1", false}, {"[]", false}, {"[1:2:3:4:5:6:7:8]", true},
	{"[1:2:3:4:5:6:7]", false}, {"[1:2:3:4:5:6:7::]", true}, {"[1:2:3:4:5:6:7:8::]", false},
	{"[::1.2.3.4]", true}, {"[1.2.3.4::]", false}, {"[::1.2.3.04]", false}, {"[::1.2.3.256]", false},
	{"[::1.2.3]", false}, {"[::1.2.3.4.5]", false}, {"[12345::]", false}, {"[:1::]", false}, {"[1::2::3]", false},
	{"[1:]", false}, {"[::g]", false}, {"[fe80::1%25eth0]", false}, {"[v1.a]", false}, {"a:+1", false},
	{"a:00000080", true}, {"a:999999999999", false}, {"[1:2:3:4:5:6:1.2.3.4]", true}, {"[1:2:3:4:5:6:7:1.2.3.4]", false},
}

func TestValidHost(t *testing.T) {
	for _, c := range hostCases {
		if got := validHost([]byte(c.host)); got != c.want {
			t.Errorf("%q: %v", c.host, got)
		}
	}
}

// IPv6 addresses against the standard library's, made of random pieces.
func TestIPv6AgainstNetip(t *testing.T) {
	pieces := []string{":", "::", "1", "ffff", "12345", "0", "1.2.3.4", "255.0.0.1", "01.2.3.4", "g", "", "abc"}
	rng := newRand(7)
	valid := 0
	for range 200000 {
		var b strings.Builder
		for range rng.n(17) {
			if rng.n(2) == 0 {
				b.WriteByte(':')
			} else {
				b.WriteString(pieces[rng.n(len(pieces))])
			}
		}
		s := b.String()
		addr, err := netip.ParseAddr(s)
		want := err == nil && addr.Is6()
		if got := validIPv6([]byte(s)); got != want {
			t.Fatalf("%q: %v, netip says %v", s, got, want)
		}
		if want {
			valid++
		}
	}
	if valid < 1000 {
		t.Errorf("only %d valid ones were tried", valid)
	}
}

func TestSameAuthority(t *testing.T) {
	for _, c := range []struct {
		a, b, scheme string
		want         bool
	}{
		{"a", "A", "http", true}, {"a", "a:80", "http", true}, {"a", "a:443", "https", true}, {"a", "a:80", "https", false},
		{"a:1", "a:2", "http", false}, {"a", "b", "http", false}, {"[::1]", "[::1]:80", "http", true},
		{"a", "a:80", "", false}, {"a:80", "a:80", "", true}, {"a", "a:", "http", false}, {"a", "", "http", false},
	} {
		if got := sameAuthority([]byte(c.a), []byte(c.b), c.scheme); got != c.want {
			t.Errorf("%q and %q over %q: %v", c.a, c.b, c.scheme, got)
		}
	}
}
