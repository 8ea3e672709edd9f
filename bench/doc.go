// Command bench measures uringserve against its peers on one machine, in one
// run: the same request, the same body, one CPU for the server and another for
// the load, servers alternating, medians over rounds.
//
//	go run . -profile h1
//	go run . -profile h2c        # also h2-tls, h1-tls, tls
//	go run . -profile blocking
//
// What it refuses to do: to compare numbers of different runs or machines, and
// to hide a server that is missing or a cell that failed.
//
// The same executable plays the other parts, as processes of their own: the
// launcher that pins a process and gives it a network namespace (bench exec),
// the peers written in Go (bench peer) and the load generators (bench load).
// One goroutine runs a profile from beginning to end; at most one server is
// alive at any time.
package main
