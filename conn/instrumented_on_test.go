//go:build race || invariants

package conn_test

// instrumented: the race detector, or our own asserts, allocate.
const instrumented = true
