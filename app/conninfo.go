package app

import (
	"context"
	"crypto/tls"
	"net"
)

// ConnInfo is what is known of a connection. One is shared by all requests of a
// connection. It is read-only, safe for concurrent use, and may be kept.
type ConnInfo struct {
	// Remote is the client's end, nil for an unnamed Unix socket; Local is
	// ours. Both are nil once the exchange has ended.
	Remote, Local net.Addr

	// TLS describes the TLS of the connection: version, cipher suite, the
	// client's certificates and so on; nil in cleartext.
	TLS *tls.ConnectionState

	// Listener is Request.Listener.
	Listener int

	// Context is the parent of the contexts of the connection's requests; nil:
	// context.Background().
	Context context.Context
}
