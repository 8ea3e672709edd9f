//go:build !fault_edge

package epoll

const faultEdge = false
