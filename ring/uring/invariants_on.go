//go:build invariants

package uring

const invariants = true
