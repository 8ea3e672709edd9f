//go:build !invariants

package takeover

// invariants turns on assertions and yield points.
const invariants = false
