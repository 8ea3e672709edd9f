//go:build !invariants

package proactor

// invariants turns on assertions, poison and yield points.
const invariants = false
