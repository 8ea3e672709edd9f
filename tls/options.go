package tls

import (
	"crypto/x509"
	"fmt"
	"slices"

	cryptotls "crypto/tls"
)

// ClientAuth says what is asked of clients. A certificate can be asked for in
// the handshake only: crypto/tls has no later moment for it.
type ClientAuth uint8

const (
	// ClientNone does not ask for a certificate.
	ClientNone ClientAuth = iota
	// ClientRequest asks for one and refuses a bad one, but takes none.
	ClientRequest
	// ClientRequire refuses clients without a good one.
	ClientRequire
)

// Options say how to speak TLS. GetCertificate is needed, ClientCAs too if
// clients are asked for certificates; all else has defaults.
type Options struct {
	// GetCertificate chooses the certificate; Certificates has one. (nil, nil)
	// refuses the client with unrecognized_name.
	GetCertificate func(*cryptotls.ClientHelloInfo) (*cryptotls.Certificate, error)

	// Protocols are ours, the preferred first (ALPN). Default h2, http/1.1. A
	// client without ALPN gets none; one with others is refused.
	Protocols []string

	// MinVersion is the least version. Default and least TLS 1.2 (RFC 8996).
	//
	// With TLS 1.2 there are forward secret suites of authenticated encryption
	// only, as with 1.3: no CBC (Lucky 13; RFC 9113 Appendix A).
	MinVersion uint16

	ClientAuth ClientAuth
	ClientCAs  *x509.CertPool

	// VerifyClient, if ClientAuth is set, looks at a client last, its
	// certificate verified and in VerifiedChains, or absent; also when a session
	// is resumed. An error refuses it.
	VerifyClient func(cryptotls.ConnectionState) error

	// Tickets, if set, are the keys of session tickets, so that a fleet can
	// resume each other's sessions. Default: random ones, rotated daily.
	Tickets *TicketKeys

	// FixedRecords has all records as large as can be. Otherwise the first of a
	// connection are small; see Conn.AppendData.
	FixedRecords bool
}

// suites12 are those of TLS 1.2; those of 1.3 are all good, and not a choice. Of
// these crypto/tls chooses by what both sides compute fast.
var suites12 = []uint16{
	cryptotls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	cryptotls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	cryptotls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	cryptotls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	cryptotls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	cryptotls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// Config is what Handshaker.Accept takes. It must not be changed, and can serve
// any number of connections. *OptionError for an option out of range.
func (o *Options) Config() (*cryptotls.Config, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	cfg := &cryptotls.Config{
		GetCertificate:              o.GetCertificate,
		NextProtos:                  []string{"h2", "http/1.1"},
		MinVersion:                  max(o.MinVersion, cryptotls.VersionTLS12),
		CipherSuites:                slices.Clone(suites12),
		DynamicRecordSizingDisabled: o.FixedRecords,
	}
	if o.Protocols != nil {
		cfg.NextProtos = slices.Clone(o.Protocols)
	}
	if o.ClientAuth != ClientNone {
		cfg.ClientCAs = o.ClientCAs
		cfg.ClientAuth = cryptotls.VerifyClientCertIfGiven
		if o.ClientAuth == ClientRequire {
			cfg.ClientAuth = cryptotls.RequireAndVerifyClientCert
		}
		if o.VerifyClient != nil {
			cfg.VerifyConnection = verifier(o.VerifyClient)
		}
	}
	if o.Tickets != nil {
		o.Tickets.use(cfg)
	}
	return cfg, nil
}

func (o *Options) validate() error {
	if o.GetCertificate == nil {
		return &OptionError{"GetCertificate", "nil", "set"}
	}
	if v := o.MinVersion; v != 0 && v != cryptotls.VersionTLS12 && v != cryptotls.VersionTLS13 {
		return &OptionError{"MinVersion", fmt.Sprintf("%#04x", v), "TLS 1.2 or 1.3"}
	}
	if o.ClientAuth > ClientRequire {
		return &OptionError{"ClientAuth", fmt.Sprint(uint8(o.ClientAuth)), "ClientNone, ClientRequest or ClientRequire"}
	}
	// Without it crypto/tls would take what the system trusts: anybody.
	if o.ClientAuth != ClientNone && o.ClientCAs == nil {
		return &OptionError{"ClientCAs", "nil", "set, to ask clients for certificates"}
	}
	for _, p := range o.Protocols {
		// RFC 7301 §3.1: opaque ProtocolName<1..2^8-1>.
		if len(p) < 1 || len(p) > 255 {
			return &OptionError{"Protocols", fmt.Sprintf("%.40q", p), "names of 1 to 255 bytes"}
		}
	}
	return nil
}

// refusedError tells the refusal of a client by VerifyClient from other errors.
type refusedError struct{ err error }

func (e *refusedError) Error() string { return "tls: client refused: " + e.err.Error() }
func (e *refusedError) Unwrap() error { return e.err }

func verifier(verify func(cryptotls.ConnectionState) error) func(cryptotls.ConnectionState) error {
	return func(s cryptotls.ConnectionState) error {
		if err := verify(s); err != nil {
			return &refusedError{err}
		}
		return nil
	}
}
