//go:build fault_generation

package proactor

// faultGeneration plants a fault that the tests must catch: a completion is believed whatever its generation.
const faultGeneration = true
