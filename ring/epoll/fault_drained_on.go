//go:build fault_drained

package epoll

// faultDrained plants a fault that the tests must catch: a connection whose
// receive filled its buffer is taken for drained.
const faultDrained = true
