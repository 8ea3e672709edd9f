package ws

import (
	"errors"
	"strings"
	"testing"
)

const (
	pmd = deflateName
	snc = "; server_no_context_takeover"
	cnc = "; client_no_context_takeover"
	smw = "; server_max_window_bits"
	cmw = "; client_max_window_bits"
)

// What is answered to an offer by default, and by a server that lets clients
// refer back 2^12 and 2^15 bytes. "-": declined.
func TestNegotiate(t *testing.T) {
	for _, c := range []struct{ offer, plain, bits12, bits15 string }{
		{pmd, pmd + snc + cnc, pmd + snc + cnc, pmd + snc},
		{pmd + snc, pmd + snc + cnc, pmd + snc + cnc, pmd + snc},
		{pmd + cnc, pmd + snc + cnc, pmd + snc + cnc, pmd + snc + cnc},
		{pmd + cmw, pmd + snc + cnc, pmd + snc + cmw + "=12", pmd + snc + cmw + "=15"},
		{pmd + cmw + "=10", pmd + snc + cnc, pmd + snc + cmw + "=10", pmd + snc + cmw + "=10"},
		{pmd + cmw + "=15", pmd + snc + cnc, pmd + snc + cmw + "=12", pmd + snc + cmw + "=15"},
		{pmd + cmw + "=8", pmd + snc + cnc, pmd + snc + cmw + "=8", pmd + snc + cmw + "=8"},
		{pmd + cnc + cmw, pmd + snc + cnc, pmd + snc + cnc, pmd + snc + cnc},
		{pmd + smw + "=10", pmd + snc + cnc + smw + "=10", pmd + snc + cnc + smw + "=10", pmd + snc + smw + "=10"},
		{pmd + smw + "=8" + cmw + snc, pmd + snc + cnc + smw + "=8", pmd + snc + smw + "=8" + cmw + "=12", pmd + snc + smw + "=8" + cmw + "=15"},
		{pmd + smw + `="15"`, pmd + snc + cnc + smw + "=15", pmd + snc + cnc + smw + "=15", pmd + snc + smw + "=15"},
		{pmd + smw + `="\1\0"`, pmd + snc + cnc + smw + "=10", pmd + snc + cnc + smw + "=10", pmd + snc + smw + "=10"},
		// White space and empty elements.
		{" ,\t, " + pmd + " ;\tclient_max_window_bits = 9 ,", pmd + snc + cnc, pmd + snc + cmw + "=9", pmd + snc + cmw + "=9"},
		// The first that is valid is taken.
		{pmd + smw + "=7, " + pmd + smw + "=11, " + pmd, pmd + snc + cnc + smw + "=11", pmd + snc + cnc + smw + "=11", pmd + snc + smw + "=11"},
		{"x-webkit-deflate-frame, " + pmd, pmd + snc + cnc, pmd + snc + cnc, pmd + snc},
		{`other; a=b; c="d"; e, ` + pmd, pmd + snc + cnc, pmd + snc + cnc, pmd + snc},
		// Declined.
		{"", "-", "-", "-"},
		{"permessage-bzip2", "-", "-", "-"},
		{"Permessage-Deflate2", "-", "-", "-"},
		{pmd + "; unknown", "-", "-", "-"},
		{pmd + "; unknown=10", "-", "-", "-"},
		{pmd + snc + "=1", "-", "-", "-"},
		{pmd + cnc + `="x"`, "-", "-", "-"},
		{pmd + snc + snc, "-", "-", "-"},
		{pmd + cnc + cnc, "-", "-", "-"},
		{pmd + smw, "-", "-", "-"},
		{pmd + smw + "=10" + smw + "=10", "-", "-", "-"},
		{pmd + cmw + cmw, "-", "-", "-"},
		{pmd + cmw + cmw + "=10", "-", "-", "-"},
		{pmd + cmw + "=10" + cmw, "-", "-", "-"},
		{pmd + smw + "=7", "-", "-", "-"},
		{pmd + smw + "=16", "-", "-", "-"},
		{pmd + smw + "=08", "-", "-", "-"},
		{pmd + smw + "=1", "-", "-", "-"},
		{pmd + smw + "=100", "-", "-", "-"},
		{pmd + smw + "=1x", "-", "-", "-"},
		{pmd + cmw + "=0", "-", "-", "-"},
		{pmd + cmw + "=-9", "-", "-", "-"},
	} {
		for bits, want := range map[int]string{0: c.plain, 12: c.bits12, 15: c.bits15} {
			cfg := serverConfig(true)
			cfg.Deflate.ClientWindowBits = bits
			d, err := cfg.Negotiate([]byte(c.offer))
			got := "-"
			if d.On() {
				got = string(d.AppendResponse(nil))
			}
			if err != nil || got != want || d.On() != (want != "-") {
				t.Errorf("%q, %d bits: %q, %v; want %q", c.offer, bits, got, err, want)
			}
		}
		if d, err := DefaultConfig().Negotiate([]byte(c.offer)); err != nil || d.On() || len(d.AppendResponse(nil)) > 0 {
			t.Errorf("%q is accepted, and it is off: %v", c.offer, err)
		}
	}
}

func TestNegotiateFields(t *testing.T) {
	cfg := serverConfig(true)
	d, err := cfg.Negotiate([]byte("other"), nil, []byte(pmd+smw+"=9"), []byte(pmd))
	if got := string(d.AppendResponse(nil)); err != nil || got != pmd+snc+cnc+smw+"=9" {
		t.Errorf("%q, %v", got, err)
	}
	if d, err := cfg.Negotiate(); d.On() || err != nil {
		t.Errorf("no offer, and %v, %v", d, err)
	}
}

func TestNegotiateMalformed(t *testing.T) {
	for _, s := range []string{";", "=", `"a"`, "a;", "a; ;b", "a;b=", `a;b="`, `a;b=""`, `a;b="x`, `a;b="x y"`, `a;b="x\`, `a;b="x\"`,
		"a b", "a=b", "a;b=c d", "a;b c", "a/b", "a\x00", "a\x80", `a;b="x"y`, "a;b==c", "@"} {
		for _, before := range []string{"", pmd + ", "} {
			if d, err := serverConfig(true).Negotiate([]byte(before + s)); !errors.Is(err, ErrExtensions) || d.On() {
				t.Errorf("%q: %v", before+s, err)
			}
			if _, err := DefaultConfig().Negotiate([]byte(before + s)); !errors.Is(err, ErrExtensions) {
				t.Errorf("%q: %v while it is off", before+s, err)
			}
		}
	}
}

// FuzzNegotiate: no panic; what is answered can be read as an offer again, and
// changes nothing then.
func FuzzNegotiate(f *testing.F) {
	f.Add(pmd+smw+`="10"`+cmw+", other;x=y", uint8(12))
	f.Add(" ,, "+pmd+cnc+snc, uint8(0))
	f.Fuzz(func(t *testing.T, offer string, bits uint8) {
		cfg := serverConfig(true)
		if cfg.Deflate.ClientWindowBits = int(bits); cfg.Validate() != nil {
			return
		}
		d, err := cfg.Negotiate([]byte(offer))
		answer := string(d.AppendResponse(nil))
		if err != nil && d.On() || d.On() != (answer != "") || d.On() && !strings.Contains(offer, deflateName) {
			t.Fatalf("%q: %q, %v", offer, answer, err)
		}
		again, err := cfg.Negotiate([]byte(answer))
		if got := string(again.AppendResponse(nil)); err != nil || d.clientContext == again.clientContext && got != answer {
			t.Errorf("%q becomes %q, %v", answer, got, err)
		}
	})
}
