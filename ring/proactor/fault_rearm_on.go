//go:build fault_rearm

package proactor

// faultRearm plants a fault that the tests must catch: a new leader forgets to arm its own operations.
const faultRearm = true
