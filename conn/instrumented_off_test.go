//go:build !race && !invariants

package conn_test

const instrumented = false

// large is a body that is many times what windows and buffers hold, in bytes.
const large = 20 << 20
