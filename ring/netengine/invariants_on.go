//go:build invariants

package netengine

// invariants has the package check itself and poison what it recycles.
const invariants = true
