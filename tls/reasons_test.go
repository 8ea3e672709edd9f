package tls

import (
	"errors"
	"testing"
	"time"

	cryptotls "crypto/tls"
)

// fails has a client fail, and answers our reason.
func fails(t *testing.T, server, client *cryptotls.Config) Reason {
	t.Helper()
	p := newHandshaker(t, HandshakerOptions{})
	r, c, err := dial(t, p, server, client)
	if err == nil {
		// TLS 1.3: the client is done before we look at its certificate.
		_, err = c.Read(make([]byte, 1))
	}
	if err == nil {
		t.Error("the client noticed nothing")
	}
	c.NetConn().(*clientEnd).up.end()
	for r.halt(); r.c.Poll() == Handshaking; {
		<-r.wake
		r.turn()
	}
	defer r.close()
	var failed *HandshakeError
	if !errors.As(r.c.Err(), &failed) {
		t.Fatalf("%v: %v", r.c.Poll(), r.c.Err())
	}
	if s := p.Stats(); s.Failed != 1 || s.Succeeded != 0 {
		t.Errorf("%+v", s)
	}
	return failed.Reason
}

func TestFailureReasons(t *testing.T) {
	plain := func(o *Options) {}
	for _, c := range []struct {
		name   string
		server func(*Options)
		client func(*cryptotls.Config)
		want   Reason
	}{
		{"old client", plain, func(c *cryptotls.Config) {
			c.MinVersion, c.MaxVersion = cryptotls.VersionTLS10, cryptotls.VersionTLS11
		}, NoCommonVersion},
		{"1.2 where 1.3 is the least", func(o *Options) { o.MinVersion = cryptotls.VersionTLS13 },
			versions["TLS 1.2"], NoCommonVersion},
		{"no cipher suite", plain, func(c *cryptotls.Config) {
			c.MaxVersion = cryptotls.VersionTLS12
			c.CipherSuites = []uint16{cryptotls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256} // our key is ECDSA
		}, NoCommonCipher},
		{"no ALPN protocol, 1.2", plain, func(c *cryptotls.Config) {
			versions["TLS 1.2"](c)
			c.NextProtos = []string{"spdy/3"}
		}, NoCommonProtocol},
		{"no ALPN protocol, 1.3", plain, func(c *cryptotls.Config) { c.NextProtos = []string{"spdy/3"} }, NoCommonProtocol},
		{"no certificate for the name", func(o *Options) {
			o.GetCertificate = func(*cryptotls.ClientHelloInfo) (*cryptotls.Certificate, error) { return nil, nil }
		}, func(*cryptotls.Config) {}, UnknownName},
		{"our hook fails", func(o *Options) {
			o.GetCertificate = func(*cryptotls.ClientHelloInfo) (*cryptotls.Certificate, error) {
				return nil, errors.New("no")
			}
		}, func(*cryptotls.Config) {}, Internal},
		{"not trusted", plain, func(c *cryptotls.Config) { c.RootCAs = newPKI(t).pool }, PeerAlert},
		{"not trusted, 1.2", plain, func(c *cryptotls.Config) {
			versions["TLS 1.2"](c)
			c.RootCAs = newPKI(t).pool
		}, PeerAlert},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := fails(t, serverConfig(t, c.server), clientConfig(t, c.client)); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// Client certificates: what each mode takes, on both versions.
func TestClientAuth(t *testing.T) {
	sharedPKI(t)
	expired := shared.issue(t, newKey(t), -time.Hour, "a client")
	stranger := newPKI(t)
	foreign := stranger.issue(t, newKey(t), time.Hour, "a client")
	with := func(certs ...cryptotls.Certificate) func(*cryptotls.Config) {
		return func(c *cryptotls.Config) {
			// GetClientCertificate, as Certificates would not be sent to a CA
			// that did not sign them.
			if len(certs) > 0 {
				c.GetClientCertificate = func(*cryptotls.CertificateRequestInfo) (*cryptotls.Certificate, error) {
					return &certs[0], nil
				}
			}
		}
	}
	refuse := func(s cryptotls.ConnectionState) error { return errors.New("not you") }
	needsName := func(s cryptotls.ConnectionState) error {
		if len(s.VerifiedChains) == 0 || s.PeerCertificates[0].Subject.CommonName != "a client" {
			return errors.New("who?")
		}
		return nil
	}
	for _, c := range []struct {
		name   string
		mode   ClientAuth
		verify func(cryptotls.ConnectionState) error
		client func(*cryptotls.Config)
		want   Reason
	}{
		{"none", ClientNone, refuse, with(shared.client), 0}, // not asked: not verified
		{"request, absent", ClientRequest, nil, with(), 0},
		{"request, good", ClientRequest, needsName, with(shared.client), 0},
		{"request, bad", ClientRequest, nil, with(foreign), BadCertificate},
		{"request, absent, hook refuses", ClientRequest, needsName, with(), BadCertificate},
		{"require, absent", ClientRequire, nil, with(), BadCertificate},
		{"require, good", ClientRequire, needsName, with(shared.client), 0},
		{"require, expired", ClientRequire, nil, with(expired), BadCertificate},
		{"require, foreign", ClientRequire, nil, with(foreign), BadCertificate},
		{"require, good, hook refuses", ClientRequire, refuse, with(shared.client), BadCertificate},
	} {
		for name, version := range versions {
			t.Run(c.name+", "+name, func(t *testing.T) {
				server := serverConfig(t, func(o *Options) {
					o.ClientAuth, o.ClientCAs, o.VerifyClient = c.mode, shared.pool, c.verify
				})
				client := clientConfig(t, func(cfg *cryptotls.Config) { version(cfg); c.client(cfg) })
				if c.want != 0 {
					if got := fails(t, server, client); got != c.want {
						t.Errorf("%v, want %v", got, c.want)
					}
					return
				}
				r, _ := mustDial(t, newHandshaker(t, HandshakerOptions{}), server, client)
				r.close()
			})
		}
	}
}

// A certificate is looked at again when a session is resumed.
func TestHookOnResumption(t *testing.T) {
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			calls, good := 0, true
			server := serverConfig(t, func(o *Options) {
				o.ClientAuth, o.ClientCAs = ClientRequire, sharedPKI(t).pool
				o.VerifyClient = func(s cryptotls.ConnectionState) error {
					calls++
					if !good || len(s.PeerCertificates) != 1 {
						return errors.New("revoked")
					}
					return nil
				}
			})
			client := clientConfig(t, func(c *cryptotls.Config) {
				version(c)
				c.Certificates = []cryptotls.Certificate{shared.client}
				c.ClientSessionCache = cryptotls.NewLRUClientSessionCache(1)
			})
			p := newHandshaker(t, HandshakerOptions{})
			for i := range 2 {
				r, c := mustDial(t, p, server, client)
				r.close()
				if c.ConnectionState().DidResume != (i == 1) || calls != i+1 {
					t.Errorf("connection %d: resumed %v, %d calls", i, c.ConnectionState().DidResume, calls)
				}
			}
			good = false
			if got := fails(t, server, client); got != BadCertificate {
				t.Errorf("%v", got)
			}
		})
	}
}

