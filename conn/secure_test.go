package conn

import (
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	cryptotls "crypto/tls"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/tls"
)

func TestSecureRequests(t *testing.T) {
	f, srv := newSecureLoop(t, Config{Handler: hello})
	k := f.connect(nil).shake()
	defer k.leave()
	for range 3 {
		sends := k.c.sends
		k.say(get)
		k.want("a request", "200", "path=/")
		if n := k.c.sends - sends; n != 1 {
			t.Errorf("a response went in %d sends", n)
		}
	}
	s := k.c.h.(*secure)
	h := s.c.p.(*h1conn)
	if s.out != nil || h.in != nil || h.s != nil || s.c.out != nil || f.leases != 0 || f.h.(*loop).tls.leased != 0 {
		t.Errorf("an idle connection holds something: %+v", s)
	}
	f.advance(1) // publishes
	if st := srv.Stats(); st.Secured != 1 || st.Requests != 3 || st.Active != 1 {
		t.Errorf("%+v", st)
	}
}

// What an idle connection with TLS costs here, besides what crypto/tls holds.
func TestSecureIsSmall(t *testing.T) {
	const budget = 480 // bytes
	size := reflect.TypeFor[conn]().Size() + reflect.TypeFor[h1conn]().Size() +
		reflect.TypeFor[secure]().Size() + reflect.TypeFor[app.ConnInfo]().Size()
	if size > budget {
		t.Errorf("%d bytes, budget %d", size, budget)
	}
	t.Logf("%d bytes, and %d of cryptotls.ConnectionState", size, reflect.TypeFor[cryptotls.ConnectionState]().Size())
}

// HandshakeTimeout: just before, and at it; a slow client as a silent one.
func TestHandshakeTimeout(t *testing.T) {
	for name, first := range map[string]string{"silent": "", "slow": "\x16\x03\x01\x02\x00\x01"} {
		t.Run(name, func(t *testing.T) {
			f, srv := newSecureLoop(t, Config{Handler: hello})
			c := f.open()
			c.write(first)
			f.advance(DefaultLimits().HandshakeTimeout - 1)
			c.wantOpen("the handshake may still come")
			f.advance(slack + 1)
			c.wantEnd("HandshakeTimeout")
			st := srv.Stats()
			if st.Timeouts[TimeoutHandshake] != 1 || st.Handshakes[tls.TooSlow] != 1 || st.Active != 0 {
				t.Errorf("%+v", st)
			}
		})
	}
	t.Run("off", func(t *testing.T) {
		l := DefaultLimits()
		l.HandshakeTimeout = Off
		f, _ := newSecureLoop(t, Config{Handler: hello, Limits: l})
		c := f.open()
		f.advance(time.Hour)
		c.wantOpen("there is no limit")
	})
	t.Run("then HeaderTimeout", func(t *testing.T) {
		f, srv := newSecureLoop(t, Config{Handler: hello})
		k := f.connect(nil).shake()
		defer k.leave()
		f.advance(DefaultLimits().HeaderTimeout - 1)
		k.c.wantOpen("a head may still come")
		f.advance(slack + 1)
		k.wantClosed("HeaderTimeout")
		if n := srv.Stats().Timeouts[TimeoutHead]; n != 1 {
			t.Errorf("counted %d times", n)
		}
	})
}

func TestHandshakeTimeoutIsValidated(t *testing.T) {
	for d, valid := range map[time.Duration]bool{0: false, Off: true, minTimeout - 1: false, minTimeout: true,
		maxTimeout: true, maxTimeout + 1: false} {
		l := DefaultLimits()
		l.HandshakeTimeout = d
		if err := l.Validate(); (err == nil) != valid {
			t.Errorf("%v: %v", d, err)
		}
	}
}

