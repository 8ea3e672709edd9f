// Package conn is the life of a connection: it takes bytes from an engine
// (package ring), finds requests in them (package h1), has handlers run
// (package app) and sends what they answer. Timers, limits, pipelining, bodies
// in both directions, draining and closing are here. It opens no socket, reads
// no clock of its own and does not know which engine it rides.
//
//	srv, err := conn.New(conn.Config{Handler: h, Limits: conn.DefaultLimits()})
//	engine.Start(srv.NewLoop)
//	…
//	engine.StopAccept()
//	srv.Drain()
//	srv.Wait(ctx)
//	srv.AbortAll()
//	engine.Close(grace)
//
// # Who may touch what
//
// A conn, its loop, and the fields of a stream that are marked so are "on
// loop": touched only in callbacks of the engine, or between Run.Enter and
// Run.Leave. What handler code and the loop share is guarded by stream.mu,
// which is held for a few copies at most and never across a call that could
// wait. Handler code gets to the loop by its Run, or by Loop.Post of its
// stream, whose OnLoop looks at what there is to do; it may come once too
// often, and does nothing then.
//
// # Who owns which bytes
//
// A request is parsed where it was received. Its views live in its source: a
// leased buffer, or memory of its own if it came in pieces or runs on another
// goroutine. The source goes with the last request found in it. What comes
// while a handler runs is kept by the connection (conn.in), which no view
// points into. Output is staged in conn.out; Conn.Send copies.
//
// # Specifications
//
// RFC 9112 (HTTP/1.1), RFC 9110 (semantics), RFC 8297 (103).
package conn
