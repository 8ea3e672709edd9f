//go:build !invariants

package tls

// invariants has the package check itself and poison what it recycles.
const invariants = false
