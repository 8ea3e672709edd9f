package tls

import "testing"

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Kind
	}{
		{"", Undecided},
		{"\x16", Undecided},
		{"\x16\x03", KindTLS},
		{"\x16\x03\x01\x02\x00\x01", KindTLS},
		{"\x16\x03\x03", KindTLS},
		{"\x16\x02\x00", KindOther},
		{"\x16\x04", KindOther},
		{"\x16G", KindOther},
		{"\x15\x03\x01", KindOther}, // an alert begins nothing
		{"\x17\x03\x03", KindOther},
		{"\x14\x03\x03", KindOther},
		{"\x80", Undecided},
		{"\x80\x2e", Undecided},
		{"\x80\x2e\x01\x00\x02", KindSSL2},
		{"\xff\xff\x01", KindSSL2},
		{"\x80\x2e\x02", KindOther},
		{"GET / HTTP/1.1\r\n", KindHTTP},
		{"G", KindHTTP},
		{"P", KindHTTP}, // of the HTTP/2 preface, or POST
		{"get /", KindHTTP},
		{"\r\nGET /", KindHTTP},
		{"\nGET /", KindHTTP},
		{"~", KindHTTP},
		{"*", KindHTTP},
		{" GET", KindOther},
		{"(", KindOther},
		{"\x00", KindOther},
		{"\x7f", KindOther},
		{"\x05\x01\x00", KindOther}, // SOCKS
	} {
		if got := Classify([]byte(c.in)); got != c.want {
			t.Errorf("%q is %v, want %v", c.in, got, c.want)
		}
	}
}

// What was decided stays, whatever follows; and three bytes decide.
func TestClassifyDecides(t *testing.T) {
	for first := range 256 {
		for _, second := range []byte{0, 1, 2, 3, 4, 'G', 0xff} {
			for _, third := range []byte{0, 1, 2, 3, 0xff} {
				b := []byte{byte(first), second, third}
				whole := Classify(b)
				if whole == Undecided {
					t.Fatalf("% x is undecided", b)
				}
				for n := range b {
					if k := Classify(b[:n]); k != Undecided && k != whole {
						t.Fatalf("% x is %v, % x is %v", b[:n], k, b, whole)
					}
				}
			}
		}
	}
}
