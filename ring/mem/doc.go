// Package mem is an engine for tests: the shipping loop of ring/proactor, the
// shipping take-over of ring/takeover and, by choice, the shipping Port of
// ring/epoll, over a simulated kernel, with simulated threads and a clock of its
// own. The same seed gives the same run.
//
//	e, err := mem.New(mem.Options{Seed: 1})
//	ln, err := e.Listen("tcp", "127.0.0.1:0")
//	err = e.Start(newLoop)
//	p := e.Dial(ln.Addr.String())
//	p.Write([]byte("hello"))
//	err = e.Run(func() bool { return p.Buffered() >= 5 })
//	err = e.Advance(30 * time.Second) // timers fire
//
// # Who may call what
//
// A simulation runs inside Run (and Settle, Advance, Start, StopAccept, Close,
// which call it). Tests use an Engine and its Peers either from outside, while
// no Run is running, or from simulated threads started by Go. Nothing of it may
// be used by other goroutines. Handlers run on simulated threads: they wait
// only by Sleep, SleepHard, Compute, WaitFor and ring.Waiter, never on plain
// channels or locks held across those.
//
// # The kernel
//
// Sockets are streams with finite buffers, FIN and RST as in TCP; listeners
// have backlogs. All loops share them, in either of two styles (Options.Style):
//
//	ring/proactor, the loop
//	   │ proactor.Port                │ proactor.Port
//	   ▼                              ▼
//	  Port: completions              audit ──▶ ring/epoll, its Port
//	   │                                        │ epoll.Calls
//	   ▼                                        ▼
//	  ops ──▶ sockets, listeners, network ◀── Calls: readiness
//
// Completions of one socket come in the order of its bytes. An operation's
// completion runs on the thread that submitted it, as on Linux: at once if the
// thread sleeps, within 4 ms if it computes, not at all while it is in
// SleepHard. Readiness has edges and levels as epoll has them, and threads do
// not matter to it.
//
// With Faults, everything else is the seed's: how bytes are cut, when
// completions and events come and in which order, which operations and calls
// fail, when multishot operations end.
//
// Whoever breaks a rule of Port, of proactor.Port or of epoll.Calls is found
// out: Check tells.
//
// Buffers are scrambled when they are given back, and a send's bytes are read
// when they are taken, so that early reuse shows in what peers receive.
package mem
