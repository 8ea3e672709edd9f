package ws

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// What is appended, byte for byte: RFC 6455 §5.7.
func TestAppend(t *testing.T) {
	for _, c := range []struct {
		name   string
		append func(c *Conn) ([]byte, error)
		server string
		client string
	}{
		{"text", func(c *Conn) ([]byte, error) { return c.AppendMessage(nil, Text, []byte("Hello")) },
			"\x81\x05Hello", "\x81\x85\xa1\xb2\xc3\xd4\xe9\xd7\xaf\xb8\xce"},
		{"prepared", func(c *Conn) ([]byte, error) { return c.AppendPrepared(nil, Prepare(Text, []byte("Hello"))) },
			"\x81\x05Hello", "\x81\x85\xa1\xb2\xc3\xd4\xe9\xd7\xaf\xb8\xce"},
		{"ping", func(c *Conn) ([]byte, error) { return c.AppendPing(nil, []byte("Hello")) },
			"\x89\x05Hello", "\x89\x85\xa1\xb2\xc3\xd4\xe9\xd7\xaf\xb8\xce"},
		{"pong", func(c *Conn) ([]byte, error) { return c.AppendPong(nil, nil) }, "\x8a\x00", "\x8a\x80\xa1\xb2\xc3\xd4"},
		{"close", func(c *Conn) ([]byte, error) { return c.AppendClose(nil, GoingAway, "\x01") },
			"\x88\x03\x03\xe9\x01", "\x88\x83\xa1\xb2\xc3\xd4\xa2\x5b\xc2"},
		{"bare close", func(c *Conn) ([]byte, error) { return c.AppendClose(nil, NoStatus, "") }, "\x88\x00", "\x88\x80\xa1\xb2\xc3\xd4"},
		{"256", func(c *Conn) ([]byte, error) {
			b, err := c.AppendMessage([]byte("before"), Binary, make([]byte, 256))
			return b[:min(len(b), 14)], err
		}, "before\x82\x7e\x01\x00\x00\x00\x00\x00", "before\x82\xfe\x01\x00\xa1\xb2\xc3\xd4"},
		{"64k", func(c *Conn) ([]byte, error) {
			b, err := c.AppendMessage(nil, Binary, make([]byte, 1<<16))
			return b[:min(len(b), 11)], err
		}, "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00\x00", "\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00\xa1"},
	} {
		for role, want := range []string{c.server, c.client} {
			got, err := c.append(newReplayer(Role(role), Deflate{}, nil).c)
			if err != nil || string(got) != want {
				t.Errorf("%s, role %d: %q, %v; want %q", c.name, role, got, err, want)
			}
		}
	}
}

func TestAppendRefuses(t *testing.T) {
	c := newReplayer(Server, Deflate{}, nil).c
	message := func(op Opcode) func() ([]byte, error) {
		return func() ([]byte, error) { return c.AppendMessage([]byte("x"), op, nil) }
	}
	closed := func(code CloseCode, reason string) func() ([]byte, error) {
		return func() ([]byte, error) { return c.AppendClose([]byte("x"), code, reason) }
	}
	for i, r := range []struct {
		call func() ([]byte, error)
		want error
	}{
		{message(Continuation), ErrOpcode}, {message(Close), ErrOpcode}, {message(Ping), ErrOpcode}, {message(3), ErrOpcode},
		{func() ([]byte, error) { return c.AppendPrepared([]byte("x"), Prepare(Pong, nil)) }, ErrOpcode},
		{func() ([]byte, error) { return c.AppendPing([]byte("x"), make([]byte, 126)) }, ErrTooLong},
		{func() ([]byte, error) { return c.AppendPong([]byte("x"), make([]byte, 126)) }, ErrTooLong},
		{closed(0, ""), ErrCloseCode}, {closed(NoStatus, "why"), ErrCloseCode}, {closed(AbnormalClosure, ""), ErrCloseCode},
		{closed(TLSHandshake, ""), ErrCloseCode}, {closed(1004, ""), ErrCloseCode}, {closed(2999, ""), ErrCloseCode},
		{closed(5000, ""), ErrCloseCode}, {closed(NormalClosure, "\xff"), ErrCloseReason},
	} {
		if b, err := r.call(); !errors.Is(err, r.want) || string(b) != "x" || c.State() != Open {
			t.Errorf("%d: %q, %v, %s; want %v", i, b, err, c.State(), r.want)
		}
	}
	for _, n := range []int{124, 125} {
		if _, err := c.AppendPing(nil, make([]byte, n)); err != nil {
			t.Errorf("a ping of %d bytes: %v", n, err)
		}
	}
}

