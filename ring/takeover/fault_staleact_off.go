//go:build !fault_staleact

package takeover

// faultStaleAct is a planted fault: Enter and End act although their swap was
// lost. The seeded tests must catch it.
const faultStaleAct = false
