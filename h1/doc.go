// Package h1 reads and writes HTTP/1.x messages: bytes in, facts out (RFC 9112).
// It knows no socket, clock, goroutine or lock, and no handler.
//
//	n, seen, err := h1.ParseHead(b, seen, &limits, &head) // one request head
//	body.Reset(head.Length, &limits)                      // its body
//	data, n, err := body.Decode(b[n:])
//	out, framing, length, keep, err := h1.AppendHead(out, &meta)
//	out = h1.AppendChunk(out, data)
//	exchange.ReadHead(…), exchange.SendHead(…)            // what is legal when
//
// # Strictness
//
// Whatever two parsers could read in two ways is refused with 400, and the
// connection must close: bare CR or LF, white space before a colon, folded
// lines, repeated or listed Content-Length, Content-Length beside
// Transfer-Encoding, any Transfer-Encoding but "chunked", a Host that differs
// from the target's. There is no lenient mode.
//
// # Splits
//
// Where input is cut has no influence on what is found: a line is judged when
// its LF is here, and before that only its length is, and the method. So the
// outcome for some bytes is the same whether they come at once or one by one.
//
// # Ownership
//
// Nothing given to this package is retained, except that a Head and the data
// of Body.Decode are views into the caller's buffer: they live as long as it
// does, unchanged. Values are not safe for concurrent use.
package h1
