// Package epoll is readiness as a kernel of the proactor: a Port that does an
// operation when the system says that it can be done. The Port knows no system
// call; it makes them through Calls, which are those of Linux (epoll_pwait2,
// accept4, recv, send) or of a simulated kernel. It knows no connection and no
// protocol. Off Linux New answers a *ring.UnavailableError.
//
//	eng, err := epoll.New(epoll.Options{})   // ring.Engine, one loop per CPU
//	report := epoll.Probe()                  // whether it can run here, and how well
//	port, err := epoll.NewPort(calls, o)     // over another kernel
//
// # How operations become system calls
//
//	Enter   what is queued, in order: a send is tried, a shutdown and a close
//	        are made; accepts, receives and polls are noted down, and their
//	        sockets watched when they are new
//	        epoll_pwait2, which waits only if there is nothing to tell
//	        events: accepts (at most 64 of each listener), sends that waited
//	        for room; connections to receive from are put on a list
//	Reap    one recv for each connection on the list, into the next buffer
//
// So an exchange of small messages costs as many calls as in any other server
// that uses epoll: one wait for all that are ready, a recv and a send each.
//
// Connections are watched by edges from their first receive on, for room only
// from the first send on that had to wait; there is no other call for them
// until they are closed. Listeners are watched by level, while an accept is
// armed, exclusively: one loop of several is woken for a connection. The states
// of a connection are drawn in descriptor.go.
//
// Nothing is bound to a thread: an operation that one leader of a loop has
// armed completes under the next.
//
// # Bounds
//
// An Enter does Options.Queue operations at most, takes 256 events, and
// accepts 64 connections of a listener. A Reap to the end receives once from
// each ready connection, and as often as buffers are provided at most. A send
// that waited for room gives up to its own length. What is left comes with the
// next Enter, which does not wait then.
//
// An idle connection costs 32 bytes, and no buffer. Buffers and arena lie
// outside the Go heap, mapped once per loop.
package epoll
