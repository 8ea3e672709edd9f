package uringserve

import (
	"errors"
	"fmt"
)

// ErrServerClosed is what ListenAndServe and Serve return after Shutdown or
// Close.
var ErrServerClosed = errors.New("uringserve: server closed")

// The causes of a ConfigError that are this package's own. Others are a
// *conn.LimitError, a *h1.LimitError, a *auto.UnknownError, a
// *ring.UnavailableError, a *tls.OptionError, or a *tls.FileError.
var (
	// ErrTwoHandlers: both are.
	ErrTwoHandlers = errors.New("both Handler and App are set")
	// ErrNoProtocol: Protocols has none.
	ErrNoProtocol = errors.New("no protocol is left: set HTTP1, HTTP2 or UnencryptedHTTP2")
	// ErrBadAddress: an address is not one.
	ErrBadAddress = errors.New("an address is host:port, :port or unix:/path")
	// ErrStarted: it is too late for that.
	ErrStarted = errors.New("the server has been started")
	// ErrNoCertificate: TLS is wanted, and neither files nor TLS nor TLSConfig
	// has a certificate.
	ErrNoCertificate = errors.New("there is no certificate: name its files, or set TLS or TLSConfig")
	// ErrTwoConfigs: both TLS and TLSConfig are set.
	ErrTwoConfigs = errors.New("both TLS and TLSConfig are set")
	// ErrNoAddress: Start without Listen or Adopt.
	ErrNoAddress = errors.New("the server listens nowhere")
)

// ConfigError says that a Server cannot be started as it is.
type ConfigError struct {
	Field string // of Server, or a method
	Err   error
}

func (e *ConfigError) Error() string { return fmt.Sprintf("uringserve: %s: %v", e.Field, e.Err) }

// Unwrap gives the cause.
func (e *ConfigError) Unwrap() error { return e.Err }

// ShutdownError says that Shutdown could not wait for everything. The server is
// closed all the same.
type ShutdownError struct {
	Reset    int   // connections that were reset
	Handlers int   // handlers that still ran
	Err      error // of the context
}

func (e *ShutdownError) Error() string {
	return fmt.Sprintf("uringserve: shutdown: %d connections were reset, %d handlers still ran: %v", e.Reset, e.Handlers, e.Err)
}

// Unwrap gives the context's error.
func (e *ShutdownError) Unwrap() error { return e.Err }
