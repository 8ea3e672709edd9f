//go:build invariants

package hpack

// invariants has the package check its tables and poison what it lent out.
const invariants = true
