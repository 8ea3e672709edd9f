//go:build !invariants

package hpack

const invariants = false
