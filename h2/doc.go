// Package h2 is the server's side of HTTP/2: bytes in, events out; calls in,
// bytes out (RFC 9113, with RFC 8441 and RFC 9218). It knows no socket, clock,
// goroutine or lock, and no handler.
//
//	c := h2.NewConn(cfg, scratch)              // one per connection
//	for len(b) > 0 {                           // bytes came
//		b = b[c.Feed(now, b):]
//		if ev, ok := c.Next(); ok { … }        // at most one per Feed
//	}
//	out, body, n, err := c.AppendResponse(out, id, &meta)
//	c.Ready(id, len(p), true)                  // the owner holds p
//	for id, n, ok := c.Pick(room); ok; id, n, ok = c.Pick(room) {
//		out = c.AppendData(out, id, p[:n], n == len(p))
//	}
//	c.Consumed(id, n)                          // the handler has read n bytes
//	c.Release(id)                              // the handler is done
//	out = c.AppendOutput(out)                  // acknowledgements and the like
//
// # Order of output
//
// What the Append methods append must go out whole and in the order of the
// calls: the peer's field table and its windows count on it. Each of them
// first appends the control frames that are due; AppendOutput does only that,
// and belongs at the end of whatever was done with what was received, so that
// the frames of many streams and the answers to many leave in one send.
//
// # Streams
//
// EventHead and EventRefusal give a stream to the owner, which keeps it until
// Release, whatever becomes of it in between. A stream that is not released
// counts against Limits.Streams, so that no more handlers run than that even
// if the peer resets all of them. Calls for a stream that was reset answer
// ErrGone or do nothing; calls that are not legal answer a *StateError and
// change nothing.
//
// A stream that is released before the peer has ended its request lingers for a
// while, until EndLingering resets it.
//
// # Errors of the peer
//
// A malformed request is reset (EventRejected); one that is too large, or not
// for us, has to be answered with a status (EventRefusal); what breaks the
// connection's own rules ends it (EventFailed). Each has a Reason, to be
// counted. What is legal but abused has a Budget, and ends the connection
// with ENHANCE_YOUR_CALM when that is spent.
//
// # Memory
//
// Held per connection, besides the field tables: the part of a frame other
// than DATA that has come, at most Limits.FrameBytes; a field block, at most
// Limits.BlockBytes; control frames, at most Limits.QueuedBytes; 128 bytes for
// a stream; 512 for the last closed streams. DATA is never held: it is handed
// on as it comes, and Limits.ConnWindow is what the owner may have to hold.
//
// # Splits
//
// Where input is cut has no influence on what is found, but for the size of
// the pieces in which DATA is handed on.
package h2
