//go:build !fault_generation

package proactor

const faultGeneration = false
