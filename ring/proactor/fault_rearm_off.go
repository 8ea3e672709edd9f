//go:build !fault_rearm

package proactor

const faultRearm = false
