//go:build race || invariants

package conn_test

// instrumented: the race detector, or our own asserts, allocate.
const instrumented = true

// large is less where each byte costs more, and still many times what windows
// and buffers hold, in bytes.
const large = 4 << 20