// Every reason is counted, and the client told in its way.
func TestHandshakeRefused(t *testing.T) {
	for _, test := range []struct {
		name, in string
		fin      bool
		reason   tls.Reason
		out      string // begins so
		lingers  bool
	}{
		{"cleartext", get, false, tls.PlainHTTP, "HTTP/1.1 400 Bad Request\r\n", true},
		{"a method alone", "G", false, tls.PlainHTTP, "HTTP/1.1 400", true},
		{"rubbish", "\x00\x01\x02", false, tls.NotTLS, "", true},
		{"no hello", "\x16\x03\x01\x00\x04\x02\x00\x00\x00", false, tls.BadHello, "\x15\x03", true},
		{"too large", "\x16\x03\x01\x40\x00\x01\xff\xff\xff", false, tls.HelloTooLarge, "\x15\x03", true},
		{"SSL 2", "\x80\x2e\x01\x00\x02", false, tls.NoCommonVersion, "\x15\x03", true},
		{"nothing, then FIN", "", true, tls.ClientGone, "", false},
		{"a part, then FIN", "\x16\x03\x01\x02\x00", true, tls.ClientGone, "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, srv := newSecureLoop(t, Config{Handler: hello})
			c := f.open()
			c.write(test.in)
			if test.fin {
				c.end()
			}
			c.wantEnd("refused")
			if got := c.take(); !strings.HasPrefix(got, test.out) || test.out == "" && got != "" {
				t.Errorf("sent %q, want %q", got, test.out)
			}
			if c.fin != test.lingers {
				t.Errorf("lingers: %v", c.fin)
			}
			if n := srv.Stats().Handshakes[test.reason]; n != 1 {
				t.Errorf("counted %d times: %v", n, srv.Stats().Handshakes)
			}
			c.write("more")
			f.advance(DefaultLimits().LingerTimeout + slack)
			if st := srv.Stats(); st.Active != 0 {
				t.Errorf("it stays: %+v", st)
			}
		})
	}
}

// The answer to cleartext is a response that says what is wrong.
func TestPlainOnTLSPort(t *testing.T) {
	f, srv := newSecureLoop(t, Config{Handler: hello})
	c := f.open()
	c.write(get)
	got := c.want("cleartext on a TLS port", "400", "Connection: close\r\n", "https", "Date: ")
	_, body, _ := strings.Cut(got, "\r\n\r\n")
	if !strings.Contains(got, "Content-Length: 53\r\n") || len(body) != 53 {
		t.Errorf("%q", got)
	}
	c.end()
	f.turn()
	if st := srv.Stats(); st.Active != 0 || st.Responses[4] != 1 {
		t.Errorf("%+v", st)
	}
}

