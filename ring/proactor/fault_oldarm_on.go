//go:build fault_oldarm

package proactor

// faultOldArm plants a fault that the tests must catch: completions of another thread's arm are dropped.
const faultOldArm = true
