package mem_test

import (
	"context"
	"flag"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/uringserve/uringserve/ring/mem"
)

var faultsFlag = flag.Bool("faults", false, "plant each fault and demand that TestSimulator fails")

// plantedFaults are build tags; each plants one fault in the shipping code. In
// the style of readiness, operations do not belong to threads: a new leader has
// nothing to arm again, and there are no arms of older ones. The last three are
// in ring/epoll, under which completions do not ride.
var plantedFaults = []struct {
	tag    string
	styles []mem.Style
}{
	{"fault_rearm", completions},
	{"fault_oldarm", completions},
	{"fault_doublefree", bothStyles},
	{"fault_shortsend", bothStyles},
	{"fault_lostwake", bothStyles},
	{"fault_generation", bothStyles},
	{"fault_staleact", bothStyles},
	{"fault_edge", readiness},
	{"fault_token", readiness},
	{"fault_drained", readiness},
}

var (
	completions = []mem.Style{mem.Completion}
	readiness   = []mem.Style{mem.Readiness}
	bothStyles  = []mem.Style{mem.Completion, mem.Readiness}
)

// TestPlantedFaults shows that TestSimulator would see the faults it is there
// for, within the seeds that run by default, in each style that has them.
func TestPlantedFaults(t *testing.T) {
	if !*faultsFlag {
		t.Skip("builds the package ten times; -faults runs it")
	}
	for _, f := range plantedFaults {
		for _, style := range f.styles {
			t.Run(fmt.Sprintf("%s/%v", f.tag, style), func(t *testing.T) {
				t.Parallel()
				catch(t, f.tag, style)
			})
		}
	}
}

// catch demands that TestSimulator fails with the fault.
func catch(t *testing.T, tag string, style mem.Style) {
	// A fault may also show as a test that does not end.
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "test", "-count=1",
		"-tags", "invariants "+tag, "-run", "^TestSimulator$", ".", "-style", style.String())
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		t.Error("the fault is not seen")
	case !strings.Contains(string(out), "TestSimulator"):
		t.Errorf("the test did not run: %v\n%s", err, out)
	default:
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, "seed ") {
				t.Log(strings.TrimSpace(line))
				break
			}
		}
	}
}
