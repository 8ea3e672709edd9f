package main

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
)

// wire is what a server and its clients speak with each other. The zero value
// is HTTP/1.1 in cleartext.
type wire struct {
	tls bool // TLS 1.3, as clientTLS wants it
	h2  bool // HTTP/2: by ALPN over TLS, with prior knowledge without
}

// scheme is that of the server's URLs.
func (w wire) scheme() string {
	if w.tls {
		return "https"
	}
	return "http"
}

// variant names the server's configuration. Over TLS it is one for HTTP/1.1
// and HTTP/2: ALPN decides.
func (w wire) variant() string {
	switch {
	case w.tls:
		return "tls"
	case w.h2:
		return "h2c"
	}
	return "h1"
}

// clientTLS is what every client offers, so that all servers do the same
// cryptography: TLS 1.3, X25519, and AES-128-GCM, which is the first choice of
// crypto/tls on processors with AES instructions. The certificate is bench's
// own and signed by nobody.
func clientTLS() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13,
		CurvePreferences: []tls.CurveID{tls.X25519}}
}

// cryptography says what clientTLS and the certificate lead to.
const cryptography = "TLS 1.3, X25519, AES-128-GCM, ECDSA P-256"

// transport speaks w and nothing else, over connections that dial opens; nil:
// over TCP.
func (w wire) transport(dial func(ctx context.Context, network, addr string) (net.Conn, error)) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!w.h2)
	protocols.SetHTTP2(w.h2 && w.tls)
	protocols.SetUnencryptedHTTP2(w.h2 && !w.tls)
	return &http.Transport{Protocols: protocols, TLSClientConfig: clientTLS(), DisableCompression: true, DialContext: dial}
}
