//go:build !invariants

package system

// invariants has buffers that the kernel gets poisoned, and their account
// checked.
const invariants = false
