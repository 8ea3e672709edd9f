// Package nethttp runs an http.Handler as an app.Handler, unmodified: what it
// is given behaves as net/http's server has it, over HTTP/1.1 and HTTP/2.
//
// It knows no socket and starts no goroutine but CloseNotify's. Where it behaves
// otherwise than net/http, differences_test.go says so and why, and README.md of
// this folder is made from it.
//
// # Lifetimes
//
// An http.Handler may keep its request: all of it is memory of its own. Using
// the ResponseWriter or the Body after the handler has returned gives errors,
// from whatever goroutine; it cannot reach the connection's next request.
//
// # Concurrency
//
// A Handler may be used by any number of connections. Of one exchange the
// ResponseWriter, the Body, and the deadlines may be used by three goroutines at
// a time.
package nethttp
