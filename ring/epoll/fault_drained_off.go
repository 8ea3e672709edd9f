//go:build !fault_drained

package epoll

const faultDrained = false