// A ClientHello on a port without TLS is closed, in whatever pieces it comes.
func TestTLSOnPlainPort(t *testing.T) {
	for _, pieces := range [][]string{{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"}, {"\x16", "\x03\x01", "\x02"}, {get, "\x16\x03\x01"}} {
		f, srv := newFakeLoop(t, Config{Handler: hello})
		c := f.open()
		for _, p := range pieces {
			c.write(p)
		}
		if pieces[0] == get {
			c.want("the request before", "200")
		}
		c.wantNothing("it would not understand")
		c.wantEnd("TLS on a cleartext port")
		if n := srv.Stats().Refusals[RefusedTLS]; n != 1 {
			t.Errorf("%q: counted %d times", pieces, n)
		}
	}
	f, c := serve(t, hello)
	c.write("\x16\x04\x01")
	c.want("this is not TLS", "400")
	f.turn()
}

// Drain: who is shaking hands is served, if that does not take long.
func TestDrainHandshakes(t *testing.T) {
	f, srv := newSecureLoop(t, Config{Handler: hello})
	silent := f.open()
	k := f.connect(nil)
	defer k.leave()
	srv.Drain()
	f.turn()
	k.shake().say(get)
	k.want("its handshake was under way", "200", "Connection: close")
	k.wantClosed("the answer was the last")
	late := f.connect(nil)
	defer late.leave()
	late.shake().say(get)
	late.want("it was queued to be accepted", "200", "Connection: close")
	lull := 4 * DefaultLimits().DrainLull
	silent.wantOpen("it may still begin")
	f.advance(lull + slack)
	silent.wantEnd("it says nothing")
	if st := srv.Stats(); st.Handshakes[tls.Stopped] != 1 || st.Timeouts[TimeoutDrain] != 1 {
		t.Errorf("%v %v", st.Handshakes, st.Timeouts)
	}
}

// A connection that fails, is reset by us, or ends with its engine in the
// handshake is counted once.
func TestHandshakeLost(t *testing.T) {
	for name, test := range map[string]struct {
		do     func(*fakeConn, *Server)
		reason tls.Reason
	}{
		"broken": {func(c *fakeConn, _ *Server) { c.break_(ring.ErrReset) }, tls.ClientGone},
		"abort":  {func(_ *fakeConn, s *Server) { s.AbortAll() }, tls.Stopped},
		"engine": {func(c *fakeConn, _ *Server) { c.done = true; c.h.Closed() }, tls.Stopped},
	} {
		t.Run(name, func(t *testing.T) {
			f, srv := newSecureLoop(t, Config{Handler: hello})
			c := f.open()
			c.write("\x16\x03\x01\x02\x00\x01\x00")
			test.do(c, srv)
			f.turn()
			st := srv.Stats()
			total := uint64(0)
			for _, n := range st.Handshakes {
				total += n
			}
			if total != 1 || st.Handshakes[test.reason] != 1 || st.Active != 0 {
				t.Errorf("%v, %d active", st.Handshakes, st.Active)
			}
		})
	}
}

// MaxConns counts connections with TLS; there is no 503 without a handshake.
func TestSecureMaxConns(t *testing.T) {
	l := DefaultLimits()
	l.MaxConns, l.BusyResponse = 2, true
	f, srv := newSecureLoop(t, Config{Handler: hello, Limits: l})
	f.open()
	f.open().wantOpen("the second of two")
	third := f.open()
	if third.h != nil {
		t.Error("a third connection was taken")
	}
	if st := srv.Stats(); st.Refusals[RefusedBusy] != 1 || st.Active != 2 {
		t.Errorf("%+v", st)
	}
}

// close_notify is the end of the client's sending; a FIN without it is, too,
// and counted.
func TestSecureEnds(t *testing.T) {
	for _, notify := range []bool{true, false} {
		f, srv := newSecureLoop(t, Config{Handler: hello})
		k := f.connect(nil).shake()
		k.say(get)
		k.want("a request", "200")
		if notify {
			if err := k.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			k.carry()
			f.turn()
		} else {
			k.c.end()
		}
		k.wantClosed("the client has ended")
		k.c.end()
		f.turn()
		want := uint64(1)
		if notify {
			want = 0
		}
		if st := srv.Stats(); st.Truncated != want || st.Active != 0 {
			t.Errorf("close_notify %v: %d truncated, %d active", notify, st.Truncated, st.Active)
		}
	}
}

// A record that is not authentic ends the connection, with an alert.
func TestSecureBadRecord(t *testing.T) {
	f, srv := newSecureLoop(t, Config{Handler: hello})
	k := f.connect(nil).shake()
	defer k.leave()
	f.turn()
	k.c.take()
	k.c.write("\x17\x03\x03\x00\x20" + strings.Repeat("x", 32))
	k.c.wantEnd("a bad record")
	if got := k.c.take(); len(got) < 7 {
		t.Errorf("sent %q, want an alert", got)
	}
	if st := srv.Stats(); st.BadRecords != 1 || st.Active != 0 {
		t.Errorf("%+v", st)
	}
}

// While conn has paused nothing is decrypted; what came meanwhile is handed over
// before more is received.
func TestSecurePause(t *testing.T) {
	l := DefaultLimits()
	l.MaxRequestBuffer = 20_000
	begun, release := make(chan struct{}), make(chan struct{})
	total := 0
	f, _ := newSecureLoop(t, Config{Limits: l, Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		close(begun)
		<-release
		n, err := io.Copy(io.Discard, r)
		if err != nil {
			w.SetStatus(500)
		}
		total = int(n)
	})})
	f.detach = true
	k := f.connect(nil).shake()
	defer k.leave()
	const size = 200_000
	k.say("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + strings.Repeat("b", size))
	<-begun
	f.turn()
	s := k.c.h.(*secure)
	held := s.c.p.(*h1conn).holding()
	if !k.c.paused || held < l.MaxRequestBuffer || held > l.MaxRequestBuffer+largePlain || s.tc.Buffered() < size/2 {
		t.Errorf("paused %v, plaintext %d, ciphertext %d", k.c.paused, held, s.tc.Buffered())
	}
	close(release)
	k.want("the whole body", "200")
	f.idle()
	if total != size || k.c.paused || s.tc.Buffered() != 0 {
		t.Errorf("%d bytes, paused %v, %d left", total, k.c.paused, s.tc.Buffered())
	}
}

// A flush of which the kernel takes a part: nothing is lost or sent twice, and
// the next bytes follow.
func TestSecureShortFlush(t *testing.T) {
	for _, window := range []int{0, 1, 5, 100, 16 << 10, 16<<10 + 100, 40_000, anyWindow} {
		want := string(patternOf(50_000)) + "end"
		f, _ := newSecureLoop(t, Config{Handler: app.HandlerFunc(func(_ *app.Request, w *app.Response) {
			w.Set("Content-Length", "50003")
			w.Write(patternOf(50_000))
			w.Flush()
			w.WriteString("end")
		})})
		k := f.connect(nil).shake()
		k.c.window = window
		k.say(get)
		k.c.window = anyWindow
		got := k.hear(50_003)
		for !strings.HasSuffix(got, "end") && k.err == nil {
			got += k.hear(1)
		}
		if _, body, _ := strings.Cut(got, "\r\n\r\n"); body != want {
			t.Errorf("window %d: %d bytes, not those that were sent", window, len(body))
		}
		k.leave()
	}
}

