//go:build !fault_token

package epoll

const faultToken = false
