//go:build fault_lostwake

package proactor

// faultLostWake plants a fault that the tests must catch: posted work is not looked for before sleeping.
const faultLostWake = true
