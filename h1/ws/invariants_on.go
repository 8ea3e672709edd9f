//go:build invariants

package ws

// invariants has the package check itself and poison what it lent.
const invariants = true
