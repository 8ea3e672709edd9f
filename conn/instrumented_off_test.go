//go:build !race && !invariants

package conn_test

const instrumented = false
