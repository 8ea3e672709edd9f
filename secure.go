package uringserve

import (
	"slices"

	cryptotls "crypto/tls"

	"github.com/uringserve/uringserve/conn"
	"github.com/uringserve/uringserve/tls"
)

// secureEndpoint is TLS as TLS or TLSConfig say, with a certificate from files
// if they are named.
func (s *Server) secureEndpoint(certFile, keyFile string) (conn.Endpoint, error) {
	e := conn.Endpoint{Protocols: s.protocols(true)}
	var err error
	switch {
	case s.TLS != nil && s.TLSConfig != nil:
		return e, &ConfigError{"TLS", ErrTwoConfigs}
	case s.TLSConfig != nil:
		e.TLS, err = s.fromConfig(certFile, keyFile)
	default:
		e.TLS, err = s.fromOptions(certFile, keyFile)
	}
	return e, err
}

// fromConfig is TLSConfig, completed as net/http does.
func (s *Server) fromConfig(certFile, keyFile string) (*cryptotls.Config, error) {
	cfg := s.TLSConfig.Clone()
	for _, name := range s.protocols(true).ALPN() {
		if !slices.Contains(cfg.NextProtos, name) {
			cfg.NextProtos = append(cfg.NextProtos, name)
		}
	}
	if certFile != "" || keyFile != "" {
		certs, err := loadFiles(certFile, keyFile)
		if err != nil {
			return nil, err
		}
		// First of all, whatever else the configuration has.
		cfg.Certificates, cfg.GetCertificate = nil, certs.GetCertificate
	}
	if len(cfg.Certificates) == 0 && cfg.GetCertificate == nil && cfg.GetConfigForClient == nil {
		return nil, &ConfigError{"TLSConfig", ErrNoCertificate}
	}
	return cfg, nil
}

// fromOptions is TLS, or what it stands for if it is not set.
func (s *Server) fromOptions(certFile, keyFile string) (*cryptotls.Config, error) {
	var opt tls.Options
	if s.TLS != nil {
		opt = *s.TLS
	}
	opt.Protocols = s.protocols(true).ALPN()
	if certFile != "" || keyFile != "" {
		certs, err := loadFiles(certFile, keyFile)
		if err != nil {
			return nil, err
		}
		opt.GetCertificate = certs.GetCertificate
	}
	if opt.GetCertificate == nil {
		return nil, &ConfigError{"TLS", ErrNoCertificate}
	}
	cfg, err := opt.Config()
	if err != nil {
		return nil, &ConfigError{"TLS", err}
	}
	return cfg, nil
}

func loadFiles(certFile, keyFile string) (*tls.Certificates, error) {
	certs, err := tls.LoadCertificates(tls.CertificateOptions{Files: []tls.CertificateFiles{{Cert: certFile, Key: keyFile}}})
	if err != nil {
		return nil, &ConfigError{"TLS", err}
	}
	return certs, nil
}
