package ringtest

import (
	"net"
	"testing"
	"time"

	"github.com/uringserve/uringserve/ring"
)

// World is what a test lives in: real sockets and goroutines, or a simulation.
type World interface {
	// NewEngine makes an engine that is not started.
	NewEngine() ring.Engine
	// Run calls f, the body of a test, on a thread of the world and returns
	// when f has.
	Run(f func())
	// Go starts a thread.
	Go(f func())
	// Until waits, on a thread, until cond is true; false: it takes too long.
	// Cond must only look.
	Until(cond func() bool) bool
	// Sleep is for handlers that block, and for timers to fall due.
	Sleep(d time.Duration)
	// Dial connects to an address of the world's engines.
	Dial(addr net.Addr) (Client, error)
	// Listen makes a listener for Adopt.
	Listen() (net.Listener, error)
	// UnixPath is an address for "unix", "" if the world has none.
	UnixPath() string
	// Check tells what has leaked, after all engines have been closed.
	Check() error
}

// Client is the client's end of a connection. Methods block.
type Client interface {
	// Write writes all of b.
	Write(b []byte) error
	// Read reads something: io.EOF after a FIN, another error after a reset.
	Read(b []byte) (int, error)
	// CloseWrite sends a FIN, Reset a RST, Close ends the connection.
	CloseWrite()
	Reset()
	Close()
}

// Run runs the suite. newWorld is called once per test.
func Run(t *testing.T, newWorld func(t *testing.T) World) {
	for _, c := range suite {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.Run(func() {
				b := newBench(t, w)
				c.run(b)
				b.close()
			})
			if err := w.Check(); err != nil && !t.Failed() {
				t.Error(err)
			}
		})
	}
}

type testCase struct {
	name string
	run  func(*bench)
}

var suite = []testCase{
	{"Echo", testEcho},
	{"LargeBothWays", testLargeBothWays},
	{"ManyConnections", testManyConnections},
	{"PeerHalfCloses", testPeerHalfCloses},
	{"CloseWrite", testCloseWrite},
	{"CloseWriteAfterSend", testCloseWriteAfterSend},
	{"ResetWhileReceiving", testResetWhileReceiving},
	{"ResetWhileSending", testResetWhileSending},
	{"PauseBounds", testPauseBounds},
	{"ResetWhilePaused", testResetWhilePaused},
	{"SlowReaderBounds", testSlowReaderBounds},
	{"CloseInFlight", testCloseInFlight},
	{"AbortResets", testAbortResets},
	{"DetachIdle", testDetachIdle},
	{"DetachUnderWay", testDetachUnderWay},
	{"DetachMany", testDetachMany},
	{"DetachPaused", testDetachPaused},
	{"DetachAfterFIN", testDetachAfterFIN},
	{"DetachAfterCloseWrite", testDetachAfterCloseWrite},
	{"DetachReset", testDetachReset},
	{"DetachThenClose", testDetachThenClose},
	{"DetachEngineCloses", testDetachEngineCloses},
	{"DetachFromHandler", testDetachFromHandler},
	{"DetachUnix", testDetachUnix},
	{"OpenRefuses", testOpenRefuses},
	{"StopAcceptServesQueued", testStopAcceptServesQueued},
	{"PortInUse", testPortInUse},
	{"Adopt", testAdopt},
	{"Unix", testUnix},
	{"TwoEngines", testTwoEngines},
	{"PostOrder", testPostOrder},
	{"PostAfterClose", testPostAfterClose},
	{"Waiter", testWaiter},
	{"Tick", testTick},
	{"DispatchOrder", testDispatchOrder},
	{"DoneChains", testDoneChains},
	{"TaskHints", testTaskHints},
	{"TaskBlocksOthersServed", testTaskBlocksOthersServed},
	{"TaskHandsOver", testTaskHandsOver},
	{"TaskEnters", testTaskEnters},
	{"TaskExits", testTaskExits},
	{"CloseCountsHandlers", testCloseCountsHandlers},
	{"StatsReturn", testStatsReturn},
}
