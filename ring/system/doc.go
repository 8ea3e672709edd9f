// Package system is what the engines on Linux share below their kernels'
// interfaces: listening sockets and addresses (Sockets), the wake-up of a
// waiting loop (Wake), memory outside the Go heap (Map, Rest), the account of
// receive buffers (Buffers), system calls on sockets that never wait, and the
// CPUs that a process may use. It knows no loop, no readiness, no ring.
//
// Off Linux only CPUs and Buffers are there.
//
// Ownership: a Rest, a Buffers and the loop's half of a Wake belong to one
// loop; Sockets and Wake.Signal are safe for concurrent use.
//
//	mem, err := system.Map(64 << 10)   // the kernel may touch it later
//	defer system.Unmap(mem)
//	bufs := system.NewBuffers(mem, 4096, 8)
package system
