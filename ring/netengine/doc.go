// Package netengine is an engine on goroutines and net.Conn, for every system
// and for listeners that only Go code can accept from. It knows no protocol and
// makes no system call that package net does not offer, but for reading and
// writing without waiting where that is portable among Unix systems.
//
//	eng := netengine.New(netengine.Options{})
//	l, err := eng.Listen("tcp", "localhost:8080")
//	err = eng.Start(newLoop)
//	…
//	eng.StopAccept()
//	eng.Close(time.Second)
//
// # Loops
//
// A loop is a mutex and what it guards: to be on loop is to hold it. There are
// more loops than CPUs, so that goroutines seldom meet at one; a connection
// stays with its loop.
//
// # Goroutines
//
// A runner is a goroutine in the service of one connection. Its leader reads,
// without the lock and without a buffer while nothing comes, calls back, and
// runs the handlers that these callbacks dispatched, one by one, off the lock.
// A handler that hands over, or lasts longer than a pulse of the loop, loses
// the lead to a fresh runner, which reads on: so a client that goes is noticed
// and a body arrives while a handler runs. The old runner ends with its
// handler. What is dispatched by timers or posts gets a runner of its own.
//
// Every run of a handler has a number; Run.Enter locks the loop and holds if
// that run has not ended. So, unlike on the other engines, a handler that was
// left behind still gets the loop.
//
// # Sending
//
// Conn.Send copies. The write follows when the lock is released, by the
// goroutine that releases it, and never waits: what the kernel does not take is
// written by a goroutine that lives until it has. Connections that are not the
// system's TCP or Unix sockets are written only by such goroutines.
//
// # What it cannot do
//
// While receiving is paused, or after the peer's FIN, a reset is seen at once
// only on Unix systems with the system's own sockets; elsewhere a write or
// ResumeRecv shows it. CloseWrite does nothing on a connection that has no such
// method. SendNow takes nothing: the write at the end of Run.Enter … Leave is
// as early.
package netengine
