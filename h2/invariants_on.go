//go:build invariants

package h2

// invariants has the package check itself and poison what it lent.
const invariants = true
