// Package ws is the WebSocket protocol, either end of it: bytes in, events
// out; messages in, bytes out (RFC 6455, with RFC 7692). It knows no socket,
// clock or goroutine, no HTTP and no handler.
//
//	var c ws.Conn
//	c.Reset(cfg, deflate)                      // a connection, after the 101
//	c.Feed(b)                                  // bytes came: b is lent
//	for {
//		e, err := c.Next()
//		if err != nil {                        // the peer broke the rules
//			out, _ = c.AppendClose(out, err.Code, err.Reason.String())
//			break
//		}
//		if e.Kind == ws.EventNone { break }    // b is ours again
//		switch e.Kind {
//		case ws.EventMore:    …                // others first
//		case ws.EventMessage: …                // e.Data until the next Next
//		case ws.EventPing:    out, _ = c.AppendPong(out, e.Data)
//		case ws.EventClose:   out, _ = c.AppendClose(out, e.Code, "")
//		}
//	}
//	if c.State() == ws.Closed { … }            // send what is due, and end it
//	c.Release()                                // the transport has ended
//
// # The handshake
//
// It is HTTP's, and the caller's: ValidKey, AcceptKey and Config.Negotiate are
// what there is to compute.
//
// # Messages
//
// A message in one frame that lies whole in what was fed is shown where it
// lies. Other messages are gathered, in memory that is returned with the next
// call of Next. Text is judged as it comes, so that what is wrong is found at
// the first byte that cannot be right; a compressed one when it is whole.
//
// # Memory
//
// A connection that waits for a message holds nothing but its Conn, unless a
// client may refer to earlier messages (DeflateConfig.ClientWindowBits). One
// that gathers a message holds at most twice what came of it, or 16 KiB where
// that is more, whatever a length promises. Decompression ends at
// Limits.MessageBytes. The answers to Pings are the owner's to bound: the
// last one answers all before it (§5.5.3).
//
// # Splits
//
// Where input is cut has no influence on what is found.
package ws
