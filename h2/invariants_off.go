//go:build !invariants

package h2

// invariants is off in builds that ship: what it guards is compiled out.
const invariants = false
