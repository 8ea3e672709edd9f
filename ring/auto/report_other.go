//go:build !linux

package auto

import "runtime"

// kernel names the running system.
func kernel() string { return runtime.GOOS + " " + runtime.GOARCH }

// limits are what the system sets for this process: none that matter here.
func limits() []Limit { return nil }
