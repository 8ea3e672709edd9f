//go:build !linux

package system

import "runtime"

// CPUs is how many CPUs this process may use.
func CPUs() int { return runtime.NumCPU() }
