//go:build !fault_shortsend

package proactor

const faultShortSend = false
