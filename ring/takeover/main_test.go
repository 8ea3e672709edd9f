package takeover_test

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// TestMain looks for goroutines, and so threads, that outlive the tests.
// Threads of simulated worlds end with their worlds unless a test failed.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && !allGone(5*time.Second) {
		stacks := make([]byte, 1<<16)
		fmt.Printf("goroutines left:\n%s\n", stacks[:runtime.Stack(stacks, true)])
		code = 1
	}
	os.Exit(code)
}

// allGone waits until only the goroutine that calls it is left.
func allGone(most time.Duration) bool {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(most); time.Now().Before(end); <-tick.C {
		if runtime.NumGoroutine() <= 1 {
			return true
		}
	}
	return false
}
