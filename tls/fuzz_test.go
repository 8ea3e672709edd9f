package tls

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// FuzzHello: in whatever pieces, the answer is the same, and it is done at the
// end of the first message only.
func FuzzHello(f *testing.F) {
	hello := captureHello(f, nil)
	f.Add(hello, uint16(7), uint16(MaxHello-1))
	f.Add(fragment(hello, 100), uint16(105), uint16(1000))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), uint16(1), uint16(100))
	f.Add([]byte("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"), uint16(5), uint16(9))
	f.Fuzz(func(t *testing.T, b []byte, cut, limit uint16) {
		most := int(limit) + 1
		whole := scan(most, b)
		verdict, _, _ := strings.Cut(whole, " at")
		at := min(int(cut), len(b))
		for _, pieces := range [][][]byte{{b[:at:at], b[at:]}, bytewise(0, b)} {
			if got := scan(most, pieces...); !strings.HasPrefix(got, verdict) ||
				strings.HasPrefix(whole, "done=true") && got != whole {
				t.Fatalf("%s in pieces, %s whole", got, whole)
			}
		}
		var s helloScan
		if done, _ := s.feed(b, most); done {
			if s.seen > most || s.seen > len(b) || s.body != 0 {
				t.Fatalf("done at %d of %d, limit %d", s.seen, len(b), most)
			}
			if got := scan(most, b[:s.seen-1]); got != fmt.Sprintf("wants more at %d", s.seen-1) {
				t.Fatalf("one byte less: %s", got)
			}
		}
	})
}

// FuzzConn: whatever ciphertext comes, before, within or after a handshake,
// nothing panics, nothing hangs, and all is given back.
func FuzzConn(f *testing.F) {
	hello := captureHello(f, nil)
	f.Add(hello, []byte{23, 3, 3, 0, 3, 1, 2, 3}, uint16(0))
	f.Add(hello[:100], hello, uint16(50))
	f.Add(append(bytes.Clone(hello), 20, 3, 3, 0, 1, 1), []byte{21, 3, 3, 0, 2, 1, 0}, uint16(3))
	f.Add([]byte("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"), []byte{23, 3, 3, 0xff, 0xff}, uint16(2))
	server := serverConfig(f, nil)
	client := clientConfig(f, nil)
	f.Fuzz(func(t *testing.T, before, after []byte, cut uint16) {
		p := newHandshaker(t, HandshakerOptions{})
		r := newRig(t, p, server)
		at := min(int(cut), len(before))
		r.feed(before[:at])
		r.feed(before[at:])
		r.c.FeedEOF()
		for r.c.Poll() == Handshaking {
			<-r.wake
		}
		r.pump()
		r.c.Release()

		r, _ = mustDial(t, p, server, client)
		r.halt()
		had := len(r.data)
		at = min(int(cut), len(after))
		r.feed(after[:at])
		r.feed(after[at:])
		r.c.FeedEOF()
		r.pump()
		if len(r.data) != had {
			t.Fatalf("forged data was read: %q", r.data[had:])
		}
		if r.err == nil {
			t.Fatal("no end")
		}
		r.close()
		if s := p.Stats(); s.Waiting+s.Ready+s.Computing+s.Input != 0 {
			t.Fatalf("%+v", s)
		}
	})
}
