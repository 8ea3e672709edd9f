//go:build !fault_doublefree

package proactor

const faultDoubleFree = false