// The client goes at each point of its handshake.
func TestClientGone(t *testing.T) {
	p := newHandshaker(t, HandshakerOptions{})
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			step := 13
			for at := 0; ; at += step {
				r := newRig(t, p, serverConfig(t, nil))
				c := cryptotls.Client(r.end(), clientConfig(t, version))
				result := make(chan error, 1)
				go func() { result <- c.Handshake() }()
				left := at
				over := false
				for r.c.Poll() == Handshaking {
					<-r.wake
					b, _ := r.up.take()
					n := min(left, len(b))
					left -= n
					r.feed(b[:n])
					if left == 0 && !over {
						over = true
						r.c.FeedEOF()
					}
					r.pump()
				}
				phase, why := r.c.Poll(), reason(r.c)
				r.down.end()
				r.c.Release()
				<-result
				if phase == Established {
					if at < 300 {
						t.Errorf("established after %d bytes", at)
					}
					return
				}
				if why != ClientGone {
					t.Fatalf("gone after %d bytes: %v", at, why)
				}
			}
		})
	}
}

// Cleartext HTTP is told at once, and not answered in TLS.
func TestPlainHTTP(t *testing.T) {
	p := newHandshaker(t, HandshakerOptions{})
	r := newRig(t, p, serverConfig(t, nil))
	defer r.c.Release()
	if err := r.c.Feed([]byte("GET / HTTP/1.1\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if reason(r.c) != PlainHTTP || r.c.HasOutput() {
		t.Errorf("%v, output %v", reason(r.c), r.c.HasOutput())
	}
	if err := r.c.Feed([]byte("more")); err != nil {
		t.Error(err) // ignored
	}
	if s := p.Stats(); s.Started != 0 || s.Failed != 1 {
		t.Errorf("%+v", s)
	}
}

// What we send ourselves is an alert that a client understands.
func TestOwnAlerts(t *testing.T) {
	for r, want := range map[Reason]string{
		BadHello:        "remote error: tls: error decoding message",
		HelloTooLarge:   "remote error: tls: handshake failure",
		NoCommonVersion: "remote error: tls: protocol version not supported",
		Crowded:         "remote error: tls: internal error",
	} {
		end := &clientEnd{newStream(), newStream()}
		end.down.write(appendAlert(nil, r))
		if err := cryptotls.Client(end, clientConfig(t, nil)).Handshake(); err == nil || err.Error() != want {
			t.Errorf("%v: %v, want %s", r, err, want)
		}
	}
	for _, r := range []Reason{NotTLS, PlainHTTP, ClientGone, Stopped} {
		if b := appendAlert(nil, r); len(b) > 0 {
			t.Errorf("%v: % x", r, b)
		}
	}
}
