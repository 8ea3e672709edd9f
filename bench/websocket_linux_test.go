package main

import (
	"net"
	"testing"
	"time"
)

// The load finds the echoes of the peers to be right, and a server that is none
// to be wrong.
func TestWebSocketLoad(t *testing.T) {
	for name, serve := range map[string]func(string) error{"gws": serveGWS, "coder": serveCoder, wsFloor: serveFloor} {
		addr := freeAddr(t)
		go serve(addr) // ends with the test
		waitFor(t, addr)
		for _, underWay := range []int{1, 40} {
			res := websockets(addr, 8, underWay, 100*time.Millisecond)
			if res.Failed != 0 || res.Messages == 0 || res.P99 < res.P50 {
				t.Errorf("%s, %d under way: %+v", name, underWay, res)
			}
		}
	}
	addr := freeAddr(t)
	go serveFastHTTP(addr, certificate{})
	waitFor(t, addr)
	if res := websockets(addr, 1, 1, 100*time.Millisecond); res.Failed == 0 || res.FirstError == "" {
		t.Errorf("no WebSocket: %+v", res)
	}
}

// freeAddr is an address that is free now.
func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// waitFor returns when something listens at addr.
func waitFor(t *testing.T, addr string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) { // it tells nobody when it listens
		if c, err := net.Dial("tcp4", addr); err == nil {
			c.Close()
			return
		}
	}
	t.Fatalf("nothing listens at %s", addr)
}
