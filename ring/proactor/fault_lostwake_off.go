//go:build !fault_lostwake

package proactor

const faultLostWake = false
