//go:build !invariants

package netengine

// invariants is off in builds that ship: what it guards is compiled out.
const invariants = false
