//go:build invariants

package system

const invariants = true
