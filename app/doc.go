// Package app is the contract between the server and an application: a Handler
// is given a Request and fills a Response, whatever the protocol. It is a
// leaf: it opens no socket, starts no goroutine and reads no clock.
//
// # Lifetimes
//
// Everything reached through a Request (target, field values, body bytes given
// to the handler) is a view into the server's memory, valid until Serve
// returns. Request.Clone copies what must live longer. What a handler gives to
// a Response is copied at once.
//
// # Blocking
//
// A handler runs inline on the loop that received the request, and may block:
// the loop goes on without it. Nothing has to be marked; Blocking and Inline
// are hints.
//
// # Concurrency
//
// One goroutine at a time may use a Response, and one at a time the body of a
// Request; the two may differ. Neither may be used after Serve has returned.
package app
