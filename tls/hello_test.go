package tls

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	cryptotls "crypto/tls"
)

// captureHello is what a client of crypto/tls sends first.
func captureHello(tb testing.TB, change func(*cryptotls.Config)) []byte {
	tb.Helper()
	end := &clientEnd{newStream(), newStream()}
	done := make(chan struct{})
	wrote := make(chan struct{}, 1)
	end.up.wrote = func() {
		select {
		case wrote <- struct{}{}:
		default:
		}
	}
	go func() {
		defer close(done)
		_ = cryptotls.Client(end, clientConfig(tb, change)).Handshake() // ends by Close
	}()
	<-wrote
	hello, _ := end.up.take()
	end.Close()
	<-done
	return hello
}

// fragment spreads a hello in one record over records of n bytes each.
func fragment(hello []byte, n int) (out []byte) {
	for body := hello[recordHeaderLen:]; len(body) > 0; {
		m := min(n, len(body))
		out = append(out, 22, 3, 1, byte(m>>8), byte(m))
		out = append(out, body[:m]...)
		body = body[m:]
	}
	return out
}

// scan answers how far a scan of the pieces came, in words.
func scan(limit int, pieces ...[]byte) string {
	var s helloScan
	for _, b := range pieces {
		if done, r := s.feed(b, limit); done || r != 0 {
			return fmt.Sprintf("done=%v reason=%d at %d", done, r, s.seen)
		}
	}
	return fmt.Sprintf("wants more at %d", s.seen)
}

func TestHelloEnd(t *testing.T) {
	for _, n := range []int{1 << 14, 100, 7, 1} {
		hello := fragment(captureHello(t, nil), n)
		want := fmt.Sprintf("done=true reason=0 at %d", len(hello))
		if got := scan(MaxHello, append(bytes.Clone(hello), "what follows"...)); got != want {
			t.Fatalf("fragments of %d: %s, want %s", n, got, want)
		}
		if got := scan(MaxHello, bytewise(0, hello)...); got != want {
			t.Fatalf("fragments of %d, byte by byte: %s, want %s", n, got, want)
		}
		for at := range hello {
			if got := scan(MaxHello, hello[:at], hello[at:]); got != want {
				t.Fatalf("fragments of %d, cut at %d: %s, want %s", n, at, got, want)
			}
			// Truncated anywhere, it is not done.
			if got, want := scan(MaxHello, hello[:at]), fmt.Sprintf("wants more at %d", at); got != want {
				t.Fatalf("fragments of %d, first %d bytes: %s, want %s", n, at, got, want)
			}
		}
	}
}

// makeHello is a hello with a body of so many bytes, in records of at most n.
func makeHello(body, n int) []byte {
	one := []byte{recordHeaderLen - 1: 0}
	one = append(one, typeClientHello, byte(body>>16), byte(body>>8), byte(body))
	return fragment(append(one, make([]byte, body)...), n)
}

func TestHelloBound(t *testing.T) {
	for _, body := range []int{1, 86, 87, 1000, 1<<14 - 4, 1<<14 - 3, MaxHello - 4*recordHeaderLen - messageHeaderLen} {
		for _, n := range []int{1 << 14, 90, 1} {
			hello := makeHello(body, n)
			for limit, fits := range map[int]bool{len(hello) - 1: false, len(hello): true, len(hello) + 1: true} {
				want := fmt.Sprintf("done=true reason=0 at %d", len(hello))
				if !fits {
					want = fmt.Sprintf("done=false reason=%d", HelloTooLarge)
				}
				if got := scan(limit, hello); !strings.HasPrefix(got, want) {
					t.Errorf("limit %d, %d bytes in records of %d: %s, want %s", limit, len(hello), n, got, want)
				}
				if got := scan(limit, bytewise(0, hello)...); !strings.HasPrefix(got, want) {
					t.Errorf("limit %d, %d bytes in records of %d, byte by byte: %s, want %s", limit, len(hello), n, got, want)
				}
			}
		}
	}
	if n := len(makeHello(MaxHello-4*recordHeaderLen-messageHeaderLen, 1<<14)); n != MaxHello {
		t.Errorf("the largest is %d bytes", n)
	}
}

