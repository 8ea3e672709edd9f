//go:build !fault_oldarm

package proactor

const faultOldArm = false
