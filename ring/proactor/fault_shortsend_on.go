//go:build fault_shortsend

package proactor

// faultShortSend plants a fault that the tests must catch: a short send is taken for a whole one.
const faultShortSend = true