// Reasons of 122, 123 and 124 bytes, and one whose character would be cut.
func TestCloseReasonFits(t *testing.T) {
	for reason, want := range map[string]int{
		strings.Repeat("r", 122): 122, strings.Repeat("r", 123): 123, strings.Repeat("r", 124): 123,
		strings.Repeat("r", 122) + "é": 122, strings.Repeat("r", 120) + "𐍈": 120, strings.Repeat("r", 119) + "𐍈": 123,
	} {
		b, err := newReplayer(Server, Deflate{}, nil).c.AppendClose(nil, NormalClosure, reason)
		if err != nil {
			t.Fatal(err)
		}
		r := newReplayer(Client, Deflate{}, nil)
		if r.feed(b); r.String() != "close 1000 "+show([]byte(reason[:want])) {
			t.Errorf("%d bytes: %s", len(reason), r)
		}
	}
	for r := range Reason(NumReasons) {
		if len(r.String()) > 123 || r.String() == "" || !r.Code().Valid() {
			t.Errorf("reason %d cannot be sent: %q, %d", r, r, r.Code())
		}
	}
}

// One prepared message for many connections at a time.
func TestPrepared(t *testing.T) {
	p := []byte(strings.Repeat("all the same ", 1000))
	m := Prepare(Text, p)
	cfg := serverConfig(true)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			offer := ""
			if i%2 == 1 {
				offer = deflateName
			}
			if i%4 == 3 {
				offer += "; server_max_window_bits=9"
			}
			client, server := pair(t, cfg, offer)
			b, err := server.AppendPrepared([]byte("before"), m)
			if err != nil || offer != "" && len(b) > len(p)/2 {
				t.Errorf("%q: %d bytes, %v", offer, len(b), err)
			}
			client.Feed(b[6:])
			if e, bad := client.Next(); bad != nil || !bytes.Equal(e.Data, p) {
				t.Errorf("%q: %v, %d bytes", offer, bad, len(e.Data))
			}
			b, err = client.AppendPrepared(nil, m)
			server.Feed(b)
			if e, bad := server.Next(); bad != nil || err != nil || !bytes.Equal(e.Data, p) {
				t.Errorf("%q, of a client: %v, %v, %d bytes", offer, bad, err, len(e.Data))
			}
		})
	}
	all.Wait()
	p[0] = 'x' // it was copied
	if m.payload[0] != 'a' {
		t.Error("Prepare keeps what it was given")
	}
	small := Prepare(Text, []byte("abc"))
	_, server := pair(t, cfg, deflateName)
	if b, err := server.AppendPrepared(nil, small); string(b) != "\x81\x03abc" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	random := Prepare(Binary, noise(1000))
	if b, err := server.AppendPrepared(nil, random); len(b) != 1004 || err != nil {
		t.Errorf("%d bytes that cannot be compressed, %v", len(b), err)
	}
}

// noise is n bytes that cannot be compressed, always the same.
func noise(n int) []byte {
	b := make([]byte, n)
	x := uint64(0x9e3779b97f4a7c15)
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x >> 32)
	}
	return b
}

// What was fed can be taken back between events, and fed again.
func TestTakeRest(t *testing.T) {
	in := join(Server, []part{fr(endText, "one"), fr(text0, "tw"), fr(end, "o"), fr(ping, "three")})
	c := newReplayer(Server, Deflate{}, nil).c
	var log []string
	for len(in) > 0 {
		c.Feed(in)
		e, bad := c.Next()
		log = append(log, fmt.Sprint(e.Kind, " ", string(e.Data), bad))
		in = c.TakeRest()
	}
	if got := strings.Join(log, "; "); got != "message one<nil>; message two<nil>; ping three<nil>" {
		t.Error(got)
	}
	defer func() {
		if recover() == nil {
			t.Error("Feed forgets what was not read")
		}
	}()
	c.Feed([]byte("x"))
	c.Feed([]byte("x"))
}
