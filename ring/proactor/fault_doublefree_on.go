//go:build fault_doublefree

package proactor

// faultDoubleFree plants a fault that the tests must catch: a buffer is given back twice.
const faultDoubleFree = true
