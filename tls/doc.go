// Package tls turns bytes into bytes: ciphertext from a connection into
// plaintext, plaintext into records, by crypto/tls. It also looks after
// certificates. It knows no socket, no HTTP, and no engine.
//
//	pool, err := tls.NewHandshaker(tls.HandshakerOptions{})
//	cfg, err := (&tls.Options{GetCertificate: certs.GetCertificate}).Config()
//	…
//	c := pool.Accept(cfg, tls.Peer{}, notify) // a connection was accepted
//	c.Feed(ciphertext)                         // bytes came
//	switch c.Poll() {                          // after Feed, and when notified
//	case tls.Established:
//		n, err := c.Read(plain)                // until ErrWouldBlock
//		c.Detach()                             // the fed bytes are the caller's again
//		out, err = c.AppendData(out, response)
//	case tls.Failed:
//		count(c.Err())
//	}
//	out = c.AppendOutput(out)                  // send what there is, in any case
//
// # Who may touch what
//
// A Conn is on loop: one goroutine at a time calls its methods. Handshaker is
// safe for concurrent use. Between the loop and the goroutine of a handshake is
// the handshake (handshake.go), guarded by two locks that are never held
// together with a call out of the package.
//
// # Goroutines
//
// A handshake of crypto/tls blocks while it waits for its client, and remembers
// every error, even a temporary one; so it runs on a goroutine of its own, from
// the moment its whole ClientHello is here until it is done. No goroutine
// starts earlier, and at most HandshakerOptions.Computing of them compute;
// the others wait, for their client or for their turn. An established Conn has
// no goroutine: its Read is driven from the loop with an error that crypto/tls
// does not remember. Certificates.Watch starts one goroutine, which Stop ends.
//
// # Memory
//
// An established Conn that waits for its client holds no buffer of this
// package; what crypto/tls keeps is measured by TestParkedMemory. Buffers come
// from bytebufferpool (buffer.go).
//
// # Specifications
//
// RFC 8446 (TLS 1.3), RFC 5246 (TLS 1.2), RFC 6066 (server_name, stapling), RFC
// 7301 (ALPN).
package tls