// patternOf is n bytes that tell where they belong.
func patternOf(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * i >> 3)
	}
	return b
}

// Close has the alert taken, or gives up in time.
func TestSecureCloseWithoutRoom(t *testing.T) {
	for _, room := range []bool{true, false} {
		f, srv := newSecureLoop(t, Config{Handler: hello})
		k := f.connect(nil).shake()
		k.c.nowOK = false // as an engine that has no SendNow
		k.say("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		if room {
			k.want("a request", "200")
			k.wantClosed("asked for")
		} else {
			k.c.window = 0
			s := k.c.h.(*secure)
			if s.state != secureClosing && !k.c.closed {
				t.Fatalf("state %d", s.state)
			}
		}
		f.advance(DefaultLimits().LingerTimeout + slack)
		f.turn()
		if st := srv.Stats(); st.Active != 0 || !room && !k.c.done {
			t.Errorf("room %v: %+v", room, st)
		}
		k.leave()
	}
}

// Protocols that are agreed on and not spoken here, and those of others.
func TestSecureProtocols(t *testing.T) {
	for _, test := range []struct {
		server  []string
		allowed Protocols
		client  []string
		served  bool
	}{
		{[]string{"http/1.1"}, HTTP1, []string{"http/1.1"}, true},
		{[]string{"http/1.1", "http/1.0"}, HTTP1, []string{"http/1.0"}, true},
		{[]string{"http/1.1"}, HTTP1, nil, true},
		{[]string{"h2"}, HTTP2, []string{"http/1.1"}, false}, // crypto/tls lets it in
		{[]string{"h2"}, HTTP2, nil, false},
		{[]string{"h2", "http/1.1"}, HTTP1, []string{"h2"}, false}, // a configuration that offers too much
		{[]string{"acme-tls/1"}, HTTP1, []string{"acme-tls/1"}, false},
	} {
		f, srv := newSecureLoop(t, Config{Handler: hello})
		e := secureEndpoint(t, test.allowed)
		e.TLS = e.TLS.Clone()
		e.TLS.NextProtos = test.server
		srv.SetEndpoint(fakeListener, e)
		k := f.connect(func(c *cryptotls.Config) { c.NextProtos = test.client }).shake()
		if test.served {
			k.say(get)
			k.want("agreed on", "200")
		} else {
			k.wantClosed("nothing that is spoken here")
		}
		if n := srv.Stats().Refusals[RefusedProtocol]; (n == 0) != test.served {
			t.Errorf("%+v: refused %d", test, n)
		}
		k.leave()
	}
}

// A late look at a connection that is gone does nothing.
func TestSecureLateNotify(t *testing.T) {
	f, _ := newSecureLoop(t, Config{Handler: hello})
	k := f.connect(nil).shake()
	k.leave()
	s := k.c.h.(*secure)
	k.c.break_(ring.ErrReset)
	f.turn()
	s.post()
	f.turn()
	if s.state != secureClosed {
		t.Errorf("state %d", s.state)
	}
}

// If records cannot be made, the connection ends, and conn is told outside of
// its own call.
func TestSecureCallsOff(t *testing.T) {
	f, srv := newSecureLoop(t, Config{Handler: hello})
	k := f.connect(nil).shake()
	s := k.c.h.(*secure)
	s.tc.AppendCloseNotify(nil) // no data can follow
	k.say(get)
	k.c.wantEnd("nothing can be sent")
	f.turn()
	if st := srv.Stats(); st.Active != 0 || st.Broken != 1 {
		t.Errorf("%+v", st)
	}
	k.leave()
}

func TestEndpoints(t *testing.T) {
	_, srv := newFakeLoop(t, Config{Handler: hello})
	if e := srv.endpoint(0, 5); e.Protocols != allProtocols || e.TLS != nil || e.Number != 5 {
		t.Errorf("unknown: %+v", e)
	}
	cfg := &cryptotls.Config{}
	srv.SetEndpoint(2, Endpoint{Protocols: HTTP1})
	srv.SetEndpointOf(1, 0, Endpoint{TLS: cfg, Number: 3})
	for _, test := range []struct {
		engine, listener int
		want             Endpoint
	}{
		{0, 0, Endpoint{Protocols: allProtocols}},
		{0, 1, Endpoint{Protocols: allProtocols, Number: 1}},
		{0, 2, Endpoint{Protocols: HTTP1, Number: 2}},
		{1, 0, Endpoint{Protocols: allProtocols, TLS: cfg, Number: 3}},
	} {
		if got := srv.endpoint(test.engine, test.listener); got != test.want {
			t.Errorf("%d, %d: %+v, want %+v", test.engine, test.listener, got, test.want)
		}
	}
}
