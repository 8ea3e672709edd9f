package takeover_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain looks for goroutines, and so threads, that outlive the tests.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if left := leftOver(5 * time.Second); left != "" {
			fmt.Printf("goroutines left:\n%s\n", left)
			code = 1
		}
	}
	os.Exit(code)
}

// leftOver waits until only the goroutine that calls it is left, and returns
// the stacks of others. Threads of simulated worlds do not count: their tests
// see to it that all have ended, but for those of worlds that end with an error,
// as some are meant to, which stay where they are for ever.
func leftOver(most time.Duration) (stacks string) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	buf := make([]byte, 1<<20)
	for end := time.Now().Add(most); time.Now().Before(end); <-tick.C {
		var left []string
		for _, stack := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")[1:] {
			if !strings.Contains(stack, "sched.(*Scheduler).Go.") {
				left = append(left, stack)
			}
		}
		if stacks = strings.Join(left, "\n\n"); stacks == "" {
			return ""
		}
	}
	return stacks
}
