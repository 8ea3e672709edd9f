//go:build !invariants

package ws

// invariants is off in builds that ship: what it guards is compiled out.
const invariants = false
