//go:build invariants

package conn

// invariants has the package check itself and poison what it recycles.
const invariants = true
