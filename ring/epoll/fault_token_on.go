//go:build fault_token

package epoll

// faultToken plants a fault that the tests must catch: an event of a connection
// that is gone is taken for one of the connection that has its slot.
const faultToken = true
