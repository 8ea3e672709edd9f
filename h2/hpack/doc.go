// Package hpack compresses and decompresses field sections for HTTP/2 (RFC
// 7541). It knows no frame, stream, socket, clock, goroutine or lock, and not
// what a field means, but for those whose values are secrets.
//
//	d := hpack.NewDecoder(4096, &limits)    // one per connection
//	d.Begin(block, &scratch)                // HEADERS and its CONTINUATIONs, joined
//	for f, ok := d.Next(); ok; f, ok = d.Next() {
//		… f.Name, f.Value: views, until the next Next …
//	}
//	if d.Err() != nil { … }                 // COMPRESSION_ERROR: the connection ends
//	if d.Exceeded() != hpack.Within { … }   // 431: only the stream ends
//
//	e := hpack.NewEncoder(4096)             // one per connection
//	e.SetPeerMax(n)                         // SETTINGS_HEADER_TABLE_SIZE came
//	out = e.AppendStatus(out, 200)
//	out = e.AppendField(out, name, value, false)
//
// # Limits
//
// What a block may hold is bounded by Limits, and a block over a limit is not
// an error: it is read to its end, because the next one refers to the dynamic
// table this one leaves behind, but nothing more of it is handed out or kept.
// Work is linear in the octets of the block, which the caller bounds. Memory
// is twice the table's maximum size for octets and three eighths of it for the
// entries (five eighths in an Encoder; see table.go and index.go), plus the
// Scratch, which many decoders share.
//
// # What is compressed, and what never is
//
// Compression beside secrets leaks them: who can make us send a guess next to
// a secret sees by the length when it was right (RFC 7541 §7.1). Fields that
// the caller marks, and by themselves authorization, proxy-authorization,
// set-cookie and cookies shorter than 20 octets, are therefore sent as
// literals that are never indexed, here or at any intermediary (§7.1.3).
// policy.go says what becomes of the others.
//
// # Ownership
//
// A Decoder retains the block from Begin until Next returns false; an Encoder
// retains nothing. Values are not safe for concurrent use.
package hpack