func TestHelloRefused(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Reason
	}{
		{"GET / HTTP/1.1\r\n\r\n", PlainHTTP},
		{"\r\nGET / HTTP/1.1\r\n\r\n", PlainHTTP},
		{"\x00", NotTLS},
		{"\x15\x03\x01\x00\x02\x02\x28", NotTLS},
		{"\x16\x02", NotTLS},
		{"\x80\x2e\x01", NoCommonVersion},
		{"\x80\x2e\x02", NotTLS},
		{"\x16\x03\x01\x00\x00", BadHello},                                       // an empty fragment
		{"\x16\x03\x01\x40\x01", BadHello},                                       // 2^14 + 1
		{"\x16\x03\x01\x00\x04\x02", BadHello},                                   // a ServerHello
		{"\x16\x03\x01\x00\x04\x01\x00\x00\x00", BadHello},                       // an empty one
		{"\x16\x03\x01\x00\x04\x01\x01\x00\x00", HelloTooLarge},                  // 64 KiB + 9
		{"\x16\x03\x01\x00\x04\x01\xff\xff\xff", HelloTooLarge},                  // 16 MiB
		{"\x16\x03\x01\x00\x01\x01\x17", BadHello},                               // other records between
		{"\x16\x03\x01\x00\x01\x01\x15\x03\x01\x00\x02", BadHello},               // an alert between
		{"\x16\x03\x01\x00\x01\x01\x16\x02", BadHello},                           // another version
		{"\x16\x03\x01\x00\x01\x01\x16\x03\x01\x00\x00", BadHello},               // an empty one behind
		{"\x16\x03\x01\x00\x05\x01\x00\x00\x10\x00GET / HTTP/1.1\r\n", BadHello}, // HTTP behind
	} {
		whole := scan(MaxHello, []byte(c.in))
		if want := fmt.Sprintf("done=false reason=%d", c.want); !strings.HasPrefix(whole, want) {
			t.Errorf("%q: %s, want %s", c.in, whole, want)
		}
		reason, _, _ := strings.Cut(whole, " at")
		if got := scan(MaxHello, bytewise(0, []byte(c.in))...); !strings.HasPrefix(got, reason+" ") {
			t.Errorf("%q byte by byte: %s, whole: %s", c.in, got, whole)
		}
	}
}

// A hello that is cut short or spoilt at each offset, then the end: the Conn
// fails with a reason, without a panic, and all is given back.
func TestSpoiltHello(t *testing.T) {
	p := newHandshaker(t, HandshakerOptions{})
	server := serverConfig(t, nil)
	hello := captureHello(t, func(c *cryptotls.Config) {
		c.CurvePreferences = []cryptotls.CurveID{cryptotls.X25519}
	})
	counts := make(map[Reason]int)
	try := func(what string, b []byte) {
		r := newRig(t, p, server)
		if err := r.c.Feed(b); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		r.c.FeedEOF()
		for r.c.Poll() == Handshaking {
			<-r.wake
		}
		var failed *HandshakeError
		if err := r.c.Err(); r.c.Poll() != Failed || !asError(err, &failed) {
			t.Fatalf("%s: %v, %v", what, r.c.Poll(), err)
		} else {
			counts[failed.Reason]++
		}
		r.c.AppendOutput(nil)
		r.c.Release()
	}
	for at := range hello {
		try(fmt.Sprintf("cut at %d", at), hello[:at])
		for _, x := range []byte{1, 0x80, 0xff} {
			spoilt := bytes.Clone(hello)
			spoilt[at] ^= x
			try(fmt.Sprintf("%#x at %d", x, at), spoilt)
		}
	}
	t.Logf("%v", counts)
	for _, r := range []Reason{NotTLS, BadHello, ClientGone} {
		if counts[r] == 0 {
			t.Errorf("never %q", r)
		}
	}
	if s := p.Stats(); s.Succeeded != 0 || s.Waiting+s.Ready+s.Computing+s.Input != 0 {
		t.Errorf("%+v", s)
	}
}
