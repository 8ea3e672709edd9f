// Package ringtest is how engines are judged: one conformance suite (Run) that
// each engine's tests call with a Harness, and a Checker that watches any
// engine keep the contract of package ring, whatever runs on top.
//
// The suite knows engines only by package ring. Its tests are written for
// threads that block: goroutines with real sockets, or simulated ones.
package ringtest
