package tls

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// TestMain fails if a goroutine is left: each handshake has one that must end.
func TestMain(m *testing.M) {
	before := runtime.NumGoroutine()
	code := m.Run()
	// Fuzzing leaves the goroutine of os/signal.
	fuzzing := flag.Lookup("test.fuzz").Value.String() != ""
	if code == 0 && !fuzzing && !settled(before) {
		buf := make([]byte, 1<<20)
		fmt.Fprintf(os.Stderr, "goroutines left:\n%s\n", buf[:runtime.Stack(buf, true)])
		code = 1
	}
	os.Exit(code)
}

// settled waits until there are at most n goroutines.
func settled(n int) bool {
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > n; {
		if time.Now().After(end) {
			return false
		}
		time.Sleep(time.Millisecond) // goroutines end, and tell nobody
	}
	return true
}
