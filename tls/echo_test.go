package tls

import (
	"fmt"
	"io"
	"strings"
	"testing"

	cryptotls "crypto/tls"
)

var versions = map[string]func(*cryptotls.Config){
	"TLS 1.2": func(c *cryptotls.Config) { c.MaxVersion = cryptotls.VersionTLS12 },
	"TLS 1.3": func(c *cryptotls.Config) { c.MinVersion = cryptotls.VersionTLS13 },
}

// Whatever the pieces, the handshake succeeds and all bytes come through.
func TestEchoByteByByte(t *testing.T) {
	p := newHandshaker(t, HandshakerOptions{})
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, p, serverConfig(t, nil))
			r.cut = bytewise
			r.start()
			defer r.close()
			c := cryptotls.Client(r.end(), clientConfig(t, version))
			if err := c.Handshake(); err != nil {
				t.Fatal(err)
			}
			echo(t, c, "short")
			echo(t, c, strings.Repeat("long", 10_000))
			r.halt()
			if got := r.c.State().NegotiatedProtocol; got != "h2" {
				t.Errorf("ALPN %q", got)
			}
		})
	}
}

func TestEchoSplitAtEveryByte(t *testing.T) {
	p := newHandshaker(t, HandshakerOptions{})
	server := serverConfig(t, nil)
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			client := clientConfig(t, func(c *cryptotls.Config) {
				version(c)
				c.CurvePreferences = []cryptotls.CurveID{cryptotls.X25519} // a short hello
			})
			step := 1
			if testing.Short() || raceEnabled {
				step = 7
			}
			total := 2
			for at := 1; at < total; at += step {
				r := newRig(t, p, server)
				r.cut = cutAt(at)
				r.start()
				c := cryptotls.Client(r.end(), client)
				if err := c.Handshake(); err != nil {
					t.Fatalf("cut at %d: %v", at, err)
				}
				echo(t, c, "hello, server")
				r.close()
				total = r.offset
				if r.c.Err() != nil {
					t.Fatalf("cut at %d: %v", at, r.c.Err())
				}
			}
			if total < 300 {
				t.Errorf("the client sent %d bytes only", total)
			}
		})
	}
}

// The first request can come with the last flight of the handshake: reading
// once when notified finds it.
func TestDataBehindTheHandshake(t *testing.T) {
	p := newHandshaker(t, HandshakerOptions{})
	r := newRig(t, p, serverConfig(t, nil))
	c := cryptotls.Client(r.end(), clientConfig(t, nil))
	result := make(chan error, 1)
	go func() {
		err := c.Handshake()
		if err == nil {
			_, err = io.WriteString(c, "request")
		}
		result <- err
	}()
	<-r.wake
	b, _ := r.up.take()
	r.feed(b) // hello
	<-r.wake  // waits for the client
	r.pump()
	if err := <-result; err != nil {
		t.Fatal(err)
	}
	last, _ := r.up.take()
	if err := r.c.Feed(last); err != nil { // Finished and the request, at once
		t.Fatal(err)
	}
	for r.c.Poll() == Handshaking {
		<-r.wake
	}
	r.pump()
	if string(r.data) != "request" {
		t.Errorf("read %q, %v", r.data, r.err)
	}
	r.c.Release()
}

// HelloRetryRequest: the client's key share is for a group we do not have.
func TestHelloRetryRequest(t *testing.T) {
	p := newHandshaker(t, HandshakerOptions{})
	server := serverConfig(t, nil)
	server.CurvePreferences = []cryptotls.CurveID{cryptotls.CurveP384}
	for _, cut := range []func(int, []byte) [][]byte{nil, bytewise} {
		r := newRig(t, p, server)
		r.cut = cut
		r.start()
		c := cryptotls.Client(r.end(), clientConfig(t, func(c *cryptotls.Config) {
			c.CurvePreferences = []cryptotls.CurveID{cryptotls.X25519, cryptotls.CurveP384}
		}))
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		echo(t, c, "hello")
		r.close()
		if s := c.ConnectionState(); !s.HelloRetryRequest {
			t.Error("there was no HelloRetryRequest: the test does not test")
		}
	}
}

// The key exchange that resists quantum computers is on.
func TestHybridKeyExchange(t *testing.T) {
	r, c := mustDial(t, newHandshaker(t, HandshakerOptions{}), serverConfig(t, nil), clientConfig(t, nil))
	defer r.close()
	if id := c.ConnectionState().CurveID; id != cryptotls.X25519MLKEM768 {
		t.Errorf("key exchange is %v", id)
	}
}

func TestALPN(t *testing.T) {
	p := newHandshaker(t, HandshakerOptions{})
	for _, c := range []struct {
		client []string
		want   string
	}{
		{[]string{"h2", "http/1.1"}, "h2"},
		{[]string{"http/1.1", "h2"}, "h2"}, // ours is the order
		{[]string{"http/1.1"}, "http/1.1"},
		{nil, ""},
	} {
		r, conn := mustDial(t, p, serverConfig(t, nil), clientConfig(t, func(cfg *cryptotls.Config) { cfg.NextProtos = c.client }))
		r.close()
		if got := conn.ConnectionState().NegotiatedProtocol; got != c.want {
			t.Errorf("%v: %q, want %q", c.client, got, c.want)
		}
	}
}

func TestResumption(t *testing.T) {
	p := newHandshaker(t, HandshakerOptions{})
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			server := serverConfig(t, nil)
			client := clientConfig(t, func(c *cryptotls.Config) {
				version(c)
				c.ClientSessionCache = cryptotls.NewLRUClientSessionCache(4)
			})
			for i, want := range []bool{false, true, true} {
				r, c := mustDial(t, p, server, client)
				r.close()
				if got := c.ConnectionState().DidResume; got != want {
					t.Errorf("connection %d resumed: %v", i, got)
				}
			}
		})
	}
}

// Many at once, of all kinds, on few slots.
func TestManyHandshakes(t *testing.T) {
	p := newHandshaker(t, HandshakerOptions{Computing: 2})
	server := serverConfig(t, nil)
	clients := 200
	results := make(chan error, clients)
	for i := range clients {
		go func() {
			r := newRig(t, p, server)
			if i%3 == 0 {
				r.cut = bytewise
			}
			r.start()
			defer r.close()
			c := cryptotls.Client(r.end(), clientConfig(t, versions[[]string{"TLS 1.2", "TLS 1.3"}[i%2]]))
			err := c.Handshake()
			if err == nil {
				_, err = io.WriteString(c, "x")
			}
			if err == nil {
				_, err = io.ReadFull(c, make([]byte, 1))
			}
			results <- err
		}()
	}
	for range clients {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	s := p.Stats()
	if s.Succeeded != uint64(clients) || s.Started != uint64(clients) || s.Failed != 0 {
		t.Errorf("%+v", s)
	}
	if s.Waiting != 0 || s.Ready != 0 || s.Computing != 0 || s.Input != 0 {
		t.Errorf("something is left: %+v", s)
	}
}

func TestPhaseString(t *testing.T) {
	for p := Handshaking; p <= Released; p++ {
		if s := p.String(); s == "" || s == Phase(99).String() {
			t.Errorf("phase %d: %q", p, s)
		}
	}
	if fmt.Sprint(Kind(99)) != "unknown kind" || fmt.Sprint(KindTLS) != "TLS" {
		t.Error("kinds have no words")
	}
}
