//go:build !invariants

package uring

// invariants makes the port poison buffers that it gives to the kernel.
const invariants = false
