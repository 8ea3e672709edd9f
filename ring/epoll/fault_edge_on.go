//go:build fault_edge

package epoll

// faultEdge plants a fault that the tests must catch: that a connection became
// readable while nobody wanted to receive is forgotten.
const faultEdge = true
