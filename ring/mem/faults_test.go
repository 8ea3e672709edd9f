package mem_test

import (
	"context"
	"flag"
	"os/exec"
	"strings"
	"testing"
	"time"
)

var faultsFlag = flag.Bool("faults", false, "plant each fault and demand that TestSimulator fails")

// plantedFaults are build tags; each plants one fault in the shipping code.
var plantedFaults = []string{
	"fault_rearm", "fault_oldarm", "fault_doublefree", "fault_shortsend",
	"fault_lostwake", "fault_generation", "fault_staleact",
}

// TestPlantedFaults shows that TestSimulator would see the faults it is there
// for, within the seeds that run by default.
func TestPlantedFaults(t *testing.T) {
	if !*faultsFlag {
		t.Skip("builds the package seven times; -faults runs it")
	}
	for _, tag := range plantedFaults {
		t.Run(tag, func(t *testing.T) {
			// A fault may also show as a test that does not end.
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, "go", "test", "-count=1",
				"-tags", "invariants "+tag, "-run", "^TestSimulator$", ".")
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
		})
	}
}
